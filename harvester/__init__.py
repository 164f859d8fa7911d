"""Harvest paginated JSON APIs to disk: all of it, raw, once, resumable, in flat memory.

    from harvester import ConfigError, harvest, iter_records, load_config

    try:
        summary = harvest(load_config("tweets.yaml"))
    except ConfigError as error:
        ...
    for record in iter_records("data/tweets"):
        ...

The names below are the library's interface, errors and events included; everything is imported
when first used. A path is text or any other `os.PathLike`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from harvester.config import Config as Config
    from harvester.config.load import load_config as load_config
    from harvester.errors import ConfigError as ConfigError
    from harvester.errors import DataRefused as DataRefused
    from harvester.errors import DiskError as DiskError
    from harvester.errors import FolderLocked as FolderLocked
    from harvester.errors import HarvesterError as HarvesterError
    from harvester.errors import Interrupted as Interrupted
    from harvester.errors import PartitionFailed as PartitionFailed
    from harvester.errors import Problem as Problem
    from harvester.errors import RunStopped as RunStopped
    from harvester.events import AttemptLost as AttemptLost
    from harvester.events import BytesArrived as BytesArrived
    from harvester.events import Event as Event
    from harvester.events import OnEvent as OnEvent
    from harvester.events import PageCommitted as PageCommitted
    from harvester.events import PartitionDone as PartitionDone
    from harvester.events import PartitionLost as PartitionLost
    from harvester.events import PartitionPaused as PartitionPaused
    from harvester.events import PartitionStarted as PartitionStarted
    from harvester.events import RunStarted as RunStarted
    from harvester.events import Waiting as Waiting
    from harvester.events import Warned as Warned
    from harvester.partitions import Partition as Partition
    from harvester.planning import plan as plan
    from harvester.records import iter_records as iter_records
    from harvester.report import StoredProblem as StoredProblem
    from harvester.report import Verification as Verification
    from harvester.report import status as status
    from harvester.report import verify as verify
    from harvester.report_page import write_report as write_report
    from harvester.schedule import harvest as harvest
    from harvester.summary import Failure as Failure
    from harvester.summary import PartitionCounts as PartitionCounts
    from harvester.summary import ResourceSummary as ResourceSummary
    from harvester.summary import Summary as Summary

#: Each name of the library by the module it lives in. An export is `harvester.export.export`: a
#: package cannot hand out a name that its own part has.
_HOMES = {
    "config": "Config",
    "config.load": "load_config",
    "errors": "ConfigError DataRefused DiskError FolderLocked HarvesterError Interrupted "
    "PartitionFailed Problem RunStopped",
    "events": "AttemptLost BytesArrived Event OnEvent PageCommitted PartitionDone PartitionLost "
    "PartitionPaused PartitionStarted RunStarted Waiting Warned",
    "partitions": "Partition",
    "planning": "plan",
    "records": "iter_records",
    "report": "StoredProblem Verification status verify",
    "report_page": "write_report",
    "schedule": "harvest",
    "summary": "Failure PartitionCounts ResourceSummary Summary",
}
_WHERE = {name: home for home, names in _HOMES.items() for name in names.split()}
__all__ = ["__version__", *_WHERE]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(import_module(f"harvester.{_WHERE[name]}"), name)
    raise AttributeError(f"module 'harvester' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
