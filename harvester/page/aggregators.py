"""Aggregates the values that a path leads to into one field: first, last, least, greatest, count.

Values come one by one and only what may still become the field is kept. A value that cannot be
one (too long, or an object that says a thing twice) is remembered as `Unusable`: it does no harm
unless it turns out to be the one taken.
"""

import enum
import math
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import field
from decimal import Decimal
from functools import cached_property
from types import NoneType
from typing import Any, Final

from harvester.errors import PageRefused
from harvester.model import Horizon, Path, Side, canonical
from harvester.page.portions import LONE_SURROGATE
from harvester.patterns import pattern
from harvester.values import dataclass

#: No value has come yet; None is a value.
NOTHING: Final = object()
#: A number of fewer digits in a text is compared as a number.
_LONGEST_ID: Final = 1000
_INTEGER: Final = pattern("-?[0-9]+")
#: ijson's events that open and close a container.
OPENING: Final = frozenset({"start_map", "start_array"})
CLOSING: Final = frozenset({"end_map", "end_array"})


class Take(enum.Enum):
    """Which of a path's matches is the field."""

    FIRST = enum.auto()
    LAST = enum.auto()
    MIN = enum.auto()
    MAX = enum.auto()
    EXISTS = enum.auto()  # True where anything but null matched; the value is not kept
    COUNT = enum.auto()  # records: items of matched arrays, 1 for any other value, 0 for null


@dataclass(slots=True)
class Aggregate:
    """What has been taken for one field, or for one element of it that may not count yet."""

    take: Take
    value: Any = NOTHING
    within: Side | None = None  # of MIN and MAX: which values count
    matched: bool = True  # a filter's aggregate starts False, until the filter holds
    # The one of an element of `[-1]` that this is, or is in: it counts if no element follows.
    element: "Aggregate | None" = field(default=None, compare=False, repr=False)
    spoiled: "Unusable | None" = None  # why there is no field, if this counts

    @property
    def wants_more(self) -> bool:
        """Whether another match could change the value."""
        return self.value is NOTHING or self.take is not Take.FIRST

    @property
    def is_settled(self) -> bool:
        """Whether nothing can change the value any more."""
        return self.value is not NOTHING and self.take in (Take.FIRST, Take.EXISTS)

    def put_all(self, matches: "Matches") -> None:
        """Take in matches, in order: the same as to `put` each."""
        values = matches.values
        if self.take is Take.COUNT:
            values = [sum(values)] if values else ()
        elif self.take is Take.FIRST:
            values = values[:1]
        elif self.take is Take.LAST:
            values = values[-1:]
        elif self.take in (Take.MIN, Take.MAX):
            counted = matches.on(self.within) if self.within else matches
            best = counted.extreme(self.take)
            values = counted.values if best is NOTHING else [best]
        for value in values:
            self.put(value)

    def put(self, value: Any) -> None:
        """Take in one match (COUNT: what it counts for)."""
        if self.take is Take.COUNT:
            self.value = value if self.value is NOTHING else self.value + value
        elif self.take is Take.EXISTS:
            if value is not None:
                self.value = True
        elif self.take in (Take.MIN, Take.MAX):
            # null is what has no value: it neither is the smallest nor ends the comparison.
            if value is not None and (self.within is None or self.within(value)):
                self._compare(value)
        elif self.value is NOTHING or self.take is Take.LAST:
            self.value = value

    def _compare(self, value: Any) -> None:
        try:
            first = self.value is NOTHING
            self.value = value if first else extreme(self.value, value, self.take)
        except PageRefused as error:
            if self.element is None:
                raise
            self.element.spoil(str(error))

    def spoil(self, reason: str) -> None:
        """Take note that there is no field, should this element count."""
        self.spoiled = self.spoiled or Unusable(reason)

    def merge_into(self, parent: "Aggregate") -> None:
        """Let an element's value count after all."""
        parent.spoiled = parent.spoiled or self.spoiled
        if self.matched and self.value is not NOTHING:
            parent.put(self.value)


