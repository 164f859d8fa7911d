"""Times as they are written into requests, and windows of time.

A time without a zone is UTC, never the machine's.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from harvester.values import dataclass

WINDOW_ATTRIBUTES: Final = ("start", "end", "last")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time, [start, end): the start belongs to it, the end does not.

    Both are aware and end lies after start; anything else raises ValueError. `overlap` is how far
    before its start a request asks, for records that change late: no part of what the window is.
    """

    start: datetime
    end: datetime
    overlap: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError(f"a window needs times with a zone: {self.start}, {self.end}")
        if self.end <= self.start:
            raise ValueError(f"a window ends after it starts: {self.start}, {self.end}")

    @property
    def asked_from(self) -> datetime:
        """Where a request begins: the start, less the overlap."""
        return self.start - self.overlap

    @property
    def last(self) -> datetime:
        """The last whole second of the window, for APIs whose ends are inclusive.

        As a date it is the last day of a window that ends at midnight.
        """
        return max(self.start, self.end - timedelta(seconds=1))

    @property
    def label(self) -> str:
        """`2021-01-01_2021-02-01`, in UTC; an end that is not midnight has `T120000Z` added."""
        return f"{label_of(self.start)}_{label_of(self.end)}"


def formatted(moment: datetime, form: str) -> str | int | float:
    """Write a time in UTC. `epoch` and `epoch_ms` are ints, floats where there is a fraction."""
    match form:
        case "epoch":
            return _since_epoch(moment, timedelta(seconds=1))
        case "epoch_ms":
            return _since_epoch(moment, timedelta(milliseconds=1))
        case "iso":
            return iso(moment)
    return utc(moment).strftime(form)


def _since_epoch(moment: datetime, unit: timedelta) -> int | float:
    whole, rest = divmod(utc(moment) - _EPOCH, unit)
    return whole + rest / unit if rest else whole


def utc(moment: datetime) -> datetime:
    """Convert to UTC. A time without a zone is UTC, never the machine's."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def iso(moment: datetime) -> str:
    """Write a time in UTC, by ISO 8601."""
    return utc(moment).isoformat().replace("+00:00", "Z")


def label_of(moment: datetime) -> str:
    """`2021-01-01`, or with the time in the form that is safe in a file name."""
    date, _, time = utc(moment).replace(tzinfo=None).isoformat().partition("T")
    return date if time == "00:00:00" else f"{date}T{time.replace(':', '')}Z"
