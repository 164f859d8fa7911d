"""The tail: pages that are kept and not yet safe, how long it may be, what a power cut leaves."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harvester.errors import DataRefused, DiskError
from harvester.store import LocalStore
from harvester.store.entries import (
    MOST_UNSAFE,
    Entry,
    Header,
    encode,
    encode_mark,
    is_mark,
    safe_in,
    sound,
)
from harvester.store.journal import Journal
from harvester.store.journal_lines import JOURNAL, is_done, last_part, read_checkpoint, read_entries
from harvester.store.parts import Part, part_name
from harvester.store.syncing import Bounds, Kept, Syncing
from tests.support import entry, stamps

HEADER = Header("items", {}, "f00d", "1.0", "2021-01-01T00:00:00.000Z")


@pytest.fixture
def syncing() -> Iterator[Syncing]:
    """One whose groups only begin when somebody waits for them."""
    made = Syncing(Bounds(seconds=3600))
    yield made
    made.close()


def keep(journal: Journal, *, done: bool = False, at_once: bool = False) -> None:
    """Commit the next page."""
    seq = journal.checkpoint.seq + 1
    with journal.part(journal.checkpoint.pages + 1) as part:
        part.write(b"page %d" % seq)
        part.hand_over()
    stored = part.described()
    line = entry(
        seq, part=stored.name, stored_bytes=stored.stored_bytes, sha256=stored.sha256, done=done
    )
    journal.commit(line, part, at_once=at_once)


def killed(folder: Path, syncing: Syncing, pages: int, safe: int = 1) -> Path:
    """A partition as a kill leaves it: `pages` are kept, of which a line says `safe` are safe."""
    journal = Journal.open(folder, HEADER, syncing=syncing)
    for number in range(1, pages + 1):
        keep(journal)
        if number == safe:
            syncing.settle(journal)
    os.close(journal._descriptor)
    return folder


def opened(folder: Path) -> tuple[int, int]:
    """How many pages count when it is opened, and how many were lost."""
    with Journal.open(folder, HEADER) as journal:
        return journal.checkpoint.pages, journal.lost


# --- Lines ---------------------------------------------------------------------------------------


def test_lines_that_say_what_is_safe() -> None:
    """In the line of a page it is the last key but the check; alone, it is all there is."""
    line = encode(entry(7), 5)
    assert b'"safe":5,"crc32":' in line
    text = sound(line)
    assert text
    assert (safe_in(text), is_mark(text)) == (5, False)
    mark = sound(encode_mark(7))
    assert mark == b'{"safe":7}'
    assert (safe_in(mark), is_mark(mark)) == (7, True)
    for fields in ({"safe": 3}, {"x": [{"safe": 3}]}):  # no page can say so
        text = sound(encode(entry(7, fields=fields)))
        assert text
        assert safe_in(text) is None


def test_row_41_a_line_says_what_is_safe_by_then(tmp_path: Path, syncing: Syncing) -> None:
    """The first page is safe before the second is kept; then nothing is until it was synced; the
    last line and a closed journal say that all is.
    """
    with Journal.open(tmp_path, HEADER, syncing=syncing) as journal:
        for _ in range(5):
            keep(journal)
        syncing.settle(journal)
        keep(journal)
        safe = [line.safe or 0 for line in read_entries(tmp_path)]
        assert (safe[:2], safe[5]) == ([0, 1], 5)
        assert safe == sorted(safe)  # a group may begin with one page or with two
        assert max(safe[:5]) <= 2
    assert (tmp_path / JOURNAL).read_bytes().endswith(encode_mark(6))
    with Journal.open(tmp_path, HEADER, syncing=syncing) as journal:
        keep(journal)
        keep(journal, done=True, at_once=True)
    assert [line.safe for line in read_entries(tmp_path)][5:] == [5, 6, 8]
    assert is_done(tmp_path)
    assert not (tmp_path / JOURNAL).read_bytes().endswith(encode_mark(8))


def test_done_behind_a_line_that_says_only_what_is_safe(tmp_path: Path, syncing: Syncing) -> None:
    """Whoever looks at the end of the journal only looks behind it."""
    with Journal.open(tmp_path, HEADER, syncing=syncing) as journal:
        keep(journal, done=True)
    lines = (tmp_path / JOURNAL).read_bytes().splitlines()
    assert lines[-1].startswith(b'{"safe":1,')
    assert is_done(tmp_path)


def test_opening_and_closing_adds_nothing(tmp_path: Path, syncing: Syncing) -> None:
    """Where all was safe."""
    with Journal.open(tmp_path, HEADER, syncing=syncing) as journal:
        keep(journal)
    before = stamps(tmp_path)
    with Journal.open(tmp_path, HEADER, syncing=syncing):
        pass
    assert stamps(tmp_path) == before


# --- Power cuts ----------------------------------------------------------------------------------


def spoilt(path: Path, how: str) -> None:
    """A part as a power cut may leave it."""
    whole = path.read_bytes()
    match how:
        case "gone":
            path.unlink()
        case "empty":
            path.write_bytes(b"")
        case "short":
            path.write_bytes(whole[:3])
        case "zeros":
            path.write_bytes(bytes(len(whole)))
        case "other":
            path.write_bytes(whole[:-1] + b"x")


@pytest.mark.parametrize("how", ["gone", "empty", "short", "zeros", "other"])
@pytest.mark.parametrize("page", [4, 5, 8])
def test_row_41_a_tail_with_one_page_spoilt(
    tmp_path: Path, syncing: Syncing, page: int, how: str
) -> None:
    """The journal is cut there; the pages before it count, those behind it are asked for again."""
    killed(tmp_path, syncing, 8, safe=2)
    spoilt(tmp_path / part_name(page), how)
    assert opened(tmp_path) == (page - 1, 9 - page)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        JOURNAL, *map(part_name, range(1, page)),
    ]  # fmt: skip
    assert read_checkpoint(tmp_path).pages == page - 1
    assert opened(tmp_path) == (page - 1, 0)


@pytest.mark.parametrize("how", ["gone", "empty", "short"])
@pytest.mark.parametrize("page", [1, 2])
def test_row_41_below_the_mark_it_is_damage(
    tmp_path: Path, syncing: Syncing, page: int, how: str
) -> None:
    """Refused as ever, whatever else may be lost; nothing is changed."""
    killed(tmp_path, syncing, 8, safe=2)
    spoilt(tmp_path / part_name(page), how)
    spoilt(tmp_path / part_name(6), "empty")
    before = stamps(tmp_path)
    with pytest.raises(DataRefused, match=f"part-00000{page}"):
        opened(tmp_path)
    assert stamps(tmp_path) == before


@pytest.mark.parametrize("how", ["zeros", "flipped", "torn", "joined"])
@pytest.mark.parametrize("seq", range(1, 9))
def test_row_41_a_line_spoilt(tmp_path: Path, syncing: Syncing, seq: int, how: str) -> None:
    """Above what a sound line calls safe, a cut; below, damage."""
    killed(tmp_path, syncing, 8, safe=4)
    path = tmp_path / JOURNAL
    lines = path.read_bytes().splitlines(keepends=True)
    line = lines[seq]
    match how:
        case "zeros":
            lines[seq] = bytes(len(line))
        case "flipped":
            lines[seq] = line.replace(b'"records":3', b'"records":7')
        case "torn":
            lines[seq:] = [line[:20]]
        case "joined":
            lines[seq] = line[:20] + bytes(len(line) - 20)
    path.write_bytes(b"".join(lines))
    before = stamps(tmp_path)
    if seq == 1 and how == "torn":  # it was safe before another part had its name
        with pytest.raises(DataRefused, match="this part is not in the journal"):
            opened(tmp_path)
    elif seq > 4 or how == "torn":
        assert read_checkpoint(tmp_path).pages == seq - 1
        assert stamps(tmp_path) == before
        pages, lost = opened(tmp_path)
        assert pages == seq - 1
        assert lost == (9 - seq if seq < 8 or how == "flipped" else 0)
        assert len([*tmp_path.glob("part-*")]) == seq - 1
    else:
        for look in (opened, read_checkpoint):
            with pytest.raises(DataRefused, match=rf"journal\.jsonl:{seq + 1}: this line is dam"):
                look(tmp_path)
        assert stamps(tmp_path) == before


def test_row_41_lines_gone_and_parts_there(tmp_path: Path, syncing: Syncing) -> None:
    """The names were on the disk already, the lines were not; where all was said to be safe, no
    power cut leaves that, and it is refused.
    """
    killed(tmp_path, syncing, 8, safe=2)
    lines = (tmp_path / JOURNAL).read_bytes().splitlines(keepends=True)
    (tmp_path / JOURNAL).write_bytes(b"".join(lines[:4]) + encode_mark(3))
    with pytest.raises(DataRefused, match="this part is not in the journal"):
        opened(tmp_path)
    (tmp_path / JOURNAL).write_bytes(b"".join(lines[:4]))
    assert opened(tmp_path) == (3, 5)


def test_row_41_more_than_a_run_leaves(tmp_path: Path, syncing: Syncing) -> None:
    """Parts far beyond, lines that never say what is safe, lines that are not there: refused."""
    killed(tmp_path, syncing, 3)
    far = tmp_path / part_name(4 + MOST_UNSAFE)
    far.touch()
    with pytest.raises(DataRefused, match="this part is not in the journal"):
        opened(tmp_path)
    far.unlink()
    path = tmp_path / JOURNAL
    lines = path.read_bytes()
    path.write_bytes(lines + encode_mark(9))
    with pytest.raises(DataRefused, match="says that line 9 is safe, but ends at 3"):
        opened(tmp_path)
    path.write_bytes(lines + b"".join(encode(entry(seq), 1) for seq in range(4, 80)))
    with pytest.raises(DataRefused, match="say nothing of what is safe"):
        opened(tmp_path)
    path.write_bytes(lines)
    assert opened(tmp_path) == (3, 0)


def test_row_41_what_is_kept_is_written_once_more(
    tmp_path: Path, syncing: Syncing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a sync failed the system shows what the disk does not have, and the next sync would
    say that all is well: so the next run writes the tail again before it calls it safe.
    """
    killed(tmp_path, syncing, 5, safe=2)
    content = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    written: list[str] = []
    pwrite = os.pwrite

    def noting(descriptor: int, data: bytes, offset: int) -> int:
        written.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        return pwrite(descriptor, data, offset)

    monkeypatch.setattr(os, "pwrite", noting)
    assert opened(tmp_path) == (5, 0)
    assert written == [*map(part_name, (3, 4, 5)), JOURNAL]
    content[JOURNAL] += encode_mark(5)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == content


