"""Splits a command line into words as bash does; runs and expands nothing.

Browsers' "copy as cURL (bash)" uses `$'…'` (ANSI-C quoting), which shlex does not know. A variable
(`$TOKEN`, `${TOKEN}`) stays one, as a mark of `variables`. What would run something (`$(…)`,
backquotes) is refused. Reading ends at a pipe, `;` or `&`, and redirections are left out: what
follows is not curl's.
"""

import re
from collections.abc import Sequence
from typing import Final

from harvester.errors import ConfigError
from harvester.patterns import pattern
from harvester.scaffold.variables import mark, unmarked

_NAME: Final = pattern(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)(?::?-[^}]*)?\}|([A-Za-z_][A-Za-z0-9_]*))")
_ANSI_C: Final = pattern(
    r"\\(x[0-9A-Fa-f]{1,2}|u[0-9A-Fa-f]{1,4}|U[0-9A-Fa-f]{1,8}|[0-7]{1,3}|.)", re.DOTALL
)
_SIMPLE: Final = {
    "a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t",
    "v": "\v",
}  # fmt: skip
_REDIRECTION: Final = pattern(r"[0-9]*(?:>>|>&|<<<|[<>])&?\s*(?:'[^']*'|\"[^\"]*\"|[^\s;|&]*)")
#: Where a word ends. An `&` inside one is a URL's whose quotes were forgotten.
_END: Final = pattern(r"[\s;|]|&(?=[\s&]|$)")
#: What a line may end with after its `\` when it was pasted from a page: blanks.
_CONTINUATION: Final = pattern(r"\\[ \t]*\r?\n")


def words(line: str) -> list[str]:
    """The words of a command line; ConfigError where bash would wait for more or run something."""
    return _Reader(_CONTINUATION.sub(" ", unmarked(line))).words()


def literal(arguments: Sequence[str]) -> list[str]:
    """Words that a shell has read already: dollars in them are only dollars."""
    return [unmarked(word) for word in arguments]


class _Reader:
    """A place in the text of a command line."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def words(self) -> list[str]:
        found: list[str] = []
        while (word := self._word()) is not None:
            found.append(word)
        return found

    def _word(self) -> str | None:
        text = self._text
        while True:
            while self._at < len(text) and text[self._at] in " \t\r\n":
                self._at += 1
            if redirection := _REDIRECTION.match(text, self._at):
                self._at = redirection.end()
            else:
                break
        if self._at >= len(text) or text[self._at] in ";|&#":
            return None
        parts: list[str] = []
        while self._at < len(text) and not _END.match(text, self._at):
            parts.append(self._piece())
        return "".join(parts)

    def _piece(self) -> str:
        """One quoted stretch, one variable, or one character."""
        text, at = self._text, self._at
        character = text[at]
        if text.startswith("$'", at):
            self._at += 2
            return self._ansi_c()
        if character == "'":
            self._at = self._closing("'", at + 1)
            return text[at + 1 : self._at - 1]
        if character == '"' or text.startswith('$"', at):
            self._at += 1 if character == '"' else 2
            return self._double()
        if character == "\\":
            self._at += 2
            return text[at + 1 : at + 2]
        if character == "$" or character == "`":
            return self._variable()
        self._at += 1
        return character

    def _closing(self, quote: str, start: int) -> int:
        end = self._text.find(quote, start)
        if end < 0:
            raise ConfigError(f"the {quote} at character {start} of the line is never closed")
        return end + 1

    def _double(self) -> str:
        text, opened = self._text, self._at
        parts: list[str] = []
        while self._at < len(text):
            character = text[self._at]
            if character == '"':
                self._at += 1
                return "".join(parts)
            if character == "\\" and text[self._at + 1 : self._at + 2] in ("$", "`", '"', "\\"):
                parts.append(text[self._at + 1])
                self._at += 2
            elif character in "$`":
                parts.append(self._variable())
            else:
                parts.append(character)
                self._at += 1
        raise ConfigError(f'the " at character {opened} of the line is never closed')

    def _variable(self) -> str:
        text = self._text
        if text.startswith(("$(", "`"), self._at):
            raise ConfigError(
                "the line runs another command inside ($(…) or backquotes), which is not done "
                "here; put its result into a variable and write $NAME"
            )
        found = _NAME.match(text, self._at)
        if found and not (found[2] and text.startswith("=", found.end())):
            self._at = found.end()
            return mark(found[1] or found[2])
        self._at += 1  # a dollar of the API's own, as in ?$top=100, even where bash would eat it
        return "$"

    def _ansi_c(self) -> str:
        opened, end = self._at, self._at
        while end < len(self._text) and self._text[end] != "'":
            end += 2 if self._text[end] == "\\" else 1
        if end >= len(self._text):
            raise ConfigError(f"the $' at character {opened - 1} of the line is never closed")
        self._at = end + 1
        return _surrogates_joined(_ANSI_C.sub(_escaped, self._text[opened:end]))


def _escaped(found: re.Match[str]) -> str:
    code = found[1]
    if code[0] in "xuU" and len(code) > 1:
        return chr(int(code[1:], 16))
    if code[0] in "01234567":
        return chr(int(code, 8) & 0xFF)
    return _SIMPLE.get(code, code)


def _surrogates_joined(text: str) -> str:
    """Chrome writes a character beyond the BMP as two escapes."""
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise ConfigError(
            "the line holds half of a surrogate pair, which is no character"
        ) from None
