"""What the parser must never see: one lexical pass over decoded chunks, before ijson.

Each rule stands for something measured with ijson 3.6.0 (yajl2_c):

* an integer of more than 4,300 digits kills the process (SIGSEGV);
* an unfinished string is read anew with each chunk: one of 2 MB in chunks of 1 KB takes 20 s;
* a lone surrogate escape silently becomes `?`, which in a cursor is another cursor;
* an empty chunk means end of input.

The pass only needs to know which bytes are inside strings. Escape pairs are overwritten with
filler of the same length, after which every quote left is a string's border. An escape that a
chunk's end cuts is held back, so that no rule ever sees a part of one. In plain Python this runs
at several hundred MB/s, against 60-80 for the parser behind it.
"""

import re
from collections.abc import Iterator
from typing import Final

from harvester.errors import NotJSON, PageRefused

#: What a lone surrogate becomes in the parser's copy: U+FFFF is no character, so no text holds it.
LONE_SURROGATE: Final = "\uffff"
#: Above this the parser kills the process, whatever the configuration says.
_MOST_NUMBER_CHARS: Final = 4300

_BOM: Final = b"\xef\xbb\xbf"
_WHITE_SPACE: Final = b" \t\r\n"
_NUMBER: Final = b"0123456789+-.eE"
_LONGEST_ESCAPE: Final = len(rb"\ud83d\ude00")

