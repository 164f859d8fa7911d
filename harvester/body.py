"""Wire bytes in; the bytes to store and the bytes to parse out, side by side, checked.

`tee` yields pairs `(stored, decoded)`. A gzip body is stored as it came and inflated for the
parser; an identity body is parsed as it came and compressed for the part. Either way the stored
bytes, put together, are whole gzip members. urllib3's own decoder is not used: it takes a gzip
body cut anywhere, a damaged second member and trailing garbage for complete (measured).
"""

import contextlib
import gzip
import itertools
from collections.abc import Iterable, Iterator
from io import FileIO
from pathlib import Path
from typing import Any, Final

from isal import isal_zlib

from harvester.config import Limits
from harvester.errors import PageRefused, PageRejected

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
# isal's stubs declare the exception class as an instance.
_DAMAGED: Final[type[Exception]] = isal_zlib.error  # type: ignore[assignment]
_LEVEL: Final = 1  # isal: 614 MB/s at about zlib level 2's size


def tee(
    chunks: Iterable[bytes], encodings: list[str], limits: Limits
) -> Iterator[tuple[bytes, bytes]]:
    """Pairs of bytes for the part and bytes for the parser; either may be empty.

    `encodings` are the codings of the Content-Encoding header, in lower case. Raises
    `PageRefused` for a coding we did not ask for or a limit, `PageRejected` for a body that is
    not whole.
    """
    codings = _codings(encodings)
    wire = _limited(chunks, limits.wire_bytes)
    if not codings:
        head, wire = _begun(wire)
        # No JSON begins so. Servers that name a charset as the coding compress all the same.
        zipped = head.startswith(_GZIP_MAGIC)
        pairs = _plausible(_inflated(wire), limits.expansion_ratio) if zipped else _compressed(wire)
    elif is_supported(encodings):
        pairs = _plausible(_inflated(_from_magic(wire)), limits.expansion_ratio)
    else:
        raise PageRefused(f"Content-Encoding {', '.join(codings)!r} is unsupported: gzip was asked")
    size = 0
    for pair in pairs:
        size += len(pair[1])
        if size > limits.decoded_bytes:
            raise PageRefused(
                f"the page is larger than {limits.decoded_bytes:,} bytes (limits.decoded_bytes)"
            )
        yield pair


def refuse_bomb(
    pairs: Iterator[tuple[bytes, bytes]],
    encodings: list[str],
    came: tuple[int, int],
    limits: Limits,
) -> None:
    """Raise `PageRefused` if a body that is no JSON is a bomb: another try would be no better.

    `pairs` are what `tee` has left to give of it, `came` how many bytes to store and decoded ones
    it has given. Reads on only while the body expands beyond the ratio.
    """
    stored, decoded = came
    if not _codings(encodings):  # what is stored is compressed by us
        return
    with contextlib.suppress(PageRejected):  # what else is wrong with it is of no interest
        while decoded > stored * limits.expansion_ratio and (pair := next(pairs, None)):
            stored += len(pair[0])
            decoded += len(pair[1])


def is_supported(encodings: list[str]) -> bool:
    """Whether a body of these codings can be read."""
    return _codings(encodings) in ([], ["gzip"], ["x-gzip"])


def decoded_chunks(path: Path | str) -> Iterator[bytes]:
    """The decoded JSON of a stored part in chunks of at most `STORED_PIECE_BYTES`.

    Raises OSError; `gzip.BadGzipFile`, which is one, where the gzip is damaged or cut.
    """
    with FileIO(path) as file:
        try:
            blocks = iter(lambda: file.read(_READ_BYTES), b"")
            for _, decoded in _inflated(blocks, STORED_PIECE_BYTES):
                yield decoded
        except PageRejected as error:
            raise gzip.BadGzipFile(f"{path}: {error}") from error


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


def _inflated(chunks: Iterable[bytes], most: int = PIECE_BYTES) -> Iterator[tuple[bytes, bytes]]:
    """Members one after the other, in pieces of at most `most` decoded bytes; zero padding may
    follow the last and is not stored.
    """
    member = isal_zlib.decompressobj(_GZIP)
    padding = False
    for chunk in chunks:
        left = chunk
        while left:
            if member.eof:
                padding = padding or left[0] == 0
                if padding and left.strip(b"\0"):
                    raise PageRejected("garbage follows the gzip body")
                if padding:
                    break
                member = isal_zlib.decompressobj(_GZIP)
            for decoded in _pieces(member, left, most):
                after = member.unused_data if member.eof else member.unconsumed_tail
                yield left[: len(left) - len(after)], decoded
                left = after
    if not member.eof:
        raise PageRejected("the gzip body was cut before its end")


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
                f"the body is larger than {limit:,} bytes on the wire (limits.wire_bytes)"
            )
        yield chunk


def _plausible(pairs: Iterable[tuple[bytes, bytes]], ratio: int) -> Iterator[tuple[bytes, bytes]]:
    compressed = decoded = 0
    for pair in pairs:
        compressed += len(pair[0])
        decoded += len(pair[1])
        if decoded > max(_RATIO_FLOOR_BYTES, compressed * ratio):
            raise PageRefused(
                f"the gzip body expands more than {ratio} times (limits.expansion_ratio)"
            )
        yield pair
