"""dlt configurations, Postman collections and HAR files become YAML that harvests; what cannot be
said, or may change something, is named.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from harvester.errors import ConfigError
from harvester.importer import Imported, import_file
from tests.api_server import Answer, Asked
from tests.killed_once import harvested

ORIGIN = "http://api.example.test"
TOKEN = "a1b2c3d4e5f6g7h8i9j0"

DLT: dict[str, Any] = {
    "client": {
        "base_url": f"{ORIGIN}/v1/",
        "auth": {"type": "bearer", "token": "dlt.secrets['api_token']"},
        "paginator": {"type": "page_number", "base_page": 1, "page_param": "p"},
    },
    "resource_defaults": {"primary_key": "id", "endpoint": {"params": {"limit": 2}}},
    "resources": [
        {"name": "items", "endpoint": {"data_selector": "data"}},
        {
            "name": "notes",
            "endpoint": {
                "path": "items/{resources.items.id}/notes",
                "data_selector": "data",
                "paginator": "single_page",
                "params": {
                    "since": {"type": "incremental", "cursor_path": "at", "initial_value": 1}
                },
                "response_actions": [
                    {"status_code": 404, "action": "ignore"},
                    {"content": "no (notes)", "action": "ignore"},
                ],
            },
        },
        {"name": "guessed", "endpoint": {"path": "x", "paginator": "auto"}},
    ],
}

POSTMAN: dict[str, Any] = {
    "info": {"name": "Shop", "schema": "https://schema.getpostman.com/v2.1.0/collection.json"},
    "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{api_token}}"}]},
    "variable": [{"key": "base", "value": f"{ORIGIN}/v1"}, {"key": "api_token", "value": TOKEN}],
    "item": [
        {
            "name": "Items ü",
            "item": [
                {
                    "name": "List",
                    "request": {
                        "method": "GET",
                        "url": {
                            "raw": "{{base}}/items?p=1",
                            "query": [
                                {"key": "page", "value": "1"},
                                {"key": "off", "value": "1", "disabled": True},
                            ],
                        },
                    },
                    "response": [
                        {"code": 200, "body": '{"data": [{"id": 1}, {"id": 2}], "total_pages": 3}'}
                    ],
                },
                {"name": "Make", "request": {"method": "POST", "url": "{{base}}/items"}},
                {"name": "Drop", "request": {"method": "DELETE", "url": "{{base}}/items/1"}},
            ],
        }
    ],
}


def nested(depth: int) -> list[dict[str, Any]]:
    """Folders in folders."""
    return [{"item": nested(depth - 1)}] if depth else [{}]


def har(*entries: tuple[str, str, Any]) -> dict[str, Any]:
    """A recording of requests (method, URL, answer) with a token."""
    headers = [{"name": "authorization", "value": f"Bearer {TOKEN}"}]
    return {
        "log": {
            "entries": [
                {
                    "request": {"method": method, "url": url, "headers": headers},
                    "response": {
                        "status": 200,
                        "content": {"mimeType": "application/json", "text": json.dumps(page)},
                    },
                }
                for method, url, page in entries
            ]
        }
    }


HAR = har(
    ("GET", f"{ORIGIN}/v1/items?page=1", {"data": [{"id": 1}, {"id": 2}], "total_pages": 3}),
    ("GET", f"{ORIGIN}/v1/items?page=2", {"data": [{"id": 3}], "total_pages": 3}),
    ("PUT", f"{ORIGIN}/v1/items/1", {}),
)


def imported(tmp_path: Path, tree: Any, name: str = "shop.json") -> Imported:
    """What comes of a document."""
    path = tmp_path / name
    path.write_text(json.dumps(tree), encoding="utf-8")
    return import_file(path)


def pages(asked: Asked) -> Answer:
    """Three pages of two items, and a note of each."""
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    if asked.path.endswith("/notes"):
        assert asked.params == {"limit": "2", "since": "1"}
        return Answer({"data": [{"id": asked.path, "at": 5}]})
    page = int(asked.params.get("p") or asked.params["page"])
    data = [{"id": 2 * page - 1}, {"id": 2 * page}] if page <= 3 else []
    return Answer({"data": data, "total_pages": 3})


@pytest.mark.parametrize(
    ("tree", "variable", "whole", "missing", "records"),
    [
        (DLT, "API_TOKEN", ["items", "notes"], ["guessed"], 12),
        (POSTMAN, "API_TOKEN", ["Items_List"], ["Items_Make", "Items_Drop"], 6),
        (HAR, "SHOP_TOKEN", ["v1_items"], ["items_1"], 6),
    ],
)
def test_what_is_imported_is_harvested_killed_once(
    tree: Any, variable: str, whole: list[str], missing: list[str], records: int, tmp_path: Path
) -> None:
    """Whole, with the credentials from the environment, and nothing of them in the file."""
    found = imported(tmp_path, tree)
    assert [one.name for one in found.streams if one.imported] == whole
    assert [one.name for one in found.streams if not one.imported] == missing
    (text,) = found.texts.values()
    assert TOKEN not in text
    assert f"{{env.{variable}}}" in text
    text = text.replace(ORIGIN, "BASE")
    came = harvested(tmp_path, text, pages, kill_at=3, env={variable: TOKEN})
    assert len(came.records) == records


@pytest.mark.parametrize(
    ("tree", "streams"),
    [
        ({"log": {"entries": []}}, 0),
        ({"log": {"entries": [None, {}, {"request": {}}]}}, 0),
        ({"info": {}, "item": [None, {"name": "a", "request": {}}, {"item": None}]}, 1),
        ({"client": {"base_url": ORIGIN}, "resources": [None, 1, {"endpoint": 5}]}, 3),
        ({"client": {"base_url": ORIGIN, "auth": {"type": {}}}, "resources": ["a"]}, 1),
        ({"client": {"base_url": ORIGIN, "headers": []}, "resources": [None]}, 1),
        ({"client": {"base_url": ORIGIN, "headers": [1]}, "resources": ["a"]}, 1),
        (har(("GET", f"{ORIGIN}/a", {})) | {"log": {"entries": [
            {"request": {"url": f"{ORIGIN}/a", "headers": [{}]},
             "response": {"content": {"mimeType": "application/json"}}}]}}, 1),
        (POSTMAN | {"item": nested(60)}, 1),
    ],
)  # fmt: skip
def test_odd_documents(tree: Any, streams: int, tmp_path: Path) -> None:
    """Nothing comes, and it is said why."""
    found = imported(tmp_path, tree)
    assert len(found.streams) == streams
    assert all(one.missing for one in found.streams)
    assert found.texts == {}


def test_no_secret_is_in_a_name(tmp_path: Path) -> None:
    """Requests are often called by their address: it is written down without what is secret."""
    login = ORIGIN.replace("//", f"//me:{TOKEN}@")
    paths = (f"bot123456789:AAH{TOKEN}{TOKEN}/getUpdates", f"reset/token/{TOKEN}")
    recorded = imported(tmp_path, har(*(("POST", f"{ORIGIN}/{path}", {}) for path in paths)))
    items = [
        {"name": f"{method} {url}", "request": {"method": method, "url": url}}
        for method in ("GET", "DELETE")
        for url in (f"{ORIGIN}/x?api_key={TOKEN}&q=1", f"{login}/y", f"{ORIGIN}/key/{TOKEN}/z")
    ]
    collected = imported(tmp_path, POSTMAN | {"item": items, "auth": None, "variable": []})
    for found in (recorded, collected):
        assert TOKEN not in f"{found.as_dict()}{found.texts}"
    assert [one.imported for one in collected.streams] == [True] * 3 + [False] * 3
    assert any("type: http_basic" in text for text in collected.texts.values())


def test_where_a_url_stands(tmp_path: Path) -> None:
    """Its query also where only the address has it, and an address in parts; a key of `auth` is a
    secret whatever it is called, and so is the value of its variable.
    """
    key = {"type": "apikey", "apikey": [{"key": "key", "value": "X-K"}, {"key": "value"}]}
    urls: list[Any] = [
        f"{ORIGIN}/a?q=1&r=#x",
        {"raw": f"{ORIGIN}/b?q=1"},
        {"protocol": "http", "host": ["api", "example", "test"], "port": "80", "path": ["c"],
         "query": [{"key": "q", "value": "1"}]},
    ]  # fmt: skip
    for value, variable in ((TOKEN, "{env.API_KEY}"), ("{{plain}}", "{env.PLAIN}")):
        key["apikey"][1]["value"] = value  # type: ignore[index]  # of JSON
        items = [{"name": "n", "request": {"method": "GET", "url": url}} for url in urls]
        tree = POSTMAN | {
            "item": items,
            "auth": key,
            "variable": [{"key": "plain", "value": TOKEN}],
        }
        text = "".join(imported(tmp_path, tree).texts.values())
        assert TOKEN not in text
        assert variable in text
        assert [text.count(part) for part in ('params: {q: 1, r: ""}', "params: {q: 1}")] == [1, 2]
    recorded = har(("GET", f"{ORIGIN}/a?q=1", {}))
    recorded["log"]["entries"][0]["request"]["queryString"] = []
    assert "params: {q: 1}" in str(imported(tmp_path, recorded).texts)


def test_a_recorded_get_keeps_its_body(tmp_path: Path) -> None:
    """`method: GET` is written out, without which a body would make it a POST."""
    tree = har(("GET", f"{ORIGIN}/search", {"data": []}))
    body = {"mimeType": "application/json", "text": '{"q": 1}'}
    tree["log"]["entries"][0]["request"]["postData"] = body
    (text,) = imported(tmp_path, tree).texts.values()
    assert "method: GET" in text
    assert "json: {q: 1}" in text


def test_what_is_no_declaration(tmp_path: Path) -> None:
    """One clear message."""
    with pytest.raises(ConfigError, match="not a declaration that can be imported"):
        imported(tmp_path, {"version": 1, "client": {"base_url": ORIGIN}, "resources": []})


def test_dlt_options(tmp_path: Path) -> None:
    """Its own defaults where they differ from the YAML's."""
    tree = {
        "client": {"base_url": ORIGIN},
        "resources": [
            {"name": name, "endpoint": {"path": name, "data_selector": "d", "paginator": given}}
            for name, given in (
                ("a", "page_number"),
                ("b", {"type": "page_number", "maximum_page": 3}),
                ("c", {"type": "offset", "limit": 10, "maximum_offset": 25}),
                ("d", {"type": "header_cursor", "cursor_key": "X-Next"}),
                ("e", "cursor"),
            )
        ],
    }
    (text,) = imported(tmp_path, tree).texts.values()
    for expected in (
        "{type: page_number, base_page: 0}",
        "{type: page_number, base_page: 0, maximum_page: 2}",
        "{type: offset, limit: 10, base_offset: 0, maximum_pages: 3}",
        "{type: header_cursor, cursor_header_name: X-Next, cursor_param: cursor}",
        "{type: cursor, cursor_path: cursors.next, cursor_param: cursor}",
    ):
        assert expected in text
