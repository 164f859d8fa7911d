"""The journal: one line per committed page, the only truth about a partition.

A page *must* be in its part, durable, before its line is appended; the line *must* be durable
before the next page may be committed. Readers *must* start from the journal, never from a
listing. What a crash can leave behind is then exactly: a torn last line, temporary files, and
one part at the next number. `Journal.open` first looks at everything, and refuses whatever else
does not fit, deleting nothing; only then does it remove these. A line that a killed run appended
may not be durable yet, so it *must* be made so before a page is fetched behind it.

Each line is one JSON object whose last key, `crc32`, is the CRC-32 of the line's bytes before it.
"""

import json
import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from harvester.errors import DataRefused
from harvester.parts import TEMPORARY, disk_errors, part_name, part_number, sync_folder

NAME: Final = "journal.jsonl"
FORMAT: Final = 1
#: The reason of a line by which the chain of cursors begins again.
RESTARTED: Final = "restarted"
_TAIL_BYTES: Final = 64 * 1024
_CRC: Final = b',"crc32":"'
_parse = json.JSONDecoder().raw_decode  # json.loads does much else, for each of 100,000 lines


@dataclass(frozen=True, slots=True)
class Header:
    """The first line: whose journal this is. `fingerprint` is of what shapes the requests."""

    resource: str
    partition: Mapping[str, str]
    fingerprint: str
    harvester: str
    created_at: str
    format: int = FORMAT


@dataclass(slots=True)  # not frozen: resuming makes 100,000 of them, and this is four times as fast
class Entry:
    """One committed page, or (`part` None) the word that a partition ended without one. Constant.

    A line with the reason `restarted` says that the chain of cursors begins again: `cursor` is the
    one that led no further, `next` that of the first page, `status` 0 where no answer said so. The
    pages before it stay on disk and no longer count: they are superseded.

    `cursor` is what the page was asked for with, `next` what the next one will be; both concealed
    (`Secrets.conceal`). `bytes` counts decoded JSON, `stored_bytes` the part file. `attempts`
    are the tries that this page took, the last one included.
    """

    seq: int
    part: str | None
    request: Mapping[str, Any]
    cursor: Any
    next: Any
    done: bool
    reason: str | None
    status: int
    records: int
    bytes: int
    stored_bytes: int
    sha256: str | None
    fetched_at: str
    elapsed_s: float
    attempts: int
    response: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def restarts(self) -> bool:
        """Whether the chain of cursors begins again here, and what was before is superseded."""
        return self.reason == RESTARTED and not self.done


@dataclass(slots=True)
class Checkpoint:
    """What the journal says when read: where the next page is, and totals so far.

    `pages` numbers the parts, `superseded_pages` of which no longer count; records and bytes are
    of those that do. `attempts` are all there were, `retries` those that came to nothing.
    """

    next: Any = None
    started: bool = False
    done: bool = False
    reason: str | None = None
    seq: int = 0
    pages: int = 0
    superseded_pages: int = 0
    records: int = 0
    bytes: int = 0
    stored_bytes: int = 0
    attempts: int = 0
    retries: int = 0
    first_total: Any = None

    @property
    def live_pages(self) -> int:
        """The pages that count: those of the chain of cursors that is being followed."""
        return self.pages - self.superseded_pages

    def after(self, entry: Entry) -> "Checkpoint":
        """The checkpoint that this line leads to."""
        following = replace(self)
        following.add(entry)
        return following

    def add(self, entry: Entry) -> None:
        """Move on by one line."""
        if entry.restarts:
            self.superseded_pages = self.pages
            self.records = self.bytes = self.stored_bytes = 0
            self.first_total = None
        self.next, self.started = entry.next, True
        self.done, self.reason = entry.done, entry.reason
        self.seq = entry.seq
        self.pages += entry.part is not None
        self.records += entry.records
        self.bytes += entry.bytes
        self.stored_bytes += entry.stored_bytes
        self.attempts += entry.attempts
        self.retries += max(0, entry.attempts - 1)
        if self.first_total is None:
            self.first_total = entry.fields.get("total")


def encode(value: Header | Entry) -> bytes:
    """The line of a header or an entry, with its newline."""
    record = asdict(value)
    if isinstance(value, Header):
        record = {"format": record.pop("format"), **record}
    elif record["reason"] is None:
        del record["reason"]
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()[:-1]
    return b'%b%b%08x"}\n' % (text, _CRC, zlib.crc32(text))


def _decode(line: bytes) -> dict[str, Any] | None:
    """The object of a line; None when the line is damaged."""
    text, mark, check = line.rpartition(_CRC)
    if not mark or check != b'%08x"}\n' % zlib.crc32(text):
        return None
    try:
        value = _parse(f"{text.decode()}}}")[0]
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