def test_lines_from_before_there_were_numbers(tmp_path: Path) -> None:
    """A harvest made by an older version: each line was safe when it was written, so damage is
    refused, and it goes on.
    """
    path = tmp_path / JOURNAL
    lines = [encode(HEADER)]
    for seq in (1, 2, 3):
        with Part(tmp_path, seq) as part:
            part.write(b"page %d" % seq)
            stored = part.store()
        lines.append(encode(entry(seq, part=stored.name, stored_bytes=6, sha256=stored.sha256)))
    path.write_bytes(b"".join(lines))
    spoilt(tmp_path / part_name(3), "short")
    with pytest.raises(DataRefused, match="3 bytes on disk, 6 in the journal"):
        opened(tmp_path)
    (tmp_path / part_name(3)).write_bytes(b"page 3")
    path.write_bytes(b"".join(lines).replace(b'"seq":3', b'"seq":7'))
    with pytest.raises(DataRefused, match="this line is damaged"):
        opened(tmp_path)
    path.write_bytes(b"".join(lines))
    before = stamps(tmp_path)
    assert opened(tmp_path) == (3, 0)
    assert stamps(tmp_path) == before
    with Journal.open(tmp_path, HEADER) as journal:
        keep(journal)
    assert [line.safe for line in read_entries(tmp_path)] == [None, None, None, 4]


