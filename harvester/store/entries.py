"""Lines of a journal: what each of them says, and how it is encoded.

Each line is one JSON object whose last key, `crc32`, is the CRC-32 of the line's bytes before it.
Whoever looks at a harvest of 100,000 pages reads 70 MB of them, each line checked: so a line's
tail is compared as a whole, isal computes the CRC in a quarter of zlib's time, and msgspec makes an
`Entry` of the rest in a microsecond (12 µs with `json` and a dataclass).
"""

import json
from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Any, Final

import msgspec
from isal import igzip, isal_zlib

from harvester.model import Doubt
from harvester.patterns import pattern
from harvester.values import dataclass

FORMAT: Final = 1
#: The reason of a line by which the chain of cursors begins again.
RESTARTED: Final = "restarted"
#: The field that says that the header was there which leads on, wherever it led.
LED: Final = "led"
#: The reason of a line by which the next generation begins (`harvester redo`).
REDONE: Final = "redo"
#: The reason of a line from which on another question is asked, accepted on purpose.
ACCEPTED: Final = "accepted"
#: The reason of the line of a partition that gave way to smaller ones: their labels stand in its
#: field `split`.
SPLIT: Final = "split"
#: The reason of a line that ends a partition at the API's cap, where the rest cannot be got.
CAPPED: Final = "capped"
#: The reason of a line that says that a job was made, and which; see `engine.jobs`.
JOB_MADE: Final = "job_made"
#: The reason of a line that says that a job is about to be asked for, and of one that none came of
#: it, by the answer. Where a run ends between them, there may be a job that nobody knows of.
JOB_ASKED: Final = "job_asked"
JOB_NOT_MADE: Final = "job_not_made"
#: The reason of a line that says that its result is ready.
JOB_READY: Final = "job_ready"
#: The reason of a line that ends a partition whose job has no data.
JOB_EMPTY: Final = "job_empty"
#: In a cursor, the value at which the list was begun anew that the page is of (`restart_after`).
LIST_FROM: Final = "restart_after"
_CHECK: Final = b',"crc32":"%08x"}\n'
_CHECK_BYTES: Final = len(_CHECK % 0)
#: How many lines of a run may be kept and not yet safe.
MOST_UNSAFE: Final = 64
_MARK: Final = b'{"safe":'
_SAFE: Final = pattern(rb'[,{]"safe":(\d{1,18})\}\Z')
_BLOCK_BYTES: Final = 1 << 20  # of lines that are unpacked at a time
_MOST_SAFE_BYTES: Final = len(b',"safe":}') + 18


@dataclass(frozen=True, slots=True)
class Header:
    """The first line: whose journal this is. `fingerprint` is of what shapes the requests."""

    resource: str
    partition: Mapping[str, str]
    fingerprint: str
    harvester: str
    created_at: str
    format: int = FORMAT


class Identity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Who the records of a page are; see `recognition`. `by` is the path of their key, `records`
    how many were looked at, `unkeyed` of them without one. The rest are hashes in Base64: of the
    `first` record, of all of the `page` in order, and those that changed the sample. `repeats` is
    whether a record stands twice in the page.
    """

    by: str
    records: int
    unkeyed: int = 0
    repeats: bool = False
    first: str
    page: str
    sample: str = ""


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """One committed page, or (`part` None) the word that a partition ended without one.

    A line with the reason `restarted` says that the chain of cursors begins again: `cursor` is the
    one that led no further, `next` that of the first page, `status` 0 where no answer said so. The
    pages before it stay on disk and no longer count: they are superseded. One with the reason
    `redo` begins the next generation: for who reads, the pages before it count until that one has
    its last page. One with the reason `accepted` says that from here on another question is asked,
    the one of the fingerprint in `request`; the chain goes on.

    `cursor` is what the page was asked for with, `next` what the next one will be; both concealed
    (`Secrets.conceal`). `bytes` counts decoded JSON, `stored_bytes` the part file. `attempts`
    are the tries that this page took, the last one included. `doubts` stand in the line that ends
    a partition, where anything speaks against its end. `control_characters` so many stand
    raw in the page's strings; the line says so where there are any. `safe` is the number of the
    line up to which no power cut loses anything, this line included; lines from before there were
    such numbers have none, and were written when all up to themselves was safe.
    """

    seq: int
    part: str | None
    request: Mapping[str, Any]
    cursor: Any
    next: Any
    done: bool
    reason: str | None = None
    status: int
    records: int
    bytes: int
    stored_bytes: int
    sha256: str | None
    fetched_at: str
    elapsed_s: float
    attempts: int
    response: Mapping[str, str] = {}
    fields: Mapping[str, Any] = {}
    doubts: tuple[Doubt, ...] = ()
    identity: Identity | None = None
    control_characters: int = 0
    safe: int | None = None

    def but(self, **changes: Any) -> "Entry":
        """The same line with other values."""
        return msgspec.structs.replace(self, **changes)

    @property
    def restarts(self) -> bool:
        """Whether the chain of cursors begins again here, and what was before is superseded."""
        return self.reason in (RESTARTED, REDONE) and not self.done

    def in_place_of(self, lost: "Entry") -> "Entry":
        """A copy that stands where `lost` stood in the chain."""
        return msgspec.structs.replace(
            self, seq=lost.seq, part=lost.part, next=lost.next, done=lost.done,
            reason=lost.reason, doubts=lost.doubts,
        )  # fmt: skip

    @property
    def accepts(self) -> str | None:
        """The fingerprint of the question that is asked from here on; None for any other line."""
        return (
            self.request.get("fingerprint") if self.reason == ACCEPTED and not self.done else None
        )

    def doubted(self, doubt: Doubt) -> "Entry":
        """The same line with a doubt more."""
        return msgspec.structs.replace(self, doubts=(*self.doubts, doubt))

    @property
    def split_into(self) -> tuple[str, ...]:
        """The labels of the smaller partitions that take this one's place; none for others."""
        if self.reason not in (SPLIT, RESTARTED):
            return ()
        labels = self.fields.get(SPLIT)
        return tuple(map(str, labels)) if isinstance(labels, list | tuple) else ()

    @property
    def is_of_job(self) -> bool:
        """Whether it says how the job of the partition stands, and the chain goes on."""
        return self.reason in (JOB_ASKED, JOB_NOT_MADE, JOB_MADE, JOB_READY) and not self.done

    @property
    def list_from(self) -> Any:
        """The value at which the list was begun anew that this page is of; None: the first list."""
        return self.cursor.get(LIST_FROM) if isinstance(self.cursor, dict) else None

    @property
    def starts_list(self) -> bool:
        """Whether the next page is the first of a list that is begun anew."""
        leads_to = self.next.get(LIST_FROM) if isinstance(self.next, dict) else None
        return leads_to is not None and leads_to != self.list_from

    @property
    def redoes(self) -> bool:
        """Whether the next generation begins here."""
        return self.reason == REDONE and not self.done