class _Line(NamedTuple):
    number: int
    end: int  # byte offset behind the line
    value: dict[str, Any]


def _lines(path: Path) -> Iterator[_Line]:
    """The sound lines; ends before a torn last one, raises `DataRefused` for any other damage.

    Torn is what an interrupted append leaves: a last line without its newline, or with the NUL
    bytes that a file system may put where data was to come. What has no newline is last, even if
    a run beside this reader has appended since.
    """
    end = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            value = _decode(line)
            if value is None:
                if not line.endswith(b"\n") or (b"\0" in line and not _more(file)):
                    return
                raise _unfit(path.parent, f"{path}:{number}: this line is damaged")
            end += len(line)
            yield _Line(number, end, value)


def _unfit(folder: Path, told: str) -> DataRefused:
    """The refusal of what does not fit, with what can be done about it."""
    return DataRefused(
        f"{told}; restore it from a copy, or move {folder} away, and the next run harvests the "
        "partition again"
    )


def _more(file: Any) -> bool:
    """Whether anything but NUL bytes follows."""
    return any(block.strip(b"\0\n") for block in iter(lambda: file.read(65536), b""))


def read_header(folder: Path) -> Header | None:
    """The header of the partition in `folder`; None where no harvest has begun."""
    path = folder / NAME
    try:
        first = next(_lines(path), None)
    except FileNotFoundError:
        return None
    return _header(path, first.value) if first else None


def read_entries(folder: Path) -> Iterator[Entry]:
    """The committed pages of the partition in `folder`, in order; reads only.

    Safe beside a run that appends. Raises `DataRefused` when the journal is damaged.
    """
    path = folder / NAME
    if not path.exists():
        return
    for line in _lines(path):
        if line.number > 1:
            yield _entry(path, line)


def read_pages(folder: Path) -> Iterator[Entry]:
    """The pages of the partition in `folder` that count, in order: none that is superseded.

    Reads only; raises as `read_entries` does.
    """
    began = _last_restart(folder)
    for entry in read_entries(folder):
        if entry.restarts and entry.seq > began:  # a run beside us, just now
            return
        if entry.part is not None and entry.seq > began:
            yield entry


def _last_restart(folder: Path) -> int:
    """The `seq` of the last line by which the chain began again; 0 where none did."""
    path = folder / NAME
    if not path.exists():
        return 0
    with path.open("rb") as lines:  # parsing every line twice is only worth it where there is one
        if not any(b'"reason":"restarted"' in line for line in lines):
            return 0
    return max((entry.seq for entry in read_entries(folder) if entry.restarts), default=0)


def read_checkpoint(folder: Path) -> Checkpoint:
    """Where the partition in `folder` stands."""
    checkpoint = Checkpoint()
    for entry in read_entries(folder):
        checkpoint.add(entry)
    return checkpoint


def is_done(folder: Path) -> bool:
    """Whether the partition in `folder` has its last page; reads only the journal's end."""
    try:
        with (folder / NAME).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            *_, last = b"", *file.read().rstrip(b"\0").splitlines(keepends=True)
    except FileNotFoundError:
        return False
    value = _decode(last)
    if value is None:  # torn, or longer than the tail: the whole journal knows
        return read_checkpoint(folder).done
    return value.get("done") is True


def _header(path: Path, value: dict[str, Any]) -> Header:
    if value.get("format") != FORMAT:
        raise DataRefused(
            f"{path}: journal format {value.get('format')!r} is not known to this version"
        )
    try:
        header = Header(**value)
        dict(header.partition)
    except (TypeError, ValueError) as error:
        raise _unfit(path.parent, f"{path}:1: not a journal's first line: {error}") from error
    return header


def _entry(path: Path, line: _Line) -> Entry:
    try:
        line.value.setdefault("reason")
        entry = Entry(**line.value)
    except TypeError as error:
        told = f"{path}:{line.number}: not the line of a page: {error}"
        raise _unfit(path.parent, told) from error
    counted = (entry.seq, entry.records, entry.bytes, entry.stored_bytes, entry.attempts)
    if {*map(type, counted)} != {int} or not isinstance(entry.fields, dict):
        raise _unfit(path.parent, f"{path}:{line.number}: not the line of a page")
    if entry.seq != line.number - 1:
        told = f"{path}:{line.number}: page {entry.seq} stands where {line.number - 1} belongs"
        raise _unfit(path.parent, told)
    return entry