# --- Syncing -------------------------------------------------------------------------------------


class Lines:
    """A journal whose syncs can be held back, or fail."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.safe = 0
        self.go = threading.Event()
        self.go.set()
        self.error: OSError | None = None
        self.syncs = 0

    def sync_lines(self) -> None:
        """Wait, or fail."""
        self.syncs += 1
        assert self.go.wait(10)
        if self.error:
            raise self.error

    def sync_names(self) -> None:
        """Nothing to do."""

    def made_safe(self, seq: int) -> None:
        """Take note."""
        self.safe = seq


def add(syncing: Syncing, lines: Lines, seq: int, size: int = 1) -> None:
    """Keep a line."""
    syncing.reserve(size)
    syncing.add(Kept(lines, seq, None, size))


def blocked(act: Callable[[], None]) -> threading.Thread:
    """A thread that does not come to its end."""
    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    thread.join(0.2)
    assert thread.is_alive()
    return thread


def test_row_41_the_tail_is_bounded(tmp_path: Path) -> None:
    """By pages and bytes: who would go beyond them waits until what is there is safe."""
    for bounds, sizes in (
        (Bounds(pages=4, seconds=3600), (1, 1, 1, 1)),
        (Bounds(size=100, seconds=3600), (30, 60)),
    ):
        syncing, lines = Syncing(bounds), Lines(tmp_path)
        lines.go.clear()
        for seq, size in enumerate(sizes, 1):
            add(syncing, lines, seq, size)
        waiting = blocked(lambda each=syncing: each.reserve(20))  # type: ignore[misc]
        assert lines.safe == 0
        lines.go.set()
        waiting.join(10)
        assert not waiting.is_alive()
        assert lines.safe == len(sizes)
        syncing.close()


def test_row_41_the_tail_is_not_old(tmp_path: Path) -> None:
    """What was kept is synced within the time, though nothing follows; a disk that takes longer
    holds the next page back.
    """
    syncing, lines = Syncing(Bounds(seconds=0.2)), Lines(tmp_path)
    add(syncing, lines, 1)
    deadline = time.monotonic() + 10
    while lines.safe == 0 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert lines.safe == 1
    lines.go.clear()
    add(syncing, lines, 2)
    time.sleep(0.3)
    waiting = blocked(lambda: syncing.reserve(1))
    lines.go.set()
    waiting.join(10)
    assert lines.safe == 2
    syncing.close()


def test_a_page_larger_than_the_bound(tmp_path: Path, syncing: Syncing) -> None:
    """Is kept alone."""
    lines = Lines(tmp_path)
    add(syncing, lines, 1, 1 << 40)
    syncing.reserve(1)
    assert lines.safe == 1


def test_row_40_a_sync_that_fails(tmp_path: Path, syncing: Syncing) -> None:
    """Ends the run: nothing is called safe, nothing more is kept, and no sync is repeated."""
    lines, other = Lines(tmp_path), Lines(tmp_path)
    lines.error = OSError(5, "Input/output error")
    add(syncing, lines, 1)
    told = r"could not be forced to the disk \(Input/output error\)"
    with pytest.raises(DiskError, match=told):
        syncing.settle(lines)
    with pytest.raises(DiskError, match=told):
        syncing.reserve(1)
    syncing.settle(other)  # all of it is safe
    with pytest.raises(DiskError):
        add(syncing, other, 1)
    assert (lines.safe, lines.syncs) == (0, 1)


def test_no_thread_can_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As at a limit on processes: who keeps a page syncs it."""

    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    syncing, lines = Syncing(), Lines(tmp_path)
    for seq in (1, 2, 3):
        add(syncing, lines, seq)
        assert lines.safe == seq
    syncing.settle(lines)
    syncing.close()


