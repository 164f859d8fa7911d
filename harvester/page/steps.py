"""Steps of a scan: what the scanner gives the parser of a page, and what it hears from it."""

from collections.abc import Callable

from harvester.values import dataclass


@dataclass(frozen=True, slots=True)
class Parse:
    """Text for the parser, not empty."""

    text: bytes


@dataclass(frozen=True, slots=True)
class Skipped:
    """So many items of the spare container, maybe none, are not in the parser's copy."""

    items: int


Step = Parse | Skipped


@dataclass(frozen=True, slots=True)
class Spare:
    """The container at `depth`, from 1, of which the parser need not see every item.

    Without `read`, it needs none, and nothing in it but items is counted. Else it is an array, and
    of whole items in brackets those need not be parsed for which `read` is True: it has seen all
    that is in them. If it `keeps_last`, the last item of the array must be parsed all the same.
    `around` it may be such an array, at that depth, of which one item is being parsed.
    """

    depth: int
    read: Callable[[bytes], bool] | None = None
    keeps_last: bool = False
    around: int = 0
