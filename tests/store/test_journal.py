"""The journal: what a crash can leave is repaired, anything else is refused untouched."""

import json
import os
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.errors import DataRefused
from harvester.store.checkpoint import Checkpoint
from harvester.store.entries import Entry, Header, encode
from harvester.store.journal import Journal
from harvester.store.journal_lines import JOURNAL, read_checkpoint, read_entries, read_header
from harvester.store.parts import Part, part_name
from tests.support import entry, stamps

HEADER = Header("items", {"shard": "a"}, "0123456789abcdef", "0.1.0", "2021-01-01T00:00:00.000Z")


def open_journal(folder: Path, header: Header = HEADER) -> Journal:
    """Open and close it; its checkpoint stays."""
    with Journal.open(folder, header) as journal:
        return journal


def commit(journal: Journal, seq: int, **changes: Any) -> Entry:
    """A page with its part, as the page loop commits one."""
    with Part(journal.folder, journal.checkpoint.pages + 1) as part:
        part.write(b"page %d" % seq)
        stored = part.store()
    values = {"part": stored.name, "stored_bytes": stored.stored_bytes, "sha256": stored.sha256}
    committed = entry(seq, **{**values, **changes})
    journal.append(committed)
    return committed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A partition of three pages that is not done."""
    with Journal.open(tmp_path, HEADER) as journal:
        for seq in (1, 2, 3):
            commit(journal, seq)
    return tmp_path


def refused(folder: Path, message: str, header: Header = HEADER) -> None:
    """Opening is refused with this message (a regular expression), and nothing has changed."""
    before = stamps(folder)
    with pytest.raises(DataRefused, match=message) as caught:
        open_journal(folder, header)
    assert caught.value.exit_code == 5
    assert stamps(folder) == before


# --- Lines ---------------------------------------------------------------------------------------


def test_a_line_is_as_documented() -> None:
    """One JSON object, keys in a fixed order, the CRC last, the reason only where there is one."""
    line = encode(entry(1, cursor="ä", part=part_name(1)))
    assert line.endswith(b"\n")
    assert "ä".encode() in line
    assert list(json.loads(line)) == [
        "seq",
        "part",
        "request",
        "cursor",
        "next",
        "done",
        "status",
        "records",
        "bytes",
        "stored_bytes",
        "sha256",
        "fetched_at",
        "elapsed_s",
        "attempts",
        "response",
        "fields",
        "crc32",
    ]
    assert json.loads(encode(entry(1, done=True, reason="last_page")))["reason"] == "last_page"
    assert list(json.loads(encode(HEADER))) == [
        "format", "resource", "partition", "fingerprint", "harvester", "created_at", "crc32",
    ]  # fmt: skip


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_cursors_come_back_exactly(tmp_path_factory: pytest.TempPathFactory, cursor: Any) -> None:
    """Any JSON value, with any text in it."""
    folder = tmp_path_factory.mktemp("journal")
    with Journal.open(folder, HEADER, fsync=False) as journal:
        journal.append(entry(1, next=cursor))
    assert read_checkpoint(folder).next == cursor


# --- A journal and its checkpoint ----------------------------------------------------------------


def test_a_new_journal(tmp_path: Path) -> None:
    """Its first line says whose it is; there is nothing to go on from."""
    journal = open_journal(tmp_path)
    assert journal.checkpoint == Checkpoint()
    assert read_header(tmp_path) == HEADER
    assert list(read_entries(tmp_path)) == []


def test_nothing_there() -> None:
    """Readers take a partition that has not begun for what it is."""
    folder = Path("/nowhere/items")
    assert read_header(folder) is None
    assert list(read_entries(folder)) == []
    assert read_checkpoint(folder) == Checkpoint()


def test_a_journal_goes_on(folder: Path) -> None:
    """What is read back is what was appended, and the checkpoint sums it up."""
    seen: list[Entry] = []
    with Journal.open(folder, HEADER, on_entry=seen.append) as journal:
        assert journal.checkpoint.next == "4"
        assert (journal.checkpoint.seq, journal.checkpoint.pages) == (3, 3)
        last = commit(journal, 4, done=True, reason="no_next_cursor", next=None)
        assert journal.checkpoint.done
    assert list(read_entries(folder)) == [*seen, last.but(safe=4)]
    assert [line.safe for line in seen] == [1, 2, 3]
    checkpoint = read_checkpoint(folder)
    assert checkpoint == open_journal(folder).checkpoint
    assert checkpoint.records == 12
    assert checkpoint.reason == "no_next_cursor"
    assert checkpoint.stored_bytes == 4 * len(b"page 1")


def test_a_partition_without_a_page(tmp_path: Path) -> None:
    """A 404 that a rule ignores has a line and no part."""
    with Journal.open(tmp_path, HEADER) as journal:
        journal.append(entry(1, part=None, status=404, done=True, reason="ignored", records=0))
    checkpoint = open_journal(tmp_path).checkpoint
    assert (checkpoint.done, checkpoint.pages, checkpoint.seq) == (True, 0, 1)


# --- Recovery ------------------------------------------------------------------------------------


def test_cut_at_every_byte_of_its_last_line(folder: Path) -> None:
    """The line is gone, its part with it; the page before is where it goes on from."""
    path = folder / JOURNAL
    whole = path.read_bytes()
    start = whole.rindex(b"\n", 0, -1) + 1
    for end in range(start, len(whole)):
        path.write_bytes(whole[:end])
        (folder / part_name(3)).write_bytes(b"page 3")
        journal = open_journal(folder)
        assert path.read_bytes() == whole[:start], end
        assert journal.checkpoint.pages == 2
        assert not (folder / part_name(3)).exists()


def test_cut_at_every_byte_of_its_first_line(tmp_path: Path) -> None:
    """The first run was killed at once; the next writes the line anew."""
    path = tmp_path / JOURNAL
    whole = encode(HEADER)
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        assert open_journal(tmp_path).checkpoint == Checkpoint()
        assert path.read_bytes() == whole


@pytest.mark.parametrize("tail", [b"\0", b"\0" * 5000, b"\0" * 200 + b"\n", b'{"seq":4\0\0\0'])
def test_nul_tail(folder: Path, tail: bytes) -> None:
    """What a file system may put where data was to come when the power went."""
    path = folder / JOURNAL
    whole = path.read_bytes()
    path.write_bytes(whole + tail)
    assert read_checkpoint(folder).pages == 3  # readers pass over it
    assert open_journal(folder).checkpoint.pages == 3
    assert path.read_bytes() == whole


def test_what_was_appended_after_a_repair_is_read(folder: Path) -> None:
    """The torn line is cut off, not written behind."""
    with (folder / JOURNAL).open("ab") as file:
        file.write(b'{"seq":4,"part"')
    with Journal.open(folder, HEADER) as journal:
        commit(journal, 4)
    assert [read.seq for read in read_entries(folder)] == [1, 2, 3, 4]


def test_leftovers_are_removed(folder: Path) -> None:
    """Temporary files, and the one part at the next number; other files are not ours."""
    (folder / f"{part_name(4)}.tmp").touch()
    (folder / f"{part_name(2)}.tmp").touch()
    (folder / part_name(4)).touch()
    (folder / "notes.txt").touch()
    (folder / "notes.tmp").touch()
    open_journal(folder)
    parts = [part_name(number) for number in (1, 2, 3)]
    assert sorted(file.name for file in folder.iterdir()) == sorted(
        [JOURNAL, "notes.tmp", "notes.txt", *parts]
    )


def test_opening_changes_nothing_that_is_whole(folder: Path) -> None:
    """Neither an unfinished partition nor a finished one."""
    before = stamps(folder)
    open_journal(folder)
    assert stamps(folder) == before
    with Journal.open(folder, HEADER) as journal:
        commit(journal, 4, done=True, reason="no_next_cursor", next=None)
    before = stamps(folder)
    open_journal(folder)
    assert stamps(folder) == before


# --- Refusals: each leaves every file as it was --------------------------------------------------


def test_every_byte_flipped_but_those_of_the_last_line(folder: Path) -> None:
    """Whatever the flip makes of it: another letter, a line break, a NUL."""
    path = folder / JOURNAL
    whole = path.read_bytes()
    last = whole.rindex(b"\n", 0, -1) + 1
    for place in range(0, last, 5):
        for byte in {whole[place] ^ 0x01, 0x0A, 0x00} - {whole[place]}:
            path.write_bytes(whole[:place] + bytes([byte]) + whole[place + 1 :])
            before = stamps(folder)
            with pytest.raises(DataRefused):
                open_journal(folder)
            assert stamps(folder) == before


def test_a_flipped_byte_stops_readers(folder: Path) -> None:
    """What stands behind a damaged line is not passed over in silence."""
    path = folder / JOURNAL
    whole = bytearray(path.read_bytes())
    whole[whole.index(b"part-000002")] ^= 0x01
    path.write_bytes(whole)
    with pytest.raises(DataRefused, match=r"journal\.jsonl:3: this line is damaged"):
        read_checkpoint(folder)


def test_a_byte_flipped_in_the_last_line(folder: Path) -> None:
    """Its newline is there, so it was no torn write: refused, with the line's number."""
    path = folder / JOURNAL
    path.write_bytes(path.read_bytes()[:-3] + b"x\n")
    refused(folder, r"journal\.jsonl:4: this line is damaged")


