"""Asks again for pages that were lost or damaged on disk, and harvests partitions again."""

from harvester.repair.redoing import (
    begin_again,
)
from harvester.repair.reopening import (
    reopened,
)
from harvester.repair.repairing import (
    Anew,
    Repair,
    repair,
)

__all__ = [
    "Anew",
    "Repair",
    "begin_again",
    "reopened",
    "repair",
]
