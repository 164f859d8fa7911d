"""Describes what a page has, in words, for whoever named a path that it does not have.

A `data_selector` that leads nowhere is the first mistake of a new configuration, and the page that
shows what was meant has just come.
"""

from collections.abc import Iterable
from typing import Final

from harvester.errors import DataRefused
from harvester.model import Key, canonical
from harvester.page.records import iter_places
from harvester.values import dataclass

_LEVELS: Final = 3
_MOST_NAMED: Final = 12
_MOST_CHARS: Final = 60  # of a path
_KINDS: Final = {
    ord("{"): "an object", ord('"'): "a text", ord("t"): "true", ord("f"): "false",
    ord("n"): "null",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shape:
    """`message` says what a page has, `likely` which path most likely leads to its records ("" if
    none is likely); `keys` are the same for pages of one kind.
    """

    message: str
    likely: str
    keys: str


def shape_of(chunks: Iterable[bytes]) -> Shape:
    """The shape of a page by its decoded bytes, which are JSON."""
    seen: list[tuple[str, str]] = []
    arrays: list[tuple[int, str]] = []
    try:
        for keys, first, items in iter_places(chunks, _LEVELS):
            path = _path(keys)
            if first == ord("["):
                arrays.append((items, path))
            if (len(keys) <= 1 or first == ord("[")) and len(seen) <= _MOST_NAMED + 1:
                seen.append((path, _kind(first, items)))
    except DataRefused:  # a key twice, which does no harm elsewhere: what was seen will do
        pass
    whole = seen[0][1] if seen else "nothing"
    if whole != _KINDS[ord("{")]:
        return Shape(f"it is {whole}", "$" if arrays else "", whole.split(" ")[-1])
    named = [f"{path} ({kind})" for path, kind in seen[1 : _MOST_NAMED + 1]]
    more = ", \u2026" if len(seen) > _MOST_NAMED + 1 else ""
    # The longest; of equal ones the first.
    _, likely = max(arrays, key=lambda array: array[0], default=(0, ""))
    message = f"it has {', '.join(named)}{more}" if named else "it is an empty object"
    return Shape(message, likely, " ".join(path for path, _ in seen[1 : _MOST_NAMED + 1]))


def _path(keys: tuple[str, ...]) -> str:
    path = canonical(tuple(map(Key, keys))).removeprefix("$.")
    return path if len(path) <= _MOST_CHARS else f"{path[: _MOST_CHARS - 1]}\u2026"


def _kind(first: int, items: int) -> str:
    if first == ord("["):
        return f"{items:,} item{'' if items == 1 else 's'}"
    return _KINDS.get(first, "a number")