def test_a_line_taken_out(folder: Path) -> None:
    """Every line is sound, but one is missing."""
    lines = (folder / JOURNAL).read_bytes().splitlines(keepends=True)
    (folder / JOURNAL).write_bytes(b"".join([*lines[:2], lines[3]]))
    refused(folder, r"journal\.jsonl:3: page 3 stands where 2 belongs")


def test_journal_gone(folder: Path) -> None:
    """Parts without a journal say nothing about cursors."""
    (folder / JOURNAL).unlink()
    refused(folder, "a part without its journal")


@pytest.mark.parametrize("left", [b"", b"\0" * 100, b'{"format":1,"reso'])
def test_journal_emptied(folder: Path, left: bytes) -> None:
    """Its first line is no leftover of a crash when there are parts; what is left of it stays."""
    (folder / JOURNAL).write_bytes(left)
    refused(folder, "a part without its journal")


def test_journal_cut_by_several_lines(folder: Path) -> None:
    """A restored copy that is too short: the torn line is not cut off either."""
    path = folder / JOURNAL
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0] + b'{"seq":1,"pa')
    refused(folder, r"part-00000[23]\.json\.gz: this part is not in the journal")


def test_part_missing(folder: Path) -> None:
    """It is named."""
    (folder / part_name(2)).unlink()
    refused(folder, r"part-000002\.json\.gz: this part is in the journal, but not on disk")


