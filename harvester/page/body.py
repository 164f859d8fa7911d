"""Decodes a response: the bytes to store and the bytes to parse, side by side, both checked.

`tee` yields pairs `(stored, decoded)`. A gzip body is stored as it came and inflated for the
parser; an identity body is parsed as it came and compressed for the part. Either way the stored
bytes, put together, are whole gzip members. urllib3's own decoder is not used: it takes a gzip
body cut anywhere, a damaged second member and trailing garbage for complete (measured).

A member whose header has more than most have is stored with a plain one, since not everybody who
is to read the part takes it: `gzip` refuses reserved flags, DuckDB also the flags of text and of
a comment, and headers beyond 32,768 bytes (measured).
"""

import contextlib
import itertools
from collections.abc import Iterable, Iterator
from typing import Any, Final

from isal import isal_zlib

from harvester.config import Limits
from harvester.errors import PageRefused, PageRejected
from harvester.page.packing import unpacked
from harvester.values import dataclass

#: The most that one inflate call may give, so that a bomb is met in small pieces.
PIECE_BYTES: Final = 128 * 1024
#: The same for parts that are read back: records are cut fastest out of large pieces.
STORED_PIECE_BYTES: Final = 256 * 1024
_READ_BYTES: Final = 64 * 1024
#: Below this size a high expansion ratio is harmless, and small repetitive pages do have one.
_RATIO_FLOOR_BYTES: Final = 64 * 1024 * 1024
_GZIP: Final = 31  # window bits: gzip framing, largest window
_GZIP_MAGIC: Final = b"\x1f\x8b"
#: The codings there are (IANA's list), and what servers write where they mean none.
_CODINGS: Final = frozenset({
    "aes128gcm", "br", "compress", "dcb", "dcz", "deflate", "exi", "gzip", "pack200-gzip",
    "x-compress", "x-gzip", "zstd",
})  # fmt: skip
_NO_CODINGS: Final = frozenset({
    "", "7bit", "8bit", "binary", "charset", "chunked", "default", "false", "identity",
    "json", "none", "null", "off", "plain", "raw", "text", "undefined", "unicode",
})  # fmt: skip
#: A member's header as most are: deflate, no flags, no time, any system (RFC 1952).
_PLAIN_HEADER: Final = _GZIP_MAGIC + b"\x08" + bytes(6) + b"\xff"
_METHOD_AT, _FLAGS_AT = 2, 3
_CHECKED, _EXTRA, _NAMED, _COMMENTED = 0x02, 0x04, 0x08, 0x10  # its flags
#: The longest plain header. Some servers put random letters in the name's place, up to a hundred,
#: so that a page's size gives nothing away (BREACH).
_PLAIN_BYTES: Final = 1024
_MOST_HEADER_BYTES: Final = 256 * 1024
# isal's stubs declare the exception class as an instance.
_DAMAGED: Final[type[Exception]] = isal_zlib.error  # type: ignore[assignment]  # an instance, say its stubs
_TRAILER_BYTES: Final = 8
_LEVEL: Final = 1  # isal: 614 MB/s at about zlib level 2's size


