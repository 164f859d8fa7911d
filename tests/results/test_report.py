"""Status and verification: every kind of damage is found and named, and nothing else is."""

import gzip
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from harvester import harvest, status, verify
from harvester.errors import DataRefused
from harvester.store.entries import Entry, Header, encode
from harvester.store.journal import Journal
from harvester.store.journal_lines import read_checkpoint, read_header
from tests.support import ITEMS, Reply, Scripted, chain, config, entry, stamps

FOLDER = Path("items", "shard=a")
JOURNAL = FOLDER / "journal.jsonl"
PART = FOLDER / "part-000002.json.gz"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A whole harvest: two partitions of three pages."""
    with Scripted(chain(3)) as server:
        asked = config(tmp_path, ITEMS, server.base_url, "resources.items.partitions.shard=[a, b]")
        assert harvest(asked, out=tmp_path / "out").complete
    return tmp_path / "out"


def problems(out: Path, *, deep: bool = False) -> list[tuple[str, str]]:
    """What is found, as path and problem; looking changes nothing."""
    before = stamps(out)
    found = verify(out, deep=deep)
    assert stamps(out) == before
    assert found.ok == (not found.problems)
    return [(problem.path, problem.problem) for problem in found.problems]


def flip(path: Path, place: int) -> None:
    """Change one bit of one byte."""
    content = bytearray(path.read_bytes())
    content[place] ^= 0x01
    path.write_bytes(content)


def rewrite(path: Path, change: Callable[[int, dict[str, Any]], None]) -> None:
    """Write a journal anew, each page's line changed, with right check sums: a sly edit."""
    header = read_header(path.parent)
    assert header is not None
    lines = [encode(header)]
    for number, line in enumerate(path.read_bytes().splitlines()[1:], 1):
        value = json.loads(line)
        del value["crc32"]
        change(number, value)
        lines.append(encode(Entry(**{"reason": None, **value})))
    path.write_bytes(b"".join(lines))


# --- Verification --------------------------------------------------------------------------------


def test_a_whole_harvest(out: Path) -> None:
    """Is sound, in depth too."""
    for deep in (False, True):
        found = verify(out, deep=deep)
        assert found.as_dict() == {"ok": True, "parts": 6, "problems": []}


def test_an_unfinished_harvest(tmp_path: Path) -> None:
    """Is only not finished: no problem, with a next part and temporary files of a killed run."""
    with Scripted(chain(3)) as server:
        asked = config(tmp_path, ITEMS, server.base_url, "resources.items.partitions.shard=[a, b]")
        out = tmp_path / "out"
        harvest(asked, out=out, max_pages=2)
    (out / FOLDER / "part-000003.json.gz").write_bytes(b"not yet in the journal")
    (out / FOLDER / "part-000003.json.gz.tmp").touch()
    with (out / JOURNAL).open("ab") as file:
        file.write(b'{"seq":3,')
    assert problems(out, deep=True) == []
    assert verify(out).parts == 4


def test_a_flipped_byte_in_a_part(out: Path) -> None:
    """By its SHA-256."""
    flip(out / PART, 20)
    assert problems(out) == [
        (str(PART), "its SHA-256 differs from the journal's: the file has changed")
    ]


def test_a_truncated_part(out: Path) -> None:
    """By its size."""
    size = (out / PART).stat().st_size
    os.truncate(out / PART, size - 1)
    assert problems(out) == [(str(PART), f"{size - 1} bytes, the journal says {size}")]


def test_a_missing_part(out: Path) -> None:
    """By its name."""
    (out / PART).unlink()
    assert problems(out) == [(str(PART), "cannot be read: No such file or directory")]


def test_an_extra_part(out: Path) -> None:
    """Behind the last page no part can be waiting for its line."""
    extra = FOLDER / "part-000004.json.gz"
    (out / extra).touch()
    assert problems(out) == [(str(extra), "no line of the journal names this part")]


def test_an_edited_journal_line(out: Path) -> None:
    """By its CRC; the pages behind it are not reported one by one."""
    text = (out / JOURNAL).read_text()
    (out / JOURNAL).write_text(text.replace('"records":3', '"records":4', 1))
    [(path, problem)] = problems(out)
    assert path == str(JOURNAL)
    assert problem.startswith("2: this line is damaged")


def test_a_journal_that_is_gone(out: Path) -> None:
    """Its parts say that it was there."""
    (out / JOURNAL).unlink()
    assert problems(out) == [(str(JOURNAL), "missing, but there are parts")]


def test_a_broken_chain(out: Path) -> None:
    """A page that was asked for with another cursor than the page before gave."""
    rewrite(out / JOURNAL, lambda number, line: line.update(cursor="7") if number == 3 else None)
    assert problems(out) == [
        (str(JOURNAL), "page 3: was asked with '7', but the page before leads to '3'")
    ]


def test_a_chain_with_another_beginning(out: Path) -> None:
    """The first page has the paginator's first cursor."""
    rewrite(out / JOURNAL, lambda number, line: line.update(cursor="1") if number == 1 else None)
    assert problems(out) == [(str(JOURNAL), "page 1: the first page was asked for with '1'")]


def test_a_page_behind_the_end(out: Path) -> None:
    """Done is done."""
    rewrite(
        out / JOURNAL,
        lambda number, line: line.update(done=True, reason="empty_page") if number == 2 else None,
    )
    assert problems(out) == [
        (str(JOURNAL), "page 3: stands behind the line that says the partition is done")
    ]


def test_wrong_counts(out: Path) -> None:
    """Records and bytes of JSON are counted anew, in depth only."""
    rewrite(
        out / JOURNAL, lambda number, line: line.update(records=5, bytes=6) if number == 2 else None
    )
    assert problems(out) == []
    found = problems(out, deep=True)
    assert [path for path, _ in found] == [str(PART), str(PART)]
    assert found[0][1].endswith(" decoded bytes, the journal says 6")
    assert found[1][1] == "3 records, the journal says 5"


