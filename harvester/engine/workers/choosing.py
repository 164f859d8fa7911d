"""Chooses where the partitions of a run are harvested: in threads, or in processes."""

import logging
import secrets

from harvester.engine.assignment import RunSpec
from harvester.engine.attempts import Run
from harvester.engine.exchange_log import LOGGER
from harvester.engine.workers.contract import Workers
from harvester.engine.workers.in_threads import ThreadWorkers
from harvester.errors import ConfigError


def workers_of(run: Run, salt: str, partitions: int, executor: object | None = None) -> Workers:
    """The workers that the configuration asks for; `partitions` are harvested at once. An
    `executor`, a client of Dask, has a number of its own.
    """
    if executor is not None:
        return _on_dask(run, salt, executor)
    processes = min(run.config.concurrency.processes, partitions)
    if processes == 1:
        return ThreadWorkers(run, partitions)
    from harvester.engine.workers.in_processes import ProcessWorkers  # a run in threads needs none

    return ProcessWorkers(
        run, spec_of(run, salt, processes, -(-partitions // processes)), partitions
    )


def _on_dask(run: Run, salt: str, executor: object) -> Workers:
    from harvester.engine.workers.dask_cluster import client_in, is_ours

    client = client_in(executor)
    if run.config.concurrency.processes > 1:
        raise ConfigError(
            "concurrency.processes does not go with Dask, whose workers are processes: leave it out"
        )
    from harvester.engine.workers.on_dask import DaskWorkers

    return DaskWorkers(run, spec_of(run, salt, 1, 1), client, is_ours=is_ours(client))


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
