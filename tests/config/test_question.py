"""One harvest is one question: what is compared, what may change, and what can be accepted."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harvester import harvest, iter_records, status, verify
from harvester.config import Config
from harvester.config.load import load_config
from harvester.config.question import fingerprints, fits, former_fingerprints
from harvester.engine.events import Event, Warned
from harvester.errors import DataRefused, PartitionFailed
from harvester.store.entries import ACCEPTED, Header, encode
from harvester.store.journal_lines import read_entries, read_header
from harvester.store.manifest import MANIFEST, read_asked
from tests.support import Reply, Scripted, stamps

YAML = """
version: 1
name: asked
client:
  base_url: "http://127.0.0.1:1/{env.SPACE}/"
  auth: {type: bearer, token: "{env.TOKEN}"}
  headers: {X-Trace: "{env.TRACE}", X-Tenant: "{env.TENANT}"}
resources:
  - name: items
    path: "lists/{env.LIST}"
    params: {q: "{env.QUERY}", api_key: "{env.KEY}"}
    data_selector: data
    paginator: {type: cursor, cursor_path: next, cursor_param: cursor}
"""
ENV = {
    "SPACE": "all", "TOKEN": "token-of-today", "TRACE": "run-1", "TENANT": "here", "LIST": "first",
    "QUERY": "cats", "KEY": "key-of-today",
}  # fmt: skip
PAGES = 4


def asked(tmp_path: Path, server: Scripted | str, *changes: str, **env: str) -> Config:
    """The YAML with changes of it and of the environment."""
    origin = server if isinstance(server, str) else server.base_url
    path = tmp_path / "config.yaml"
    path.write_text(YAML.replace("http://127.0.0.1:1/", origin))
    return load_config(path, set=changes, env={**ENV, **env})


def echo(path: str, parameters: Mapping[str, str]) -> Reply:
    """Pages that say what they were asked for; cursors begin with what may be a variable."""
    number = int(parameters.get("cursor", "kittens-1").rpartition("-")[2])
    following = f"kittens-{number + 1}" if number < PAGES else None
    return Reply({"data": [{"q": parameters["q"], "path": path, "n": number}], "next": following})


def begun(tmp_path: Path, server: Scripted, *changes: str, **env: str) -> Path:
    """A harvest that has two of its four pages."""
    out = tmp_path / "out"
    harvest(asked(tmp_path, server, *changes, **env), out=out, max_pages=2)
    return out


# --- The environment -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [("QUERY", "dogs"), ("QUERY", "c"), ("LIST", "second"), ("TENANT", "there")],
)
def test_row_84_a_variable_of_the_query_changes(tmp_path: Path, name: str, value: str) -> None:
    """Refused by the variable's name, whatever part of the request it makes; its values, which may
    be private, are in no message and not in harvest.json. Nothing is asked, nothing changes.
    """
    with Scripted(echo) as server:
        out = begun(tmp_path, server)
        before, requests = stamps(out), len(server.asked)
        with pytest.raises(DataRefused) as caught:
            harvest(asked(tmp_path, server, **{name: value}), out=out)
        assert len(server.asked) == requests
        assert stamps(out).keys() == before.keys()
        assert harvest(asked(tmp_path, server), out=out).complete
    assert f"the environment variable {name} has another value than before" in str(caught.value)
    assert "--accept-change" in str(caught.value)
    assert caught.value.exit_code == 5
    text = (out / MANIFEST).read_text()
    assert not any(ENV[each] in text for each in ("QUERY", "TENANT"))
    assert value not in text.split('"')


def test_the_path_of_base_url_counts(tmp_path: Path) -> None:
    """Another host may serve the same; another path, by a variable, is another question."""
    with Scripted(echo) as server, Scripted(echo) as other:
        out = begun(tmp_path, server)
        with pytest.raises(DataRefused, match=r"client\.base_url has another path, by a variable"):
            harvest(asked(tmp_path, server, SPACE="some"), out=out)
        assert harvest(asked(tmp_path, other), out=out).complete


def test_row_84_credentials_and_traces_may_change(tmp_path: Path) -> None:
    """A new token is no other question, nor is what only says which request it is."""
    with Scripted(echo) as server:
        out = begun(tmp_path, server)
        changed = asked(tmp_path, server, TOKEN="another-token-2", KEY="another", TRACE="cats")
        assert harvest(changed, out=out).complete
        assert [each.get("cursor") for each in server.asked] == [
            None,
            "kittens-2",
            "kittens-3",
            "kittens-4",
        ]
    assert verify(out, deep=True).ok


@pytest.mark.parametrize(
    ("change", "value"), [("TRACE", "kittens"), ("TOKEN", "kitte"), ("KEY", "kitte")]
)
def test_row_85_a_cursor_that_happens_to_hold_a_value(
    tmp_path: Path, change: str, value: str
) -> None:
    """Only cursors that the server gave are sent, whatever variables come to be in between; also
    where a credential is so short that it may stand anywhere.
    """
    with Scripted(echo) as server:
        out = begun(tmp_path, server, **{change: value})
        assert harvest(asked(tmp_path, server, **{change: "dogs"}), out=out).complete
        assert [each.get("cursor") for each in server.asked] == [
            None,
            "kittens-2",
            "kittens-3",
            "kittens-4",
        ]


def test_two_harvests_say_the_same_value_differently(tmp_path: Path) -> None:
    """Digests are keyed: nobody can tell from two folders that they have the same value."""
    with Scripted(echo) as server:
        one, two = tmp_path / "one", tmp_path / "two"
        for out in (one, two):
            harvest(asked(tmp_path, server), out=out)
    first, second = (read_asked(out) for out in (one, two))
    assert first.variables.keys() == second.variables.keys() == {
        "LIST", "QUERY", "TENANT", "client.base_url",
    }  # fmt: skip
    assert not set(first.variables.values()) & set(second.variables.values())


def test_a_journal_alone_knows_its_question(tmp_path: Path) -> None:
    """Where harvest.json is lost, a journal can still be compared with a YAML and variables."""
    with Scripted(echo) as server:
        out = begun(tmp_path, server)
        same, other = asked(tmp_path, server), asked(tmp_path, server, QUERY="dogs")
        edited = asked(tmp_path, server, "resources.items.params.n=1")
    header = read_header(out / "items")
    assert header is not None
    assert fits(same, header.fingerprint, "items")
    assert fits(same, former_fingerprints(same)["items"], "items")
    assert not fits(other, header.fingerprint, "items")
    assert not fits(edited, header.fingerprint, "items")


# --- What only says when paging ends -------------------------------------------------------------


def circling(path: str, parameters: Mapping[str, str]) -> Reply:
    """20 records, whose last page leads to itself; `more` would say so."""
    at = int(parameters.get("cursor", "0"))
    following = min(at + 5, 20)
    data = [{"id": number} for number in range(at, following)]
    return Reply({"data": data, "next": str(following), "more": following < 20})


@pytest.mark.parametrize(
    "key",
    [
        "cursor_may_repeat=true",
        "has_more_path=more",
        "stop_after_empty_page=true",
        "maximum_pages=4",
        "maximum_pages=5",
    ],
)
def test_row_86_what_ends_a_circle_may_be_added(tmp_path: Path, key: str) -> None:
    """The chain failed; the key that the message names, or another that says when paging ends, is
    put into the YAML, and the same folder ends, with each record once.
    """
    with Scripted(circling) as server:
        assert harvest(asked(tmp_path, server), out=tmp_path / "out").exit_code == 3
        changed = asked(tmp_path, server, f"resources.items.paginator.{key}")
        assert harvest(changed, out=tmp_path / "out").complete
    assert [json.loads(each)["id"] for each in iter_records(tmp_path / "out")] == [*range(20)]
    assert verify(tmp_path / "out", deep=True).ok


@pytest.mark.parametrize(
    "change",
    [
        "resources.items.paginator.total_path=total",
        "resources.items.paginator.page_size=10",
        "resources.items.progress_path=next",
        "resources.items.allow_missing=true",
        "resources.items.response_actions=[{status: 404, action: ignore}]",
        "resources.items.idempotent=false",
        "resources.items.headers={Accept: application/json, User-Agent: me, X-Request-Id: a}",
    ],
)
def test_row_86_other_keys_that_choose_no_record(tmp_path: Path, change: str) -> None:
    """Whatever a message advises to add, and what shapes no request."""
    with Scripted(echo) as server:
        out = begun(tmp_path, server)
        assert harvest(asked(tmp_path, server, change), out=out).complete


def test_row_86_an_offset_that_steps_by_its_limit(tmp_path: Path) -> None:
    """The server filters after it has counted, and offsets that moved on by what came hit the same
    records twice; `step: limit`, as the message advises, begins the partition again.
    """
    asked_for = [number for number in range(20) if number % 5]

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        at, size = int(parameters["offset"]), int(parameters["limit"])
        return Reply({"data": [{"id": n} for n in range(at, min(at + size, 20)) if n in asked_for]})

    paging = "resources.items.paginator={type: offset, limit: 5}"
    with Scripted(respond) as server:
        out = begun(tmp_path, server, paging)
        changed = asked(tmp_path, server, paging.replace("}", ", step: limit}"))
        assert harvest(changed, out=out).complete
    assert [json.loads(each)["id"] for each in iter_records(out)] == asked_for
    assert verify(out, deep=True).ok


# --- Accepted changes ----------------------------------------------------------------------------


def test_row_90_an_accepted_change(tmp_path: Path) -> None:
    """The harvest goes on with the new question; the folder and the journal say from where on, and
    every reader and later run take it as it is.
    """
    with Scripted(echo) as server:
        out = begun(tmp_path, server)
        changed = asked(tmp_path, server, "resources.items.params.n=1", QUERY="dogs")
        assert harvest(changed, out=out, accept_change=True).complete
        assert harvest(changed, out=out).complete
        with pytest.raises(DataRefused):
            harvest(asked(tmp_path, server), out=out)
    assert [json.loads(each)["q"] for each in iter_records(out)] == ["cats"] * 2 + ["dogs"] * 2
    assert verify(out, deep=True).ok
    [accepted] = read_asked(out).accepted
    assert accepted["changes"] == [
        "resources.items.params.n was null, is 1",
        "the environment variable QUERY has another value than before",
    ]
    lines = [entry for entry in read_entries(out / "items") if entry.reason == ACCEPTED]
    salt = read_asked(out).salt
    assert [entry.accepts for entry in lines] == [fingerprints(changed, salt)["items"]]
    assert status(out).resources[0].records == PAGES


@pytest.mark.parametrize(
    "change",
    [
        "resources.items.data_selector=rows",
        "resources.items.paginator={type: json_link, next_url_path: next}",
        "resources.items.partitions={n: [1]}",
        "name=other",
    ],
)
def test_changes_that_nobody_can_accept(tmp_path: Path, change: str) -> None:
    """With them, what is kept would mean something else; the message does not offer it."""
    with Scripted(echo) as server:
        out = begun(tmp_path, server)
        extra = ["resources.items.params.n={n}"] if "partitions" in change else []
        with pytest.raises(DataRefused) as caught:
            harvest(asked(tmp_path, server, change, *extra), out=out, accept_change=True)
    assert "--accept-change" not in str(caught.value)


# --- Folders of an earlier version ---------------------------------------------------------------


def as_before(out: Path, config: Config) -> None:
    """Make of a folder what an earlier version would have left: no digests, other fingerprints."""
    value: dict[str, Any] = json.loads((out / MANIFEST).read_text())
    for key in ("salt", "variables", "fingerprints", "accepted"):
        value.pop(key, None)
    (out / MANIFEST).write_text(json.dumps(value))
    path = out / "items/journal.jsonl"
    header = read_header(out / "items")
    assert header is not None
    former = former_fingerprints(config)["items"]
    lines = path.read_bytes().splitlines(keepends=True)
    lines[0] = encode(Header(header.resource, header.partition, former, "0.1.0", header.created_at))
    path.write_bytes(b"".join(lines))


def test_a_folder_of_an_earlier_version(tmp_path: Path) -> None:
    """It is read, verified and resumed, also with a key more; from then on values are compared."""
    with Scripted(echo) as server:
        out = begun(tmp_path, server)
        config = asked(tmp_path, server)
        as_before(out, config)
        assert verify(out, deep=True).ok
        more = asked(tmp_path, server, "resources.items.paginator.maximum_pages=3")
        assert harvest(more, out=out).complete
        assert verify(out, deep=True).ok
        assert not [entry for entry in read_entries(out / "items") if entry.accepts]
        with pytest.raises(DataRefused, match="QUERY has another value"):
            harvest(asked(tmp_path, server, QUERY="dogs"), out=out)


# --- harvest.json as hands and scripts leave it --------------------------------------------------


def refusal(config: Config, out: Path) -> str | None:
    """Why a run is refused; None where it is not."""
    try:
        harvest(config, out=out)
    except DataRefused as error:
        return str(error)
    return None


def test_row_89_times_without_a_zone(tmp_path: Path) -> None:
    """They are UTC, as they were written."""
    with Scripted(echo) as server:
        out = begun(tmp_path, server)
        text = (out / MANIFEST).read_text()
        (out / MANIFEST).write_text(text.replace('Z"', '"').replace("+00:00", ""))
        assert harvest(asked(tmp_path, server), out=out).complete


@pytest.mark.parametrize(
    "change",
    [
        {"planned_at": None}, {"planned_at": 7}, {"planned_at": "soon"}, {"created_at": []},
        {"planned_at": "9999-12-31T23:59:59-14:00"}, {"name": None}, {"config": None},
        {"config": []}, {"fingerprint": 1}, {"salt": 7}, {"variables": []}, {"variables": [1]},
        {"fingerprints": {"items": 3}}, {"fingerprints": {"items": {"now": 3}}},
        {"fingerprints": {"items": {"now": []}}}, {"fingerprints": {}}, {"accepted": 4},
        {"variables": {"QUERY": 7}}, {"fingerprints": {"items": {"now": ["x"], "before": None}}},
    ],
)  # fmt: skip
def test_row_89_harvest_json_that_says_nonsense(tmp_path: Path, change: dict[str, Any]) -> None:
    """Taken as it can only be meant, or refused by its name; never a crash."""
    with Scripted(echo) as server:
        out = begun(tmp_path, server)
        value = {**json.loads((out / MANIFEST).read_text()), **change}
        (out / MANIFEST).write_text(json.dumps(value))
        told = refusal(asked(tmp_path, server), out)
    assert told is None or MANIFEST in told or "has another value" in told


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00", b"[]", b"null", b"{", b"[" * 100_000, b'{"name": "\xff"}',
                b'{"created_at": ' + b"9" * 5000 + b"}"]
)  # fmt: skip
def test_row_89_harvest_json_that_is_none(tmp_path: Path, content: bytes) -> None:
    """Refused by its name, with what can be done."""
    with Scripted(echo) as server:
        out = begun(tmp_path, server)
        (out / MANIFEST).write_bytes(content)
        with pytest.raises(DataRefused, match=r"harvest\.json"):
            harvest(asked(tmp_path, server), out=out)
        with pytest.raises(DataRefused, match=r"harvest\.json"):
            status(out)


def test_failures_stay_failures(tmp_path: Path) -> None:
    """A chain that goes round without any new key fails again, and asks nothing."""
    told: list[Event] = []
    with Scripted(circling) as server:
        for _ in range(2):
            again = harvest(asked(tmp_path, server), out=tmp_path / "out", on_event=told.append)
            assert again.exit_code == PartitionFailed.exit_code
        assert len(server.asked) == 5
    assert not [event for event in told if isinstance(event, Warned)]