def tee(
    chunks: Iterable[bytes],
    encodings: list[str],
    limits: Limits,
    *,
    unpack: bool = True,
    member: str | None = None,
) -> Iterator[tuple[bytes, bytes]]:
    """Pairs of bytes for the part and bytes for the parser; either may be empty.

    `encodings` are the codings of the Content-Encoding header, in lower case. `unpack`: a body that
    is an archive by its first bytes is unpacked, too (`member` is which file of a zip archive is
    meant); else it is a file, given as it is. Raises
    `PageRefused` for a coding we did not ask for or a limit, `PageRejected` for a body that is
    not whole.
    """
    codings = _codings(encodings)
    wire = _limited(chunks, limits.wire_bytes)
    if not codings and not unpack:
        pairs: Iterator[tuple[bytes, bytes]] = ((chunk, chunk) for chunk in wire)
    elif not codings:
        head, wire = _begun(wire)
        # No JSON begins so. Servers that name a charset as the coding compress all the same.
        zipped = head.startswith(_GZIP_MAGIC)
        pairs = _plausible(inflated(wire), limits.expansion_ratio) if zipped else _compressed(wire)
    elif is_supported(encodings):
        pairs = _plausible(inflated(_from_magic(wire)), limits.expansion_ratio)
    else:
        raise PageRefused(f"Content-Encoding {', '.join(codings)!r} is unsupported: gzip was asked")
    if unpack:
        ratio = limits.expansion_ratio
        pairs = unpacked(
            pairs, lambda packed: _plausible(inflated(packed), ratio), _compressed, member, ratio
        )
    size = 0
    for pair in pairs:
        size += len(pair[1])
        if size > limits.decoded_bytes:
            raise PageRefused(
                f"the page is larger than {limits.decoded_bytes:,} bytes "
                "(client.limits.decoded_bytes)"
            )
        yield pair


@dataclass(slots=True)
class Came:
    """What of a body has come: how many bytes to store and decoded ones, and the last to store.

    Once the body is whole these are its CRC and its length, as gzip ends with them (RFC 1952).
    """

    stored: int = 0
    decoded: int = 0
    end: bytes = b""

    def add(self, stored: bytes, decoded: bytes) -> None:
        """Count a pair of `tee`."""
        self.stored += len(stored)
        self.decoded += len(decoded)
        if len(stored) >= _TRAILER_BYTES:
            self.end = stored[-_TRAILER_BYTES:]
        else:
            self.end = (self.end + stored)[-_TRAILER_BYTES:]


def refuse_bomb(
    pairs: Iterator[tuple[bytes, bytes]], encodings: list[str], came: Came, limits: Limits
) -> None:
    """Raise `PageRefused` if a body that is no JSON is a bomb: another try would be no better.

    `pairs` are what `tee` has left to give of it. Reads on only while the body expands beyond the
    ratio.
    """
    if not _codings(encodings):  # what is stored is compressed by us
        return
    with contextlib.suppress(PageRejected):  # what else is wrong with it is of no interest
        while came.decoded > came.stored * limits.expansion_ratio and (pair := next(pairs, None)):
            came.add(*pair)


def mark_of(pairs: Iterator[tuple[bytes, bytes]], came: Came, most: int) -> str | None:
    """What is the same for the same body, however it is framed, cut and compressed.

    Reads on to its end. None where that does not come, or not within `most` decoded bytes.
    """
    most += came.decoded
    try:
        for pair in pairs:
            came.add(*pair)
            if came.decoded > most:
                return None
    except PageRejected:
        return None
    return f"{came.decoded} {came.end.hex()}"


def is_supported(encodings: list[str]) -> bool:
    """Whether a body of these codings can be read."""
    return _codings(encodings) in ([], ["gzip"], ["x-gzip"])


def _codings(encodings: list[str]) -> list[str]:
    return [coding for coding in encodings if not _is_none(coding)]


def _is_none(coding: str) -> bool:
    """Whether it is the name of no coding: `utf-8`, `none`, `binary`, `application/json`."""
    name = coding.partition(";")[0].strip()
    if name in _CODINGS:
        return False
    if name in _NO_CODINGS or "/" in name or name.startswith("charset="):
        return True
    try:
        "".encode(name)
    except (LookupError, ValueError):
        return False
    return True


