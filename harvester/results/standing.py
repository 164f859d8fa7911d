"""Adds partitions up to where a whole harvest stands: numbers, failures, gaps, doubts.

A run looks at each finished partition once, to pass it over, and counts it in there and then; so it
does what it brings to its end. At the end of the run only the others are read: of a hundred
thousand that were all finished, none.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping

from harvester.model import Doubt, Doubts, LoopGuard, Partition, Shard
from harvester.planning import Plan, end_of, in_share, kept_early, was_early
from harvester.results.crawls import tell_crawls
from harvester.results.gaps import Gaps
from harvester.results.summary import (
    MOST_FAILURES,
    EmbeddedState,
    Failures,
    ResourceSummary,
    Summary,
    WaitingFor,
)
from harvester.results.whole_run import WholeRun
from harvester.store import Asked, Checkpoint, Entry, Store


class Standing:
    """Where a harvest stands, by the partitions that were taken in, in the order of the plan."""

    def __init__(self, store: Store, asked: Asked) -> None:
        self._store = store
        self._asked = asked
        self._doubts, self._gaps = Doubts(), Gaps()
        self._out_of_order: dict[tuple[str, str], tuple[int, int, Mapping[str, str], Doubt]] = {}
        self._whole = WholeRun(store, asked.config)
        self._numbers = {
            resource.name: ResourceSummary(resource.name) for resource in asked.config.resources
        }
        self._since: str | None = None
        self._open: set[tuple[str, ...]] = set()
        self._waiting: list[WaitingFor] = []

    def take(
        self,
        partition: Partition,
        folder: str,
        entries: Iterable[Entry],
        failed: Collection[tuple[str, ...]] = (),
    ) -> Checkpoint:
        """Count a partition in by its lines; `failed` are those that the last run noted."""
        at, first = Checkpoint(), None
        for entry in entries:
            first = first or entry
            at.add(entry)
        is_early = False
        if at.done and first is not None and (end := end_of(partition)) is not None:
            # Nearly always one line is enough.
            is_early = was_early(first, end) and kept_early(self._store, folder, partition)
        return self.add(partition, at, failed, is_early=is_early)

    def add(
        self,
        partition: Partition,
        at: Checkpoint,
        failed: Collection[tuple[str, ...]] = (),
        *,
        is_early: bool = False,
        place: int | None = None,
    ) -> Checkpoint:
        """Count one in that stands there; `is_early`: asked for before its window had closed.
        `place` is its place in the plan, where it is taken out of that order.
        """
        for split, doubt in self._gaps.sums(partition, at):
            self._doubts.add(split.resource, split.labels, doubt)
        is_gap = self._gaps.take(partition, at)
        at.done = done = at.done and not is_gap and not is_early
        if at.at is not None and (self._since is None or at.at > self._since):
            self._since = at.at
        is_open = False
        if failed and not done and not is_gap:
            key = (partition.resource, *partition.labels.values())
            if is_open := key in failed:
                self._open.add(key)
        self._numbers[partition.resource].add(at, failed=is_gap or is_open)
        self._whole.add(partition, at)
        if at.waits_for is not None and len(self._waiting) < MOST_FAILURES:
            job, made_at = at.waits_for
            self._waiting.append(WaitingFor(partition.resource, partition.labels, job, made_at))
        for doubt in () if is_gap else at.doubts:  # a gap is a failure
            if place is None:
                self._doubts.add(partition.resource, partition.labels, doubt)
            else:
                self._keep(doubt, partition, place)
        return at

    def _keep(self, doubt: Doubt, partition: Partition, place: int) -> None:
        """Count a doubt in later, with the first partition of the plan that has one like it."""
        key = partition.resource, doubt.kind
        count, first, labels, told = self._out_of_order.get(
            key, (0, place, partition.labels, doubt)
        )
        if place < first:
            first, labels, told = place, partition.labels, doubt
        self._out_of_order[key] = count + 1, first, labels, told

    def summary(self, noted: Failures) -> Summary:
        """The sum; `noted` are the failures of the last run."""
        for split, doubt in self._gaps.close():
            self._doubts.add(split.resource, split.labels, doubt)
        names = [*self._numbers]
        kept = sorted(self._out_of_order.items(), key=lambda it: (names.index(it[0][0]), it[1][1]))
        for (name, _), (count, _, labels, doubt) in kept:
            self._doubts.add(name, labels, doubt, count)
        self._out_of_order.clear()
        self._whole.tell(self._doubts)
        unlisted = noted.count - Counter(failure.resource for failure in noted.listed)
        for name in self._numbers.keys() & unlisted.keys():
            counts = self._numbers[name].partitions
            moved = min(unlisted[name], counts.pending)
            counts.failed += moved
            counts.pending -= moved
        plan = Plan(self._asked.config, self._asked.planned_at, self._store)
        for name, doubt in tell_crawls(plan, self._numbers):
            self._doubts.add(name, {}, doubt, 0)
        still_failed = [failure for failure in noted.listed if failure.key in self._open]
        return Summary(
            self._asked.name,
            list(self._numbers.values()),
            [*self._gaps.failures, *still_failed],
            doubts=list(self._doubts),
            since=self._since,
            gaps=self._gaps.listed,
            waiting=self._waiting,
            embedded=list(self._embedded()),
        )

    def _embedded(self) -> Iterator[EmbeddedState]:
        for each in self._asked.config.embedded:
            counts = self._numbers[each.source.name].partitions
            complete = counts.complete == counts.total
            yield EmbeddedState(each.name, each.inside.resource, complete)


class KnownBefore:
    """Which partitions a run has counted into `standing` already: a bit each, by their places in
    the plans of their resources, or a digest by their names where there is no such place. Of a
    `shard`, only what is in it has a place.
    """

    def __init__(self, standing: Standing, shard: Shard | None = None) -> None:
        self.standing = standing
        self.shard = shard
        self._bits: dict[str, bytearray] = {}
        self._planned: Counter[str] = Counter()
        self._known: Counter[str] = Counter()
        self._named: dict[str, LoopGuard] = {}
        self.is_whole = False  # whether the plans were gone through to their ends

    def next(self, resource: str) -> int:
        """The place of the next partition in a resource's plan."""
        place = self._planned[resource]
        self._planned[resource] = place + 1
        return place

    def know(self, resource: str, place: int) -> None:
        """Take note that the partition of a place is counted in."""
        bits = self._bits.setdefault(resource, bytearray())
        bits.extend(b"\0" * (place // 8 + 1 - len(bits)))
        bits[place // 8] |= 1 << place % 8
        self._known[resource] += 1

    def know_by_name(self, partition: Partition) -> None:
        """The same of one without a place."""
        named = self._named.setdefault(partition.resource, LoopGuard(forgets=False))
        named.add(partition.path)

    def others(self, resource: str, partitions: Iterator[Partition]) -> Iterator[Partition]:
        """Those of `partitions`, in the order of the plan, that are not known."""
        partitions = in_share(partitions, self.shard)
        if (named := self._named.get(resource)) is not None:
            yield from (each for each in partitions if each.path not in named)
            return
        bits = self._bits.get(resource)
        if bits is None:
            yield from partitions
            return
        if self.is_whole and self._known[resource] == self._planned[resource]:
            return
        for place, partition in enumerate(partitions):
            if place // 8 >= len(bits) or not bits[place // 8] & 1 << place % 8:
                yield partition
