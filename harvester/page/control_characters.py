r"""Escapes control characters that servers send raw inside strings.

JSON forbids them, and servers send them: texts with their line breaks and tabs, names that a
terminal put an escape into. What was meant is plain, so such a page is kept as it came, and whoever
reads it escapes them: `\n` for a line break, `\u001b` for an escape. Outside of strings tab, CR and
LF are white space, and no others are let in.
"""

import re
from typing import Final

from harvester.patterns import pattern

_CONTROLS: Final = bytes(range(0x20))
_NOT_CONTROLS: Final = bytes(range(0x20, 0x100))
_WHITE: Final = b"\t\r\n"
_BLANKED: Final = bytes.maketrans(_CONTROLS, b" " * len(_CONTROLS))
_SHORT: Final = {b"\t": rb"\t", b"\n": rb"\n", b"\r": rb"\r", b"\b": rb"\b", b"\f": rb"\f"}
# An escape that is none, a backslash before a control character, stays what it is.
_RAW: Final = pattern(rb"\\.|([\x00-\x1f])", re.DOTALL)
_STRING: Final = pattern(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[^"]++', re.DOTALL)


def any_in(text: bytes) -> bytes:
    """The control characters of `text`; mostly none, or white space only."""
    return text.translate(None, _NOT_CONTROLS)


def one_line(text: bytes) -> bytes:
    """A JSON value with those in its strings escaped, and without line breaks outside of them."""
    if not any_in(text):
        return text
    return _STRING.sub(_on_one_line, text)


def _on_one_line(match: re.Match[bytes]) -> bytes:
    piece = match[0]
    if piece.startswith(b'"'):
        return _RAW.sub(_escape, piece) if any_in(piece) else piece
    return piece.translate(None, b"\r\n")


def escaped(text: bytes, plain: bytes, in_string: bool) -> tuple[bytes, int]:
    """`text` with those in its strings escaped, and how many these were.

    `plain` is `text` with no escaped quotes, and as long; `in_string` says where it begins.
    """
    pieces, at, count = [], 0, 0
    for number, piece in enumerate(plain.split(b'"')):
        raw = text[at : at + len(piece)]
        at += len(piece) + 1
        if (number % 2 == 0) == in_string and (found := any_in(raw)):
            raw = _RAW.sub(_escape, raw)
            count += len(found)
        pieces.append(raw)
    return b'"'.join(pieces), count


def blanked(text: bytes, plain: bytes, in_string: bool) -> tuple[bytes, int]:
    """`text` with blanks for those in its strings, as long as it was, and how many these were.

    One that may stand nowhere is left where it stands outside of strings.
    """
    pieces = plain.split(b'"')
    inside = any_in(b"".join(pieces[not in_string :: 2]))
    if not inside or any_in(b"".join(pieces[in_string::2])).translate(None, _WHITE):
        return text, 0
    return text.translate(_BLANKED), len(inside)


def inside_any(plain: bytes, in_string: bool) -> bool:
    """Whether one stands in a string of `plain`, which has no escaped quotes."""
    return bool(any_in(plain)) and bool(any_in(b"".join(plain.split(b'"')[not in_string :: 2])))


def _escape(match: re.Match[bytes]) -> bytes:
    byte = match[1]
    if byte is None:
        return match[0]
    return _SHORT.get(byte) or b"\\u%04x" % byte[0]