def encode(value: Header | Entry, safe: int | None = None) -> bytes:
    """The line of a header or an entry, with its newline; `safe` is the number that it carries."""
    if isinstance(value, Header):
        record = {
            "format": value.format,
            "resource": value.resource,
            "partition": dict(value.partition),
            "fingerprint": value.fingerprint,
            "harvester": value.harvester,
            "created_at": value.created_at,
        }
    else:
        record = msgspec.structs.asdict(value)
        if value.reason is None:
            del record["reason"]
        if value.doubts:
            record["doubts"] = [doubt.as_dict() for doubt in value.doubts]
        else:
            del record["doubts"]
        if not value.control_characters:
            del record["control_characters"]
        if value.identity is None:
            del record["identity"]
        else:
            record["identity"] = msgspec.to_builtins(value.identity)
        record["safe"] = value.safe if safe is None else safe
        if record["safe"] is None:
            del record["safe"]
    return _checked(json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()[:-1])


def encode_mark(safe: int) -> bytes:
    """A line that says only up to which line all is safe."""
    return _checked(b"%b%d" % (_MARK, safe))


def is_mark(text: bytes) -> bool:
    """Whether a sound line's JSON says only up to which line all is safe."""
    return text.startswith(_MARK)


def safe_in(text: bytes) -> int | None:
    """The number that a sound line's JSON carries; None where it is from before there were any."""
    found = _SAFE.search(text[-_MOST_SAFE_BYTES:])
    return int(found[1]) if found else None


def _checked(text: bytes) -> bytes:
    return text + _CHECK % isal_zlib.crc32(text)


def sound(line: bytes) -> bytes | None:
    """The JSON of a line without its check; None where the line is damaged or torn."""
    text = line[:-_CHECK_BYTES]
    if not line.endswith(_CHECK % isal_zlib.crc32(text)):
        return None
    return text + b"}"


#: isal's stubs declare the exception class as an instance.
_DAMAGED: Final[type[Exception]] = isal_zlib.error  # type: ignore[assignment]  # see above


def packed(text: bytes) -> bytes:
    """Lines, or nothing, as gzip; the same bytes whoever packs them."""
    return igzip.compress(text, 1, mtime=0)


def unpacked(data: bytes) -> bytes:
    """What was packed. Raises OSError, EOFError."""
    try:
        return bytes(igzip.decompress(data))  # type: ignore[no-untyped-call]  # no stubs
    except _DAMAGED as error:
        raise OSError(str(error)) from error


def unpacked_lines(data: bytes) -> Iterator[tuple[bytes, ...]]:
    """The lines that were packed, some at a time. Raises OSError, EOFError."""
    try:
        with igzip.IGzipFile(fileobj=BytesIO(data)) as file:  # type: ignore[no-untyped-call]  # no stubs
            while lines := file.readlines(_BLOCK_BYTES):
                yield tuple(lines)
    except _DAMAGED as error:
        raise OSError(str(error)) from error


def parsed(text: bytes) -> Entry:
    """The entry that a sound line's JSON says. Raises ValueError where it says none."""
    try:
        return _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"not the line of a page: {error}") from error


def header_of_text(text: bytes) -> Header:
    """The header that a sound line's JSON says, of whatever version. Raises ValueError, TypeError
    where it says none.
    """
    return Header(**_object(text))


_object = msgspec.json.Decoder(dict).decode
_decode = msgspec.json.Decoder(Entry).decode