@dataclass(frozen=True)
class Matches:
    """Many values that one path led to, in order."""

    values: Sequence[Any]

    def extreme(self, take: Take) -> Any:
        """The smallest or largest that is not null; `NOTHING` where each must be looked at."""
        return self._least if take is Take.MIN else self._greatest

    def on(self, side: Side) -> "Matches":
        """Those of them that count. Which do is decided once for all sides of a horizon."""
        if side.horizon not in self._parted:
            values = self.values if self._texts else self._compared[0]
            if values and side.horizon.none_beyond(values, self._least, self._greatest):
                parts = None
            else:
                near, beyond = side.horizon.part(self.values)
                parts = Matches(near), Matches(beyond)
            self._parted[side.horizon] = parts
        found = self._parted[side.horizon]
        if found is None:
            return Matches(()) if side.beyond else self
        return found[side.beyond]

    @cached_property
    def _parted(self) -> dict[Horizon, tuple["Matches", "Matches"] | None]:
        """The values on each side; None where none lies beyond. These do not hold themselves, or
        each window would stay until the garbage collector came.
        """
        return {}

    @cached_property
    def _least(self) -> Any:
        if self._texts:
            return self._texts[0]
        values, key = self._compared
        return min(values, key=key) if values else NOTHING

    @cached_property
    def _greatest(self) -> Any:
        if self._texts:
            return self._texts[1]
        values, key = self._compared
        return max(values, key=key) if values else NOTHING

    @cached_property
    def _texts(self) -> tuple[str, str] | None:
        """The first and the last in order, if all are texts and none is a number for certain."""
        if self._kinds != {str} or self.values[0].isdecimal():
            return None
        least, greatest = min(self.values), max(self.values)
        return (least, greatest) if _are_no_numbers_between(least, greatest) else None

    @cached_property
    def _kinds(self) -> Set[type]:
        return {*map(type, self.values)}

    @cached_property
    def _compared(self) -> tuple[Sequence[Any], Callable[[Any], Any] | None]:
        """Values of one kind, null left out, and by what they are compared; none where they may
        not all be compared alike.
        """
        values, kinds = self.values, {*self._kinds}
        if NoneType in kinds:
            kinds.remove(NoneType)
            values = [value for value in values if value is not None]
        if kinds <= {int, Decimal}:
            return values, None
        if kinds != {str}:
            texts = [value for value in values if type(value) is str]
            numeric = kinds <= {int, Decimal, str} and _are_integers(texts)
            return (values, _number) if numeric else ((), None)
        lengths, together = {*map(len, values)}, "".join(values)
        if together.isdecimal():
            if max(lengths) >= _LONGEST_ID or 0 in lengths or not together.isascii():
                return (), None
            return values, None if len(lengths) == 1 else int
        if _are_no_numbers(values, lengths, together):
            return values, None
        return (values, int) if _are_integers(values) else ((), None)


def _are_no_numbers_between(least: str, greatest: str) -> bool:
    """Whether no text that sorts from the one to the other is a number, for certain: all begin as
    both of these do, and no number begins so.
    """
    for at, (one, other) in enumerate(zip(least, greatest, strict=False)):
        if one != other:
            return False
        if one not in "0123456789" and (at or one != "-"):
            return True
    return False


def _are_no_numbers(values: Sequence[str], lengths: Set[int], together: str) -> bool:
    """Whether no text of these is a number, for certain."""
    if len(lengths) == 1 and _share_a_letter(together, len(values[0])):
        return True
    return not any(map(str.isdecimal, values)) and "\n-" not in "\n".join(("", *values))


def _are_integers(values: Sequence[str]) -> bool:
    """Whether each text is compared as a number."""
    longest = max(map(len, values), default=0)
    return longest < _LONGEST_ID and all(map(_INTEGER.fullmatch, values))


def _number(value: Any) -> int | Decimal:
    """A number, also one in a text."""
    return int(value) if isinstance(value, str) else value


def _share_a_letter(together: str, length: int) -> bool:
    """Whether texts of one length, put together, have the same letter in one place that no number
    has there, as the first hyphen of a date.
    """
    at = length - len(together[:length].lstrip("0123456789"))
    if at == length:
        return False
    letter = together[at]
    if letter.isdecimal() or (letter == "-" and not at):
        return False
    letters = together[at::length]
    return letters.count(letter) == len(letters)


