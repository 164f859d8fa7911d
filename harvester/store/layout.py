"""Where a partition lies in OUT.

Mostly where `Partition.folder` says. Two values that differ in case only (`NASA`, `nasa`) would
share that folder on a file system that does not tell them apart, so one of them begins in its
`cased_folder`. What is on disk already counts more: a harvest from before that, or from before the
other value was there, stays where it is.
"""

from pathlib import Path
from typing import Final

from harvester.errors import DataRefused
from harvester.model import Partition
from harvester.store.inside import refuse_detours
from harvester.store.journal import read_header

_FREE: Final = "free"
_OURS: Final = "ours"
_OTHERS: Final = "others"


def place_of(out: Path, partition: Partition) -> Path:
    """The folder of `partition` in `out`, whether it is there or not.

    Raises `DataRefused` where the way to it leads through a link or a file.
    """
    folder = out / partition.folder
    if partition.cased:
        folder = _told_apart(out, partition)
    refuse_detours(out, folder)
    return folder


def _told_apart(out: Path, partition: Partition) -> Path:
    """The folder of one whose values another differs from in case only."""
    places = [out / partition.first_folder, out / partition.folder, out / partition.cased_folder]
    found = {place: _whose(out, place, partition) for place in dict.fromkeys(places)}
    for wanted in (_OURS, _FREE):
        for place in found:
            if found[place] == wanted:
                return place
    return places[0]


def _whose(out: Path, folder: Path, partition: Partition) -> str:
    """Whose journal lies there; one that cannot be read is left to whoever opens it."""
    try:
        refuse_detours(out, folder)
        header = read_header(folder)
    except DataRefused:
        return _FREE
    if header is None:
        return _FREE
    return _OURS if dict(header.partition) == partition.labels else _OTHERS
