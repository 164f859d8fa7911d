"""Unpacks bodies that are archives by their first bytes: gzip within gzip, and zip.

What goes to the part is the innermost gzip as it came, or what a zip archive holds, compressed by
us; so whoever reads a part need not know how its page was packed.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from struct import Struct
from typing import Any, Final

from harvester.errors import Malformed, PageRefused

Pairs = Iterator[tuple[bytes, bytes]]
"""Bytes for the part and bytes for the parser, side by side."""

GZIP_MAGIC: Final = b"\x1f\x8b"
_ZIP_MAGIC: Final = b"PK\x03\x04"
_EMPTY_ZIP: Final = b"PK\x05\x06"
#: The end of an archive (APPNOTE 4.3.16): its signature, how many files there are, and how long the
#: comment is that follows. Of more than 65,534 files another record has the number.
_END: Final = Struct("<10sH8xH")
_IN_ZIP64: Final = 0xFFFF
_LONGEST_END: Final = _END.size + 0xFFFF
_MOST_LAYERS: Final = 3
_MOST_NAMED: Final = 5
#: Below this size a high expansion ratio is harmless.
_HARMLESS_BYTES: Final = 64 * 1024 * 1024
#: What the archives of some systems hold besides what somebody put in.
_LITTER: Final = ("__MACOSX/", ".DS_Store", "Thumbs.db")


def unpacked(
    pairs: Pairs,
    inflate: Callable[[Iterator[bytes]], Pairs],
    compress: Callable[[Iterable[bytes]], Pairs],
    member: str | None,
    ratio: int,
) -> Pairs:
    """The same page, out of its archives. `member` is which file of a zip archive is meant, and
    `ratio` how many bytes one of a zip archive may become.

    Raises `PageRefused` and `Malformed`.
    """
    for _ in range(_MOST_LAYERS + 1):
        head, pairs = _begun(pairs)
        if head.startswith(GZIP_MAGIC):
            pairs = inflate(decoded for _, decoded in pairs)
        elif head.startswith((_ZIP_MAGIC, _EMPTY_ZIP)):
            pairs = compress(_unzipped((decoded for _, decoded in pairs), member, ratio))
        else:
            return pairs
    raise PageRefused(f"the body is packed more than {_MOST_LAYERS} times")


def _begun(pairs: Pairs) -> tuple[bytes, Pairs]:
    """The first decoded bytes, enough to tell an archive by, and all pairs with them."""
    head, first = b"", []
    for pair in pairs:
        first.append(pair)
        head += pair[1][: len(_ZIP_MAGIC)]
        if len(head) >= len(_ZIP_MAGIC):
            break
    return head, itertools.chain(first, pairs)


def _unzipped(chunks: Iterable[bytes], wanted: str | None, ratio: int) -> Iterator[bytes]:
    """The bytes of the one file of an archive that is meant."""
    names: list[str] = []
    meant: str | None = None
    came = gave = members = 0
    end = b""

    def counted() -> Iterator[bytes]:
        nonlocal came, end
        for chunk in filter(None, chunks):
            came += len(chunk)
            end = (end + chunk)[-_LONGEST_END:]
            yield chunk

    with _reading_zip() as stream_unzip:
        plain = (stream_unzip.NO_ENCRYPTION,)
        for raw, _, pieces in stream_unzip.stream_unzip(
            counted(), allowed_encryption_mechanisms=plain
        ):
            members += 1
            name = raw.decode("utf-8", "replace")
            is_meant = not name.endswith("/") and _is_meant(name, wanted)
            if is_meant and meant is not None:
                raise PageRefused(
                    f"the zip archive holds several files, {meant!r} and {name!r} among them; say "
                    "which is the page, as in format: {type: …, member: 'data*.csv'}"
                )
            meant = name if is_meant else meant
            names += [] if is_meant else [name][: _MOST_NAMED - len(names)]
            for piece in pieces:
                gave += len(piece)
                if gave > max(_HARMLESS_BYTES, came * ratio):
                    raise PageRefused(
                        f"the zip archive expands more than {ratio} times (limits.expansion_ratio)"
                    )
                if is_meant:
                    yield piece
    _refuse_cut(end, members)
    if meant is None:
        files = ", ".join(map(repr, names)) or "nothing"
        looked = f" that {wanted!r} (format: member) means" if wanted else ""
        raise PageRefused(f"the zip archive holds no file{looked}; it holds {files}")


@contextmanager
def _reading_zip() -> Iterator[Any]:
    """The library that reads archives as they stream by. Raises `PageRefused` for its absence and
    for what it cannot read, `Malformed` for what is damaged.
    """
    try:
        import stream_unzip
    except ImportError as error:
        raise PageRefused(
            "the body is a zip archive, which needs stream-unzip: pip install 'api-harvester[zip]'"
        ) from error
    try:
        yield stream_unzip
    except (stream_unzip.PasswordError, stream_unzip.MissingPasswordError) as error:
        raise PageRefused("the zip archive is encrypted, and no password is taken") from error
    except stream_unzip.UnsupportedFeatureError as error:
        told = type(error).__name__
        raise PageRefused(f"the zip archive cannot be read as it streams by: {told}") from error
    except stream_unzip.UnzipError as error:
        told = type(error).__name__
        raise Malformed(f"the zip archive is damaged, or was cut: {told}") from error


def _refuse_cut(end: bytes, members: int) -> None:
    """Raise `Malformed` where an archive, whose last bytes are `end`, has no end, or one that names
    more files than came: it was cut between two of them.
    """
    at = end.rfind(_EMPTY_ZIP, 0, len(end) - _END.size + len(_EMPTY_ZIP))
    while at >= 0:  # a comment may hold the signature, too
        _, counted, comment = _END.unpack_from(end, at)
        if counted in (members, _IN_ZIP64) and at + _END.size + comment <= len(end):
            return
        at = end.rfind(_EMPTY_ZIP, 0, at)
    raise Malformed("the zip archive is damaged, or was cut: its end does not fit what came")


def _is_meant(name: str, wanted: str | None) -> bool:
    if wanted is not None:
        return fnmatchcase(name, wanted)
    return not name.startswith(_LITTER[0]) and not name.endswith(_LITTER[1:])
