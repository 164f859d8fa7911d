"""Runs a harvest: partitions over workers, attempts, pages, commits."""

from harvester.engine.attempts import (
    Run,
)
from harvester.engine.check import (
    Seen,
    check_live,
)
from harvester.engine.commits import (
    Fetched,
)
from harvester.engine.events import (
    AttemptLost,
    BytesArrived,
    Doubted,
    Event,
    OnEvent,
    PageCommitted,
    PartitionDone,
    PartitionLost,
    PartitionPaused,
    PartitionStarted,
    RunStarted,
    Waiting,
    Warned,
)
from harvester.engine.partition_runner import (
    Pages,
)
from harvester.engine.scheduler import (
    harvest,
    running,
)
from harvester.engine.sources import (
    Source,
    secrets_of,
    sources_of,
)
from harvester.engine.turns import (
    iso,
)

__all__ = [
    "AttemptLost",
    "BytesArrived",
    "Doubted",
    "Event",
    "Fetched",
    "OnEvent",
    "PageCommitted",
    "Pages",
    "PartitionDone",
    "PartitionLost",
    "PartitionPaused",
    "PartitionStarted",
    "Run",
    "RunStarted",
    "Seen",
    "Source",
    "Waiting",
    "Warned",
    "check_live",
    "harvest",
    "iso",
    "running",
    "secrets_of",
    "sources_of",
]
