"""Computes where a run stands from its events: the numbers that the displays show.

Nothing is shown here. `Progress.take` counts an event in; `live` and `plain` read the numbers,
from another thread where they like. The clock is monotonic seconds and passed in.

What is not known is left out rather than guessed. A partition has a share where the server named
a total, or where its pages tell how far they have come through a stretch of time; else it counts by
the pages of those that have ended. Before there is any of these there is no estimate of the time
left.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from harvester.config import Config
from harvester.engine import (
    AttemptLost,
    BytesArrived,
    Event,
    PaceChanged,
    PageCommitted,
    PartitionDone,
    PartitionLost,
    PartitionPaused,
    PartitionStarted,
    RunStarted,
    Waiting,
    Warned,
)
from harvester.model import Partition, number, one_line, per_second
from harvester.store import Checkpoint
from harvester.terminal.active import Active, Paging, short_label

_RECENT_S: Final = 10.0  # what the rate is taken over
_BUCKET_S: Final = 0.25  # how fine it is counted, whether two pages a second come or two thousand
_LOOK_S: Final = 0.05  # how often the waits of a hundred partitions are compared
_SHORT_WAIT_S: Final = 1.0  # shorter ones come and go too fast to be read
_MOST_NOTICES: Final = 50  # a million partitions may fail, and a person reads the first few
_FEWEST_ENDED: Final = 2  # an estimate from less would be a guess,
_FEWEST_PAGES: Final = 4  # as would one from fewer pages, where these tell how far they have come


class Progress:
    """The numbers of one run. Totals count what is in the folder, as far as it has been looked
    at; those that begin with `new_` count this run.
    """

    def __init__(self, config: Config, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = config.name
        self.out = ""
        self.partitions = self.done = self.lost = self.paused = 0
        self.more = False  # parents add partitions as they end
        self.pages = self.records = self.bytes = self.stored_bytes = 0
        self.new_pages = self.new_records = self.new_bytes = self.new_stored_bytes = 0
        self.attempts_lost = 0
        self.waited_s: dict[str, float] = {}  # time in which every worker waited, by reason
        self.paces: dict[str, float] = {}  # requests a second that the server bears, by resource
        self.ending = False  # somebody asked the run to end
        self._paging = {resource.name: Paging.of(resource) for resource in config.resources}
        self._clock = clock
        self._lock = threading.Lock()
        self._began = self._looked = clock()
        self._slots: list[Active | None] = []  # a line of the display keeps its place
        self._by_id: dict[int, Active] = {}
        self._recent: deque[tuple[float, int]] = deque()  # a bucket's end, and the bytes in it
        self.ended_now = self._ended_pages = 0  # partitions that ended in this run, and their pages
        self._worked = 0.0  # how many whole partitions that was worth
        self._notices = 0
        self._noticed: set[str] = set()

    # --- Events in -------------------------------------------------------------------------------

    def take(self, event: Event) -> None:
        """Count an event in."""
        with self._lock:
            now = self._clock()
            self._count_wait(now)
            match event:  # the most frequent first
                case PageCommitted():
                    self._commit(event, now)
                case RunStarted():
                    self.out, self.partitions = event.out, event.partitions
                    self.more = event.more
                case PartitionStarted():
                    self._start(event)
                case BytesArrived():
                    self._arrived(self._active(event.partition), event.decoded, now)
                case Waiting():
                    active = self._active(event.partition)
                    self._wait(active, event.seconds, event.reason, now)
                case PaceChanged():
                    self._pace(event)
                case AttemptLost():
                    self.attempts_lost += 1
                    active = self._active(event.partition)
                    self._wait(active, event.wait_s, event.error, now, retries=True)
                case PartitionDone():
                    self.done += 1
                    if self._found(event.partition) is not None:
                        self._end(event.partition)
                    else:
                        self._count_kept(event.checkpoint)
                case PartitionPaused():
                    self.paused += 1
                    self._end(event.partition)
                case PartitionLost():
                    self.lost += 1
                    self._end(event.partition)

    def _found(self, partition: Partition) -> Active | None:
        """The partition under way, if it is; events of worker processes have a copy of it."""
        if active := self._by_id.get(id(partition)):
            return active
        return next((each for each in self._by_id.values() if each.partition == partition), None)

    def _active(self, partition: Partition) -> Active:
        if active := self._found(partition):
            return active
        raise AssertionError(f"{partition.title} has not been started")

    def _start(self, event: PartitionStarted) -> None:
        at, partition = event.checkpoint, event.partition
        if had := self._found(partition):
            self._take_up(had, at)
            return
        paging = self._paging[partition.resource]
        active = Active(
            partition,
            self._title(partition, list(partition.labels.values())),
            self._title(partition, [short_label(value) for value in partition.values.values()]),
            paging,
            at.live_pages,
            at.done,
            paging.reach(partition, datetime.now(UTC).timestamp()),
        )
        active.update(at)
        self._count_kept(at)
        self._by_id[id(partition)] = active
        if None in self._slots:
            self._slots[self._slots.index(None)] = active
        else:
            self._slots.append(active)

    def _take_up(self, had: Active, at: Checkpoint) -> None:
        """Another worker goes on with what one had that died, which may have kept more pages than
        it has reported.
        """
        self.new_pages += max(0, at.live_pages - had.pages)
        self.new_records += max(0, at.records - had.records)
        self.pages += at.live_pages - had.pages
        self.records += at.records - had.records
        self.bytes += at.bytes - had.bytes
        self.stored_bytes += at.stored_bytes - had.stored_bytes
        had.update(at)
        had.arrived, had.until = 0, 0.0

    def _count_kept(self, at: Checkpoint) -> None:
        self.pages += at.live_pages
        self.records += at.records
        self.bytes += at.bytes
        self.stored_bytes += at.stored_bytes

    def _title(self, partition: Partition, labels: Sequence[str]) -> str:
        several = len(self._paging) > 1 or not labels
        return one_line(" ".join([partition.resource, *labels] if several else labels))

    def _arrived(self, active: Active, decoded: int, now: float) -> None:
        more = max(0, decoded - active.arrived)  # several pages at once tell in turns
        if self._recent and now < self._recent[-1][0]:
            end, so_far = self._recent.pop()
            self._recent.append((end, so_far + more))
        else:
            self._recent.append((now + _BUCKET_S, more))
        active.arrived = decoded
        active.until = 0.0

    def _commit(self, event: PageCommitted, now: float) -> None:
        entry, active = event.entry, self._active(event.partition)
        self._arrived(active, entry.bytes, now)
        active.arrived = 0
        at, pages = event.checkpoint, int(entry.part is not None)
        if entry.restarts:  # what came before does not count any more
            self.pages -= active.pages
            self.records -= active.records
            self.stored_bytes -= active.stored_bytes
            self.bytes -= active.bytes
            active.earlier_pages = 0
            active.reach = active.paging.reach(event.partition, datetime.now(UTC).timestamp())
        active.update(at, entry.fields)
        self.pages += pages
        self.new_pages += pages
        self.records += entry.records
        self.new_records += entry.records
        self.new_bytes += entry.bytes
        self.new_stored_bytes += entry.stored_bytes
        self.bytes += entry.bytes
        self.stored_bytes += entry.stored_bytes

    def _wait(
        self, active: Active, seconds: float, reason: str, now: float, *, retries: bool = False
    ) -> None:
        active.arrived = 0
        active.until = now + seconds
        active.retries = retries
        active.reason = one_line(reason)
        active.shown = retries or seconds > _SHORT_WAIT_S

    def _pace(self, event: PaceChanged) -> None:
        resource = event.partition.resource
        if event.per_s is None:
            self.paces.pop(resource, None)
        else:
            self.paces[resource] = event.per_s

    def _end(self, partition: Partition) -> None:
        active = self._found(partition)
        if active is not None:
            del self._by_id[id(active.partition)]
        if active is None:  # it failed before it began
            return
        self._slots[self._slots.index(active)] = None
        if not active.complete:
            self.ended_now += 1
            self._ended_pages += active.pages - active.earlier_pages
            self._worked += 1 - active.began

    def _count_wait(self, now: float) -> None:
        """Count the time since the last look in which nobody could do anything but wait."""
        since = self._looked
        if now - since < _LOOK_S:
            return
        self._looked = now
        if self._by_id:
            waited = min(now, *(active.until for active in self._by_id.values())) - since
            if waited > 0:
                why = self._why()
                self.waited_s[why] = self.waited_s.get(why, 0.0) + waited

    def _why(self) -> str:
        """What everybody waits for: a limit rather than the failures that it caused."""
        limits = (active.reason for active in self._by_id.values() if not active.retries)
        return next(filter(None, limits), "after failed attempts")

    def notice(self, event: Event) -> str | None:
        """The line that a person must see for an event, once; None when there is none."""
        match event:
            case PartitionLost():
                line = f"failed: {one_line(event.error)}"
            case Warned():
                line = f"warning: {event.partition.title}: {one_line(event.message)}"
            case _:
                return None
        with self._lock:
            if line in self._noticed or self._notices > _MOST_NOTICES:
                return None
            self._notices += 1
            self._noticed.add(line)
            if self._notices > _MOST_NOTICES:
                return "more failures and warnings are counted, not shown"
        return line

    # --- Numbers out -----------------------------------------------------------------------------

    def active(self) -> list[Active]:
        """The partitions that are being worked on, each in a place of its own."""
        with self._lock:
            return [active for active in self._slots if active is not None]

    @property
    def now(self) -> float:
        """The time by which `Active.doing` counts."""
        return self._clock()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the run began."""
        return self._clock() - self._began

    def rate(self) -> float:
        """Decoded bytes a second, over the last ten seconds."""
        with self._lock:
            now = self._clock()
            while self._recent and self._recent[0][0] < now - _RECENT_S:
                self._recent.popleft()
            recent = sum(count for _, count in self._recent)
        return recent / max(1.0, min(_RECENT_S, now - self._began))

    def waiting_s(self) -> float:
        """Seconds in which every worker waited."""
        with self._lock:
            self._count_wait(self._clock())
            return sum(self.waited_s.values())

    def pace(self) -> str:
        """The pace that the server was found to bear, in words; empty while none was looked for."""
        with self._lock:
            paces = list(self.paces.items())
        several = len(self._paging) > 1
        return ", ".join(
            f"pace {per_second(per_s)}{f' of {one_line(name)}' if several else ''}"
            for name, per_s in paces
        )

    def everybody_waits(self) -> tuple[float, str] | None:
        """For how many seconds everybody waits yet, and what for; None while somebody works."""
        with self._lock:
            if not self._by_id:
                return None
            left = min(active.until for active in self._by_id.values()) - self._clock()
            return (left, self._why()) if left > 0 else None

    @property
    def most_waited_for(self) -> str:
        """The reason for most of that."""
        return max(self.waited_s, key=self.waited_s.__getitem__, default="")

    def standing(self) -> str:
        """How many partitions have ended, and of how many where that is known."""
        ended = self.done + self.lost + self.paused
        if self.more:
            return f"{number(ended, 'partition')} ended, more to come"
        return f"{ended:,} of {number(self.partitions, 'partition')}"

    def share(self) -> float | None:
        """How much of the plan is worked off, 0 to 1; None for an empty plan, while parents may
        add to it, or while nothing tells.

        A partition that is being worked on counts by what is known of it, or else by the pages of
        those that have ended, once there are some, but never as if it were done.
        """
        if not self.partitions or self.more:
            return None
        with self._lock:
            whole = self.done + self.lost + self.paused
            shares = [share for share, _ in self._shares()]
            if not whole and not shares:
                return None
            return min(1.0, (whole + sum(shares)) / self.partitions)

    def left_s(self) -> float | None:
        """An estimate of the seconds left, or None while there is nothing to tell it by."""
        with self._lock:
            shares = list(self._shares())
            enough = self.ended_now >= _FEWEST_ENDED or (
                self.new_pages >= _FEWEST_PAGES and len(shares) == len(self._by_id) > 0
            )
            worked = self._worked + sum(share - began for share, began in shares)
            if not enough or self.more or worked <= 0:
                return None
            ended = self.done + self.lost + self.paused
            left = self.partitions - ended - sum(share for share, _ in shares)
        return self.elapsed_s * max(0.0, left) / worked

    def _shares(self) -> Iterator[tuple[float, float]]:
        """Of each partition at work, as far as it is known: its share, and that at its start."""
        usual = self._ended_pages / self.ended_now if self.ended_now >= _FEWEST_ENDED else 0.0
        for active in self._by_id.values():
            if active.share is not None:
                yield active.share, active.began
            elif usual:
                yield min(0.9, (active.pages - active.earlier_pages) / usual), 0.0
