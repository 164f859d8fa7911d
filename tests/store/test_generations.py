"""Generations of a partition in its journal: which pages count, for readers and for the writer."""

from pathlib import Path

import pytest

from harvester.errors import DataRefused
from harvester.store.counting import Span
from harvester.store.entries import REDONE, RESTARTED, Entry, Header
from harvester.store.journal import Journal
from harvester.store.journal_lines import has_generation, is_done, read_checkpoint, read_pages, span
from harvester.store.parts import Part, part_name

HEADER = Header("items", {}, "f" * 16, "1.0", "2026-01-01T00:00:00.000Z")


def write(folder: Path, story: str) -> None:
    """A journal: `p` a page, `.` the last page of a chain, `r` a restart, `g` a next generation."""
    folder.mkdir(exist_ok=True)
    with Journal.open(folder, HEADER, fsync=False) as journal:
        for kind in story:
            at = journal.checkpoint
            entry = Entry(
                seq=at.seq + 1, part=None, request={}, cursor=at.next, next=None, done=kind == ".",
                status=200, records=0, bytes=0, stored_bytes=0, sha256=None,
                fetched_at="2026-01-01T00:00:00.000Z", elapsed_s=0.0, attempts=1,
                reason={"r": RESTARTED, "g": REDONE, ".": "no_next_cursor"}.get(kind),
            )  # fmt: skip
            if kind in "p.":
                with Part(folder, at.pages + 1, fsync=False) as part:
                    part.write(b"x" * (at.pages + 1))
                    stored = part.store()
                entry = Entry(
                    **{
                        **{name: getattr(entry, name) for name in Entry.__struct_fields__},
                        "part": stored.name,
                        "stored_bytes": stored.stored_bytes,
                        "sha256": stored.sha256,
                        "records": 1,
                    }
                )
            journal.append(entry)


def counting(folder: Path) -> list[int]:
    """The numbers of the parts that readers get."""
    return [int(str(entry.part)[5:11]) for entry in read_pages(folder)]


@pytest.mark.parametrize(
    ("story", "parts", "done", "whole"),
    [
        ("", [], False, False),
        ("pp", [1, 2], False, False),
        ("pp.", [1, 2, 3], True, True),
        ("pprp.", [3, 4], True, True),
        ("pp.g", [1, 2, 3], False, True),
        ("pp.gpp", [1, 2, 3], False, True),
        ("pp.gpp.", [4, 5, 6], True, True),
        ("prp.gprp", [2, 3], False, True),
        ("prp.gprp.", [5, 6], True, True),
        ("p.gp.gp", [3, 4], False, True),
        ("ppgp", [3], False, False),
        ("ppgp.", [3, 4], True, True),
    ],
)
def test_what_counts(tmp_path: Path, story: str, parts: list[int], done: bool, whole: bool) -> None:
    """Readers get the newest generation that is complete, or the newest where none is."""
    write(tmp_path / "p", story)
    assert counting(tmp_path / "p") == parts
    assert (is_done(tmp_path / "p"), has_generation(tmp_path / "p")) == (done, whole)
    assert read_checkpoint(tmp_path / "p").done is done


def test_the_writer_goes_by_the_newest(tmp_path: Path) -> None:
    """Where the next generation has begun, its pages are what is counted and gone on from."""
    write(tmp_path / "p", "pp.gp")
    at = read_checkpoint(tmp_path / "p")
    assert (at.pages, at.live_pages, at.records, at.seq) == (4, 1, 1, 5)
    assert span(tmp_path / "p") == Span(0, 3, 4)


def test_a_superseded_part_may_be_gone(tmp_path: Path) -> None:
    """What no longer counts stands in nobody's way; what does is refused as ever."""
    folder = tmp_path / "p"
    write(folder, "pp.gp.")
    (folder / part_name(2)).unlink()
    with Journal.open(folder, HEADER, fsync=False) as journal:
        assert journal.checkpoint.done
    (folder / part_name(4)).write_bytes(b"")
    with pytest.raises(DataRefused, match=r"part-000004.*0 bytes on disk, 4 in the journal"):
        Journal.open(folder, HEADER, fsync=False)
    assert read_checkpoint(folder).live_pages == 2
    assert (folder / part_name(1)).exists()
