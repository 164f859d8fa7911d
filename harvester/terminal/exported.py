"""Formats what an export tells: the table of what `--cast` made of each column. Text only."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from harvester.model import one_line, table

if TYPE_CHECKING:
    from harvester.export import CastColumn

_HEADER: Final = ("column", "before", "after", "cast", "empty, now null", "not cast")
_TEXT: Final = "VARCHAR"


def casts_text(casts: Sequence["CastColumn"]) -> str:
    """A row for each column of texts, most of which are numbers or times."""
    if not casts:
        return "--cast: no column of texts is mostly numbers or times"
    several = len({each.resource for each in casts}) > 1
    return table(_HEADER, [_row(each, several=several) for each in casts])


def _row(each: "CastColumn", *, several: bool) -> tuple[str, ...]:
    name = f"{each.resource}: {each.column}" if several else each.column
    if each.example is None:
        return (one_line(name), _TEXT, each.after, f"{each.cast:,}", f"{each.empty:,}", "0")
    left = f"{each.left:,}" if each.left else "the type"
    why = f"{left}, such as {each.example!r}: all stay text"
    return (one_line(name), _TEXT, each.after, "0", "0", why)