# Escapes in reading order, so that `\\ud83d` (a backslash, then letters) is not taken for one.
# Only a surrogate without its other half is captured.
_ESCAPES: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|u([dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
# What hides a quote, or the backslash that would. The filler is as long: lengths stay true.
_HIDDEN: Final = re.compile(rb'\\[\\"]')
_FILLER: Final = b"__"
# Where `_ESCAPES` might find such a one; 5 times as fast, for text with many emoji. It takes what
# follows an escaped backslash for an escape, so it must be asked only where there is none.
_MAYBE_LONE: Final = re.compile(
    rb"\\u[dD](?:[89abAB]..(?!\\u[dD][c-fC-F])|[c-fC-F](?<!\\u[dD][89abAB]..\\u[dD].))", re.DOTALL
)
# Text up to the first escape that is not all there. Of a high surrogate, all is what shows
# whether its other half follows.
_WHOLE: Final = re.compile(
    rb"(?: [^\\] | \\[^u] | \\u(?![dD][89abAB])[^\\]{4}"
    rb"| \\u[^\\]{4}(?=[^\\]|\\[^u]|\\u[^\\]{4}) )*",
    re.DOTALL | re.VERBOSE,
)


class Guard:
    """Passes on chunks that are safe to parse. The stored bytes are not touched.

    `string_bytes` bounds one string and one run of white space, `number_chars` one number; a
    string is measured as it is written, escapes and all. Raises `PageRefused` above a limit and
    `NotJSON` for an encoding other than UTF-8.
    """

    def __init__(self, *, string_bytes: int, number_chars: int) -> None:
        self._string_bytes = string_bytes
        self._number_chars = min(number_chars, _MOST_NUMBER_CHARS)
        self._numbers = _Runs(_NUMBER, self._number_chars)
        self._blanks = _Runs(_WHITE_SPACE, string_bytes)
        self._started = False
        self._held = b""  # input that only the next chunk can explain
        self._waiting = bytearray()  # checked, but a part of a string that goes on
        self.in_string = False  # whether the input so far ends inside a string
        self._open_bytes = 0  # of the string that the last chunk ended in

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what of the input so far is safe to parse; never an empty chunk."""
        chunk = self._held + chunk
        if not self._started:
            if len(chunk) <= len(_BOM):
                self._held = chunk
                return
            chunk = self._open(chunk)
        cut = _end_of_whole_escapes(chunk)
        self._held = chunk[cut:]
        yield from self._checked(chunk[:cut])

    def close(self) -> Iterator[bytes]:
        """Yield what was held back for the sake of a chunk's border."""
        chunk, self._held = self._held, b""
        yield from self._checked(chunk if self._started else self._open(chunk), last=True)

    def _open(self, chunk: bytes) -> bytes:
        self._started = True
        if chunk[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in chunk[:4]:
            raise NotJSON("the body is UTF-16 or UTF-32, JSON over HTTP is UTF-8 (RFC 8259)")
        return chunk.removeprefix(_BOM)

    def _checked(self, chunk: bytes, *, last: bool = False) -> Iterator[bytes]:
        if rb"\\u" in chunk or _MAYBE_LONE.search(chunk):
            chunk = _ESCAPES.sub(_mark_lone_surrogate, chunk)
        self._scan(_HIDDEN.sub(_FILLER, chunk) if b"\\" in chunk else chunk)
        # Pieces that double keep the cost of reading a long string anew linear in its length.
        if not self._waiting and 2 * len(chunk) >= self._open_bytes:
            if chunk:
                yield chunk
            return
        self._waiting += chunk
        if self._waiting and (last or 2 * len(self._waiting) >= self._open_bytes):
            yield bytes(self._waiting)
            self._waiting.clear()

    def _scan(self, chunk: bytes) -> None:
        """`chunk` has no escaped quotes, so its quotes alternate between opening and closing."""
        pieces = self._pieces(chunk)
        began_inside = self.in_string
        lengths = [*map(len, pieces[not began_inside :: 2])]
        if began_inside:
            lengths[0] += self._open_bytes
        if lengths and max(lengths) > self._string_bytes:
            raise PageRefused(
                f"a string is longer than {self._string_bytes:,} bytes (limits.string_bytes)"
            )
        self.in_string = began_inside ^ (len(pieces) % 2 == 0)
        self._open_bytes = lengths[-1] if self.in_string else 0
        # A quote in the place of each string ends every run there.
        outside = b'"'.join(pieces[began_inside::2]) + b'"' * self.in_string
        if self._numbers.exceeded_in(outside):
            raise PageRefused(
                f"a number has more than {self._number_chars:,} characters (limits.number_chars)"
            )
        if self._blanks.exceeded_in(outside):
            raise PageRefused(
                f"more than {self._string_bytes:,} bytes of white space (limits.string_bytes)"
            )

    def _pieces(self, chunk: bytes) -> list[bytes]:
        """What is between the quotes of `chunk`.

        The pieces in the middle begin and end here. They are left out where none can be above a
        limit, which is nearly always, and five times as fast.
        """
        quotes = chunk.count(b'"')
        if quotes < 2 or len(chunk) > self._string_bytes or self._numbers.holds(chunk):
            return chunk.split(b'"')
        head, tail = chunk[: chunk.find(b'"')], chunk[chunk.rfind(b'"') + 1 :]
        return [head, tail] if quotes % 2 else [head, b"", tail]


class _Runs:
    """Finds a run of more than `limit` bytes of one kind, also one that spans many chunks."""

    def __init__(self, kind: bytes, limit: int) -> None:
        self._kind = kind
        self._table = bytes(byte in kind for byte in range(256))
        self._longest = limit + 1
        self._stride = max(1, self._longest // 8)
        self._open = 0  # bytes of the run that the last chunk ended in

    def exceeded_in(self, text: bytes) -> bool:
        """Whether `text`, which continues what came before, holds or completes such a run."""
        rest = text.lstrip(self._kind)
        first = self._open + len(text) - len(rest)
        self._open = len(rest) - len(rest.rstrip(self._kind)) if rest else first
        return max(first, self._open) >= self._longest or self.holds(rest)

    def holds(self, text: bytes) -> bool:
        """Whether such a run lies within `text`."""
        # Long enough a run shows in every few bytes: a look at these finds nearly always nothing.
        few = text[:: self._stride].translate(self._table)
        if b"\1" * (self._longest // self._stride) not in few:
            return False
        # A regular expression would be 20 times as slow on arrays of numbers.
        return b"\1" * self._longest in text.translate(self._table)


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


def _mark_lone_surrogate(escape: re.Match[bytes]) -> bytes:
    return rb"\uffff" if escape[1] else escape[0]
