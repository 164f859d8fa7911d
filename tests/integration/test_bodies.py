"""Bodies of GET requests, bodies that are a text, and rules that look at several things at once:
each harvested whole from a server, killed once and resumed.
"""

import json
from pathlib import Path

import pytest

from harvester.config import load_config
from harvester.config.load import parse_resolved
from harvester.errors import ConfigError
from tests.api_server import Answer, Asked
from tests.killed_once import harvested

GET_BODY = """
version: 1
name: items
client: {base_url: BASE}
resources:
  - name: items
    path: items/_search
    method: GET
    json: {size: 2}
    data_selector: hits
    paginator: {type: cursor, cursor_path: next, cursor_body_path: after}
"""

TEXT_BODY = """
version: 1
name: rows
client: {base_url: BASE}
resources:
  - name: rows
    path: query
    method: POST
    headers: {Content-Type: application/sql}
    body: "SELECT 'ä' FROM t WHERE day = '{day}' LIMIT 1 OFFSET {offset}"
    partitions: {day: [2021-01-01, 2021-01-02]}
    data_selector: rows
    paginator: {type: offset, offset_param: null}
"""


def test_a_get_with_a_body_killed_once(tmp_path: Path) -> None:
    """Its JSON goes with each request, and the cursor into it."""

    def answer(asked: Asked) -> Answer:
        assert asked.method == "GET"
        after = asked.json.get("after", 0)
        assert asked.json == {"size": 2, **({"after": after} if after else {})}
        following = {"next": after + 2} if after < 6 else {}
        return Answer({"hits": [{"id": after}, {"id": after + 1}], **following})

    found = harvested(tmp_path, GET_BODY, answer, kill_at=3)
    assert [record["id"] for record in found.records] == list(range(8))


def test_a_text_as_the_body_killed_once(tmp_path: Path) -> None:
    """It is sent as it is written, with its own type, and holds values and the cursor."""

    def answer(asked: Asked) -> Answer:
        assert asked.headers["content-type"] == "application/sql"
        text = asked.body.decode()
        assert text.startswith("SELECT 'ä' FROM t WHERE day = '2021-01-0")
        offset = int(text.rpartition(" ")[2])
        return Answer({"rows": [{"asked": text}] if offset < 3 else []})

    text = TEXT_BODY.replace("{offset}", "{cursor}")
    found = harvested(tmp_path, text, answer, kill_at=3)
    assert len({record["asked"] for record in found.records}) == len(found.records) == 6


RULES = """
version: 1
name: items
client: {base_url: BASE, retry: {attempts: 4, max_wait: 0.01}}
resources:
  - name: items
    path: "items/{id}"
    partitions: {id: [1, 2, 3, 4, 5]}
    data_selector: data
    paginator: {type: page_number}
    response_actions:
      - {when: [{path: ok, equals: false}, {path: code, in: [7, 8]}], action: retry}
      - {when: [{path: ok, equals: false}, {path: code, equals: 9}], action: ignore}
      - {status: 4xx, body_matches: "^<p>\\\\S+ is not enabled", action: ignore}
"""


def test_rules_of_several_conditions_and_texts_killed_once(tmp_path: Path) -> None:
    """All conditions of a list must hold; a text is found in a body that is no JSON, also where it
    lies across chunks, and not in a page whose status the rule is not about.
    """
    failed: set[str] = set()

    def answer(asked: Asked) -> Answer:
        number, page = asked.path.rpartition("/")[2], asked.params["page"]
        if number == "1" and page == "2" and "1" not in failed:
            failed.add("1")
            return Answer({"ok": False, "code": 8})
        if number == "2":
            return Answer({"ok": False, "code": 9})
        if number == "3":
            return Answer(text="<p>ümlaut is not enabled" + "x" * 200_000, status=403)
        told = "<p>x is not enabled"
        return Answer(
            {"ok": number != "5", "code": 1, "data": [{"t": told, "n": page}] if page < "4" else []}
        )

    found = harvested(tmp_path, RULES, answer, kill_at=4)
    assert failed == {"1"}
    assert len(found.records) == 9


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("json: {a: 1}", "json: a GET sends no body; add method: POST"),
        ("body: text", "body: a GET sends no body; add method: POST"),
        ("method: POST, body: a, json: {}", "body: a request has one body: json or body"),
        ("method: GET, body: a, form: {a: 1}", "body: a request has one body: form or body"),
        ('method: POST, body: "{nothing}"', "unknown reference {nothing}"),
        ('response_actions: [{body_matches: "(", action: fail}]', "body_matches"),
        ("response_actions: [{when: [], action: fail}]", "when"),
    ],
)
def test_what_check_says(more: str, told: str, tmp_path: Path) -> None:
    """Each fault by its key."""
    path = tmp_path / "harvest.yaml"
    path.write_text(
        "version: 1\nname: x\nclient: {base_url: 'http://x.org'}\n"
        f"resources:\n  - {{name: a, path: a, {more}}}\n"
    )
    with pytest.raises(ConfigError) as refused:
        load_config(path)
    assert told in str(refused.value)


def test_a_get_with_a_body_reads_back(tmp_path: Path) -> None:
    """harvest.json says the method, though it is the default."""
    path = tmp_path / "harvest.yaml"
    path.write_text(GET_BODY.replace("BASE", "http://x.org"))
    config = load_config(path)
    tree = json.loads(json.dumps(config.reference_dict()))
    assert tree["resources"][0]["method"] == "GET"
    assert parse_resolved(tree, "harvest.json").reference_dict() == config.reference_dict()
