"""Reads the text of a path: one cursor over it, with one method a rule of RFC 9535's grammar."""

import re
from math import isfinite
from typing import Final

from harvester.model.segments import Every, Index, JSONPathError, Key, Last, Path, Segment, Where
from harvester.patterns import pattern

_LARGEST_INDEX: Final = 2**53 - 1  # RFC 9535 2.1: integers stay within I-JSON's exact range
_LONGEST_NUMBER: Final = 1000
_ESCAPES: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "/": "/", "\\": "\\"}

_NEVER_BARE: Final = r"\s.\[\]'\"()*\x00-\x1f\x7f-\x9f\ud800-\udfff"
BARE_NAME: Final = pattern(rf"[^{_NEVER_BARE}]+")
_BARE_NAME_IN_FILTER: Final = pattern(rf"[^{_NEVER_BARE}=!<>~&|,?@$]+")
_ROOT: Final = pattern(r"\$(?=[.\[ \t\n\r]|\Z)")  # `$schema` is a name, `$.a` is not
_INTEGER: Final = pattern(r"[+-]?[0-9]+")
_NUMBER: Final = pattern(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_HEX4: Final = pattern(r"[0-9A-Fa-f]{4}")
_BLANKS: Final = pattern(r"[ \t\n\r]*")
_WORD: Final = pattern(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS: Final = {"true": True, "false": False, "null": None}

_BEYOND: Final = {  # what RFC 9535, or a habit from elsewhere, has and a stream cannot follow
    "..": "'..' (search at any depth); write the names in between",
    ",": "a union such as ['a','b']; name one",
    ":": "a slice such as [0:5]; use [*], [0] or [-1]",
    "(": "a function or a script; the last item is [-1]",
    "&&": "'&&'; a filter compares one member",
    "||": "'||'; a filter compares one member",
    "=~": "'=~'; a filter compares with '=='",
    "!=": "'!='; a filter compares with '=='",
    "!": "'!'; a filter compares with '=='",
    "<": "'<'; a filter compares with '=='",
    ">": "'>'; a filter compares with '=='",
}


def read_path(text: str) -> Path:
    """Read a path; raises JSONPathError."""
    return _Reader(text).path()


class _Reader:
    """A cursor over the text of a path."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def error(self, message: str, at: int | None = None) -> JSONPathError:
        at = self.at if at is None else at
        return JSONPathError(f"{message} (character {at + 1} of {self.text!r})", at)

    def expected(self, what: str) -> JSONPathError:
        """Name what stands at the cursor where `what` should."""
        for sign, advice in _BEYOND.items():
            if self.text.startswith(sign, self.at):
                return self.error(f"not part of the streaming subset of JSONPath: {advice}")
        found = repr(self.peek()) if self.peek() else "the end of the path"
        return self.error(f"expected {what}, found {found}")

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self, token: str) -> bool:
        if self.text.startswith(token, self.at):
            self.at += len(token)
            return True
        return False

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        if found := pattern.match(self.text, self.at):
            self.at = found.end()
        return found

    def path(self) -> Path:
        if not self.text:
            raise self.error("an empty path; the whole page is '$'")
        segments: list[Segment] = []
        if not self.match(_ROOT) and self.peek() != "[":
            segments.append(self.name_or_every("a name, '$' or '['"))
        while self.at < len(self.text):
            segments.append(self.segment())
        return tuple(segments)

    def segment(self) -> Segment:
        blank = self.at
        if self.match(_BLANKS) and not self.peek():
            raise self.error("white space after the path; take it away", blank)
        if self.take("["):
            return self.bracket()
        if not self.text.startswith("..", self.at) and self.take("."):
            return self.name_or_every("a name")
        raise self.expected("'.', '[' or the end (a name with odd characters is quoted: ['a b'])")

    def name_or_every(self, what: str) -> Key | Every:
        return Every() if self.take("*") else Key(self.bare_name(BARE_NAME, what))

    def bare_name(self, pattern: re.Pattern[str], what: str) -> str:
        if found := self.match(pattern):
            return found[0]
        raise self.expected(f"{what} (one with odd characters is quoted: ['a.b'])")

    def bracket(self) -> Segment:
        """Read a bracketed selection (RFC 9535 2.5.1), after its `[`."""
        opened = self.at - 1
        self.match(_BLANKS)
        segment = self.selector()
        self.match(_BLANKS)
        if not self.peek():
            raise self.error("'[' is never closed; add ']'", opened)
        if not self.take("]"):
            raise self.expected("']'")
        return segment

    def selector(self) -> Segment:
        at = self.at
        if self.peek() in ("'", '"'):
            return Key(self.quoted())
        if self.take("*"):
            return Every()
        if self.take("?"):
            return self.filter()
        if number := self.match(_INTEGER):
            return self.index(number[0], at)
        if word := self.match(_WORD):
            raise self.error(f"a name in brackets is quoted: ['{word[0]}']", at)
        raise self.expected("a quoted name, *, 0, -1 or ?@.name=='value' after '['")

    def index(self, digits: str, at: int) -> Index | Last:
        if digits == "-1":
            return Last()
        if digits.startswith("-"):
            raise self.error(
                f"not part of the streaming subset of JSONPath: [{digits}]; of the negative "
                "indexes only [-1], the last item, can be followed",
                at,
            )
        if digits[0] == "+" or (digits[0] == "0" and digits != "0"):
            raise self.error(f"an index has no sign and no leading zero, unlike {digits}", at)
        if len(digits) > 16 or int(digits) > _LARGEST_INDEX:
            raise self.error(f"an index is at most {_LARGEST_INDEX}", at)
        return Index(int(digits))

    def filter(self) -> Where:
        """Read a filter selector (RFC 9535 2.3.5), after its `?`."""
        opened: list[int] = []
        self.match(_BLANKS)
        while self.take("("):
            opened.append(self.at - 1)
            self.match(_BLANKS)
        names = self.member()
        if not self.take("=="):
            raise self.expected("'==' and a value, as in [?@.name=='value']")
        self.match(_BLANKS)
        value = self.literal()
        self.match(_BLANKS)
        while opened:
            if not self.peek():
                raise self.error("'(' is never closed; add ')'", opened[-1])
            if not self.take(")"):
                raise self.expected("')'")
            opened.pop()
            self.match(_BLANKS)
        return Where(names, value)

    def member(self) -> tuple[str, ...]:
        """Read the left side of a filter, `@` and one or more names, and the blanks after it."""
        if not self.take("@"):
            if word := _WORD.match(self.text, self.at):
                raise self.error(f"a filter compares a member of the item: @.{word[0]}")
            raise self.expected("'@' and a member, as in [?@.name=='value']")
        names: list[str] = []
        while self.match(_BLANKS) and self.peek() in (".", "["):
            if self.text.startswith("..", self.at):
                raise self.expected("a name")
            names.append(
                self.bare_name(_BARE_NAME_IN_FILTER, "a name")
                if self.take(".")
                else self.quoted_member()
            )
        if not names:
            raise self.expected("a member after '@', as in [?@.name=='value']")
        return tuple(names)

    def quoted_member(self) -> str:
        self.at += 1
        self.match(_BLANKS)
        if self.peek() not in ("'", '"'):
            raise self.expected("a quoted name (a filter looks at names, at no index)")
        name = self.quoted()
        self.match(_BLANKS)
        if not self.take("]"):
            raise self.expected("']'")
        return name

    def literal(self) -> str | int | float | bool | None:
        """Read a literal (RFC 9535 2.3.5.1): string, number, true, false or null."""
        at = self.at
        if self.peek() in ("'", '"'):
            return self.quoted()
        if number := self.match(_NUMBER):
            return self.number(number, at)
        if word := self.match(_WORD):
            if word[0] in _WORDS:
                return _WORDS[word[0]]
            raise self.error(f"a text in a filter is quoted: '{word[0]}'", at)
        raise self.expected("a quoted text, a number, true, false or null")

    def number(self, found: re.Match[str], at: int) -> int | float:
        if len(found[0]) > _LONGEST_NUMBER:
            raise self.error(f"a number has at most {_LONGEST_NUMBER} characters", at)
        if found[1] is None and found[2] is None:
            return int(found[0])
        if not isfinite(value := float(found[0])):
            raise self.error(f"{found[0]} is too large for a number", at)
        return value

    def quoted(self) -> str:
        """Read a string literal (RFC 9535 2.3.1.1) in single or double quotes."""
        opened, quote = self.at, self.peek()
        self.at += 1
        chars: list[str] = []
        while not self.take(quote):
            char = self.peek()
            if not char:
                raise self.error(f"the {quote} that opens here is never closed", opened)
            if char < " ":
                raise self.error(f"a control character in quotes is escaped: \\u{ord(char):04x}")
            if "\ud800" <= char <= "\udfff":
                raise self.error("half of a surrogate pair is no character")
            self.at += 1
            chars.append(self.escape(quote) if char == "\\" and self.peek() else char)
        return "".join(chars)

    def escape(self, quote: str) -> str:
        """Read what follows a backslash."""
        at = self.at - 1
        char = self.peek()
        self.at += 1
        if char == quote:
            return quote
        if char in _ESCAPES:
            return _ESCAPES[char]
        if char != "u":
            known = f"\\b \\f \\n \\r \\t \\/ \\\\ \\{quote} and \\uXXXX"
            raise self.error(f"'\\{char}' is no escape here; known are {known}", at)
        code = self.hex4(at)
        if 0xD800 <= code < 0xDC00 and self.take("\\u"):
            low = self.hex4(at)
            if 0xDC00 <= low < 0xE000:
                return chr(0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00))
        if 0xD800 <= code < 0xE000:
            raise self.error("half of a surrogate pair; write both halves: \\uD83D\\uDE00", at)
        return chr(code)

    def hex4(self, at: int) -> int:
        if digits := self.match(_HEX4):
            return int(digits[0], 16)
        raise self.error("\\u takes four hexadecimal digits", at)
