"""Chooses where the partitions of a run are harvested: in threads, or in processes."""

import logging
import secrets

from harvester.engine.assignment import RunSpec
from harvester.engine.attempts import Run
from harvester.engine.exchange_log import LOGGER
from harvester.engine.workers.contract import Workers
from harvester.engine.workers.in_processes import ProcessWorkers
from harvester.engine.workers.in_threads import ThreadWorkers


def workers_of(run: Run, salt: str, partitions: int) -> Workers:
    """The workers that the configuration asks for; `partitions` are harvested at once."""
    processes = min(run.config.concurrency.processes, partitions)
    if processes == 1:
        return ThreadWorkers(run, partitions)
    return ProcessWorkers(
        run, spec_of(run, salt, processes, -(-partitions // processes)), partitions
    )


def spec_of(run: Run, salt: str, processes: int, threads: int) -> RunSpec:
    """What workers are told of a run."""
    return RunSpec(
        run=secrets.token_hex(16),
        config=run.config,
        place=run.store.place,
        salt=salt,
        fingerprints=run.fingerprints,
        max_pages=run.max_pages,
        processes=processes,
        threads=threads,
        shows_exchanges=LOGGER.isEnabledFor(logging.DEBUG),
    )