def _compressed(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    # What the compressor makes of a body depends on how it is cut, and a part must not depend on
    # how the network cut it: so it is given blocks of one size.
    compressor = isal_zlib.compressobj(_LEVEL, wbits=_GZIP)
    waiting = bytearray()
    for chunk in chunks:
        waiting += chunk
        whole = len(waiting) - len(waiting) % PIECE_BYTES
        with memoryview(waiting) as view:
            blocks = range(0, whole, PIECE_BYTES)
            stored = b"".join(compressor.compress(view[at : at + PIECE_BYTES]) for at in blocks)
        del waiting[:whole]
        yield stored, chunk
    yield compressor.compress(waiting) + compressor.flush(), b""


def _from_magic(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same chunks; refuses a body that is not gzip at all, whatever its header says."""
    head, chunks = _begun(chunks)
    if head and not head.startswith(_GZIP_MAGIC[: len(head)]):
        raise PageRefused("Content-Encoding says gzip, but the body is not gzip: unsupported")
    yield from chunks


def _begun(chunks: Iterable[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first chunk, with enough in it to tell gzip by, and all chunks with it."""
    head = b""
    chunks = iter(chunks)
    for chunk in chunks:
        head += chunk
        if len(head) >= len(_GZIP_MAGIC):
            break
    return head, itertools.chain((head,), chunks)


def inflated(chunks: Iterable[bytes], most: int = PIECE_BYTES) -> Iterator[tuple[bytes, bytes]]:
    """Members one after the other, in pieces of at most `most` decoded bytes; zero padding may
    follow the last and is not stored.
    """
    member: Any = None
    head = b""  # of a member, until all of its header is there: isal fails where one is cut
    padding = False
    for chunk in chunks:
        left, head = head + chunk, b""
        while left:
            if member is None or member.eof:
                padding = padding or (member is not None and left[0] == 0)
                if padding and left.strip(b"\0"):
                    raise PageRejected("garbage follows the gzip body")
                if padding:
                    break
                end = _header_end(left)
                if end is None:
                    head = left
                    break
                member = isal_zlib.decompressobj(_GZIP)
                if end and (end > _PLAIN_BYTES or left[_FLAGS_AT] & ~_NAMED):
                    left = _PLAIN_HEADER + left[end:]
            for decoded in _pieces(member, left, most):
                after = member.unused_data if member.eof else member.unconsumed_tail
                yield left[: len(left) - len(after)], decoded
                left = after
    if head or member is None or not member.eof:
        raise PageRejected("the gzip body was cut before its end")


def _header_end(head: bytes) -> int | None:
    """Where the header of the gzip member that begins so ends (RFC 1952); None where that is to
    come. What is no header is left to the inflater, which says so.
    """
    if len(head) < len(_PLAIN_HEADER):
        return None
    if not head.startswith(_PLAIN_HEADER[:_FLAGS_AT]):
        return 0
    flags, end = head[_FLAGS_AT], len(_PLAIN_HEADER)
    if flags & _EXTRA:
        end += 2 + int.from_bytes(head[end : end + 2], "little")
    for text in (_NAMED, _COMMENTED):
        if flags & text:
            end = head.find(b"\0", end) + 1
            if not end:
                end = len(head) + 1
    end += 2 if flags & _CHECKED else 0
    if end <= len(head):
        return end
    if len(head) > _MOST_HEADER_BYTES:
        raise PageRejected("the header of the gzip body does not end")
    return None


def _pieces(member: Any, data: bytes, most: int) -> Iterator[bytes]:
    try:
        piece = member.decompress(data, most)
        yield piece
        # A full piece may have more behind it, inside the inflater or in the unconsumed input.
        while not member.eof and (member.unconsumed_tail or len(piece) == most):
            piece = member.decompress(member.unconsumed_tail, most)
            yield piece
    except _DAMAGED as error:
        raise PageRejected(f"the gzip body is damaged: {error}") from error


def _limited(chunks: Iterable[bytes], limit: int) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise PageRefused(
                f"the body is larger than {limit:,} bytes on the wire (client.limits.wire_bytes)"
            )
        yield chunk


def _plausible(pairs: Iterable[tuple[bytes, bytes]], ratio: int) -> Iterator[tuple[bytes, bytes]]:
    compressed = decoded = 0
    for pair in pairs:
        compressed += len(pair[0])
        decoded += len(pair[1])
        if decoded > max(_RATIO_FLOOR_BYTES, compressed * ratio):
            raise PageRefused(
                f"the gzip body expands more than {ratio} times (client.limits.expansion_ratio)"
            )
        yield pair
