"""Reads the data of a curl line: files that it names, and text that is to be encoded."""

import re
from pathlib import Path
from typing import Final
from urllib.parse import quote_plus

from harvester.errors import ConfigError
from harvester.scaffold.variables import shown

_LARGEST_FILE: Final = 1 << 20


def urlencoded(folder: Path, value: str) -> str:
    """The five forms: `content`, `=content`, `name=content`, `@file`, `name@file`."""
    found = re.match(r"([^=@]*)([=@])(.*)", value, re.DOTALL)
    if found is None:
        return quote_plus(value)
    name, sign, content = found.groups()
    text = read_text(folder, content) if sign == "@" else content
    # Marks of variables must come through as they are; the form is decoded again at once.
    return f"{name}={quote_plus(text)}" if name else quote_plus(text)


def read_text(folder: Path, name: str) -> str:
    """A file that a line names, relative to `folder`; ConfigError where it is not to be had."""
    if name == "-":
        raise ConfigError("a body from stdin (@-) is not read; write it into the line")
    try:
        with (folder / name).open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
        if len(content) > _LARGEST_FILE:
            raise ConfigError(f"{shown(name)}: over 1 MiB, which is too much for a request")
        return content.decode()
    except OSError as error:
        raise ConfigError(f"{shown(name)}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{shown(name)}: not UTF-8 text") from None
