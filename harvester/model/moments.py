"""Reads times as APIs write them, and says whether one lies beyond a moment. Pure.

One record that is dated 2099 must not become what every later run starts at. So each value that a
run could go on from is held against the server's own time. Only what can be nothing but a time is
judged as one: an ISO 8601 date or time, and numbers, whose size tells their unit. Whether a number
is an epoch or an id, the numbers beside it must say (`is_time_like`).
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, Final

from harvester.patterns import pattern
from harvester.values import dataclass

#: Clocks differ, and a time without a zone may be up to 14 hours ahead.
LEEWAY: Final = timedelta(days=1)
#: Epoch numbers from here on (the year 5138 of the unit before) count so much finer than seconds.
FINER_EPOCHS: Final = ((10**17, 10**9), (10**14, 10**6), (10**11, 10**3))
_UNITS: Final = (1, *(unit for _, unit in FINER_EPOCHS))
_LEAST_EPOCH: Final = 10**8  # for certain no date
_MOST_DIGITS: Final = 10**19
#: Servers whose clock was never set say 1970 or the year that they were made in.
_CREDIBLE_FROM: Final = datetime(2024, 1, 1, tzinfo=UTC)
_EARLIEST_EPOCH: Final = 10**9  # 2001, in seconds: smaller numbers count something else
_DATE: Final = pattern(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NUMBER: Final = pattern(r"[0-9]{1,19}(\.[0-9]{1,9})?")
_COMPACT: Final = (8, 14)  # digits of a date, and of a time
#: Numbers that may be such, each from the first to before the second.
_COMPACT_NUMBERS: Final = ((19 * 10**6, 22 * 10**6), (19 * 10**12, 22 * 10**12))


def server_time(date: str | None) -> datetime | None:
    """The time in a Date header; None where there is none, or none to believe."""
    try:
        found = parsedate_to_datetime(date or "")
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    return found if found >= _CREDIBLE_FROM else None


class Horizon:
    """The latest time that is believed of a value: `LEEWAY` behind `moment`."""

    def __init__(self, moment: datetime) -> None:
        latest = moment + LEEWAY
        self._latest = latest
        self._day = latest.strftime("%Y-%m-%d")
        self._epoch = Decimal(latest.timestamp())
        self._latest_epochs = {unit: int(self._epoch * unit) for unit in _UNITS}
        self._compact_day = int(latest.strftime("%Y%m%d"))

    def is_beyond(self, value: Any) -> bool:
        """Whether `value`, read as a time, lies behind it; False for what is no time."""
        if isinstance(value, str) and (value[4:5] == "-" or not _NUMBER.fullmatch(value)):
            # The first ten signs are enough to the day, and sort as text.
            return value[:10] > self._day and _DATE.match(value) is not None
        if isinstance(value, int) and value >= _LEAST_EPOCH and not _may_be_compact(value):
            return value < _MOST_DIGITS and value > self._latest_epochs[_unit(value)]
        number = _number(value)
        if number is None:
            return False
        if (compact := _compact(str(value))) is not None:
            return compact > self._latest
        return number > self._epoch * _unit(number)

    def none_beyond(self, values: Sequence[Any], least: Any, greatest: Any) -> bool:
        """Whether none of `values` lies behind it, for certain: all are texts, or all are numbers,
        written so or as texts of digits, of which these two are the `least` and the `greatest`.
        """
        if isinstance(greatest, str) and not greatest.isdecimal():
            # No text that sorts before one of today is a day of tomorrow.
            if greatest[:10] > self._day:
                return False
            # What sorts between two texts begins as both do.
            of_one_year = least[:5] == greatest[:5] and least[4:5] == "-"
            return of_one_year or _are_no_numbers(values)
        low, high = Decimal(least), Decimal(greatest)
        if high <= self._compact_day:  # earlier dates, and epochs of 1970
            return True
        if any(low < end and high >= start for start, end in _COMPACT_NUMBERS):
            return False
        return _unit(low) == _unit(high) and high <= self._epoch * _unit(high)

    def part(self, values: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """The texts and numbers of `values` on this side of it, and those behind it."""
        day = self._day
        if {*map(type, values)} == {str} and {value[4:5] for value in values} == {"-"}:
            later = [value for value in values if value[:10] > day]
            if all(map(_DATE.match, later)):
                return [value for value in values if value[:10] <= day], later
        near: list[Any] = []
        beyond: list[Any] = []
        for value in values:
            if isinstance(value, str | int | Decimal | float) and not isinstance(value, bool):
                (beyond if self.is_beyond(value) else near).append(value)
        return near, beyond


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """Asks of values whether they are texts or numbers on this side of a horizon, or `beyond`."""

    horizon: Horizon
    beyond: bool

    def __call__(self, value: Any) -> bool:
        """Whether one is."""
        usable = isinstance(value, str | int | float | Decimal) and not isinstance(value, bool)
        return usable and self.horizon.is_beyond(value) is self.beyond


def is_beyond(value: Any, moment: datetime) -> bool:
    """Whether `value`, read as a time, lies more than `LEEWAY` behind `moment`; False for what is
    no time.
    """
    return Horizon(moment).is_beyond(value)


def is_before(value: Any, start: Any) -> bool:
    """Whether `value` lies before `start` for certain: both are numbers, or both times or dates. A
    date alone is compared with the other's, and local time without a zone with some leeway.
    """
    number, other = _number(value), _number(start)
    if number is not None and other is not None:
        return number < other
    one, two = (text if isinstance(text, str) else "" for text in (value, start))
    if not (_DATE.match(one) and _DATE.match(two)):
        return False
    if len(one) == 10 or len(two) == 10:
        return one[:10] < two[:10]
    try:
        moment, other_moment = datetime.fromisoformat(one), datetime.fromisoformat(two)
    except ValueError:
        return one[:10] < two[:10]
    if (moment.tzinfo is None) == (other_moment.tzinfo is None):
        return moment < other_moment
    return moment.replace(tzinfo=UTC) < other_moment.replace(tzinfo=UTC) - LEEWAY


def moment_of(value: Any) -> datetime | None:
    """The time that a value is: an ISO 8601 date or time, one of RFC 2822 (as mails and feeds have
    them), or an epoch; None for anything else. Without a zone it is UTC.
    """
    number = _number(value)
    try:
        if (compact := _compact(str(value))) is not None:
            return compact
        if number is not None:
            return datetime.fromtimestamp(float(number / _unit(number)), UTC)
        if not isinstance(value, str):
            return None
        iso = _DATE.match(value)
        found = datetime.fromisoformat(value) if iso else parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def is_older(value: Any, start: Any) -> bool | None:
    """Whether a record's time or number lies before `start`; None where the two cannot be compared.
    Two numbers are compared as such; else both are read as times.
    """
    number, other = _number(value), _number(start)
    if number is not None and other is not None and _unit(number) == _unit(other):
        return number < other
    one, two = moment_of(value), moment_of(start)
    return None if one is None or two is None else one < two


def is_time_like(value: Any, other: Any) -> bool:
    """Whether `value` is a time for certain, or a number written as `other` is, which is a time if
    it is anything. `4102444800` alone may be an id.
    """
    number, like = _number(value), _number(other)
    if number is None:
        return True
    if like is None:
        return False
    if _is_compact(str(value)) or _is_compact(str(other)):
        return _is_compact(str(value)) and _is_compact(str(other))
    return like >= _EARLIEST_EPOCH * _unit(number) and _unit(like) == _unit(number)


def _is_compact(text: str) -> bool:
    return _compact(text) is not None


def _compact(text: str) -> datetime | None:
    """A date or a time without its dashes: `20210131`, `20210131120000`."""
    if len(text) not in _COMPACT or not text.isdecimal() or not text.startswith(("19", "20", "21")):
        return None
    try:
        numbers = [int(text[at : at + 2]) for at in range(4, len(text), 2)]
        return datetime(int(text[:4]), *numbers, tzinfo=UTC)  # type: ignore[arg-type,misc]
    except ValueError:
        return None


def _are_no_numbers(values: Sequence[str]) -> bool:
    """Whether no text is a number: each has the first hyphen of a date, or is looked at."""
    return {value[4:5] for value in values} == {"-"} or not any(map(_NUMBER.fullmatch, values))


def _may_be_compact(number: int | Decimal) -> bool:
    return _COMPACT_NUMBERS[0][0] <= number < _COMPACT_NUMBERS[0][1] or (
        _COMPACT_NUMBERS[1][0] <= number < _COMPACT_NUMBERS[1][1]
    )


def _unit(number: int | Decimal) -> int:
    for least, unit in FINER_EPOCHS:
        if number >= least:
            return unit
    return 1


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        return None
    text = str(value)
    return Decimal(text) if _NUMBER.fullmatch(text) else None
