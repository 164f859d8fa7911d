r"""Validates the text that the parser is spared, stretch by stretch.

The text is cut where a value has ended, before a comma outside of strings. What lies between two
cuts is JSON once it has before it what is open there, each container with something in it, and
behind it what closes what is open then: of `{"a":[1,2,3],"b":4}` the stretch `,3]` is proven as
`{"":[0,3]}`. So msgspec can read it at once, at 1,250 MB/s, wherever the network cut the page. In a
stretch without such a comma a string is cut instead, of which it then matters whether it is a key.

What msgspec refuses may still be right: control characters in strings and lone surrogates are made
harmless, and what nests deeper than it can go is for the parser to read.
"""

from typing import Final

from harvester.errors import NotJSON
from harvester.page.array_validator import UNPROVEN, check
from harvester.page.control_characters import blanked
from harvester.page.guard import last_outside
from harvester.page.parser import check_deep
from harvester.page.portions import without_lone_surrogates
from harvester.patterns import pattern

#: What is proven at once is this long at least, for what goes around it to cost little.
_LEAST: Final = 4 * 1024
#: Without a comma no text is longer than this, but for a string, and for blanks.
_MOST_HELD: Final = 256 * 1024
_SPACE: Final = b" \t\r\n"
_BLANKS: Final = pattern(rb"[ \t\r\n]{2,}+")
_BRACKETS: Final = bytes(byte for byte in range(256) if byte not in b"{}[]")
_OPENING: Final = (b"[", b"{")
_CLOSERS: Final = bytes.maketrans(b"{[", b"}]")
_OPENERS: Final = {ord("}"): ord("{"), ord("]"): ord("[")}
_NO_JSON: Final = "the body is not complete, valid JSON"
_PLACE: Final = pattern(r"(.*?) \(byte (\d+)\)$")
_NEAR: Final = 20  # bytes shown on each side of a fault

# What a stretch begins or ends in, within the innermost container.
_VALUES, _STRING, _KEY = range(3)
_BEGINS: Final = {
    ord("["): (b"[0", b'["', b'["'),
    ord("{"): (b'{"":0', b'{"":"', b'{"'),
}
_ENDS: Final = (b"", b'"', b'":0')


class Grammar:
    """Takes the text of one container after the other, from before a comma in it to its end."""

    def __init__(self) -> None:
        self.control_characters = 0  # so many stood in strings
        self._opened = b""  # the brackets that are open where the held text begins
        self._begins = _VALUES
        self._text = self._plain = b""  # held
        self._at = 0  # where in the page it begins

    def begin(self, opened: bytes, at: int, behind: bytes) -> None:
        """Text will come that begins at byte `at`, before a comma in the last of `opened`; `behind`
        is the byte before it.
        """
        self._opened, self._begins, self._at = opened, _VALUES, at
        self._text = self._plain = b""
        self._need_value(behind, at)

    def leapt(self, size: int) -> None:
        """Take note that so many bytes, whole items of the first container, will not come here."""
        if self._text:
            self._prove(len(self._text), self._opened[:1], _VALUES)
        self._at += size

    def take(self, text: bytes, plain: bytes, opened: bytes, *, in_string: bool) -> None:
        """Take more text; behind it `opened` are open, and a string if `in_string`.

        `plain` is as long, and has no escaped quotes.
        """
        self._text += text
        self._plain += plain
        if len(self._text) < _LEAST:
            return
        began_inside = self._begins is not _VALUES
        comma = last_outside(self._plain, b",", 0, len(self._plain), in_string)
        if comma > 0:
            last = self._plain[:comma].rstrip(_SPACE)[-1:]
            self._need_value(last, self._at + comma)
            self._prove(comma, self._open_before(comma, opened), _VALUES)
        elif in_string:
            start = self._plain.rfind(b'"') if not began_inside or b'"' in self._plain else -1
            self._prove(len(self._text), opened, self._kind(start))
        elif (end := self._plain.rfind(b'"')) > 0:
            start = self._plain.rfind(b'"', 0, end)
            self._prove(end, self._open_before(end, opened), self._kind(start))
        elif len(self._text) > _MOST_HELD:
            self._text = self._plain = _BLANKS.sub(b" ", self._text)
            if len(self._text) > _MOST_HELD:
                raise NotJSON(f"{_NO_JSON}: no comma between values from byte {self._at} on")

    def end(self, text: bytes, plain: bytes) -> None:
        """Take the last of it: behind it the first container is closed."""
        self._text += text
        self._plain += plain
        self._prove(len(self._text), b"", _VALUES)

    def _need_value(self, last: bytes, at: int) -> None:
        """A comma at byte `at` has to follow a value, not the beginning of a container."""
        if last in _OPENING:
            raise NotJSON(f"{_NO_JSON}: no value before the comma at byte {at}")

    def _open_before(self, place: int, opened: bytes) -> bytes:
        """The brackets that are open at `place`, behind which all are outside of strings but for
        the rest of one that is cut there.
        """
        tail = self._plain[place:]
        if self._plain[place] == ord('"'):
            tail = tail[1:]
        elif b'"' in tail:
            tail = b"".join(tail.split(b'"')[::2])
        stack = bytearray(opened)
        for bracket in reversed(tail.translate(None, _BRACKETS)):
            if bracket in _OPENERS:
                stack.append(_OPENERS[bracket])
            elif stack:
                stack.pop()
        return bytes(stack)

    def _kind(self, start: int) -> int:
        """Whether the string that begins at `start` (-1: before the held text) is a key."""
        if start < 0:
            return self._begins
        before = self._plain[:start].rstrip(_SPACE)[-1:]
        # Behind a comma it is a key unless in an array, which `_prove` sees to.
        return _STRING if before == b":" else _KEY

    def _prove(self, size: int, opened: bytes, ends: int) -> None:
        """Prove the first `size` bytes held, which end in such a way; hold the rest."""
        outer, inner = self._opened[:-1].replace(b"{", b'{"":'), self._opened[-1]
        before = outer + _BEGINS[inner][self._begins]
        if ends is _KEY and opened[-1:] == b"[":
            ends = _STRING
        behind = _ENDS[ends] + bytes(reversed(opened)).translate(_CLOSERS)
        stretch = self._text[:size]
        try:
            check(b"".join((before, stretch, behind)))
        except UNPROVEN:
            self._look_again(before, stretch, self._plain[:size], behind)
        self._opened, self._begins = opened, ends
        self._text, self._plain = self._text[size:], self._plain[size:]
        self._at += size

    def _look_again(self, before: bytes, stretch: bytes, plain: bytes, behind: bytes) -> None:
        in_string = self._begins is not _VALUES
        soothed, controls = blanked(stretch, plain, in_string)
        self.control_characters += controls
        whole = b"".join((before, without_lone_surrogates(soothed, plain), behind))
        try:
            check(whole)
        except RecursionError:
            check_deep(whole)
        except UNPROVEN as error:
            raise NotJSON(self._describe(str(error), stretch, len(before))) from error

    def _describe(self, error: str, stretch: bytes, before: int) -> str:
        found = _PLACE.search(error)
        if not found:
            return f"{_NO_JSON}: {error} from byte {self._at}"
        at = min(max(int(found[2]) - before, 0), len(stretch))
        near = ascii(stretch[max(0, at - _NEAR) : at + _NEAR].decode("utf-8", "replace"))
        what = found[1].removeprefix("JSON is malformed: ")
        return f"{_NO_JSON}: {what} at byte {self._at + at}, near {near}"
