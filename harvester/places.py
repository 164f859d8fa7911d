"""Where a partition lies in OUT."""

from pathlib import Path

from harvester.inside import refuse_detours
from harvester.partitions import Partition


def place_of(out: Path, partition: Partition) -> Path:
    """The folder of `partition` in `out`, whether it is there or not.

    Raises `DataRefused` where the way to it leads through a link or a file.
    """
    folder = out / partition.folder
    refuse_detours(out, folder)
    return folder
