"""Parses the headers of a response, and merges those that came more than once.

Real servers and the proxies before them send lines that RFC 9112 forbids: without a colon, with a
blank before it, folded, with a NUL or a lone carriage return inside. A parser of mail takes the
first of them for the end of the head, and the Link below it is lost: the harvest ends after one
page, content. Here a line that cannot be read costs itself only. What says how long the body is
stays strict: two readers of a malformed Content-Length may see two different bodies.

Values are bytes that nobody declared. As text they are UTF-8, or else Latin-1; where they are
URLs (Link, Location), what is not ASCII is percent-encoded as the bytes that came.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from harvester.errors import PageRejected
from harvester.patterns import pattern

_TOKEN: Final = rb"!#$%&'*+.^_`|~0-9A-Za-z-"
#: A line as it should be.
FIELD: Final = pattern(rb"([" + _TOKEN + rb"]++):([^\r\n\0]*+)\r?\n")
_NAME: Final = pattern(rb"[" + _TOKEN + rb"]+")
_AROUND_A_NAME: Final = pattern(rb"^[^" + _TOKEN + rb"]+|[^" + _TOKEN + rb"]+$")
_CONTROLS: Final = pattern(rb"[\x00-\x08\x0a-\x1f\x7f]+")
_LIKE_A_FIELD: Final = pattern(rb"[ \t]+[" + _TOKEN + rb"]+[ \t]*:[ \t]")
_FRAMING: Final = (b"content-length", b"transfer-encoding")
_LIKE_FRAMING: Final = pattern(
    rb"[^a-z]*(?:" + b"|".join(_FRAMING) + rb")(?![a-z0-9_-])", re.IGNORECASE
)
_SHOWN_BYTES: Final = 40

_URLS: Final = frozenset({"link", "location"})
_NOT_ASCII: Final = pattern(rb"[\x80-\xff]")
_LIKE_A_URL: Final = pattern("[A-Za-z][A-Za-z0-9+.-]*://|[/?]")


def fields(lines: Sequence[bytes]) -> list[tuple[str, str]]:
    """Name and value of each line that has them, in Latin-1, which loses no byte.

    A folded line belongs to the one before it (RFC 9112 section 5.2). Where it reads like a field
    of its own it counts as one too: servers write a blank before a name as well. `PageRejected`
    for a malformed line that says how long the body is.
    """
    found: list[tuple[bytes, bytes]] = []
    whole = False  # whether the line before was one that a fold can belong to
    for line in lines:
        if field := FIELD.fullmatch(line):
            found.append((field[1], field[2].strip(b" \t")))
            whole = True
            continue
        if line[:1] in (b" ", b"\t"):
            _refuse_framing(line)
            if whole:
                name, value = found[-1]
                if name.lower() in _FRAMING:
                    _refuse_framing(name, line)
                found[-1] = (name, b" ".join(filter(None, (value, _clean(line)))))
            if not _LIKE_A_FIELD.match(line):
                continue
        pieces = list(filter(None, map(_mended, line.rstrip(b"\r\n").split(b"\r"))))
        found += pieces
        whole = bool(pieces) or (whole and line[:1] in (b" ", b"\t"))
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in found]


def _mended(line: bytes) -> tuple[bytes, bytes] | None:
    """The field that a malformed line means; None where it means none."""
    _refuse_framing(line)
    name, colon, value = line.partition(b":")
    name = _AROUND_A_NAME.sub(b"", name)
    return (name, _clean(value)) if colon and _NAME.fullmatch(name) else None


def _clean(value: bytes) -> bytes:
    return _CONTROLS.sub(b" ", value).strip(b" \t")


def _refuse_framing(line: bytes, more: bytes = b"") -> None:
    if _LIKE_FRAMING.match(line.replace(b"\0", b"")):
        shown = (line + more).strip()[:_SHOWN_BYTES]
        raise PageRejected(
            f"the header line {shown!r} is malformed, and it says how long the body is"
        )


def merged(pairs: Iterable[tuple[str, str]]) -> tuple[dict[str, str], frozenset[str]]:
    """The headers by their names in lower case, and the names that came with different values.

    What came twice alike, as a proxy doubles it, came once; different values are a list, joined by
    commas (RFC 9110 section 5.3). Whoever needs one value must look whether there are several.
    """
    gathered: dict[str, list[str]] = {}
    for name, value in pairs:
        name = name.lower()
        text = value if value.isascii() else _read(name, value)
        if text not in (values := gathered.setdefault(name, [])):
            values.append(text)
    several = frozenset(name for name, values in gathered.items() if len(values) > 1)
    return {name: ", ".join(values) for name, values in gathered.items()}, several


def _read(name: str, value: str) -> str:
    came = value.encode("latin-1", "replace")
    if name not in _URLS:
        try:
            return came.decode()
        except UnicodeDecodeError:
            if not _LIKE_A_URL.match(value):
                return value
    return _NOT_ASCII.sub(lambda found: b"%%%02X" % found[0][0], came).decode("ascii")
