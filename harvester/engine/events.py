"""Events of a run: plain values, given to `on_event` one at a time.

`harvest` never prints. Whoever shows something (the command line, a notebook, a log) does it from
these. They come from worker threads, but never two at once, and hold no secrets. Each knows when it
happened, and may be kept: nothing in it changes later. What `on_event` raises ends the run, once,
and comes out of `harvest` as it is; what was committed stays, and the same call goes on from there.
"""

from collections.abc import Callable
from dataclasses import field
from datetime import UTC, datetime

from harvester.model import Doubt, Partition
from harvester.store import Checkpoint, Entry
from harvester.values import dataclass


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """What every event has: `at`, the time in UTC when it happened. Events are compared without."""

    at: datetime = field(default_factory=_now, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class RunStarted(Timed):
    """The folder is locked and the plan is made.

    `partitions` are those that are known; `more` says that parents will add to them.
    """

    name: str
    out: str
    partitions: int
    more: bool = False


@dataclass(frozen=True, slots=True)
class PartitionStarted(Timed):
    """A worker took a partition up. `checkpoint` holds what earlier runs committed."""

    partition: Partition
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class BytesArrived(Timed):
    """Some of the page on its way has come: `wire` bytes received, `decoded` bytes of JSON."""

    partition: Partition
    wire: int
    decoded: int


@dataclass(frozen=True, slots=True)
class PageCommitted(Timed):
    """A page became part of the harvest. `checkpoint` counts it in."""

    partition: Partition
    entry: Entry
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class Waiting(Timed):
    """The partition sleeps for `seconds`; `reason` says why, in words for people."""

    partition: Partition
    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class PaceChanged(Timed):
    """The server was found to bear so many requests a second for the partition's resource; None:
    its requests are no longer held back.
    """

    partition: Partition
    per_s: float | None


@dataclass(frozen=True, slots=True)
class AttemptLost(Timed):
    """A try at a page came to nothing and will be repeated after `wait_s` seconds."""

    partition: Partition
    attempt: int
    error: str
    wait_s: float


@dataclass(frozen=True, slots=True)
class Warned(Timed):
    """Something that ends nothing, but that a person should know."""

    partition: Partition
    message: str


@dataclass(frozen=True, slots=True)
class Doubted(Timed):
    """A partition has its last page, and something speaks against it. Displays leave it to the
    end of the run, where doubts are grouped.
    """

    partition: Partition
    doubt: Doubt


@dataclass(frozen=True, slots=True)
class PartitionDone(Timed):
    """A partition has its last page; no `PartitionStarted` comes before this where it had it before
    the run, and no worker was needed.
    """

    partition: Partition
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class PartitionPaused(Timed):
    """A partition has the pages that `max_pages` let it add in this run, and more to come."""

    partition: Partition
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class PartitionLost(Timed):
    """A partition ended before its last page; what it has stays, a rerun goes on from there."""

    partition: Partition
    error: str


Event = (
    RunStarted
    | PartitionStarted
    | BytesArrived
    | PageCommitted
    | Waiting
    | PaceChanged
    | AttemptLost
    | Warned
    | Doubted
    | PartitionDone
    | PartitionPaused
    | PartitionLost
)
OnEvent = Callable[[Event], None]
