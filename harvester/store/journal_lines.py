"""Lines of a partition's journal, read in order.

Readers *must* start from the journal, never from a listing. A reader may be at work while a run
appends, and on what a kill or a power cut has left: what nobody may believe counts as not there,
and changes nothing; any other damage is refused.

What a line says is in `entries`, which lines count in `counting`.
"""

import contextlib
import json
import os
from collections import deque
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

from harvester import __version__
from harvester.errors import DataRefused
from harvester.store.checkpoint import Checkpoint
from harvester.store.counting import Span, checkpoint_of, counting_pages, entries_in, span_of
from harvester.store.entries import (
    FORMAT,
    MOST_UNSAFE,
    Entry,
    Header,
    is_mark,
    parsed,
    safe_in,
    sound,
)
from harvester.store.in_flight import read_mark
from harvester.store.inside import opened, reading
from harvester.store.parts import disk_errors, part_name, part_number
from harvester.store.recovery import may_be_lost

JOURNAL: Final = "journal.jsonl"
_BEGINS_AGAIN: Final = b'"reason":"restarted"'
_REDONE: Final = b'"reason":"redo"'
_BEGINS: Final = b'{"format":%d,' % FORMAT
_TAIL_BYTES: Final = 64 * 1024
_BLOCK_BYTES: Final = 64 * 1024
#: The links that most file systems count of a folder without folders; others count none.
_NO_FOLDERS: Final = 2


