"""`verify --keys`: how many records are different, exactly and on disk."""

import json
from pathlib import Path
from typing import Any

import pytest

from harvester import harvest
from harvester.errors import ConfigError
from harvester.results import distinct_keys as module
from harvester.results.distinct_keys import doubles
from tests.cli.test_cli import harvester
from tests.support import Reply, Scripted, config

HARVEST = """
version: 1
name: items
client: {base_url: "http://127.0.0.1:1/"}
resources:
  - name: items
    path: "items/{shard}"
    partitions: {shard: [a, b]}
    data_selector: items
    key: id
    paginator: {type: page_number}
"""


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """Two partitions of 200 records: a has 50 twice, b shares 100 with a; one has no id."""

    def respond(path: str, asked: Any) -> Reply:
        number = int(asked["page"])
        if number > 2:
            return Reply({"items": []})
        if path.endswith("a"):
            first = 0 if number == 1 else 50
            return Reply({"items": [{"id": n} for n in range(first, first + 100)]})
        found: list[Any] = [{"id": n} for n in range(number * 100 - 50, number * 100 + 50)]
        return Reply({"items": [*found[:-1], {"name": "none"}] if number == 2 else found})

    with Scripted(respond) as server:
        harvest(config(tmp_path, HARVEST, server.base_url), out=tmp_path / "out")
    return tmp_path / "out"


EXACT = {
    "resource": "items", "key": ["id"], "records": 400, "distinct": 249, "duplicates": 150,
    "within": 50, "unkeyed": 1,
    "partitions": [{"partition": {"shard": "a"}, "duplicates": 50}],
}  # fmt: skip


def test_exactly(stored: Path) -> None:
    """In the resource, and in each partition."""
    assert [each.as_dict() for each in doubles(stored)] == [EXACT]


def test_with_more_than_memory_holds(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that are too large are spread over others."""
    monkeypatch.setattr(module, "_BUFFER_BYTES", 20)
    monkeypatch.setattr(module, "_SORTED_BYTES", 20)
    assert [each.as_dict() for each in doubles(stored)] == [EXACT]


def test_as_a_command(stored: Path) -> None:
    """On the screen and as JSON; what comes twice is no damage."""
    done = harvester("verify", stored, "--keys")
    assert done.returncode == 0
    first, second, *_ = done.stdout.splitlines()
    assert first.startswith("items: 400 records, 249 different by id; 150 come again, 50 of them")
    assert first.endswith("in one partition; 1 have no id")
    assert second == "  items shard=a: 50 again"
    done = harvester("verify", stored, "--key", "id", "--key", "name", "--json")
    assert json.loads(done.stdout)["keys"][0]["unkeyed"] == 400


def test_no_key(stored: Path) -> None:
    """A path that is none, and a harvest without a key."""
    with pytest.raises(ConfigError, match="--key: "):
        doubles(stored, ["a["])
    written = (stored / "harvest.json").read_text()
    assert '"key"' in written
    value = json.loads(written)
    del value["config"]["resources"][0]["key"]
    (stored / "harvest.json").write_text(json.dumps(value))
    with pytest.raises(ConfigError, match="say --key id"):
        doubles(stored)
