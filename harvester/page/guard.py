"""Holds a page to its limits (depth, strings, numbers, bytes) in one lexical pass over its chunks.

* An integer of more than 4,300 digits kills the process (SIGSEGV, ijson 3.6.0 on yajl2_c);
* vertical tab and form feed pass for white space there, which they are not in JSON.

`Guard` holds the whole page to the limits and cuts it into blocks. It need only know which bytes
are inside strings. What a backslash hides is overwritten, after which every quote left is a
string's border. An escape that a chunk's end cuts is held back, so that no rule ever sees a part of
one. In plain Python this runs at about 800 MB/s, against 60-80 for the parser.
"""

import re
from collections.abc import Iterator
from typing import Final

from harvester.errors import NotJSON, PageRefused
from harvester.patterns import pattern
from harvester.values import dataclass

#: Above this the parser kills the process, whatever the configuration says.
_MOST_NUMBER_CHARS: Final = 4300

#: The longest block: most pages are one, and a core's cache holds several.
BLOCK_BYTES: Final = 128 * 1024
_NOT_OUTLINE: Final = bytes(byte for byte in range(256) if byte not in b'"{}[],:')

_BOM: Final = b"\xef\xbb\xbf"
_WHITE_SPACE: Final = b" \t\r\n"
_NUMBER: Final = b"0123456789+-.eE"
_LONGEST_ESCAPE: Final = len(rb"\ud83d\ude00")

