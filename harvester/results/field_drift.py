"""Compares the fields of records with those of the generation before, over a whole harvest.

No key is needed for that, and nothing is kept of a record but the names and kinds of its fields.
"""

from collections.abc import Iterator
from dataclasses import field
from itertools import islice
from typing import Final

from harvester.config import Resource
from harvester.errors import HarvesterError
from harvester.model import Partition
from harvester.planning import partition_records
from harvester.results.drift import Drift
from harvester.store import Store, folder_of, generations_of
from harvester.values import dataclass

#: Records of each generation that are looked into, of one resource.
MOST_LOOKED_INTO: Final = 100_000


@dataclass(slots=True)
class FieldDrift:
    """The fields of one resource, in its two newest generations. `left_out`: so many of its
    `partitions` were not looked into whole, since there are too many records. `unread`: so many
    have a page that cannot be read.
    """

    name: str
    partitions: int = 0
    before: int = 0
    after: int = 0
    left_out: int = 0
    unread: int = 0
    fields: Drift = field(default_factory=Drift)


class FieldDrifts:
    """The drift of each resource that has anything harvested twice."""

    def __init__(self, store: Store, *, most: int = MOST_LOOKED_INTO) -> None:
        self._store = store
        self._most = most
        self._found: dict[str, FieldDrift] = {}

    def __iter__(self) -> Iterator[FieldDrift]:
        return iter(self._found.values())

    def take(self, partition: Partition, resource: Resource) -> None:
        """Look into a partition, if it has two generations."""
        number = len(generations_of(self._store, folder_of(self._store, partition)))
        if number == 1:
            return
        found = self._found.setdefault(resource.name, FieldDrift(resource.name))
        found.partitions += 1
        left = self._most - max(found.before, found.after)
        counts, whole = [], True
        try:
            for generation, see in (
                (number - 1, found.fields.see_old),
                (number, found.fields.see_new),
            ):
                records = partition_records(self._store, partition, resource, generation=generation)
                counts.append(sum(1 for record in islice(records, left) if see(record) is None))
                whole = whole and next(records, None) is None
        except HarvesterError:
            found.unread += 1
            return
        found.before += counts[0]
        found.after += counts[1]
        found.left_out += not whole
