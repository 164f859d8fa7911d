"""Plans a harvest: its partitions, and the least that it takes. Asks the server nothing.

Lists, ranges, windows and the values of files are known beforehand. The children of parents'
records and the runs of an incremental resource are known from what is on disk: a plan without a
folder has no children yet, and first runs only.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any

from harvester.config import AnyResource, Budget, Config, Resource, listed
from harvester.errors import DataRefused
from harvester.model import (
    LoopGuard,
    Partition,
    Shard,
    Spec,
    count,
    partitions_of,
    placed_by_name,
    split_key,
)
from harvester.planning.crawling import Parents, crawl_key, crawled
from harvester.planning.deltas import delta_runs
from harvester.planning.incremental import next_run, runs
from harvester.planning.open_partitions import at_first_run, closed_specs, with_open_windows
from harvester.planning.partition_values import outside_values
from harvester.planning.split_partitions import parts_of, with_parts
from harvester.security import Secrets
from harvester.store import (
    Place,
    ReadAhead,
    ends_done,
    folder_of,
    has_end,
    is_done,
    is_usable,
    read_asked,
    store_at,
)
from harvester.values import dataclass


def plan(
    config: Config,
    *,
    resources: Sequence[str] = (),
    now: datetime | None = None,
    out: Place | None = None,
    shard: Shard | None = None,
) -> Iterator[Partition]:
    """Every partition that a run begun now would know of, in order, one at a time.

    `now` (aware) closes windows; `out` is the folder to look into for parents and runs (else the
    configuration's); `shard` gives those of one share. Raises `ConfigError` for a file of values
    that cannot be read, and `DataRefused`.
    """
    known = Plan(config, now or datetime.now(UTC), out or config.folder, files=True)
    wanted = {config.harvested(name).name for name in resources}
    for resource in config.resources:
        if not wanted or resource.name in wanted:
            yield from in_share(known.partitions(resource, following=True), shard)


def in_share(partitions: Iterator[Partition], shard: Shard | None) -> Iterator[Partition]:
    """Those of `partitions` that are in a share; all of them without one."""
    return partitions if shard is None else filter(shard.has, partitions)


class Plan:
    """The partitions of a harvest as far as its configuration and its folder tell.

    `files`: also what a run begun now would take over from files.
    """

    def __init__(self, config: Config, now: datetime, out: Place, *, files: bool = False) -> None:
        self.config = config
        self.now = now
        self.store = store_at(out)
        self._files = files
        self._resources = {resource.name: resource for resource in config.resources}

    def _specs(self, resource: Resource) -> dict[str, Spec]:
        return at_first_run(resource.partitions, lambda: self._first_run)

    @cached_property
    def _first_run(self) -> datetime:
        """When the harvest was begun; now, where it has not been."""
        try:
            return read_asked(self.store).created_at.replace(microsecond=0)
        except DataRefused:
            return self.now.replace(microsecond=0)

    def _reveal(self, value: Any) -> Any:
        """A value of a journal as the server gave it. An earlier version concealed in it whatever
        a variable holds, years included.
        """
        if not isinstance(value, str) or "{secret." not in value:
            return value
        former = {f"env.{name}": held for name, held in self.config.env.items()}
        return Secrets({}, former=former).reveal(value)

    def partitions(self, resource: Resource, *, following: bool = False) -> Iterator[Partition]:
        """All known partitions of a resource; children once, of however many parents they are.

        `following`: with the runs that a run begun now would add behind finished ones.
        """
        if resource.incremental is None:
            yield from self._bases(resource)
            return
        for base in self._bases(resource):
            yield from self._runs(resource, base, following=following)

    def children(self, resource: Resource, parent: Partition | None) -> Iterator[Partition]:
        """The partitions that a finished partition of parents gives, with those of other parents
        that are finished (all, without parents), and the runs that follow finished ones; but not
        the parts of those that were split.
        """
        if resource.incremental is None:
            yield from self._unsplit(resource, parent)
            return
        for base in self._unsplit(resource, parent):
            yield from self._runs(resource, base, following=True)

    def parts(self, resource: Resource, partition: Partition) -> Iterator[Partition]:
        """The partitions that took the place of one; none where it was not split."""
        return parts_of(self.store, partition, resource.partitions)

    def count(self, resource: Resource) -> int:
        """How many partitions a resource without parents and runs has, without listing them."""
        if found := crawl_key(resource.partitions):
            with crawled(
                self.store, self.config, resource, self.seed_parents(resource), files=self._files
            ) as crawler:
                return crawler.frontier.within(found[1].maximum_depth)
        values = outside_values(self.store, self.config, resource, files=self._files)
        opens = len(closed_specs(self._specs(resource))) < len(resource.partitions)
        if opens or split_key(resource.partitions):
            return sum(1 for _ in self._planned(resource, None))
        return count(self._specs(resource), self.now, values)

    def awaits_parents(self, resource: Resource) -> bool:
        """Whether parents that are not finished may add partitions, or its own pages."""
        if split_key(resource.partitions) or crawl_key(resource.partitions):
            return not self._all_done(self.partitions(resource))
        for name in resource.parent_names:
            parents = self._resources[name]
            known = self.partitions(parents, following=True)
            if self.awaits_parents(parents) or not self._all_done(known):
                return True
        return False

    def _all_done(self, partitions: Iterator[Partition]) -> bool:
        """Whether each has its last page."""
        with self.store.survey(whole=True) as survey:
            ahead = ReadAhead(self.store, survey, partial(next, partitions, None))
            while found := ahead.next():
                _, folder = found
                lines = survey.lines(folder)
                if not (is_done(self.store, folder) if lines is None else ends_done(lines)):
                    return False
        return True

    def awaits_others(self, resource: Resource, shard: Shard) -> bool:
        """Whether parents or seeds in other shares are not finished, so that their children, which
        may be in this one, are not known.
        """
        seeds = resource.seeds_from if shard.has_first() else []
        for name in (*resource.parent_names, *seeds):
            parents = self._resources[name]
            if self.awaits_others(parents, shard):
                return True
            for parent in self.partitions(parents, following=True):
                is_theirs = not shard.has(parent)
                if is_theirs and not is_usable(self.store, folder_of(self.store, parent)):
                    return True
        return False

    def children_of(self, name: str) -> Iterator[Resource]:
        """The resources whose parents are the records of resource `name`."""
        return (item for item in self.config.resources if name in item.parent_names)

    def finished(self, name: str) -> Iterator[Partition]:
        """The partitions of resource `name` whose records are complete."""
        known = self.partitions(self._resources[name])
        with self.store.survey(whole=True) as survey:
            give = partial(next, known, None)
            ahead = ReadAhead(self.store, survey, give, parts=lambda parent: True)
            while found := ahead.next():
                partition, folder = found
                lines = survey.lines(folder)
                if is_usable(self.store, folder) if lines is None else has_end(lines):
                    yield partition

    def seed_parents(self, resource: Resource) -> Parents:
        """Gives the partitions whose records hold the seeds of a crawl."""
        names = resource.seeds_from
        return lambda: (parent for name in names for parent in self.finished(name))

    def _bases(self, resource: Resource) -> Iterator[Partition]:
        if not resource.parents:
            yield from self._planned(resource, None)
            return
        seen = LoopGuard(forgets=False)
        for parent in self.finished(resource.parent_names[0]):
            for child in self._planned(resource, parent):
                if seen.add(child.path):
                    yield child

    def _planned(self, resource: Resource, parent: Partition | None) -> Iterator[Partition]:
        if split_key(resource.partitions) is None:
            yield from self._unsplit(resource, parent)
            return
        for base in self._unsplit(resource, parent):
            yield from with_parts(self.store, base, resource.partitions)

    def _crawled(self, resource: Resource) -> Iterator[Partition]:
        with crawled(
            self.store, self.config, resource, self.seed_parents(resource), files=self._files
        ) as crawler:
            yield from map(crawler.partition, filter(crawler.is_asked, crawler.frontier))

    def _unsplit(self, resource: Resource, parent: Partition | None) -> Iterator[Partition]:
        """What `parent` gives at each key whose values are of its resource's records, where other
        keys have those of all finished parents.
        """
        if crawl_key(resource.partitions):
            yield from self._crawled(resource)
            return
        if parent is None:
            yield from self._product(resource, {})
            return
        for key, spec in resource.parents.items():
            if spec.source == parent.resource:
                yield from self._product(resource, {key: parent})

    def _product(self, resource: Resource, fixed: Mapping[str, Partition]) -> Iterator[Partition]:
        def parents(key: str) -> Iterable[Partition]:
            if not fixed:
                return ()
            spec = resource.parents[key]
            return (fixed[key],) if key in fixed else self.finished(spec.source)

        values = outside_values(self.store, self.config, resource, parents, files=self._files)
        specs = self._specs(resource)
        closed = closed_specs(specs)
        bases = partitions_of(resource.name, closed, self.now, values)
        if resource.parents:
            bases = map(placed_by_name, bases)
        if len(closed) == len(specs):
            yield from bases
            return
        for base in bases:
            yield from with_open_windows(self.store, base, specs, self.now)

    def _runs(self, resource: Resource, base: Partition, *, following: bool) -> Iterator[Partition]:
        if resource.incremental is None:
            yield base
            return
        if resource.incremental.delta_path is not None:
            yield from delta_runs(self.store, base, self._reveal, following=following)
            return
        # Looked up before the first is handed out: one that is finished meanwhile is followed by
        # the next run of the harvest, not by this one.
        further = (
            next_run(self.store, base, resource.incremental, self._reveal) if following else None
        )
        yield from runs(self.store, base, resource.incremental)
        if further is not None:
            yield further


@dataclass(frozen=True, slots=True)
class Least:
    """The least that a resource takes, as fast as the budgets allow: one request a partition, more
    where a job is made.

    `after` names the parents whose records will add partitions that are not known yet; `inside` the
    resource whose records hold those of one that asks for nothing.
    """

    resource: str
    partitions: int
    requests: int
    seconds: float
    after: str | None = None
    inside: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The JSON form that `plan --json` prints, `partitions` without their list."""
        value: dict[str, Any] = {
            "name": self.resource,
            "partitions": self.partitions,
            "least_requests": self.requests,
            "least_seconds": round(self.seconds, 3),
        }
        also = {"after": self.after, "inside": self.inside}
        return {**value, **{key: each for key, each in also.items() if each is not None}}


def least(
    config: Config,
    resource: AnyResource,
    now: datetime,
    out: Place | None = None,
    shard: Shard | None = None,
) -> Least:
    """The least number of requests and seconds that a resource needs, as far as is known; `shard`
    alone, with its share of the budgets.
    """
    if not isinstance(resource, Resource):
        return Least(resource.name, 0, 0, 0.0, inside=resource.inside.resource)
    known = Plan(config, now, out or config.folder, files=True)
    partitions = known_count(known, resource, shard)
    budgets = [
        shared(budget, shard) for budget in (*config.client.rate_limit, *resource.rate_limit)
    ]
    requests = partitions * _least_each(resource)
    # A budget of N a period lets request k leave (k - 1) // N periods after the first.
    seconds = max(
        ((requests - 1) // budget.requests * budget.per for budget in budgets), default=0.0
    )
    leads = resource.above or ([resource.name] if crawl_key(resource.partitions) else [])
    after = listed(leads, "and") if leads and known.awaits_parents(resource) else None
    return Least(resource.name, partitions, requests, max(0.0, seconds), after)


def _least_each(resource: Resource) -> int:
    """The least number of requests that a partition takes."""
    job = resource.job
    if job is None:
        return 1
    return 3 + (job.has_files and job.download.path is not None)


def shared(budget: Budget, shard: Shard | None) -> Budget:
    """What one share has of a budget that all share: so many requests, or one in so much time."""
    if shard is None:
        return budget
    if budget.requests >= shard.count:
        return budget.model_copy(update={"requests": budget.requests // shard.count})
    per = budget.per * shard.count / budget.requests
    return budget.model_copy(update={"requests": 1, "per": per})


def known_count(plan: Plan, resource: Resource, shard: Shard | None = None) -> int:
    """How many partitions of a resource a run begun now would know of; counted without listing
    where it can be.
    """
    if shard is not None:
        return sum(1 for _ in in_share(plan.partitions(resource, following=True), shard))
    if resource.parents or resource.incremental:
        return sum(1 for _ in plan.partitions(resource, following=True))
    return plan.count(resource)
