"""Segments that a path is made of, and the error of a text that is no path."""

from decimal import Decimal

from harvester.values import dataclass


class JSONPathError(ValueError):
    """A text that is not a path of the streaming subset.

    `position` is the offset into the text, from 0; the message counts characters from 1.
    """

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


@dataclass(frozen=True, slots=True)
class Key:
    """The member of an object that has this name: `.name`, `['odd.name']`."""

    name: str


@dataclass(frozen=True, slots=True)
class Index:
    """The item of an array at this place, from 0: `[0]`."""

    index: int


@dataclass(frozen=True, slots=True)
class Last:
    """The last item of an array: `[-1]`."""


@dataclass(frozen=True, slots=True)
class Every:
    """Every item of an array, or every member of an object: `[*]`, `.*`."""


@dataclass(frozen=True, slots=True)
class Where:
    """The items whose member at `path` (names, at least one) equals `value`: `[?@.rel=='next']`.

    Python holds 1 and True equal, so two of these may be equal that `canonical` tells apart.
    """

    path: tuple[str, ...]
    value: str | int | float | bool | None

    def accepts(self, value: object) -> bool:
        """Whether a JSON value equals the literal, by RFC 9535 section 2.3.5.2.2.

        Numbers compare as numbers (1 is 1.0, and an ijson Decimal is the float it stands for);
        `true` is no number; a value of another kind is never equal.
        """
        if isinstance(value, bool) or isinstance(self.value, bool):
            return value is self.value
        if isinstance(value, Decimal) and isinstance(self.value, float):
            return float(value) == self.value
        return value == self.value


Segment = Key | Index | Last | Every | Where
Path = tuple[Segment, ...]
