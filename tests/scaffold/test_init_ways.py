"""`init` proposes how to log in by OAuth 2, windows of time, and reads recordings."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harvester.config import load_config, parse_config
from harvester.scaffold import propose
from harvester.scaffold.ask import Ask, ask_of_url
from harvester.scaffold.openapi import document_of, operations
from harvester.scaffold.proposing import Wanted
from harvester.scaffold.spans import span_of, windowed
from tests.api_server import Answer, ApiServer, Asked

PATHS = {
    "/orders": {
        "get": {
            "operationId": "listOrders",
            "security": [{"login": ["orders:read", "profile"]}],
            "parameters": [
                {"name": "created_after", "in": "query"},
                {"name": "created_before", "in": "query"},
            ],
            "responses": {
                "200": {
                    "content": {
                        "application/json": {
                            "schema": {"type": "array", "items": {"type": "object"}}
                        }
                    }
                }
            },
        }
    }
}


def document(flows: dict[str, Any]) -> dict[str, Any]:
    """An OpenAPI document with an OAuth 2 scheme."""
    return {
        "openapi": "3.0.3",
        "info": {"title": "Shop", "version": "1"},
        "servers": [{"url": "https://api.shop.example/v1"}],
        "paths": PATHS,
        "components": {"securitySchemes": {"login": {"type": "oauth2", "flows": flows}}},
    }


def proposed(flows: dict[str, Any], *, offline: bool = True) -> Any:
    """What `init` makes of it."""
    found = operations(document_of(json.dumps(document(flows)), "d.json"), "d.json", None)
    wanted = [Wanted(one.ask, one.page) for one in found]
    return propose(wanted, name="shop", source="it", env={}, offline=offline)


CODE = {"authorizationUrl": "https://login.shop.example/auth", "tokenUrl": "/token", "scopes": {}}


@pytest.mark.parametrize(
    ("flows", "expected"),
    [
        (
            {"authorizationCode": CODE, "clientCredentials": {"tokenUrl": "/oauth/token"}},
            {"type": "oauth2_client_credentials",
             "access_token_url": "https://api.shop.example/oauth/token",
             "client_id": "{env.SHOP_CLIENT_ID}", "client_secret": "{env.SHOP_CLIENT_SECRET}"},
        ),
        (
            {"authorizationCode": CODE, "implicit": {"authorizationUrl": "/x"}},
            {"type": "oauth2_authorization_code",
             "authorization_url": "https://login.shop.example/auth",
             "access_token_url": "https://api.shop.example/token",
             "client_id": "{env.SHOP_CLIENT_ID}"},
        ),
        (
            {"deviceAuthorization": {"deviceAuthorizationUrl": "/d", "tokenUrl": "/token"}},
            {"type": "oauth2_device_code",
             "device_authorization_url": "https://api.shop.example/d",
             "access_token_url": "https://api.shop.example/token",
             "client_id": "{env.SHOP_CLIENT_ID}"},
        ),
        ({"implicit": {"authorizationUrl": "/x"}}, {"type": "bearer", "token": "{env.SHOP_TOKEN}"}),
    ],
)  # fmt: skip
def test_flows_become_auth(flows: dict[str, Any], expected: dict[str, Any]) -> None:
    """The first flow that a run can follow, with its scopes; else a token from somewhere."""
    made = proposed(flows)
    env = {"SHOP_CLIENT_ID": "i", "SHOP_CLIENT_SECRET": "s" * 9, "SHOP_TOKEN": "t" * 9}
    auth = parse_config(made.text, "s.yaml", env=env).reference_dict()["client"]["auth"]
    scope = {} if expected["type"] == "bearer" else {"scope": "orders:read profile"}
    assert auth == {**expected, **scope}


def test_a_login_is_asked_for_first() -> None:
    """Nothing is asked before a person has logged in, and the words say how."""
    made = proposed({"authorizationCode": CODE}, offline=False)
    assert made.requests == 0
    assert "harvester login" in made.text
    assert any("harvester login" in note for note in made.notes)


def test_a_token_elsewhere_gets_none_of_the_apis_variables() -> None:
    """Whoever wrote the document may name any host."""
    made = proposed({"clientCredentials": {"tokenUrl": "https://evil.example/token"}})
    assert "{env.EVIL_CLIENT_SECRET}" in made.text
    assert "SHOP_CLIENT" not in made.text


def test_documented_times_are_told() -> None:
    """A hint where the document has them and nothing says their form."""
    made = proposed({"clientCredentials": {"tokenUrl": "/t"}})
    assert any("created_after and created_before" in one for one in made.unsure)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("since=2021-01-01&until=2021-02-01", ("since", "until", "%Y-%m-%d", "1d")),
        ("startDate=2021-01-01T00:00:00Z&endDate=2023-01-01T00:00:00Z",
         ("startDate", "endDate", "%Y-%m-%dT%H:%M:%SZ", "1mo")),
        ("from=1609459200&to=1617235200", ("from", "to", "epoch", "1w")),
        ("from=0&to=100", None),
        ("since=2021-02-01&until=2021-01-01", None),
        ("since=2021-01-01&until=now", None),
        ("since=2021-13-41&until=2021-14-01", None),
        ("since=2021-01-01&since=2021-01-02&until=2021-02-01", None),
        ("since=2021-01-01", None),
    ],
)  # fmt: skip
def test_spans(query: str, expected: tuple[str, ...] | None) -> None:
    """Two times of one form, the first before the second."""
    found = span_of(ask_of_url(f"https://x.org/items?{query}"), ())
    assert (found and (found.start, found.end, found.form, found.step)) == expected


def test_an_end_that_is_included() -> None:
    """The last second of a minute: nobody writes that of an end that is left out."""
    query = "publishedAfter=2024-01-01T00:00:00Z&publishedBefore=2024-01-07T23:59:59Z"
    found = span_of(ask_of_url(f"https://x.org/items?{query}"), ())
    assert found is not None
    made = windowed({"params": {}, "paginator": {}}, found)
    assert made["params"]["publishedBefore"] == "{window.last:%Y-%m-%dT%H:%M:%SZ}"
    assert made["partitions"]["window"] == {
        "start": "2024-01-01",
        "end": "2024-01-08",
        "step": "1d",
    }


def test_a_span_becomes_windows(tmp_path: Path) -> None:
    """The same whole, window by window, and it is harvested."""

    def answer(asked: Asked) -> Answer:
        day = asked.params["since"]
        return Answer([{"id": f"{day} {n}", "day": day} for n in range(2)])

    with ApiServer(answer) as server:
        ask = ask_of_url(f"{server.origin}/items?since=2021-01-01&until=2021-01-04&kind=a")
        made = propose([Wanted(ask)], name="d", source="it", env={}, sleep=lambda _: None)
    path = tmp_path / "d.yaml"
    path.write_text(made.text, encoding="utf-8")
    (resource,) = load_config(path).reference_dict()["resources"]
    assert resource["params"] == {
        "since": "{window.start:%Y-%m-%d}", "until": "{window.end:%Y-%m-%d}", "kind": "a",
    }  # fmt: skip
    assert resource["partitions"]["window"]["step"] == 86400
    assert any("windows of 1d" in one for lines in made.findings.values() for one in lines)


def recording(name: str) -> dict[str, Any]:
    """A HAR file, or a Postman collection, of one list."""
    url = "https://api.shop.example/v1/orders?page=1"
    body = json.dumps({"orders": [{"id": 1}, {"id": 2}], "next_page": 2})
    if name.endswith(".har"):
        content = {"mimeType": "application/json", "text": body}
        asked = {"method": "GET", "url": url, "headers": []}
        entry = {"request": asked, "response": {"status": 200, "content": content}}
        return {"log": {"version": "1.2", "entries": [entry]}}
    schema = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
    request: dict[str, Any] = {"method": "GET", "url": {"raw": url}}
    response = {"code": 200, "body": body, "originalRequest": request}
    item = {"name": "orders", "request": request, "response": [response]}
    return {"info": {"name": "Shop", "schema": schema}, "item": [item]}


@pytest.mark.parametrize("name", ["shop.har", "shop.json"])
def test_recordings(name: str, tmp_path: Path) -> None:
    """What `import` would write, under the name that is asked for."""
    (tmp_path / name).write_text(json.dumps(recording(name)), encoding="utf-8")
    command = [sys.executable, "-m", "harvester", "init", name, "--name", "mine"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    config = load_config(tmp_path / "mine.yaml")
    assert config.name == "mine"
    assert config.resources[0].path.startswith(("orders", "v1/orders"))
    assert "wrote mine.yaml" in done.stderr


def test_an_ask_without_times_is_left_alone() -> None:
    """No windows, no hints."""
    assert span_of(Ask("https://x.org/items", params=(("q", "a"),)), ()) is None
