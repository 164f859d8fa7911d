"""Repeats the lines of a finished partition behind its last page, so that one read gives them all.

A recap stands in empty gzip members of its own, before those with the part's own lines, where no
other reader looks. It saves requests and is no truth: it *must* be believed only while the store
lists the parts before it as the very versions that its writer put or read, which their `Seal` says.
Where that is not so, or where there is no recap, the parts are read.
"""

import base64
import hashlib
import zlib
from collections.abc import Iterable
from typing import Final, Self

from harvester.store.bucket import Found
from harvester.store.trailer import text_at_end, trailer

#: With the lines of the part itself it is to be in the last 16 KB.
_MOST_BYTES: Final = 12_000
_MOST_LINES_BYTES: Final = 1 << 20
_BEGINS: Final = b"recap-1 "


class Seal:
    """Tells one sequence of versions of objects from any other."""

    def __init__(self, parts: Iterable[Found | None] = ()) -> None:
        self._hash = hashlib.blake2b(digest_size=16)
        self._is_known = True
        for part in parts:
            self.add(part)

    def add(self, found: Found | None) -> Self:
        """The next part; None where its version is not known."""
        if found is None or not found.tag or found.tag == "None":
            self._is_known = False
            return self
        name, tag = found.key.rsplit("/", 1)[-1], found.tag.strip('"')
        self._hash.update(f"{name}\t{found.size}\t{tag}\n".encode())
        return self

    def __str__(self) -> str:
        """The seal of the parts so far; empty where one is not known."""
        return self._hash.hexdigest() if self._is_known else ""


def recap(seal: Seal, lines: bytes) -> bytes:
    """What stands behind the last page, before its own lines; nothing where it would be long."""
    if not str(seal) or len(lines) > _MOST_LINES_BYTES:
        return b""
    text = _BEGINS + str(seal).encode() + b" " + base64.b85encode(zlib.compress(lines))
    return trailer(text) if len(text) <= _MOST_BYTES else b""


def repeated(before: bytes, seal: str) -> tuple[bytes, ...] | None:
    """The lines of the parts that `seal` is of, by what stands before the lines of the last one;
    None where it does not repeat these.
    """
    begins = _BEGINS + seal.encode() + b" "
    text = text_at_end(before)
    if not seal or text is None or not text.startswith(begins):
        return None
    try:
        unpacker = zlib.decompressobj()
        lines = unpacker.decompress(base64.b85decode(text[len(begins) :]), _MOST_LINES_BYTES)
    except (ValueError, zlib.error):
        return None
    return tuple(lines.splitlines(keepends=True)) if unpacker.eof else None
