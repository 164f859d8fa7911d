"""Runs a harvest: partitions over workers, attempts, pages, commits."""

from typing import TYPE_CHECKING

from harvester.on_demand import names_of

if TYPE_CHECKING:
    from harvester.engine.attempts import (
        Run,
    )
    from harvester.engine.beginnings import with_beginning
    from harvester.engine.check import (
        Seen,
        check_live,
    )
    from harvester.engine.events import (
        AttemptLost,
        BytesArrived,
        Doubted,
        Event,
        OnEvent,
        PaceChanged,
        PageCommitted,
        PartitionDone,
        PartitionLost,
        PartitionPaused,
        PartitionStarted,
        RunStarted,
        Waiting,
        Warned,
    )
    from harvester.engine.fetching import (
        Channel,
        Ready,
        WaitingPolicy,
        Wanted,
        fetch_page,
    )
    from harvester.engine.page_result import (
        PageResult,
    )
    from harvester.engine.partition_runner import (
        Pages,
    )
    from harvester.engine.run_options import (
        RunOptions,
    )
    from harvester.engine.scheduler import (
        harvest,
    )
    from harvester.engine.shared_run import (
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
    from harvester.engine.workers import (
        dask_client,
    )


__all__ = [
    "AttemptLost",
    "BytesArrived",
    "Channel",
    "Doubted",
    "Event",
    "OnEvent",
    "PaceChanged",
    "PageCommitted",
    "PageResult",
    "Pages",
    "PartitionDone",
    "PartitionLost",
    "PartitionPaused",
    "PartitionStarted",
    "Ready",
    "Run",
    "RunOptions",
    "RunStarted",
    "Seen",
    "Source",
    "Waiting",
    "WaitingPolicy",
    "Wanted",
    "Warned",
    "check_live",
    "dask_client",
    "fetch_page",
    "harvest",
    "iso",
    "running",
    "secrets_of",
    "sources_of",
    "with_beginning",
]


__getattr__ = names_of(
    __name__,
    {
        "attempts": "Run",
        "beginnings": "with_beginning",
        "check": "Seen check_live",
        "events": "AttemptLost BytesArrived Doubted Event OnEvent PaceChanged "
        "PageCommitted PartitionDone PartitionLost PartitionPaused "
        "PartitionStarted RunStarted Waiting Warned",
        "fetching": "Channel Ready WaitingPolicy Wanted fetch_page",
        "page_result": "PageResult",
        "partition_runner": "Pages",
        "run_options": "RunOptions",
        "scheduler": "harvest",
        "shared_run": "running",
        "sources": "Source secrets_of sources_of",
        "turns": "iso",
        "workers": "dask_client",
    },
)
