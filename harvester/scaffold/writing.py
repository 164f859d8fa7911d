"""Writes a tree as YAML with comments, as people would, which `yamlfile` reads back.

Short sections stand on one line, long ones are indented, text of several lines is a block. The
writer is our own because comments belong to it, and no library of YAML's size keeps them.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from harvester.patterns import pattern

_WIDTH: Final = 98
_PLAIN: Final = pattern(r"[A-Za-z_/$](?:[\w./$+-]|:(?=[\w/]))*(?: [\w./$+()-]+)*", re.ASCII)
_WORDS: Final = frozenset(("true", "false", "null", "~", "yes", "no", "on", "off", "y", "n"))

Key = tuple[str | int, ...]
Comments = Mapping[Key, list[str]]


def yaml_text(tree: Mapping[str, Any], head: list[str], comments: Comments) -> str:
    """The file: comment lines at its head, then the tree; `comments` stand above their keys."""
    lines = [f"# {line}".rstrip() for line in head]
    lines += _mapping(tree, 0, (), comments)
    return "\n".join(lines) + "\n"


def _mapping(tree: Mapping[str, Any], indent: int, at: Key, comments: Comments) -> Iterator[str]:
    for key, value in tree.items():
        place = (*at, key)
        for line in comments.get(place, ()):
            yield f"{' ' * indent}# {line}"
        yield from _entry(f"{' ' * indent}{scalar(key)}:", value, indent, place, comments)


def _entry(start: str, value: Any, indent: int, at: Key, comments: Comments) -> Iterator[str]:
    """A key and its value: on its line where that fits and nothing below has a comment."""
    flow = _flow(value, len(start) + 1)
    commented = any(place[: len(at)] == at and len(place) > len(at) for place in comments)
    if isinstance(value, str) and (block := _block(value, indent + 2)):
        yield f"{start} {block[0]}"
        yield from block[1:]
    elif (
        not isinstance(value, Mapping | list)
        or not value
        or (len(flow) + len(start) < _WIDTH and not commented and len(at) > 1)
    ):
        yield f"{start} {flow}"
    elif isinstance(value, Mapping):
        yield start
        yield from _mapping(value, indent + 2, at, comments)
    else:
        yield start
        for number, item in enumerate(value):
            yield from _item(item, indent + 2, (*at, number), comments)


def _item(item: Any, indent: int, at: Key, comments: Comments) -> Iterator[str]:
    dash = f"{' ' * indent}- "
    flow = _flow(item, len(dash))
    short = len(flow) + indent < _WIDTH and len(at) > 2
    if not isinstance(item, Mapping | list) or not item or short:
        yield dash + flow
        return
    if isinstance(item, list):
        yield dash.rstrip()
        for number, below in enumerate(item):
            yield from _item(below, indent + 2, (*at, number), comments)
        return
    first, *rest = list(_mapping(item, indent + 2, at, comments))
    yield dash + first[indent + 2 :]
    yield from rest


def _flow(value: Any, at: int) -> str:
    """A value on one line."""
    if isinstance(value, Mapping):
        inner = ", ".join(f"{scalar(key)}: {_flow(item, at)}" for key, item in value.items())
        return f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{', '.join(_flow(item, at) for item in value)}]"
    return scalar(value)


def _block(text: str, indent: int) -> list[str]:
    """Text of several lines as a literal block; nothing where it is none or could not be one."""
    lines = text.removesuffix("\n").split("\n")
    safe = len(lines) > 1 and all(line.isprintable() for line in lines)
    if not safe or lines[0][:1] in ("", " ") or lines[-1] == "" or "\ufeff" in text:
        return []
    mark = "|" if text.endswith("\n") else "|-"
    return [mark, *((" " * indent + line) if line else "" for line in lines)]


def scalar(value: Any) -> str:
    """One value: bare where YAML can only read it as that text, else in quotes."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return str(value)
    return f'"{"".join(map(_escaped, value))}"'


def _escaped(character: str) -> str:
    if character in ('"', "\\"):
        return f"\\{character}"
    if character == "\n":
        return "\\n"
    if character == "\t":
        return "\\t"
    code = ord(character)
    if character.isprintable() and code != 0xFEFF and not 0xE000 <= code <= 0xF8FF:
        return character
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def wrapped(text: str, indent: int = 0) -> list[str]:
    """A sentence as comment lines."""
    import textwrap

    return textwrap.wrap(text, _WIDTH - 4 - indent, break_long_words=False, break_on_hyphens=False)