class Journal:
    """The one writer of a partition's journal. Open it inside the lock of the whole folder."""

    def __init__(self, folder: Path, descriptor: int, *, fsync: bool) -> None:
        self.folder = folder
        self.checkpoint = Checkpoint()
        self._descriptor = descriptor
        self._fsync = fsync

    @classmethod
    def open(
        cls,
        folder: Path,
        header: Header,
        *,
        fsync: bool = True,
        on_entry: Callable[[Entry], None] = lambda entry: None,
    ) -> Self:
        """Open, recover and replay; `on_entry` sees each committed page.

        Raises `DataRefused` for damage, or when another fingerprint or partition wrote here.
        """
        path = folder / NAME
        with disk_errors(path):
            if not path.exists():
                _refuse_orphans(folder)
            flags = os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
            journal = cls(folder, os.open(path, flags, 0o666), fsync=fsync)
            try:
                end = journal._replay(header, on_entry)
                journal._recover(header, end, journal._leftovers())
            except BaseException:
                journal.close()
                raise
        return journal

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the file. Nothing is left to write."""
        os.close(self._descriptor)

    def append(self, entry: Entry) -> None:
        """The commit: once this returns, the page is part of the harvest."""
        self._write(encode(entry))
        self.checkpoint.add(entry)

    def _replay(self, header: Header, on_entry: Callable[[Entry], None]) -> int:
        """Read and check every sound line; the byte offset behind the last one."""
        path = self.folder / NAME
        end = 0
        for line in _lines(path):
            end = line.end
            if line.number == 1:
                self._check_header(_header(path, line.value), header)
                continue
            entry = _entry(path, line)
            self._check_part(path, line.number, entry)
            self.checkpoint.add(entry)
            on_entry(entry)
        if end == 0:
            _refuse_orphans(self.folder)
        return end

    def _recover(self, header: Header, end: int, leftovers: list[Path]) -> None:
        """Remove what an interrupted commit leaves, now that everything else is known to fit."""
        for leftover in leftovers:
            leftover.unlink()
        if os.fstat(self._descriptor).st_size > end:
            os.ftruncate(self._descriptor, end)
        if end == 0:
            self._write(encode(header))
        elif self._fsync and not self.checkpoint.done:
            os.fdatasync(self._descriptor)
        if self._fsync and (leftovers or end == 0):
            sync_folder(self.folder)

    def _check_header(self, found: Header, wanted: Header) -> None:
        if found.resource != wanted.resource or dict(found.partition) != dict(wanted.partition):
            raise DataRefused(
                f"{self.folder / NAME}: this folder belongs to {found.resource} "
                f"{dict(found.partition)}, not to {wanted.resource} {dict(wanted.partition)}"
            )
        if found.fingerprint != wanted.fingerprint:
            raise DataRefused(
                f"{self.folder / NAME}: these pages were asked for in another way (the query, "
                "paths or paginator changed since); put the YAML back, or use another --out"
            )

    def _check_part(self, path: Path, line: int, entry: Entry) -> None:
        if entry.part is None:
            return
        if entry.part != part_name(self.checkpoint.pages + 1):
            raise _unfit(self.folder, f"{path}:{line}: {entry.part} is out of order")
        part = f"{self.folder}/{entry.part}"
        try:
            size = os.stat(part).st_size  # noqa: PTH116  # building 100,000 paths takes a second
        except FileNotFoundError:
            told = f"{part}: this part is in the journal, but not on disk"
            raise _unfit(self.folder, told) from None
        if size != entry.stored_bytes:
            told = f"{part}: {size:,} bytes on disk, {entry.stored_bytes:,} in the journal"
            raise _unfit(self.folder, told)

    def _leftovers(self) -> list[Path]:
        """The files that an interrupted commit leaves; refuses any part beyond that."""
        leftovers = []
        last, done = self.checkpoint.pages, self.checkpoint.done
        with os.scandir(self.folder) as listing:
            for item in listing:
                name = item.name.removesuffix(TEMPORARY)
                number = part_number(name)
                if number is None:
                    continue
                # A partition that is done was not asked for another page: none can be left over.
                if name != item.name or (number == last + 1 and not done):
                    leftovers.append(Path(item.path))
                elif number > last:
                    ends = part_name(last) if last else "its first line"
                    told = f"{item.path}: this part is not in the journal, which ends at {ends}"
                    raise _unfit(self.folder, told)
        return leftovers

    def _write(self, line: bytes) -> None:
        with disk_errors(self.folder / NAME):
            view = memoryview(line)
            while view:
                view = view[os.write(self._descriptor, view) :]
            if self._fsync:
                os.fdatasync(self._descriptor)


def _refuse_orphans(folder: Path) -> None:
    with os.scandir(folder) as listing:
        for item in listing:
            if part_number(item.name) is not None:
                raise _unfit(folder, f"{item.path}: a part without its {NAME}")
