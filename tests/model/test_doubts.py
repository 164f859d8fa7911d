"""Doubts: what the API says against an end that seems complete, and where that is told."""

import json
from pathlib import Path

import pytest

from harvester import harvest, status
from harvester.errors import PageRefused
from harvester.model.doubts import Doubt, Doubts, weak
from harvester.report import write_report
from harvester.store.entries import encode, parsed, sound
from harvester.store.journal_lines import JOURNAL, read_checkpoint
from harvester.terminal.closing import doubted
from tests.cli.test_cli import harvester
from tests.support import ITEMS, Scripted, chain, config, entry

CAPPED = Doubt("total_exceeded", "the total said 30 records, 47 came")


def test_strong_doubts_refuse_the_page() -> None:
    """The weak ones go on to the journal."""
    assert weak([CAPPED]) == (CAPPED,)
    with pytest.raises(PageRefused, match="take total_path out"):
        weak([CAPPED, Doubt("total_missed", "take total_path out", strong=True)])


def test_a_line_keeps_its_doubts() -> None:
    """As kind and words; a line without any does not have the key."""
    line = encode(entry(1, done=True, reason="empty_page", doubts=(CAPPED,)))
    assert b'"doubts":[{"kind":"total_exceeded","told":' in line
    text = sound(line)
    assert text is not None
    assert parsed(text).doubts == (CAPPED,)
    assert b"doubts" not in encode(entry(1))


def test_doubts_are_grouped() -> None:
    """By resource and kind: a million partitions are one line, with the first as its example."""
    doubts = Doubts()
    for shard in range(1000):
        doubts.add("items", {"shard": str(shard)}, CAPPED)
    doubts.add("users", {}, CAPPED, partitions=4)
    first, second = doubts
    assert first.as_dict() == {
        "resource": "items",
        "kind": "total_exceeded",
        "partitions": 1000,
        "example": {"partition": {"shard": "0"}, "told": CAPPED.told},
    }
    text = doubted([first, second], None)
    assert text.splitlines() == [
        "Doubts:",
        f"  items shard=0: {CAPPED.told} (and of 999 other partitions)",
        f"  users: {CAPPED.told}",
    ]


@pytest.fixture
def doubtful(tmp_path: Path) -> Path:
    """A harvest of two partitions whose last lines hold a doubt, as a run writes them."""
    out = tmp_path / "out"
    with Scripted(chain(2)) as server:
        asked = config(tmp_path, ITEMS, server.base_url, "resources.items.partitions.shard=[a, b]")
        assert harvest(asked, out=out).complete
    for shard in ("a", "b"):
        path = out / f"items/shard={shard}" / JOURNAL
        *before, last = path.read_bytes().splitlines(keepends=True)
        text = sound(last)
        assert text is not None
        told = {**json.loads(text), "doubts": [CAPPED.as_dict()]}
        changed = encode(parsed(json.dumps(told).encode()))
        path.write_bytes(b"".join([*before, changed]))
    return out


def test_doubts_are_told_by_every_reader(doubtful: Path) -> None:
    """`status` in words and as JSON, and the report."""
    assert read_checkpoint(doubtful / "items/shard=a").doubts == (CAPPED,)
    assert status(doubtful).complete
    told = harvester("status", doubtful).stdout
    assert "complete, with doubts: 2 partitions" in told
    assert f"items shard=a: {CAPPED.told} (and of 1 other partition)" in told
    (group,) = json.loads(harvester("status", doubtful, "--json").stdout)["doubts"]
    assert (group["kind"], group["partitions"]) == ("total_exceeded", 2)
    pytest.importorskip("jinja2")
    page = write_report(doubtful).read_text()
    assert "Complete, with doubts" in page
    assert CAPPED.told in page


def test_strict_makes_a_doubt_a_failure(doubtful: Path, tmp_path: Path) -> None:
    """Without it the run is complete, and says so even where it is to say nothing else."""
    run: list[str | Path] = ["run", tmp_path / "config.yaml", "--out", doubtful,
           "--progress", "none", "--set", "resources.items.partitions.shard=[a, b]"]  # fmt: skip
    lax, strict = harvester(*run), harvester(*run, "--strict")
    assert (lax.returncode, strict.returncode) == (0, 3)
    assert CAPPED.told in lax.stderr
    assert "Complete, with doubts" in strict.stderr