def test_a_store_that_is_claimed_syncs_in_groups(tmp_path: Path) -> None:
    """And one that is not, or that is told not to, does not."""
    # The second waits for the first to be safe, the third for nobody: the disk may be quick.
    for fsync, expected in ((True, ([0, 1, 1], [0, 1, 2])), (False, ([1, 2, 3],))):
        store = LocalStore(tmp_path / str(fsync), fsync=fsync)
        with store.claim(), store.journal("items", HEADER) as journal:
            for _ in range(3):
                keep(journal)
        lines: list[Entry] = [*read_entries(tmp_path / str(fsync) / "items")]
        assert [line.safe for line in lines] in expected


def test_a_damaged_line_behind_what_is_all_safe_costs_one_page_at_most(tmp_path: Path) -> None:
    """A run keeps nothing behind its first page until that is safe; older runs kept one at a time.
    So what lies beyond that was lost in some other way, and is not removed.
    """
    lines = [
        encode(entry(number, part=part_name(number), stored_bytes=4)) for number in range(1, 3)
    ]
    for number in range(1, 5):
        (tmp_path / part_name(number)).write_bytes(b"page")
    (tmp_path / JOURNAL).write_bytes(encode(HEADER) + b"".join(lines) + b"\0" * 40 + b"}\n\0\0")
    assert last_part(tmp_path) == 3
    with pytest.raises(DataRefused, match=r"part-000004"):
        Journal.open(tmp_path, HEADER)
    assert (tmp_path / part_name(3)).exists()
    (tmp_path / part_name(4)).unlink()
    with Journal.open(tmp_path, HEADER) as opened:
        assert opened.checkpoint.pages == 2
    assert not (tmp_path / part_name(3)).exists()