# What hides a quote, or the backslash that would. The filler is as long: lengths stay true.
_HIDDEN: Final = pattern(rb'\\[\\"]')
_FILLER: Final = rb"\_"
_HIDABLE: Final = rb"\""
#: One escape in so many bytes is soon found by itself; more are by the regular expression, which
#: looks at every byte. In posts with an escape every 1,000 bytes: 0.25 instead of 0.5 ns a byte.
_FEW_ESCAPES: Final = 512
# Text up to the first escape that is not all there. Of a high surrogate, all is what shows
# whether its other half follows.
_WHOLE: Final = pattern(
    rb"(?: [^\\] | \\[^u] | \\u(?![dD][89abAB])[^\\]{4}"
    rb"| \\u[^\\]{4}(?=[^\\]|\\[^u]|\\u[^\\]{4}) )*",
    re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of a page, whole escapes only, and what is known of it."""

    text: bytes
    plain: bytes  # as long as `text`, but no backslash hides a quote
    outline: bytes  # of `plain`
    in_string: bool  # whether it begins inside a string
    ends_in_string: bool
    start: int  # where in the page it begins, a byte order mark not counted
    open_bytes: int  # how much has come of the string that it ends in; 0 where it ends outside


def outline(plain: bytes) -> bytes:
    """The quotes, brackets, commas and colons of `plain`, those within strings too."""
    return plain.translate(None, _NOT_OUTLINE)


class Guard:
    """Cuts the chunks of a page into blocks that keep to the limits, none of them empty.

    `string_bytes` bounds one string and one run of white space, `number_chars` one number; a
    string is measured as it is written, escapes and all. Raises `PageRefused` above a limit and
    `NotJSON` for an encoding other than UTF-8. A byte order mark is left out.
    """

    def __init__(self, *, string_bytes: int, number_chars: int) -> None:
        self._string_bytes = string_bytes
        self._number_chars = min(number_chars, _MOST_NUMBER_CHARS)
        self._numbers = _Runs(_NUMBER, self._number_chars)
        self._blanks = _Runs(_WHITE_SPACE, string_bytes)
        self._started = False
        self._held = b""  # input that only the next chunk can explain
        self.in_string = False  # whether the input so far ends inside a string
        self._open_bytes = 0  # of that string
        self._passed = 0  # bytes of the page that have been judged here, or leapt over

    @property
    def between_tokens(self) -> bool:
        """Whether the input so far ends outside of strings, and all of it has been judged."""
        return not self.in_string and not self._held

    def leapt(self, size: int) -> None:
        """Take note that so many bytes, which end with a bracket, will not come here."""
        self._passed += size
        self._numbers.end()
        self._blanks.end()

    def is_harmless(self, text: bytes) -> bool:
        """Whether `text`, which begins and ends with structure, keeps to the limits for certain."""
        return len(text) <= self._string_bytes and not self._numbers.holds(text)

    def feed(self, chunk: bytes) -> Iterator[Block]:
        """Yield what of the input so far can be judged."""
        chunk = self._held + chunk
        if not self._started:
            if len(chunk) <= len(_BOM):
                self._held = chunk
                return
            chunk = self._open(chunk)
        self._held = b""
        for start in range(0, len(chunk), BLOCK_BYTES):
            text = self._held + chunk[start : start + BLOCK_BYTES]
            cut = _end_of_whole_escapes(text)
            self._held = text[cut:]
            if cut:
                yield self._block(text[:cut])

    def close(self) -> Iterator[Block]:
        """Yield what was held back for the sake of a chunk's border."""
        chunk, self._held = self._held, b""
        if chunk := chunk if self._started else self._open(chunk):
            yield self._block(chunk)

    def _open(self, chunk: bytes) -> bytes:
        self._started = True
        if chunk and not chunk[:4].strip(b"\0"):  # no encoding of JSON begins so
            raise NotJSON("the body begins with NUL bytes")
        if chunk[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in chunk[:4]:
            raise NotJSON("the body is UTF-16 or UTF-32, JSON over HTTP is UTF-8 (RFC 8259)")
        return chunk.removeprefix(_BOM)

    def _block(self, text: bytes) -> Block:
        plain = without_hidden_quotes(text)
        outlined = outline(plain)
        began_inside, start = self.in_string, self._passed
        self._passed += len(text)
        if b"\v" in text or b"\f" in text:
            outside = b"".join(plain.split(b'"')[began_inside::2])
            if b"\v" in outside or b"\f" in outside:  # the parser would take them for white space
                raise NotJSON("the body is not valid JSON: a control character between its values")
        self._scan(plain, outlined.count(b'"'))
        inside, open_bytes = self.in_string, self._open_bytes
        return Block(text, plain, outlined, began_inside, inside, start, open_bytes)

    def _scan(self, plain: bytes, quotes: int) -> None:
        """`plain` has no escaped quotes, so its quotes alternate between opening and closing."""
        pieces = self._pieces(plain, quotes)
        began_inside = self.in_string
        lengths = [*map(len, pieces[not began_inside :: 2])]
        if began_inside:
            lengths[0] += self._open_bytes
        if lengths and max(lengths) > self._string_bytes:
            raise PageRefused(
                f"a string is longer than {self._string_bytes:,} bytes (client.limits.string_bytes)"
            )
        self.in_string = began_inside ^ (quotes % 2 == 1)
        self._open_bytes = lengths[-1] if self.in_string else 0
        # A quote in the place of each string ends every run there.
        outside = b'"'.join(pieces[began_inside::2]) + b'"' * self.in_string
        if self._numbers.exceeded_in(outside):
            raise PageRefused(
                f"a number has more than {self._number_chars:,} characters "
                "(client.limits.number_chars)"
            )
        if self._blanks.exceeded_in(outside):
            raise PageRefused(
                f"more than {self._string_bytes:,} bytes of white space "
                "(client.limits.string_bytes)"
            )

    def _pieces(self, plain: bytes, quotes: int) -> list[bytes]:
        """What is between the quotes of `plain`.

        The pieces in the middle begin and end here. They are left out where none can be above a
        limit, which is nearly always, and five times as fast.
        """
        if quotes < 2 or len(plain) > self._string_bytes or self._numbers.holds(plain):
            return plain.split(b'"')
        head, tail = plain[: plain.find(b'"')], plain[plain.rfind(b'"') + 1 :]
        return [head, tail] if quotes % 2 else [head, b"", tail]


_TABLES: Final = {
    kind: bytes(byte in kind for byte in range(256)) for kind in (_NUMBER, _WHITE_SPACE)
}


class _Runs:
    """Finds a run of more than `limit` bytes of one kind, also one that spans many chunks."""

    def __init__(self, kind: bytes, limit: int) -> None:
        self._kind = kind
        self._table = _TABLES[kind]
        self._longest = limit + 1
        self._stride = max(1, self._longest // 8)
        self._open = 0  # bytes of the run that the last chunk ended in

    def exceeded_in(self, text: bytes) -> bool:
        """Whether `text`, which continues what came before, holds or completes such a run."""
        rest = text.lstrip(self._kind)
        first = self._open + len(text) - len(rest)
        self._open = len(rest) - len(rest.rstrip(self._kind)) if rest else first
        return max(first, self._open) >= self._longest or self.holds(rest)

    def end(self) -> None:
        """Something else follows."""
        self._open = 0

    def holds(self, text: bytes) -> bool:
        """Whether such a run lies within `text`."""
        # Long enough a run shows in every few bytes: a look at these finds nearly always nothing.
        few = text[:: self._stride].translate(self._table)
        if b"\1" * (self._longest // self._stride) not in few:
            return False
        # A regular expression would be 20 times as slow on arrays of numbers.
        return b"\1" * self._longest in text.translate(self._table)


def last_outside(
    plain: bytes, byte: bytes, start: int, end: int, in_string: bool, after: int = 0
) -> int:
    """Where `byte` stands outside of strings for the last time but `after` in `plain[start:end]`,
    which ends in a string or not and has no escaped quotes; -1 where it does not.
    """
    while (at := plain.rfind(byte, start, end)) >= 0:
        in_string ^= plain.count(b'"', at, end) % 2 == 1
        if in_string:  # so is all that is before it, up to a quote
            end = plain.rfind(b'"', start, at) + 1 or start
        else:
            if not after:
                return at
            after -= 1
            end = at
    return -1


def first_outside(plain: bytes, byte: bytes, start: int, before: int) -> int:
    """Where `byte` stands outside of strings behind `start`, which is outside, with so many others
    before it; there must be so many.
    """
    in_string = False
    while True:
        at = plain.index(byte, start)
        in_string ^= plain.count(b'"', start, at) % 2 == 1
        if not in_string:
            if not before:
                return at
            before -= 1
        start = at + 1


def without_hidden_quotes(text: bytes) -> bytes:
    """`text`, whole escapes only, with a filler for what a backslash hides."""
    hidden = []
    few = len(text) // _FEW_ESCAPES
    end = len(text) - 1  # one that a cut page ends in hides nothing
    at = text.find(b"\\", 0, end)
    while at >= 0:
        if not few:
            return _HIDDEN.sub(_FILLER, text)
        few -= 1
        if text[at + 1] in _HIDABLE:
            hidden.append(at + 1)
        at = text.find(b"\\", at + 2, end)
    if not hidden:
        return text
    plain = bytearray(text)
    for at in hidden:
        plain[at] = _FILLER[1]
    return bytes(plain)


def _end_of_whole_escapes(chunk: bytes) -> int:
    """Where `chunk` must be cut, so that an escape which its end cuts stays in one piece."""
    first = chunk.find(b"\\", max(0, len(chunk) - _LONGEST_ESCAPE))
    if first < 0:
        return len(chunk)
    # In a run of backslashes every second one opens an escape, counted from the run's start.
    run = first - len(chunk[:first].rstrip(b"\\"))
    whole = _WHOLE.match(chunk, first - run % 2)
    assert whole is not None  # noqa: S101  # the empty text matches too
    return whole.end()
