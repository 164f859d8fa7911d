"""Parses the path grammar: text such as `meta.next_token` to a tuple of segments, and back.

The grammar is the part of RFC 9535 that a parser can follow while a page streams past, seeing
each value once and keeping none of its neighbours: names, one index, every item, the last item,
and the items whose member equals a literal. Three liberties, because people write paths by hand:
`$` may be left out (`data[*].id` is `$.data[*].id`), a bare name may hold any character that
cannot be mistaken for syntax (`$.next-page`, `$.dc:title`), and so a text may also begin with a
name. Whatever else RFC 9535 has (`..`, slices, unions, functions, logic, other comparisons) is
refused by name, so that nobody waits for a field that cannot come.

A dot always separates: `@odata.nextLink` is the key `@odata`, then `nextLink`. A key that has a
dot is quoted: `['@odata.nextLink']`.

The text is read by `path_reader`.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final

from harvester.model.path_reader import BARE_NAME, read_path
from harvester.model.segments import Every, Index, Key, Last, Path, Segment, Where
from harvester.patterns import pattern

_UNESCAPES: Final = {
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\\": "\\\\",
    "'": "\\'",
}
# What RFC 9535 lets stand unquoted after a dot (member-name-shorthand, 2.5.1), but for surrogates,
# which _BARE_NAME bars. (One class with ranges this wide takes 10 ms to compile, at each start.)
_SHORTHAND: Final = pattern(r"(?:[A-Za-z_]|[^\x00-\x7f])(?:[0-9A-Za-z_]|[^\x00-\x7f])*")


@lru_cache(maxsize=1024)  # a run has a few paths, and each partition asks for them
def parse(text: str) -> Path:
    """Read a path; `$` is the root, the empty tuple.

    Raises JSONPathError, whose message says what was found, where, and what would be right.
    """
    return read_path(text)


def canonical(path: Path) -> str:
    """Write a path as its one text, valid RFC 9535: `parse(canonical(path)) == path`.

    Names that RFC 9535 lets stand bare do so; others are quoted as in its normalized paths
    (section 2.7).
    """
    return "$" + "".join(map(_segment_text, path))


def find(value: Any, path: Path) -> Iterator[Any]:
    """The values at `path` in a JSON value that is at hand whole, in its order."""
    if not path:
        yield value
        return
    for child in _children(value, path[0]):
        yield from find(child, path[1:])


def _children(value: Any, segment: Segment) -> Iterable[Any]:
    match segment, value:
        case Key(name), dict():
            return [value[name]] if name in value else []
        case Index(index), list():
            return value[index : index + 1]
        case Last(), list():
            return value[-1:]
        case ((Every() | Where()), (dict() | list())):
            items = value if isinstance(value, list) else value.values()
            if isinstance(segment, Every):
                return items
            names = tuple(map(Key, segment.path))
            return [item for item in items if any(map(segment.accepts, find(item, names)))]
    return []


def _segment_text(segment: Segment) -> str:
    match segment:
        case Key(name):
            return _name_text(name)
        case Index(index):
            return f"[{index}]"
        case Last():
            return "[-1]"
        case Every():
            return "[*]"
        case Where(names, value):
            return f"[?@{''.join(map(_name_text, names))}=={_literal_text(value)}]"


def _name_text(name: str) -> str:
    if _SHORTHAND.fullmatch(name) and BARE_NAME.fullmatch(name):
        return f".{name}"
    return f"[{_quoted(name)}]"


def _literal_text(value: str | int | float | bool | None) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _quoted(text: str) -> str:
    def escape(char: str) -> str:
        return _UNESCAPES.get(char) or (f"\\u{ord(char):04x}" if char < " " else char)

    return "'" + "".join(map(escape, text)) + "'"
