"""Splits a command line of Windows' cmd into words, and recognizes lines of other shells.

Browsers' "copy as cURL (cmd)" puts a caret before whatever cmd would take for its own: `^"`, `^&`,
and a line that goes on ends in one. Three readers follow each other there, and do so here: cmd
puts variables (`%NAME%`) in, cmd takes the carets out, and curl's own runtime splits what is left
at its quotes. Nothing is run.
"""

import re
from collections.abc import Iterator
from typing import Final

from harvester.errors import ConfigError
from harvester.patterns import pattern
from harvester.scaffold.variables import mark

#: A word that begins with `^"`, a line that ends in a caret, `^&` where nothing has bash's quotes.
_CMD: Final = pattern(r"(?:^|\s)\^\"|\^[ \t]*\r?\n|^[^']*\^&")
#: Two hexadecimal digits after a `%` are a character of a URL, whatever follows.
_VARIABLE: Final = pattern(r"%(?![0-9A-Fa-f]{2})([A-Za-z_][A-Za-z0-9_]*)%")
_POWERSHELL: Final = pattern(
    r"\s*(?:\$\w+(?:\.\w+)*\s*=|(?:Invoke-(?:WebRequest|RestMethod)|iwr|irm)\b)", re.IGNORECASE
)
_CONTINUED: Final = pattern(r"`[ \t]*\r?\n")
_COPIED: Final = pattern(r"\s*(?:await\s+)?fetch\s*\(")
_NAMED: Final = 'copy it "as cURL (bash)" instead, or give the URL alone'


def is_cmd(line: str) -> bool:
    """Whether a line was written for cmd: it has carets where only cmd wants them."""
    return _CMD.search(line) is not None


def refuse_others(line: str) -> None:
    """ConfigError for a line of PowerShell, or one of JavaScript, by its name."""
    if _POWERSHELL.match(line) or _CONTINUED.search(line):
        raise ConfigError(f"a line for PowerShell, which is not read here; {_NAMED}")
    if _COPIED.match(line):
        raise ConfigError(f"a JavaScript fetch, which is not read here; {_NAMED}")


def cmd_words(line: str) -> list[str]:
    """The words of a line as cmd and curl.exe would read it; ConfigError for an open quote."""
    text = _VARIABLE.sub(lambda found: mark(found[1]), line)
    return list(_split("".join(_without_carets(text))))


def _without_carets(text: str) -> Iterator[str]:
    """What cmd hands on. Between quotes of its own a caret is only a caret; a quote behind a
    caret is none of its own. The line ends at an operator that stands free.
    """
    at, quoted = 0, False
    text = re.sub(r"\r\n?", "\n", text)
    while at < len(text):
        character = text[at]
        if character == "^" and not quoted:
            at += 1
            blanks = re.compile(r"[ \t]*\n").match(text, at)
            if blanks:  # the line goes on; a second line break is one of the text's own
                at = blanks.end()
                if text.startswith("\n", at):
                    yield "\n"
                    at += 1
                continue
            yield text[at : at + 1]
        elif character in "&|<>\n" and not quoted:
            return
        else:
            quoted ^= character == '"'
            yield character
        at += 1


def _split(text: str) -> Iterator[str]:
    """The words, by the rules of Microsoft's C runtime: a quote is one behind a backslash, or
    where it is doubled within quotes.
    """
    at = 0
    while (start := re.compile(r"[ \t\n]*").match(text, at)) and start.end() < len(text):
        at = start.end()
        word, quoted = "", False
        while at < len(text) and (quoted or text[at] not in " \t\n"):
            if found := re.compile(r'(\\+)(")?').match(text, at):
                at = found.end()
                if found[2] is None:
                    word += found[1]
                    continue
                word += "\\" * (len(found[1]) // 2)
                if len(found[1]) % 2:
                    word += '"'
                else:
                    quoted = not quoted
                continue
            if text[at] == '"':
                if quoted and text.startswith('""', at):
                    word += '"'
                    at += 2
                    continue
                quoted = not quoted
            else:
                word += text[at]
            at += 1
        if quoted:
            raise ConfigError('a " of the line is never closed')
        yield word
