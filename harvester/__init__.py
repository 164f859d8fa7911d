"""Harvest paginated JSON APIs to disk: all of it, raw, once, resumable, in flat memory.

    from harvester import load_config, harvest, iter_records

    summary = harvest(load_config("tweets.yaml"))
    for record in iter_records("data/tweets"):
        ...

The names below are the library's interface; everything is imported when first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from harvester.config.load import load_config as load_config
    from harvester.planning import plan as plan
    from harvester.records import iter_records as iter_records
    from harvester.report import status as status
    from harvester.report import verify as verify
    from harvester.schedule import harvest as harvest

_HOMES = {
    "harvest": "schedule",
    "iter_records": "records",
    "load_config": "config.load",
    "plan": "planning",
    "status": "report",
    "verify": "report",
}
__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"harvester.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'harvester' has no attribute {name!r}")
