"""Statistics of runs that no journal has: seconds waited, by reason, and failed attempts, by kind.

They go into `last_run.json`, and each run adds its own. A run that is killed notes nothing, so
these are the least there was, never a truth to go by.
"""

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final, Self, TypeVar

from harvester.patterns import pattern
from harvester.values import dataclass

#: More kinds than this are counted as one: servers may say something else each time.
MOST_KINDS: Final = 40
OTHERS: Final = "other kinds"
_Number = TypeVar("_Number", int, float)
_MOST: Final = 1e15
_KIND_CHARS: Final = 90
_STATUS: Final = pattern(r".*?\banswered (\d{3})\b")
_CHANGING: Final = pattern(r"'[^']*'|\"[^\"]*\"|\d[\d,.]*")


@dataclass(slots=True)
class RunStatistics:
    """Waits in seconds by reason, of all who waited, and attempts that came to nothing by kind, in
    `runs` runs since `since` (RFC 3339; "" where none has noted anything), which took `run_s`.
    """

    since: str = ""
    runs: int = 0
    run_s: float = 0.0
    waits_s: dict[str, float] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, value: Any) -> Self:
        """What `as_dict` gave; empty statistics for anything else."""
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
            count(self.waits_s, key, seconds)
        for key, number in later.errors.items():
            count(self.errors, key, number)


def kind_of(error: str) -> str:
    """What is the same about errors that differ in numbers and names only."""
    error = " ".join(error.split())
    if found := _STATUS.match(error):
        return found[0] if len(found[0]) <= _KIND_CHARS else f"the server answered {found[1]}"
    kind = _CHANGING.sub("…", error)
    return kind if len(kind) <= _KIND_CHARS else f"{kind[: _KIND_CHARS - 1]}…"


def count(counts: dict[str, _Number], key: str, number: _Number) -> None:
    """Add to a count; what is one kind too many is counted among others."""
    known = key in counts or len(counts) < MOST_KINDS
    key = key if known else OTHERS
    counts[key] = counts[key] + number if key in counts else number


def _seconds(value: Any) -> float:
    number = float(value)
    if not 0 <= number < _MOST:
        raise ValueError(value)
    return number


def _count_of(value: Any) -> int:
    return int(_seconds(value))
