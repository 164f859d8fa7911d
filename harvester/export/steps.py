"""Reports how far an export has come, to the caller's callback."""

from collections.abc import Callable

from harvester.values import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """How far an export has come: in which pass, `reading` (what the values look like) or
    `writing`, over which resource, and how many of its committed records.
    """

    phase: str
    resource: str
    records: int
    of_records: int


OnStep = Callable[[Step], None]
