"""Harvest paginated JSON APIs to disk: all of it, raw, once, resumable, in flat memory.

    from harvester import ConfigError, Harvest, harvest, load_config

    try:
        summary = harvest(load_config("tweets.yaml"), out="data/tweets")
    except ConfigError as error:
        ...
    for tweet in Harvest("data/tweets").records(parse=json.loads):
        ...

The names below are the library's interface, errors and events included; everything is imported
when first used. A path is text or any other `os.PathLike`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any


def _built() -> str:
    """The version of the distribution; a checkout that was never built has none."""
    try:
        return str(import_module("harvester._version").version)
    except ImportError:
        return "0.1.0.dev0"


__version__ = _built()

if TYPE_CHECKING:
    from harvester.config import Config as Config
    from harvester.config import load_config as load_config
    from harvester.engine import AttemptLost as AttemptLost
    from harvester.engine import BytesArrived as BytesArrived
    from harvester.engine import Doubted as Doubted
    from harvester.engine import Event as Event
    from harvester.engine import OnEvent as OnEvent
    from harvester.engine import PaceChanged as PaceChanged
    from harvester.engine import PageCommitted as PageCommitted
    from harvester.engine import PartitionDone as PartitionDone
    from harvester.engine import PartitionLost as PartitionLost
    from harvester.engine import PartitionPaused as PartitionPaused
    from harvester.engine import PartitionStarted as PartitionStarted
    from harvester.engine import RunStarted as RunStarted
    from harvester.engine import Waiting as Waiting
    from harvester.engine import Warned as Warned
    from harvester.errors import AttemptFailed as AttemptFailed
    from harvester.errors import ChainExpired as ChainExpired
    from harvester.errors import ConfigError as ConfigError
    from harvester.errors import ConnectionDropped as ConnectionDropped
    from harvester.errors import CredentialsRefused as CredentialsRefused
    from harvester.errors import DataRefused as DataRefused
    from harvester.errors import DiskError as DiskError
    from harvester.errors import FolderLocked as FolderLocked
    from harvester.errors import FolderLost as FolderLost
    from harvester.errors import HarvesterError as HarvesterError
    from harvester.errors import Interrupted as Interrupted
    from harvester.errors import Malformed as Malformed
    from harvester.errors import NotJSON as NotJSON
    from harvester.errors import PageLost as PageLost
    from harvester.errors import PageRefused as PageRefused
    from harvester.errors import PageRejected as PageRejected
    from harvester.errors import PartitionFailed as PartitionFailed
    from harvester.errors import Problem as Problem
    from harvester.errors import RunStopped as RunStopped
    from harvester.errors import Unreached as Unreached
    from harvester.errors import WindowOpen as WindowOpen
    from harvester.export import Exported as Exported
    from harvester.export import OnStep as OnStep
    from harvester.export import Step as Step
    from harvester.handle import Harvest as Harvest
    from harvester.model import Doubt as Doubt
    from harvester.model import Partition as Partition
    from harvester.model import Shard as Shard
    from harvester.monitoring import harvest as harvest
    from harvester.planning import plan as plan
    from harvester.repair import Repair as Repair
    from harvester.report import write_report as write_report
    from harvester.results import Failure as Failure
    from harvester.results import PartitionCounts as PartitionCounts
    from harvester.results import ResourceSummary as ResourceSummary
    from harvester.results import StoredProblem as StoredProblem
    from harvester.results import Summary as Summary
    from harvester.results import ThisRun as ThisRun
    from harvester.results import UnderWay as UnderWay
    from harvester.results import Verification as Verification
    from harvester.results import iter_records as iter_records
    from harvester.results import status as status
    from harvester.results import verify as verify
    from harvester.store import Checkpoint as Checkpoint
    from harvester.store import Entry as Entry
    from harvester.terminal import ProgressBar as ProgressBar

#: Each name of the library by the module it lives in. An export is `harvester.export.export`: a
#: package cannot hand out a name that its own part has.
_HOMES = {
    "config": "Config",
    "config.load": "load_config",
    "errors": "AttemptFailed ChainExpired ConfigError ConnectionDropped CredentialsRefused "
    "DataRefused DiskError FolderLocked FolderLost HarvesterError Interrupted "
    "Malformed NotJSON PageLost PageRefused PageRejected PartitionFailed Problem RunStopped "
    "Unreached WindowOpen",
    "engine.events": "AttemptLost BytesArrived Doubted Event OnEvent PaceChanged PageCommitted "
    "PartitionDone PartitionLost PartitionPaused PartitionStarted RunStarted Waiting Warned",
    "export.exporting": "Exported",
    "export.steps": "OnStep Step",
    "handle": "Harvest",
    "model.doubts": "Doubt",
    "model.partitions": "Partition",
    "model.shards": "Shard",
    "planning.plans": "plan",
    "results.records": "iter_records",
    "results.current_run": "UnderWay",
    "terminal.notebook": "ProgressBar",
    "results.state": "StoredProblem Verification status verify",
    "repair.repairing": "Repair",
    "report": "write_report",
    "monitoring.noted": "harvest",
    "store.checkpoint": "Checkpoint",
    "store.entries": "Entry",
    "results.summary": "Failure PartitionCounts ResourceSummary Summary ThisRun",
}
_WHERE = {name: home for home, names in _HOMES.items() for name in names.split()}
__all__ = ["__version__", *_WHERE]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(import_module(f"harvester.{_WHERE[name]}"), name)
    raise AttributeError(f"module 'harvester' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
