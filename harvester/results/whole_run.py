"""Finds what speaks against a whole harvest though each of its partitions seems complete.

A mistyped `cursor_path` makes every list one page long; a mistyped `field` leaves parents without
a child. No single page shows it: that nothing ever led on, or that no parent had the field, is seen
when all of a resource is. It is told from the journals each time, and kept nowhere.
"""

import json
from collections.abc import Iterator
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Final

from harvester.config import Config
from harvester.model import Doubt, Doubts, FromResource, Key, Partition, find, number, parse
from harvester.paging import NeverThere, paginator_of
from harvester.planning import partition_records
from harvester.store import Checkpoint, Place

if TYPE_CHECKING:
    from harvester.config import Inside

_MOST_RECORDS: Final = 1000  # of parents, among which the field is looked for


class WholeRun:
    """Gathers the partitions of a harvest in `out`, in any order."""

    def __init__(self, out: Place, config: Config) -> None:
        self._out = out
        self._config = config
        self._resources = {resource.name: resource for resource in config.resources}
        self._led = {
            name: NeverThere(paginator_of(r.paginator)) for name, r in self._resources.items()
        }
        self._with_records: dict[str, Partition] = {}
        self._planned: set[str] = set()

    def add(self, partition: Partition, at: Checkpoint) -> None:
        """Take note of a partition."""
        name = partition.resource
        self._led[name].add(at)
        self._planned.add(name)
        if at.done and at.records and name not in self._with_records:
            self._with_records[name] = partition

    def tell(self, doubts: Doubts) -> None:
        """Add what speaks against each resource as a whole."""
        for name, resource in self._resources.items():
            if found := self._led[name].doubt():
                doubt, partitions = found
                doubts.add(name, {}, doubt, partitions)
            for key, spec in resource.parents.items():
                parent = self._with_records.get(spec.source)
                if parent is not None and name not in self._planned:
                    for childless in self._without_field(key, spec, parent):
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

    def _without_path(self, inside: "Inside", pages: Partition) -> Doubt | None:
        """That none of the records of a partition, so long as they are not too many, has anything
        where others are to stand inside of it: not even null or an empty list.
        """
        holder = self._config.named(inside.resource)
        # Behind the first list there may be nothing in any of them.
        path = tuple(takewhile(lambda each: isinstance(each, Key), parse(inside.path)))
        looked_at = 0
        for record in islice(partition_records(self._out, pages, holder), _MOST_RECORDS + 1):
            looked_at += 1
            try:
                if any(True for _ in find(json.loads(record), path)):
                    return None
            except (ValueError, RecursionError):
                return None
        if not 0 < looked_at <= _MOST_RECORDS:
            return None
        return Doubt(
            "inside_path",
            f"none of {number(looked_at, 'record')} of {holder.name} has anything at "
            f"{inside.path} (inside.path): is it spelled so?",
        )
