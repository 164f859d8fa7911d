"""Puts the lines of a journal behind a page, inside its part, and reads them back.

RFC 1952 lets each member of a gzip file have an extra field, which readers skip. The lines stand
in those of empty members behind the page: zcat, Python, pandas, pyarrow, DuckDB and Spark read the
page as if they were not there. DuckDB takes no gzip header above 32,768 bytes, so what is longer is
spread over several members.

The text of the lines never holds the byte 0x1f, so that a member's head is where that stands.
"""

import struct
from pathlib import Path
from typing import Final

from harvester.store.entries import packed
from harvester.store.held_bytes import SMALL_BYTES
from harvester.store.parts import Part, disk_errors

#: deflate, an extra field, no time, unknown system.
_HEAD: Final = b"\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff"
_SUBFIELD: Final = b"hv"
#: An empty block, its CRC and its length.
_TAIL: Final = b"\x03\x00" + b"\x00" * 8
_MOST_BYTES: Final = 30_000
_AROUND_BYTES: Final = len(_HEAD) + 2 + 4 + len(_TAIL)
_LENGTH_DIGITS: Final = 8


def trailer(text: bytes) -> bytes:
    """What goes behind a page; the last digits say how long the text is in all."""
    if b"\x1f" in text:
        raise ValueError("a line of a journal holds no control characters")
    data = text + b"%08x" % len(text)
    members = []
    for at in range(0, len(data), _MOST_BYTES):
        piece = data[at : at + _MOST_BYTES]
        field = _SUBFIELD + struct.pack("<H", len(piece)) + piece
        members += [_HEAD, struct.pack("<H", len(field)), field, _TAIL]
    return b"".join(members)


def text_at_end(end: bytes) -> bytes | None:
    """The text behind a page, by the last bytes of its part. None where there is none, or where
    these bytes do not reach back to where it begins.
    """
    data, at = b"", len(end)
    while True:
        found = _member(end, at)
        if found is None:
            return None
        piece, at = found
        data = piece + data
        if len(data) < _LENGTH_DIGITS:
            continue
        try:
            size = int(data[-_LENGTH_DIGITS:], 16)
        except ValueError:
            return None
        if len(data) >= size + _LENGTH_DIGITS:
            return data[:-_LENGTH_DIGITS] if len(data) == size + _LENGTH_DIGITS else None


def _member(end: bytes, at: int) -> tuple[bytes, int] | None:
    """What the member says that ends at `at`, and where it begins."""
    if not end.endswith(_TAIL, 0, at):
        return None
    begins = end.rfind(_HEAD, max(0, at - _AROUND_BYTES - _MOST_BYTES), at)
    if begins < 0:
        return None
    field = begins + len(_HEAD) + 2
    if end[field : field + 2] != _SUBFIELD:
        return None
    (size,) = struct.unpack_from("<H", end, field + 2)
    if begins + _AROUND_BYTES + size != at:
        return None
    return end[field + 4 : field + 4 + size], begins


def ended(part: Part, end: bytes) -> Path:
    """The file of a part with what stands behind its page, which may have been added before.
    Raises `DiskError`.
    """
    path = Path(part.so_far())
    with disk_errors(path), path.open("r+b") as file:
        file.seek(part.described().stored_bytes)
        file.truncate()
        file.write(end)
    return path


def with_end(part: Part | None, end: bytes) -> bytes:
    """The same in memory, once; without a part, of a page that has no bytes."""
    if part is None:
        return packed(b"") + end
    if part.described().stored_bytes <= SMALL_BYTES:  # a second copy costs less than a write
        return Path(part.so_far()).read_bytes() + end
    return ended(part, end).read_bytes()
