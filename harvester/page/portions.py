"""Changes text on its way to the parser, only where the parser would go wrong.

Each rule stands for something measured with ijson 3.6.0 (yajl2_c):

* an unfinished string is read anew with each chunk: one of 2 MB in chunks of 1 KB takes 20 s;
* a lone surrogate escape silently becomes `?`, which in a cursor is another cursor, or ends it all;
* so does a raw control character in a string, which JSON forbids and servers send;
* so does an exponent of more than 18 digits, wherever chunks cut it;
* an empty chunk means end of input.
"""

import re
from typing import Final

from harvester.page.control_characters import escaped, inside_any
from harvester.patterns import pattern

#: What a lone surrogate becomes in the parser's copy: U+FFFF is no character, so no text holds it.
LONE_SURROGATE: Final = "\uffff"

# Escapes in reading order, so that `\\ud83d` (a backslash, then letters) is not taken for one.
# Only a surrogate without its other half is captured.
_ESCAPES: Final = pattern(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|u([dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
# Such a one, where escaped backslashes are hidden; 5 times as fast, for text with many emoji.
_MAYBE_LONE: Final = pattern(
    rb"\\u[dD](?:[89abAB]..(?!\\u[dD][c-fC-F])|[c-fC-F](?<!\\u[dD][89abAB]..\\u[dD].))", re.DOTALL
)
#: Beyond so many digits an exponent is all the same to us: no field can be such a number.
_MOST_EXPONENT: Final = 17
_EXPONENT: Final = pattern(rb"[0-9][eE][+-]?([0-9]{18,})")
# What looks for it in a moment, since next to no page has one: digits, and the letters e.
_FORMS: Final = bytes.maketrans(b"023456789E", b"1111111111"[:9] + b"e")
_NUMBER: Final = b"0123456789+-.eE"
_LONG_EXPONENT: Final = b"1e" + b"1" * (_MOST_EXPONENT + 1)


class Portions:
    """Text on its way to the parser, in portions that it can take; none is empty."""

    def __init__(self) -> None:
        self._waiting = bytearray()  # a part of a string that goes on
        self._number = b""  # the beginning of one that may go on
        self.control_characters = 0  # so many stood in strings

    @property
    def are_given(self) -> bool:
        """Whether nothing is held back."""
        return not (self._waiting or self._number)

    def take(
        self, text: bytes, plain: bytes, in_string: bool, open_bytes: int, *, complete: bool = False
    ) -> bytes:
        """The portion to parse now, maybe empty.

        `plain`, `in_string` and `open_bytes` are those of a `Block`, for its end or, `complete`,
        for a cut behind a value.
        """
        if self._number:
            text, plain, in_string = self._number + text, self._number + plain, False
            self._number = b""
        if not (complete or open_bytes):
            end = len(plain.rstrip(_NUMBER))
            text, plain, self._number = text[:end], plain[:end], text[end:]
        text = without_lone_surrogates(text, plain)
        text = _within_range(text, plain, in_string)
        if inside_any(plain, in_string):
            text, controls = escaped(text, plain, in_string)
            self.control_characters += controls
        # Portions that double keep the cost of reading a long string anew linear in its length.
        if not self._waiting and 2 * len(text) >= open_bytes:
            return text
        self._waiting += text
        return self._all() if 2 * len(self._waiting) >= open_bytes else b""

    def rest(self) -> bytes:
        """What has been waiting."""
        self._waiting += _within_range(self._number, self._number, in_string=False)
        self._number = b""
        return self._all()

    def _all(self) -> bytes:
        text = bytes(self._waiting)
        self._waiting.clear()
        return text


def without_lone_surrogates(text: bytes, plain: bytes) -> bytes:
    """`text` with `LONE_SURROGATE` for each, as long as it was; `plain` has no escaped quotes."""
    # Where no escaped backslash is left, what looks like a lone surrogate is one.
    return _ESCAPES.sub(_mark_lone_surrogate, text) if _MAYBE_LONE.search(plain) else text


def _mark_lone_surrogate(escape: re.Match[bytes]) -> bytes:
    return rb"\uffff" if escape[1] else escape[0]


def _within_range(text: bytes, plain: bytes, in_string: bool) -> bytes:
    """`text`, as long as it was, with exponents that the parser can take."""
    if _LONG_EXPONENT not in plain.translate(_FORMS, b"+-"):
        return text
    made = bytearray(text)
    for found in _EXPONENT.finditer(plain):
        start, end = found.span(1)
        inside = in_string ^ (plain.count(b'"', 0, start) % 2 == 1)
        if not inside and found[1].lstrip(b"0")[_MOST_EXPONENT:]:
            made[start:end] = (b"9" * _MOST_EXPONENT).rjust(end - start, b"0")
    return bytes(made)