def sound_lines(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """The sound lines: number, byte offset behind the line, JSON.

    Ends before a torn last one, and before one that a power cut may have left, raises `DataRefused`
    for any other damage. Torn is what an interrupted append leaves: a last line without its
    newline, or with the NUL bytes that a file system may put where data was to come. What has no
    newline is last, even if a run beside this reader has appended since.
    """
    end = seq = 0
    with disk_errors(path), reading(path, _BLOCK_BYTES) as file:
        for number, line in enumerate(file, 1):
            text = sound(line)
            if text is None:
                if number == 1:
                    refuse_later_format(path, line)
                if not line.endswith(b"\n") or (b"\0" in line and not _more(file)):
                    return
                if number > 1 and may_be_lost(path, seq + 1, line):
                    return
                raise unfit(path.parent, f"{path}:{number}: this line is damaged")
            end += len(line)
            seq += number > 1 and not is_mark(text)
            yield number, end, text


def unfit(folder: Path, message: str) -> DataRefused:
    """The refusal of what does not fit, with what can be done about it."""
    return DataRefused(
        f"{message}; `harvester repair` gets it again where the API still gives it, or move "
        f"{folder} away, and the next run harvests the partition again"
    )


def _more(file: Any) -> bool:
    """Whether anything but NUL bytes follows."""
    return any(block.strip(b"\0\n") for block in iter(lambda: file.read(65536), b""))


def read_header(folder: Path) -> Header | None:
    """The header of the partition in `folder`; None where no harvest has begun."""
    path = folder / JOURNAL
    if not os.path.lexists(path):
        return None
    first = next(sound_lines(path), None)
    return header_in(path, first[2]) if first else None


def read_lines(folder: Path) -> Iterator[Header | Entry]:
    """The header of the partition in `folder`, then its committed pages, in order; reads only.

    Safe beside a run that appends. Raises `DataRefused` when the journal is damaged, `DiskError`
    when it cannot be read.
    """
    path = folder / JOURNAL
    if not os.path.lexists(path):
        return
    pages = seq = 0
    for number, _, text in sound_lines(path):
        if number == 1:
            yield header_in(path, text)
            continue
        if is_mark(text):
            continue
        seq += 1
        entry = entry_in(path, number, text, seq)
        if entry.part is not None:
            pages += 1
            check_name(path, number, entry.part, pages)
        yield entry


def read_entries(folder: Path) -> Iterator[Entry]:
    """The committed pages of the partition in `folder`, in order; raises as `read_lines` does."""
    return entries_in(read_lines(folder))


def read_pages(folder: Path) -> Iterator[Entry]:
    """The pages of the partition in `folder` that count, in order: none that is superseded.

    While a generation is being harvested again, these are the pages of the one before it.
    Reads only; raises as `read_lines` does.
    """
    return counting_pages(partial(read_entries, folder), span(folder))


def span(folder: Path) -> Span:
    """The lines of the partition in `folder` that count."""
    # Parsing every line twice is only worth it where one begins again.
    return span_of(read_entries(folder)) if begins_again(folder) else Span()


def begins_again(folder: Path) -> bool:
    """Whether a line of the journal in `folder` may begin the chain of cursors again. Looks for
    what such a line has in it, and parses none.
    """
    path = folder / JOURNAL
    if not os.path.lexists(path):
        return False
    with disk_errors(path), reading(path) as lines:
        return any(_BEGINS_AGAIN in line or _REDONE in line for line in lines)


def has_generation(folder: Path) -> bool:
    """Whether a generation of the partition in `folder` has its last page: the newest, or one that
    is being harvested again.
    """
    if is_done(folder):
        return True
    return begins_again(folder) and any(entry.done for entry in read_entries(folder))


def read_checkpoint(folder: Path) -> Checkpoint:
    """Where the partition in `folder` stands."""
    return checkpoint_of(read_entries(folder))


def last_part(folder: Path) -> int:
    """The number of the last part that may lie in `folder`: of the last line, or of a page that a
    run is just keeping, or that a kill or a power cut has left without its line.
    """
    path = folder / JOURNAL
    mark = read_mark(folder)  # before the journal: gone, its lines are there
    claimed, at = 0, Checkpoint()
    for number, _, text in sound_lines(path):
        if number == 1:
            continue
        safe = safe_in(text)
        if not is_mark(text):
            at.add(entry_in(path, number, text, at.seq + 1))
        claimed = max(claimed, at.seq if safe is None else safe)
    if at.done:
        return at.pages
    return at.pages + (mark if claimed == at.seq else MOST_UNSAFE)


def is_done(folder: Path) -> bool:
    """Whether the partition in `folder` has its last page; reads only the journal's end."""
    last = read_last(folder)
    return last is not None and last.done


def read_last(folder: Path) -> Entry | None:
    """The last line of the partition in `folder`; reads only the journal's end. None: no page."""
    path = folder / JOURNAL
    if not os.path.lexists(path):
        return None
    with disk_errors(path), reading(path) as file:
        known = file.read(len(_BEGINS)) == _BEGINS
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
        lines = file.read().rstrip(b"\0").splitlines(keepends=True)
    text = sound(lines.pop()) if lines else None
    while lines and text is not None and is_mark(text):
        text = sound(lines.pop())
    # Torn, longer than the tail, or of another format: the whole journal knows, or is refused.
    if text is not None and known:
        with contextlib.suppress(ValueError):  # the header, or what the whole journal refuses
            return parsed(text)
    found = deque(read_entries(folder), maxlen=1)
    return found[0] if found else None


def header_in(path: Path, text: bytes) -> Header:
    """What the first line says; raises `DataRefused`."""
    refuse_later_format(path, text)
    try:
        value = dict(json.loads(text))
        header = Header(**value)
        dict(header.partition)
    except (TypeError, ValueError, RecursionError) as error:
        raise unfit(path.parent, f"{path}:1: not a journal's first line: {error}") from error
    return header


def refuse_later_format(path: Path, line: bytes) -> None:
    """Refuse a journal that another version wrote in a way that this one does not know, whatever
    else of it this version might understand.
    """
    with contextlib.suppress(TypeError, ValueError, RecursionError):
        value = dict(json.loads(line)).get("format", FORMAT)
        if value != FORMAT:
            raise DataRefused(
                f"{path}: journal format {str(value)[:20]} is not known to this version "
                f"({__version__}), so nothing was read or changed; use the version that wrote it, "
                "or a later one"
            )


def refuse_later_formats(out: Path) -> None:
    """Refuse a harvest of which any journal is of another format, before anything is written."""
    places = [str(out)]
    while places:
        place = places.pop()
        _refuse_later_in(place)
        with contextlib.suppress(OSError):
            if os.lstat(place).st_nlink == _NO_FOLDERS:
                continue
            with os.scandir(place) as listing:
                places += [
                    item.path
                    for item in listing
                    if item.is_dir(follow_symlinks=False) and not item.name.startswith(".")
                ]


def _refuse_later_in(place: str) -> None:
    line = b""
    with contextlib.suppress(DataRefused, OSError):
        descriptor = opened(f"{place}/{JOURNAL}")
        try:
            line = os.read(descriptor, len(_BEGINS))
            if line == _BEGINS:
                return
            line += os.read(descriptor, _TAIL_BYTES).partition(b"\n")[0]
        finally:
            os.close(descriptor)
    if line:
        refuse_later_format(Path(place) / JOURNAL, line)


def check_name(path: Path, number: int, name: str, page: int) -> None:
    """Refuse a line that names anything but the part of its own page: no reader may be led to
    another file, in this folder or elsewhere.
    """
    if part_number(name) != page:
        raise unfit(
            path.parent, f"{path}:{number}: {name[:80]!r} stands where {part_name(page)} belongs"
        )


def entry_in(path: Path, number: int, text: bytes, seq: int) -> Entry:
    """What line `number` says of page `seq`; raises `DataRefused`."""
    try:
        entry = parsed(text)
    except ValueError as error:
        raise unfit(path.parent, f"{path}:{number}: {error}") from error
    if entry.seq != seq:
        message = f"{path}:{number}: page {entry.seq} stands where {seq} belongs"
        raise unfit(path.parent, message)
    return entry
