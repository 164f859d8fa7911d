"""Gathers the facts of a report: the numbers of a harvest, in one pass over its journals.

Every journal is read line by line, and whatever could grow with pages or partitions is bounded:
bins, histograms, the first of a list with the count of the rest. Reads only, beside a run too.
"""

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import field
from datetime import UTC, datetime
from typing import Any, Final

from harvester.model import Doubts, Partition
from harvester.paging import measured, paginator_of
from harvester.report.bins import Bins, Histogram, Number
from harvester.report.coverage import HOLES, OTHERS, Coverage, State, Stretches
from harvester.results import (
    MOST_LOOKED_INTO,
    Failure,
    FieldDrifts,
    ResourceSummary,
    RunStatistics,
    WholeRun,
    in_order,
    read_last_run,
    read_statistics,
)
from harvester.store import (
    Asked,
    Checkpoint,
    Entry,
    Place,
    entries_of,
    read_asked,
    store_at,
)
from harvester.values import dataclass

MOST_LISTED: Final = 2000  # partitions in the table
MOST_CLAIMS: Final = 100
MOST_TRIES: Final = 10  # so many and more are one
_MOST_SERIES: Final = 32  # of a resource

Series = tuple[str, str]
"""What records are counted under over time: a resource, and a row or a partition of it."""

_MOST_MOMENTS: Final = 160
_NARROWEST_S: Final = 0.125


@dataclass(slots=True)
class Moment:
    """What came within a bin of time. `records` by series, less those that a restart undid."""

    pages: int = 0
    came: int = 0
    bytes: int = 0
    retries: int = 0
    restarts: int = 0
    records: dict[Series, int] = field(default_factory=dict)
    latency: Histogram = field(default_factory=Histogram)

    def add(self, other: "Moment") -> None:
        """Sum up."""
        self.pages += other.pages
        self.came += other.came
        self.bytes += other.bytes
        self.retries += other.retries
        self.restarts += other.restarts
        for series, number in other.records.items():
            self.records[series] = self.records.get(series, 0) + number
        self.latency.add(other.latency)


@dataclass(frozen=True, slots=True)
class Listed:
    """A partition in the table. `claimed` is what the server's total said, in `unit`."""

    title: str
    state: State
    reason: str
    pages: int
    superseded: int
    records: int
    bytes: int
    stored_bytes: int
    retries: int
    busy_s: float
    last_at: str
    claimed: float | None
    came: int
    unit: str

    @property
    def differs(self) -> bool:
        """Whether a finished partition has another number than the server's total said."""
        finished = self.state in (State.COMPLETE, State.EMPTY)
        return finished and self.claimed is not None and self.claimed != self.came

    @property
    def interest(self) -> int:
        """How much a person wants to see it, where not all can be listed."""
        if self.state in HOLES:
            return 6 - HOLES.index(self.state)
        return 3 * self.differs or 2 * bool(self.superseded) or bool(self.retries)


@dataclass(slots=True)
class Claims:
    """The server's totals against what came, over finished partitions that had one. What is
    claimed of pages and of records is never added up: each kind has a sum of its own.
    """

    agree: int = 0
    differ: int = 0
    open: int = 0  # not finished: nothing to compare yet
    claimed: Counter[str] = field(default_factory=Counter)  # by unit: what is of different kinds
    came: Counter[str] = field(default_factory=Counter)  # is not added up
    _largest: list[tuple[float, int, Listed]] = field(default_factory=list)

    def add(self, place: int, listed: Listed) -> None:
        """Count a partition in."""
        if listed.claimed is None:
            return
        if listed.state in HOLES:
            self.open += 1
            return
        self.claimed[listed.unit] += round(listed.claimed)
        self.came[listed.unit] += listed.came
        self.differ += listed.differs
        self.agree += not listed.differs
        if listed.differs:
            item = (abs(float(listed.claimed) - listed.came), -place, listed)
            push = heapq.heappush if len(self._largest) < MOST_CLAIMS else heapq.heappushpop
            push(self._largest, item)

    @property
    def largest(self) -> list[Listed]:
        """Those that differ, the largest difference first."""
        return [listed for _, _, listed in sorted(self._largest, key=lambda i: (-i[0], -i[1]))]