def test_a_part_that_is_no_json(out: Path) -> None:
    """Its hash fits the journal, its content does not fit the format."""
    content = gzip.compress(b'{"data":[{]}')
    (out / PART).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    rewrite(
        out / JOURNAL,
        lambda number, line: (
            line.update(stored_bytes=len(content), sha256=digest) if number == 2 else None
        ),
    )
    assert problems(out) == []
    [(path, _)] = problems(out, deep=True)
    assert path == str(PART)


@pytest.mark.parametrize("name", ["journal.jsonl", "part-000001.json.gz"])
def test_a_stranger_folder(out: Path, name: str) -> None:
    """Pages that no partition of the plan put there."""
    stranger = out / "items" / "shard=z"
    stranger.mkdir()
    (stranger / name).touch()
    assert problems(out) == [("items/shard=z", "no partition of the plan lies here")]


def test_a_folder_in_place_of_another(out: Path) -> None:
    """Two partitions swapped."""
    (out / FOLDER).rename(out / "x")
    (out / "items" / "shard=b").rename(out / FOLDER)
    (out / "x").rename(out / "items" / "shard=b")
    assert [problem for _, problem in problems(out)] == [
        "written for another partition: {'shard': 'b'}",
        "written for another partition: {'shard': 'a'}",
    ]


def test_every_problem_is_reported(out: Path) -> None:
    """Not only the first."""
    for number in (1, 2, 3):
        flip(out / FOLDER / f"part-00000{number}.json.gz", 15)
        (out / "items" / "shard=b" / f"part-00000{number}.json.gz").unlink()
    assert len(problems(out)) == 6


def test_a_listing_of_problems_has_an_end(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a million damaged parts, a thousand are named."""
    monkeypatch.setattr("harvester.results.state.MOST_PROBLEMS", 2)
    for number in (1, 2, 3):
        flip(out / FOLDER / f"part-00000{number}.json.gz", 15)
    found = verify(out).problems
    assert [problem.path for problem in found[:2]] == [
        str(FOLDER / "part-000001.json.gz"), str(PART),
    ]  # fmt: skip
    assert found[2].problem == "there are more problems than are listed"
    assert len(found) == 3


def test_no_harvest_at_all(tmp_path: Path) -> None:
    """Is refused, by status as well."""
    for look in (verify, status):
        with pytest.raises(DataRefused, match=r"no harvest\.json here"):
            look(tmp_path)


# --- Status --------------------------------------------------------------------------------------


def test_status_of_a_whole_harvest(out: Path) -> None:
    """The documented numbers; bytes are those of the pages."""
    found = status(out).as_dict()
    [numbers] = found["resources"]
    stored = [part.stat().st_size for part in out.rglob("part-*")]
    decoded = [len(gzip.decompress(part.read_bytes())) for part in out.rglob("part-*")]
    assert found["complete"] is True
    assert found["failures"] == []
    assert numbers == {
        "name": "items",
        "partitions": {"total": 2, "complete": 2, "failed": 0, "pending": 0},
        "pages": 6,
        "records": 18,
        "bytes": sum(decoded),
        "stored_bytes": sum(stored),
        "requests": 6,
        "retries": 0,
        "ends": {"no_next_cursor": 2},
    }


def test_status_remembers_failures(tmp_path: Path) -> None:
    """Those of the last run, as long as their partitions are not complete."""
    broken = True

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        if broken and parameters["shard"] == "b" and "cursor" in parameters:
            return Reply({"error": "out of order"}, 400)
        return chain(3)(path, parameters)

    out = tmp_path / "out"
    with Scripted(respond) as server:
        asked = config(tmp_path, ITEMS, server.base_url, "resources.items.partitions.shard=[a, b]")
        assert harvest(asked, out=out).exit_code == 3
        found = status(out).as_dict()
        assert found["complete"] is False
        assert found["resources"][0]["partitions"] == {
            "total": 2, "complete": 1, "failed": 1, "pending": 0,
        }  # fmt: skip
        [failure] = found["failures"]
        assert failure["resource"] == "items"
        assert failure["partition"] == {"shard": "b"}
        assert failure["cursor"] == "2"
        assert "400" in failure["error"]
        assert "out of order" in failure["error"]
        broken = False
        assert harvest(asked, out=out).exit_code == 0
    assert status(out).as_dict()["failures"] == []


def test_status_before_anything(tmp_path: Path) -> None:
    """A partition without a journal is pending."""
    with Scripted(chain(3)) as server:
        asked = config(tmp_path, ITEMS, server.base_url, "resources.items.partitions.shard=[a, b]")
        stop = threading.Event()
        stop.set()
        harvest(asked, out=tmp_path / "out", stop=stop)
    found = status(tmp_path / "out")
    assert found.resources[0].partitions.pending == 2
    assert not found.complete


@pytest.mark.slow("CPU time")
def test_a_long_journal(tmp_path: Path) -> None:
    """Opening and summing up 100,000 pages takes about a second each; here a fifth, with room."""
    header = Header("items", {}, "", "0.1.0", "")
    with (tmp_path / "journal.jsonl").open("wb") as file:
        file.write(encode(header))
        for seq in range(1, 20_001):
            file.write(encode(entry(seq)))
    began = time.process_time()
    assert read_checkpoint(tmp_path).seq == 20_000
    read_s = time.process_time() - began
    began = time.process_time()
    with Journal.open(tmp_path, header) as journal:
        assert journal.checkpoint.seq == 20_000
    open_s = time.process_time() - began
    assert read_s < 1
    assert open_s < 1
