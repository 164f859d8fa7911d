"""Finds what speaks against a whole harvest though each of its partitions seems complete.

A mistyped `cursor_path` makes every list one page long; a mistyped `field` leaves parents without
a child. No single page shows it: that nothing ever led on, or that no parent had the field, is seen
when all of a resource is. It is told from the journals each time, and kept nowhere.
"""

import json
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final

from harvester.config import Config
from harvester.model import (
    Doubt,
    Doubts,
    FromResource,
    Key,
    Partition,
    Segment,
    find,
    number,
    parse,
)
from harvester.page import iter_elements
from harvester.paging import NeverThere, paginator_of
from harvester.planning import partition_records
from harvester.store import Checkpoint, Place

if TYPE_CHECKING:
    from harvester.config import Inside

_MOST_RECORDS: Final = 1000  # of parents, among which the field is looked for
_MOST_INSIDE: Final = 10_000  # records in which others are to stand
_MOST_PARTITIONS: Final = 1000  # whose records these are


class WholeRun:
    """Gathers the partitions of a harvest in `out`, in any order."""

    def __init__(self, out: Place, config: Config) -> None:
        self._out = out
        self._config = config
        self._resources = {resource.name: resource for resource in config.resources}
        self._led = {
            name: NeverThere(paginator_of(r.paginator)) for name, r in self._resources.items()
        }
        self._with_records: dict[str, list[Partition]] = {}
        self._holding = {each.source.name for each in config.embedded}
        self._planned: set[str] = set()

    def add(self, partition: Partition, at: Checkpoint) -> None:
        """Take note of a partition."""
        name = partition.resource
        self._led[name].add(at)
        self._planned.add(name)
        if at.done and at.records:
            known = self._with_records.setdefault(name, [])
            if len(known) < (_MOST_PARTITIONS if name in self._holding else 1):
                known.append(partition)

    def tell(self, doubts: Doubts) -> None:
        """Add what speaks against each resource as a whole."""
        for name, resource in self._resources.items():
            led = self._led[name]
            for doubt, partitions in filter(None, (led.doubt(), led.total_doubt())):
                doubts.add(name, {}, doubt, partitions)
            for key, spec in resource.parents.items():
                parent = self._with_records.get(spec.source)
                if parent is not None and name not in self._planned:
                    for childless in self._without_field(key, spec, parent[0]):
                        doubts.add(name, {}, childless, 0)
        for each in self._config.embedded:
            holding = self._with_records.get(each.source.name)
            if holding and (pathless := self._without_path(each.inside, holding)):
                doubts.add(each.name, {}, pathless, 0)

    def _without_field(self, key: str, spec: FromResource, parent: Partition) -> Iterator[Doubt]:
        """That the parents' records, the first of them, do not have what children are named by:
        not even null, which says that there are none.
        """
        parents = self._config.named(spec.resource)
        field, looked_at = parse(spec.field), 0
        for record in islice(partition_records(self._out, parent, parents), _MOST_RECORDS):
            looked_at += 1
            try:
                if any(True for _ in find(json.loads(record), field)):
                    return
            except (ValueError, RecursionError):  # an integer of over 4300 digits
                return
        if not looked_at:  # none stand inside the pages' records
            return
        yield Doubt(
            "parent_field",
            f"no partition, since none of {looked_at:,} records of {parents.name} has "
            f"anything at {spec.field} (partitions.{key}.field): is it spelled so?",
        )

    def _without_path(self, inside: "Inside", pages: Sequence[Partition]) -> Doubt | None:
        """That no record, of the first ones of these partitions, has anything where others are to
        stand inside of it: not even null or an empty list, there or on the way.
        """
        holder = self._config.named(inside.resource)
        path = tuple(parse(inside.path))
        records = chain.from_iterable(partition_records(self._out, one, holder) for one in pages)
        looked_at = reached = 0
        is_missing = False
        for record in islice(records, _MOST_INSIDE):
            looked_at += 1
            if any(True for _ in iter_elements((record,), path)):  # as it streams by: one record
                return None  # may hold a hundred thousand others
            try:
                steps, ends = _way(json.loads(record), path)
            except (ValueError, RecursionError):  # an integer of over 4300 digits
                return None
            if steps == len(path):
                return None
            is_missing = ends if steps > reached else is_missing or (steps == reached and ends)
            reached = max(steps, reached)
        if not is_missing:
            return None
        few = looked_at < _MOST_INSIDE and len(pages) < _MOST_PARTITIONS
        which = number(looked_at, "record") if few else f"the first {looked_at:,} records"
        return Doubt(
            "inside_path",
            f"none of {which} of {holder.name} has anything at {inside.path} (inside.path): is it "
            "spelled so?",
        )


def _way(value: Any, path: Sequence[Segment]) -> tuple[int, bool]:
    """How many steps a value goes along a path, at most; and whether it ends there since something
    else is there, and not null, an empty list or the like.
    """
    if not path or value is None:
        return 0, False
    first, rest = path[0], path[1:]
    if isinstance(first, Key):
        if not isinstance(value, dict) or first.name not in value:
            return 0, bool(value)
        items = [value[first.name]]
    else:
        items = [*value.values()] if isinstance(value, dict) else value
        if not isinstance(items, list):
            return 0, bool(value)
    ways = [_way(item, rest) for item in items]
    furthest = max((steps for steps, _ in ways), default=-1)
    return furthest + 1, any(ends for steps, ends in ways if steps == furthest)
