"""Harvests for the library: nothing is printed, and `status` can read how far it has come."""

import math
import threading
from collections.abc import Sequence

from harvester.config import Config
from harvester.engine import Event, OnEvent, RunOptions
from harvester.engine import harvest as harvest_unseen
from harvester.model import Shard
from harvester.monitoring.observing import Monitor
from harvester.results import Summary
from harvester.store import Place
from harvester.terminal import Progress, watched


def harvest(
    config: Config,
    *,
    out: Place | None = None,
    resources: Sequence[str] = (),
    concurrency: int | None = None,
    max_pages: int | None = None,
    accept_change: bool = False,
    shard: Shard | None = None,
    on_event: OnEvent = lambda event: None,
    stop: threading.Event | None = None,
    executor: object | None = None,
) -> Summary:
    """Harvest, or go on with a harvest; the library's way in. Never prints.

    `out` is the folder (else the configuration's), `resources` the names to harvest (else all),
    `max_pages` the most pages to add to each partition. `accept_change` goes on with another
    question than the folder was begun with, where that leaves what is kept right. `shard` harvests
    one share of the partitions, and gives the state of that share. `on_event` is called from worker
    threads, one event at a time. Setting `stop` ends the run after the current chunks; so does
    whatever `on_event` raises, which then comes out of here. The same call goes on after both.
    `executor` is a `dask.distributed.Client`, on whose workers partitions are harvested.

    Returns the state of the whole folder; `ended_by` in it is what stopped the run early, if
    anything did. Raises `ConfigError`, `FolderLocked` or `DataRefused` before anything is sent;
    `DataRefused` also where a damaged journal leaves no state to return. While it runs, `harvester
    status` shows its rate and what is left, as it does for `harvester run`.
    """
    options = RunOptions(
        out=out,
        resources=resources,
        concurrency=concurrency,
        max_pages=max_pages,
        accept_change=accept_change,
        shard=shard,
        executor=executor,
    )
    progress, monitor = Progress(config), Monitor((), math.inf)

    def take(event: Event) -> None:
        progress.take(event)
        monitor.take(event)
        on_event(event)

    with watched((monitor,), progress):
        summary = harvest_unseen(config, options, on_event=take, stop=stop)
        monitor.ended(progress, summary)
    return summary
