"""Records: all of them, in order, as the server wrote them; damage is never passed over."""

import gzip
import json
import os
from pathlib import Path

import pytest

from harvester import harvest, iter_records
from harvester.errors import ConfigError, DataRefused
from harvester.results.records import record_lines
from tests.support import ITEMS, Reply, Scripted, chain, config

TWO_RESOURCES = """
  - name: users
    path: users
    data_selector: data
    paginator: {type: cursor, cursor_path: next, cursor_param: cursor}
"""


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """`items` in two shards and `users`, three pages of three records each."""
    with Scripted(chain(3)) as server:
        asked = config(
            tmp_path,
            ITEMS + TWO_RESOURCES,
            server.base_url,
            "resources.items.partitions.shard=[b, a]",
        )
        assert harvest(asked, out=tmp_path / "out").complete
    return tmp_path / "out"


def ids(*shards: str) -> list[str]:
    """The ids of the shards' records, in order."""
    return [f"{shard}-{page}-{item}" for shard in shards for page in (1, 2, 3) for item in range(3)]


def test_order(out: Path) -> None:
    """Of the plan, the pages, the server; one line of JSON each."""
    records = list(iter_records(out))
    assert [json.loads(record)["id"] for record in records] == ids("b", "a", "")
    assert all(b"\n" not in record for record in records)


def test_lines(out: Path) -> None:
    """The same in blocks of whole lines, chosen alike."""
    for resources in ((), ("users",), ("items",)):
        lines = b"".join(record_lines(out, resources=resources)).splitlines()
        assert lines == list(iter_records(out, resources=resources))
        assert lines


def test_choice(out: Path) -> None:
    """By resource, by partition value, by both; a folder may be given as text."""
    found = [json.loads(record)["id"] for record in iter_records(str(out), resources=["users"])]
    assert found == ids("")
    found = [json.loads(record)["id"] for record in iter_records(out, partition={"shard": "a"})]
    assert found == ids("a")


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ({"resources": ["item"]}, "unknown resource 'item': did you mean 'items'?"),
        ({"partition": {"shart": "a"}}, "unknown partition key 'shart': did you mean 'shard'?"),
        (
            {"resources": ["users"], "partition": {"shard": "a"}},
            "it has no partitions",
        ),
        ({"partition": {"shard": "none"}}, r"unknown shard 'none' \(known: b, a\)"),
    ],
)
def test_a_choice_that_cannot_match(out: Path, choice: dict[str, object], told: str) -> None:
    """Is an error, not an empty answer."""
    with pytest.raises(ConfigError, match=told):
        list(iter_records(out, **choice))  # type: ignore[arg-type]  # of several types


def test_records_are_the_servers_bytes(tmp_path: Path) -> None:
    """Numbers, escapes and the order of keys are not touched; only pages that are committed."""
    body = rb'{"data": [{"b": 1.0e2, "a": "\u00e4\ud83d"}, 12345678901234567890123, null]}'
    with Scripted(lambda path, parameters: Reply(body)) as server:
        harvest(config(tmp_path, ITEMS, server.base_url), out=tmp_path / "out")
    (tmp_path / "out/items/shard=a/part-000002.json.gz").write_bytes(gzip.compress(body))
    assert list(iter_records(tmp_path / "out")) == [
        rb'{"b": 1.0e2, "a": "\u00e4\ud83d"}', b"12345678901234567890123", b"null",
    ]  # fmt: skip


def test_a_damaged_part(out: Path) -> None:
    """What comes before it is given; then the file is named."""
    damaged = out / "items/shard=a/part-000002.json.gz"
    os.truncate(damaged, damaged.stat().st_size - 12)
    records = iter_records(out)
    assert [json.loads(next(records))["id"] for _ in range(12)] == [*ids("b"), *ids("a")[:3]]
    with pytest.raises(DataRefused, match=r"shard=a/part-000002\.json\.gz: .*harvester verify"):
        list(records)


def test_a_missing_part(out: Path) -> None:
    """Named as well."""
    (out / "users/part-000001.json.gz").unlink()
    with pytest.raises(DataRefused, match=r"users/part-000001\.json\.gz"):
        list(iter_records(out, resources=["users"]))


def test_a_damaged_journal(out: Path) -> None:
    """No record is given behind the damage."""
    path = out / "users/journal.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"seq":2', b'"seq":3', 1))
    records = iter_records(out, resources=["users"])
    assert [json.loads(next(records))["id"] for _ in range(3)] == ids("")[:3]
    with pytest.raises(DataRefused, match="this line is damaged"):
        next(records)
