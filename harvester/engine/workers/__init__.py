"""Harvests the partitions of a run: in threads, in processes of this machine, on Dask."""

from harvester.engine.workers.choosing import (
    workers_of,
)
from harvester.engine.workers.contract import (
    Workers,
)
from harvester.engine.workers.dask_cluster import (
    dask_client,
)
from harvester.engine.workers.in_threads import (
    ThreadWorkers,
)
from harvester.engine.workers.line import (
    MARGIN_S,
)

__all__ = [
    "MARGIN_S",
    "ThreadWorkers",
    "Workers",
    "dask_client",
    "workers_of",
]
