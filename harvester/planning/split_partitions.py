"""Finds the partitions that took the place of one that was split, and theirs.

What a partition was split into is in its journal, so that each run plans the same. The folders of
what was split stay: their journals hold no page, only the line that says into what.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from harvester.errors import DataRefused
from harvester.model import Partition, Spec, part_of, split_key
from harvester.paging import TOTAL
from harvester.store import Store, folder_of, split_line

#: How often the window of a partition has been split, among what it includes: no name that a
#: reference can have.
SPLIT_DEPTH: Final = "split.depth"
#: In the same place: the largest total that the API said of anything that it was part of.
_LARGEST_TOTAL: Final = "split.largest_total"


def with_parts(
    store: Store, partition: Partition, specs: Mapping[str, Spec]
) -> Iterator[Partition]:
    """A partition, and behind it those that took its place, and theirs, in order."""
    yield partition
    if split_key(specs) is not None:
        for part in parts_of(store, partition, specs):
            yield from with_parts(store, part, specs)


def parts_of(store: Store, partition: Partition, specs: Mapping[str, Spec]) -> Iterator[Partition]:
    """The partitions that took the place of one, in order; none where it was not split."""
    found = split_key(specs)
    if found is None:
        return
    key, spec, _ = found
    folder = folder_of(store, partition)
    line = split_line(store, folder)
    if line is None:
        return
    depth = depth_of(partition) + 1
    total = max(largest_total_above(partition), line.fields.get(TOTAL) or 0)
    for label in line.split_into:
        value = part_of(label, spec)
        if value is None:
            raise DataRefused(
                f"{store.place}/{folder}: its journal says that it was split into {label[:80]!r}"
            )
        yield Partition(
            partition.resource,
            {**partition.values, key: value},
            {**partition.included, SPLIT_DEPTH: depth, _LARGEST_TOTAL: total},
            partition.cased,
            partition.place,
        )


def depth_of(partition: Partition) -> int:
    """How often the window that a partition is part of was split; 0: it is as it was planned."""
    depth: Any = partition.included.get(SPLIT_DEPTH, 0)
    return int(depth)


def largest_total_above(partition: Partition) -> int:
    """The largest total that the API said of anything that was split and holds a partition; 0:
    it said none.
    """
    total: Any = partition.included.get(_LARGEST_TOTAL, 0)
    return int(total)