class Facts:
    """Everything that the page shows; see `gather`."""

    def __init__(self, out: Place, asked: Asked, most_fields_of: int = MOST_LOOKED_INTO) -> None:
        noted = read_last_run(out)
        self.asked = asked
        self.generated_at = datetime.now(UTC)
        self.statistics: RunStatistics = read_statistics(out)
        self.failures: list[Failure] = []
        self.unlisted_failures = sum(noted.count.values()) - len(noted.listed)
        self.resources = {r.name: ResourceSummary(r.name) for r in asked.config.resources}
        self.coverage = {r.name: Coverage(r, asked.planned_at) for r in asked.config.resources}
        self.missing = Stretches(*HOLES)
        self.empty = Stretches(State.EMPTY)
        self.moments: Bins[Moment] = Bins(Moment, most=_MOST_MOMENTS, width=_NARROWEST_S)
        self.series: dict[Series, int] = {}
        self.latency = Histogram()
        self.page_bytes = Histogram()
        self.page_records: Bins[Number] = Bins(Number, most=60, width=1)
        self.tries: Counter[int] = Counter()
        self.statuses: Counter[int] = Counter()
        self.endings: Counter[str] = Counter()
        self.claims = Claims()
        self.doubts = Doubts()
        self._whole = WholeRun(out, asked.config)
        self.drifts = FieldDrifts(store_at(out), most=most_fields_of)
        self.states: Counter[State] = Counter()
        self.restarts = self.superseded = self.partitions = 0
        self.first_at = self.last_at = 0.0  # epoch seconds
        self._failed = {failure.key: failure for failure in noted.listed}
        self._configs = {r.name: r for r in asked.config.resources}
        self._paginators = {r.name: paginator_of(r.paginator) for r in asked.config.resources}
        self._rows: list[tuple[int, int, Listed]] = []

    @property
    def listed(self) -> list[Listed]:
        """The partitions of the table, in the order of the plan."""
        return [listed for _, _, listed in sorted(self._rows, key=lambda item: -item[1])]

    @property
    def pages(self) -> int:
        """Pages that count, of all resources."""
        return sum(item.pages for item in self.resources.values())

    def add(self, partition: Partition, entries: Iterator[Entry]) -> None:
        """Count in a partition and its journal."""
        coverage = self.coverage[partition.resource]
        row = coverage.row_of(partition)
        series = self._series(partition, row)
        at, busy_s, last_at = Checkpoint(), 0.0, ""
        for entry in entries:
            self._page(entry, at, series)
            at.add(entry)
            busy_s += entry.elapsed_s
            last_at = entry.fetched_at
        self.series[series] += at.records
        failure = self._failed.get((partition.resource, *partition.labels.values()))
        if failure is not None and not at.done:
            self.failures.append(failure)
        state = _state(at, failed=failure is not None)
        self.resources[partition.resource].add(at, failed=state is State.FAILED)
        coverage.add(partition, row, at.records, state)
        for stretches in (self.missing, self.empty):
            stretches.add(partition, coverage.axis, row if coverage.axis else "", state)
        self.superseded += at.superseded_pages
        if at.superseded_pages:  # by a generation, or by a chain of cursors that began again
            self.drifts.take(partition, self._configs[partition.resource])
        self.states[state] += 1
        if at.done:
            self.endings[at.reason or "no reason given"] += 1
        self._whole.add(partition, at)
        for doubt in at.doubts:
            self.doubts.add(partition.resource, partition.labels, doubt)
        self._list(partition, at, state, busy_s, last_at)
        self.partitions += 1

    def close(self) -> None:
        """Tell what is seen only when all have been counted in."""
        for moment in (cell for _, _, cell in self.moments):
            self.latency.add(moment.latency)
        self._whole.tell(self.doubts)

    def _title(self, partition: Partition) -> str:
        """What a partition is called; its resource counts where there are several."""
        short = partition.title.partition(" ")[2]
        return short if short and len(self.resources) == 1 else partition.title

    def _series(self, partition: Partition, row: str) -> Series:
        """What a partition's records are counted under in the chart over time."""
        resource = partition.resource
        name = row if self.coverage[resource].axis else " ".join(partition.labels.values())
        if (resource, name) not in self.series:
            count = sum(1 for known, _ in self.series if known == resource)
            if count >= _MOST_SERIES:
                name = OTHERS
        self.series.setdefault((resource, name), 0)
        return resource, name

    def _page(self, entry: Entry, before: Checkpoint, series: Series) -> None:
        moment_s = _epoch(entry.fetched_at)
        self.first_at = min(self.first_at or moment_s, moment_s)
        self.last_at = max(self.last_at, moment_s)
        moment = self.moments.at(moment_s)
        moment.retries += max(0, entry.attempts - 1)
        if entry.restarts:
            self.restarts += 1
            moment.restarts += 1
            moment.records[series] = moment.records.get(series, 0) - before.records
            return
        if entry.part is None:
            self.statuses[entry.status] += 1
            return
        moment.pages += 1
        moment.came += entry.records
        moment.bytes += entry.bytes
        moment.records[series] = moment.records.get(series, 0) + entry.records
        moment.latency.add_number(entry.elapsed_s)
        self.page_bytes.add_number(entry.bytes)
        self.page_records.at(entry.records).value += 1
        self.tries[min(entry.attempts, MOST_TRIES)] += 1
        self.statuses[entry.status] += 1

    def _list(
        self, partition: Partition, at: Checkpoint, state: State, busy_s: float, last_at: str
    ) -> None:
        found = measured(self._paginators[partition.resource], at)
        listed = Listed(
            title=self._title(partition),
            state=state,
            reason=(at.reason or "") if at.done else "",
            pages=at.live_pages,
            superseded=at.superseded_pages,
            records=at.records,
            bytes=at.bytes,
            stored_bytes=at.stored_bytes,
            retries=at.retries,
            busy_s=busy_s,
            last_at=last_at,
            claimed=float(found.claimed) if found else None,
            came=found.came if found else at.records,
            unit=found.unit if found else "",
        )
        self.claims.add(self.partitions, listed)
        item = (listed.interest, -self.partitions, listed)
        push = heapq.heappush if len(self._rows) < MOST_LISTED else heapq.heappushpop
        push(self._rows, item)


def gather(out: Place, most_fields_of: int = MOST_LOOKED_INTO) -> Facts:
    """The facts of the harvest in `out`; of each generation of a resource, so many records at most
    are looked into for their fields. Raises `DataRefused`.
    """
    store = store_at(out)
    asked = read_asked(store)
    facts = Facts(store, asked, most_fields_of)
    for one in in_order(store, asked):
        facts.add(one.partition, entries_of(store, one.folder, one.lines))
    facts.close()
    return facts


def _state(at: Checkpoint, *, failed: bool) -> State:
    if at.done:
        return State.COMPLETE if at.records else State.EMPTY
    if failed:
        return State.FAILED
    return State.STARTED if at.started else State.PENDING


def _epoch(moment: Any) -> float:
    return datetime.fromisoformat(moment).timestamp()
