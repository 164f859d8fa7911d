"""A way back: pages that were lost or damaged on disk are asked for again, one by one, and
partitions are harvested again while what there is stays.
"""

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