@dataclass(frozen=True, slots=True)
class Unusable:
    """A value that cannot be a field. It does no harm unless it turns out to be the one taken."""

    reason: str


def _too_long(limit: int) -> Unusable:
    return Unusable(f"a field is longer than {limit:,} bytes (client.limits.cursor_bytes)")


class Builder:
    """Builds one value that is an object or an array, such as MediaWiki's `continue`."""

    def __init__(self, event: str, done: Callable[[Any], None], limit: int) -> None:
        self._done = done
        self._limit = limit
        self._size = 0
        self._depth = 1
        self._open: list[tuple[Any, str]] = [({} if event == "start_map" else [], "")]
        self._unusable: Unusable | None = None
        self.finished = False

    def event(self, event: str, value: Any) -> None:
        """Take in the next event of the value; `finished` once it was the last."""
        self._depth += (event in OPENING) - (event in CLOSING)
        self._size += len(value.encode()) + 3 if isinstance(value, str) else 2
        if self._size > self._limit:
            self._unusable = _too_long(self._limit)
        if self._unusable is None:
            self._add(event, value)
        if not self._depth:
            self.finished = True
            self._done(self._unusable or self._open[0][0])

    def _add(self, event: str, value: Any) -> None:
        container, key = self._open[-1]
        if event == "map_key":
            self._open[-1] = (container, value)
            if value in container:
                reason = f"the key {value!r} stands twice in one object of the page"
                self._unusable = Unusable(reason)
            return
        if event in CLOSING:
            if len(self._open) > 1:
                self._open.pop()
            return
        if event in OPENING:
            value = {} if event == "start_map" else []
            self._open.append((value, ""))
        if isinstance(container, list):
            container.append(value)
        else:
            container[key] = value


def as_number(value: Any) -> int | Decimal | None:
    """A JSON number, or a string of digits such as a 64-bit id, as an exact number."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | Decimal):
        return value
    if isinstance(value, str) and len(value) < _LONGEST_ID and _INTEGER.fullmatch(value):
        return int(value)
    return None


def as_float(value: Any) -> float | None:
    """The same as a finite float, for what is shown or waited for: None where it is none, or lies
    beyond any. A server may send a number of as many digits as it likes.
    """
    number = as_number(value)
    try:
        found = None if number is None else float(number)
    except OverflowError:
        return None
    return found if found is not None and math.isfinite(found) else None


def extreme(first: Any, second: Any, take: Take) -> Any:
    """The smaller or larger, as numbers where both are, as text where both are text."""
    a, b = as_number(first), as_number(second)
    if a is None or b is None:
        if not (isinstance(first, str) and isinstance(second, str)):
            raise PageRefused(f"{first!r} and {second!r} cannot be compared")
        smaller = min(first, second)
        return smaller if take is Take.MIN else (second if smaller is first else first)
    if take is Take.MIN:
        return first if a <= b else second
    return first if a >= b else second


def _exact(value: Any, path: Path) -> Any:
    """The field as a JSON value that survives a round trip; integers keep every digit."""
    if isinstance(value, Mapping):
        return {key: _exact(item, path) for key, item in value.items()}
    if isinstance(value, list):
        return [_exact(item, path) for item in value]
    if isinstance(value, Decimal):
        number = float(value)
        if Decimal(repr(number)) != value:
            raise PageRefused(f"the number at {canonical(path)} cannot be kept exactly: {value}")
        return number
    if isinstance(value, str) and LONE_SURROGATE in value:
        raise PageRefused(f"the text at {canonical(path)} holds half a surrogate pair")
    return value


def usable(value: Any, path: Path, limit: int) -> Any:
    """The value taken at `path` as a JSON value that survives a round trip.

    Raises `PageRefused` where it is longer than `limit` bytes, says a thing twice, or cannot be
    kept exactly.
    """
    if isinstance(value, str) and len(value.encode()) > limit:
        value = _too_long(limit)
    if isinstance(value, Unusable):
        raise PageRefused(value.reason)
    return _exact(value, path)
