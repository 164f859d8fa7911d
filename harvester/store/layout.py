"""Names the folder of each partition in OUT.

Mostly where `Partition.folder` says. Two values that differ in case only (`NASA`, `nasa`), or in
dots at their end, would share that folder on a file system that does not tell them apart, so one
of them begins in its `cased_folder`. What is on disk already counts more: a harvest from before
that, or from before the other value was there, stays where it is.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from harvester.errors import DataRefused
from harvester.model import Partition
from harvester.store.entries import Header
from harvester.store.inside import refuse_detours
from harvester.store.journal_lines import read_header

_FREE: Final = "free"
_OURS: Final = "ours"
_OTHERS: Final = "others"


def place_of(out: Path, partition: Partition) -> Path:
    """The folder of `partition` in `out`, whether it is there or not.

    Raises `DataRefused` where the way to it leads through a link or a file.
    """
    return out / folder_among(
        partition,
        lambda folder: read_header(out / folder),
        lambda folder: refuse_detours(out, out / folder),
    )


def folder_among(
    partition: Partition,
    header_in: Callable[[str], Header | None],
    reach: Callable[[str], None],
) -> str:
    """The name of a partition's folder, in a store whose headers `header_in` gives and in which
    `reach` refuses ways that lead elsewhere.
    """
    folder = partition.path
    if partition.cased:
        folder = _by_case(partition, header_in, reach)
    reach(folder)
    return folder


def _by_case(
    partition: Partition,
    header_in: Callable[[str], Header | None],
    reach: Callable[[str], None],
) -> str:
    """The folder of one whose values another differs from in case only."""
    ways = partition.first_folder, partition.folder, partition.cased_folder, partition.former_folder
    places = [*map(str, ways)]
    found = {}
    for place in dict.fromkeys(places):
        try:
            reach(place)
            found[place] = _whose(header_in(place), partition)
        except DataRefused:  # one that cannot be read is left to whoever opens it
            found[place] = _FREE
    for wanted in (_OURS, _FREE):
        for place in found:
            if found[place] == wanted:
                return place
    return places[0]


def _whose(header: Header | None, partition: Partition) -> str:
    """Whose journal has this header."""
    if header is None:
        return _FREE
    return _OURS if dict(header.partition) == partition.labels else _OTHERS
