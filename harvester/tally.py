"""What the journals cannot tell of the runs of a harvest: what was waited for, and which tries
came to nothing. A `Tally` goes into `last_run.json`; each run adds to what the runs before noted.

A run that is killed notes nothing, so a tally is the least there was, never a truth to go by.
"""

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self, TypeVar

from harvester.events import AttemptLost, Event, Waiting

#: More kinds than this are counted as one: servers may say something else each time.
MOST_KINDS: Final = 40
OTHERS: Final = "other kinds"
_Number = TypeVar("_Number", int, float)
_MOST: Final = 1e15
_KIND_CHARS: Final = 90
_STATUS: Final = re.compile(r".*?\banswered (\d{3})\b")
_CHANGING: Final = re.compile(r"'[^']*'|\"[^\"]*\"|\d[\d,.]*")


@dataclass(slots=True)
class Tally:
    """Waits in seconds by reason, of all who waited, and tries that came to nothing by kind, in
    `runs` runs since `since` (RFC 3339; "" where none has noted anything), which took `run_s`.
    """

    since: str = ""
    runs: int = 0
    run_s: float = 0.0
    waits_s: dict[str, float] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, value: Any) -> Self:
        """The tally that `as_dict` gave; an empty one for anything else."""
        try:
            return cls(
                str(value["since"]),
                _count_of(value["runs"]),
                _seconds(value["run_s"]),
                {str(key): _seconds(n) for key, n in value["waits_s"].items()},
                {str(key): _count_of(n) for key, n in value["errors"].items()},
            )
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            return cls()

    def as_dict(self) -> Mapping[str, Any]:
        """The JSON form."""
        return {
            "since": self.since,
            "runs": self.runs,
            "run_s": round(self.run_s, 3),
            "waits_s": {key: round(n, 3) for key, n in self.waits_s.items()},
            "errors": dict(self.errors),
        }

    def add(self, later: Self) -> None:
        """Count a later run in."""
        self.since = self.since or later.since
        self.runs += later.runs
        self.run_s += later.run_s
        for key, seconds in later.waits_s.items():
            _count(self.waits_s, key, seconds)
        for key, number in later.errors.items():
            _count(self.errors, key, number)


class RunTally:
    """The tally of one run, by its events. `since` is when the run began.

    A wait counts for as long as it lasted: until the next event of the thread that waits (several
    may be at one partition), or the run's end.
    """

    def __init__(
        self,
        since: str,
        clock: Callable[[], float] = time.monotonic,
        who: Callable[[], int] = threading.get_ident,
    ) -> None:
        self._tally = Tally(since, runs=1)
        self._clock = clock
        self._who = who
        self._began = clock()
        self._waiting: dict[int, tuple[float, float, str]] = {}  # by thread

    def take(self, event: Event) -> None:
        """Count an event in."""
        who = self._who()
        self._end_wait(who)
        match event:
            case Waiting():
                self._waiting[who] = (self._clock(), event.seconds, event.reason)
            case AttemptLost():
                kind = kind_of(event.error)
                _count(self._tally.errors, kind, 1)
                why = f"retrying: {kind}"
                self._waiting[who] = (self._clock(), event.wait_s, why)

    def close(self) -> Tally:
        """The tally, once the run has ended."""
        for who in list(self._waiting):
            self._end_wait(who)
        self._tally.run_s = self._clock() - self._began
        return self._tally

    def _end_wait(self, who: int) -> None:
        if who in self._waiting:
            began, seconds, reason = self._waiting.pop(who)
            waited = min(seconds, self._clock() - began)
            if waited > 0:
                _count(self._tally.waits_s, reason, waited)


def _seconds(value: Any) -> float:
    number = float(value)
    if not 0 <= number < _MOST:
        raise ValueError(value)
    return number


def _count_of(value: Any) -> int:
    return int(_seconds(value))


def kind_of(error: str) -> str:
    """What is the same about errors that differ in numbers and names only."""
    error = " ".join(error.split())
    if found := _STATUS.match(error):
        return found[0] if len(found[0]) <= _KIND_CHARS else f"the server answered {found[1]}"
    kind = _CHANGING.sub("…", error)
    return kind if len(kind) <= _KIND_CHARS else f"{kind[: _KIND_CHARS - 1]}…"


def _count(counts: dict[str, _Number], key: str, number: _Number) -> None:
    known = key in counts or len(counts) < MOST_KINDS
    key = key if known else OTHERS
    counts[key] = counts[key] + number if key in counts else number
