"""Asks again for pages that were lost or damaged on disk, and harvests partitions again."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from harvester.repair.reopening import reopened

if TYPE_CHECKING:
    from harvester.repair.mended import Anew as Anew
    from harvester.repair.mended import Repair as Repair
    from harvester.repair.redoing import begin_again as begin_again
    from harvester.repair.repairing import repair as repair

#: What a run does not need, since it only opens a configuration.
_HOMES = {"begin_again": "redoing", "Anew": "mended", "Repair": "mended",
          "repair": "repairing"}  # fmt: skip
__all__ = [
    "Anew",
    "Repair",
    "begin_again",
    "reopened",
    "repair",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