@pytest.mark.parametrize("content", [b"page", b"page 2 and more", b""])
def test_part_of_another_size(folder: Path, content: bytes) -> None:
    """Shorter or longer; both sizes are given."""
    (folder / part_name(2)).write_bytes(content)
    refused(folder, rf"part-000002\.json\.gz: {len(content)} bytes on disk, 6 in the journal")


def test_part_beyond_the_next(folder: Path) -> None:
    """No crash leaves it; the leftovers beside it stay, too."""
    (folder / part_name(4)).touch()
    (folder / part_name(5)).touch()
    (folder / f"{part_name(6)}.tmp").touch()
    refused(folder, r"part-000005\.json\.gz: this part is not in the journal, which ends at")


def test_part_behind_the_last(folder: Path) -> None:
    """A partition that is done was never asked for another page."""
    with Journal.open(folder, HEADER) as journal:
        journal.append(entry(4, done=True, reason="ignored"))
    (folder / part_name(4)).touch()
    refused(folder, r"part-000004\.json\.gz: this part is not in the journal")


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (Header("items", {"shard": "b"}, HEADER.fingerprint, "", ""), "belongs to items"),
        (Header("users", {"shard": "a"}, HEADER.fingerprint, "", ""), "not to users"),
        (Header("items", {"shard": "a"}, "fedcba9876543210", "", ""), "asked for in another way"),
    ],
)
def test_another_partition_or_question(folder: Path, header: Header, message: str) -> None:
    """A folder that was moved or renamed, a query that changed."""
    refused(folder, message, header)


def test_another_format(tmp_path: Path) -> None:
    """A journal of a version to come."""
    (tmp_path / JOURNAL).write_bytes(encode(Header("items", {}, "", "9.0", "", format=2)))
    refused(tmp_path, "journal format 2 is not known")


def test_another_version_runs_on(folder: Path) -> None:
    """The version and the time of the first line are notes, not conditions."""
    later = Header("items", {"shard": "a"}, HEADER.fingerprint, "0.2.0", "2022-01-01T00:00:00Z")
    assert open_journal(folder, later).checkpoint.pages == 3


# --- Beside a run --------------------------------------------------------------------------------


def test_a_reader_beside_a_run(folder: Path) -> None:
    """A line that is being written is not there yet, even if more comes while it is read."""
    path = folder / JOURNAL
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    entries = read_entries(folder)
    read = [next(entries), next(entries)]
    with path.open("ab") as file:
        file.write(whole[-20:])
    read += list(entries)
    assert [found.seq for found in read] in ([1, 2], [1, 2, 3])


def test_descriptors_are_not_left_open(folder: Path) -> None:
    """Neither by a run nor by a refusal."""
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - no path is wanted
    open_journal(folder)
    (folder / part_name(1)).unlink()
    refused(folder, "not on disk")
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


@pytest.mark.parametrize(
    "change",
    [
        {"seq": "3"},
        {"records": None},
        {"stored_bytes": 1.5},
        {"unknown": 1},
        {"done": 0},
    ],
)
def test_a_line_that_says_no_page(folder: Path, change: dict[str, Any]) -> None:
    """Its check is right, but not what it says: another program wrote it, or a later version."""
    path = folder / JOURNAL
    *before, last = path.read_bytes().splitlines(keepends=True)
    value = {**json.loads(last), **change}
    del value["crc32"]
    text = json.dumps(value, separators=(",", ":")).encode()[:-1]
    path.write_bytes(b"".join(before) + b'%b,"crc32":"%08x"}\n' % (text, zlib.crc32(text)))
    refused(folder, r"journal\.jsonl:4: not the line of a page: ")
