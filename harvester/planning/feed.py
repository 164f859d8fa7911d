"""Hands out the partitions of a run: those planned, and those that others lead to as they end."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from harvester.config import Resource
from harvester.model import LoopGuard, Partition, Shard, split_key
from harvester.planning.crawling import crawl_key
from harvester.planning.plans import Plan

if TYPE_CHECKING:
    from harvester.planning.crawl_walk import Walk


class Feed:
    """Hands out partitions to harvest: those planned, then the children of each that finishes.

    Children come before the next parents, so that no more parents wait for their children to be
    handed out than there are workers, however many there are in all. Of a `shard`, only what is in
    it; then the children of those parents that others have finished by then come last.
    """

    def __init__(self, plan: Plan, chosen: Sequence[Resource], shard: Shard | None = None) -> None:
        self._plan = plan
        self._shard = shard
        self._names = {resource.name for resource in chosen}
        # Only children can be named twice.
        self._seen = {
            resource.name: LoopGuard(forgets=False) for resource in chosen if resource.parents
        }
        self._split = {r.name: r for r in plan.config.resources if split_key(r.partitions)}
        self._children: dict[str, list[Resource]] = {}
        for resource in chosen:
            for parents in dict.fromkeys(resource.parent_names):
                self._children.setdefault(parents, []).append(resource)
        self._walks: dict[str, Walk] = {}
        self._active = 0
        self._later = [r for r in chosen if crawl_key(r.partitions)]  # crawls not begun yet
        self._counted = [r for r in chosen if r.planned_from in self._names and not r.parents]
        self._stack: list[Iterator[Partition]] = [
            self._of_finished_parents(resource) if resource.parents
            else plan.children(resource, None)
            for resource in reversed(chosen)
            if not self._names & set(resource.parent_names)
            and resource not in [*self._later, *self._counted]
        ]  # fmt: skip
        if shard is not None:
            self._later = self._later if shard.has_first() else []
            self._stack[:0] = [
                self._of_finished_parents(resource)
                for resource in reversed(chosen)
                if self._names & set(resource.parent_names)
            ]

    def has_children(self, partition: Partition) -> bool:
        """Whether the records of a partition lead to others, once it is finished."""
        return partition.resource in self._children

    def close(self) -> None:
        """Write down how far crawls have come."""
        for walk in self._walks.values():
            walk.close()

    def next(self) -> Partition | None:
        """The next partition; None where there is none, until another one has ended."""
        while self._stack or self._begin_crawl() or self._begin_counted():
            for partition in self._stack[-1]:
                if self._shard is not None and not self._shard.has(partition):
                    continue
                seen = self._seen.get(partition.resource)
                if seen is None or seen.add(partition.path):
                    self._active += 1
                    return partition
            self._stack.pop()
        return None

    def finished(self, partition: Partition) -> None:
        """A partition has its last page: its children, and its parts, may be harvested."""
        self._active -= 1
        own = self._split.get(partition.resource)
        if own is not None:
            self._stack.append(self._plan.parts(own, partition))
        self._walk_on(partition, done=True)
        for resource in self._children.get(partition.resource, ()):
            self._stack.append(self._plan.children(resource, partition))

    def left(self, partition: Partition) -> None:
        """A partition ended without its last page."""
        self._active -= 1
        self._walk_on(partition, done=False)

    def _begin_counted(self) -> bool:
        """Begin the next resource whose windows are counted first; whether there was one."""
        if self._active or not self._counted:
            return False
        waiting = {resource.name for resource in self._counted}
        ready = next(r for r in self._counted if r.planned_from not in waiting)
        self._counted.remove(ready)
        self._stack.append(self._plan.children(ready, None))
        return True

    def _begin_crawl(self) -> bool:
        """Begin the next crawl that need not wait for seeds; whether there was one."""
        for resource in self._later:
            if self._active and self._names.intersection(resource.seeds_from):
                continue
            self._later.remove(resource)
            followed = any(True for _ in self._plan.children_of(resource.name))
            from harvester.planning.crawl_walk import Walk  # few harvests have a crawl

            walk = Walk(
                self._plan.store,
                self._plan.config,
                resource,
                self._plan.seed_parents(resource),
                looks_behind=followed,
            )
            self._walks[resource.name] = walk
            self._stack.append(walk.ready())
            return True
        return False

    def _walk_on(self, partition: Partition, *, done: bool) -> None:
        walk = self._walks.get(partition.resource)
        if walk is not None:
            walk.ended(partition, done=done)
            if walk.waits:  # below all others, so that children come first
                self._stack.insert(0, walk.ready())

    def _of_finished_parents(self, resource: Resource) -> Iterator[Partition]:
        """The children of parents that are not harvested in this run, but were in another."""
        for parent in self._plan.finished(resource.parent_names[0]):
            yield from self._plan.children(resource, parent)
