"""Runs a whole harvest: partitions over workers.

Partitions are taken from the plan one by one and harvested side by side; no more are held than
are being worked on. One that fails ends alone. A rule that says stop, a full disk or a wish to
end stops them all, each after its current chunk. Everything committed by then stays.
"""

import contextlib
import os
import threading
from collections.abc import Sequence
from datetime import UTC, datetime

from harvester.config import Config, Resource, unknown
from harvester.engine.counted_in import FirstLines
from harvester.engine.events import (
    Event,
    OnEvent,
    RunStarted,
    Warned,
)
from harvester.engine.run_counter import RunCounter
from harvester.engine.shared_run import running
from harvester.engine.sources import secrets_of
from harvester.engine.turns import iso
from harvester.engine.worked_off import WorkedOff
from harvester.engine.workers import workers_of
from harvester.errors import (
    ConfigError,
    DiskError,
    FolderLost,
)
from harvester.model import Address, OpenWindows, Partition, Shard, Windows, place_of_text
from harvester.planning import (
    NOTABLE,
    Feed,
    Plan,
    end_of,
    kept_early,
    known_count,
    take_over,
)
from harvester.results import (
    KnownBefore,
    Standing,
    Summary,
    status_beyond,
    write_last_run,
)
from harvester.store import (
    Asked,
    Place,
    Store,
    folder_of,
    is_done,
    prepare,
    replan,
    store_at,
)


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
    """Harvest, or go on with a harvest, without a word to any terminal or monitor.

    `out` is the folder (else the configuration's), `resources` the names to harvest (else all),
    `max_pages` the most pages to add to each partition. `accept_change` goes on with another
    question than the folder was begun with, where that leaves what is kept right. `shard` harvests
    one share of the partitions, with its share of the budgets, and gives the state of that share;
    other machines may harvest the others meanwhile. `on_event` is
    called from worker threads, one event at a time. Setting `stop` ends the run after the
    current chunks; so does whatever `on_event` raises, which then comes out of here. The same call
    goes on after both. `executor` is a `dask.distributed.Client`, on whose workers partitions are
    harvested, as many at once as they have threads.

    Returns the state of the whole folder; `ended_by` in it is what stopped the run early, if
    anything did. Raises `ConfigError`, `FolderLocked` or `DataRefused` before anything is sent;
    `DataRefused` also where a damaged journal leaves no state to return.
    """
    for name, number in (("concurrency", concurrency), ("max_pages", max_pages)):
        if number is not None and number < 1:
            raise ConfigError(f"{name} must be 1 or more, not {number}")
    if shard is not None and executor is not None:
        raise ConfigError(
            "--shard divides a harvest among machines that know nothing of each other, and Dask "
            "divides it among workers: leave one of them out"
        )
    chosen = _chosen(config, resources)
    store = _store_of(out or config.folder, config, shard)
    secrets = secrets_of(config)
    stop = stop or threading.Event()
    with store.claim():
        with store.alone():
            asked = prepare(store, config, datetime.now(UTC), accept=accept_change, looks=False)
            notes = {resource.name: take_over(store, config, resource) for resource in chosen}
        workers = concurrency or config.concurrency.partitions
        counter = RunCounter(iso(datetime.now(UTC)))

        first = FirstLines()

        def noted(event: Event) -> None:
            counter.take(event)
            first.take(event)
            on_event(event)

        with running(config, store, asked, secrets, workers, max_pages, noted, stop, shard) as run:
            asked = _by_true_clock(store, asked)
            plan = Plan(config, asked.planned_at, store)
            total = sum(known_count(plan, resource, shard) for resource in chosen)
            names = {resource.name for resource in chosen}
            more = any(
                plan.awaits_parents(r)
                for r in chosen
                if not r.parents or names & set(r.parent_names)
            )
            run.emit(RunStarted(config.name, store.place, total, more))
            for name, lines in notes.items():
                for note in lines:
                    run.emit(Warned(Partition(name, {}), note))
            with contextlib.closing(Feed(plan, chosen, shard)) as feed:
                known = KnownBefore(Standing(store, asked), shard)
                ended = WorkedOff(run, feed, known, first)
                ended.work_off(workers_of(run, asked.salt, workers, executor))
        if isinstance(ended.by, FolderLost):  # what lies there now may be another run's
            raise ended.by
        store.look()
        statistics = counter.close()
        run.requests.update(counter.untold)  # each took one at least
        try:
            if (there := run.server.now(run.now())) is not None and there < asked.planned_at:
                asked = replan(store, asked, there)
                known = KnownBefore(Standing(store, asked), shard)
            with store.alone():
                write_last_run(store, ended.failures, statistics, others=shard is not None)
        except DiskError as error:  # as on a disk that is full: what ended the run counts more
            ended.by = ended.by or error
        summary = status_beyond(known, store)
        if shard is not None:
            plan = Plan(config, asked.planned_at, store)
            summary.left = _left(plan, chosen, shard, summary)
    summary.ended_by = ended.by
    summary.paused = ended.paused
    summary.elsewhere = 0 if summary.complete else ended.elsewhere
    for item in summary.resources:
        item.requests, item.retries = run.requests[item.name], run.retries[item.name]
    summary.run = counter.this_run(run.requests.total(), run.retries.total())
    return summary


def _left(plan: Plan, chosen: Sequence[Resource], shard: Shard, summary: Summary) -> list[str]:
    """The resources of which a share may have more by another run: children of parents that others
    have harvested since this one looked, or have not yet.
    """
    pending = {item.name for item in summary.resources if item.partitions.pending}
    return [
        resource.name
        for resource in chosen
        if (resource.parents and resource.name in pending) or plan.awaits_others(resource, shard)
    ]


def _by_true_clock(store: Store, asked: Asked) -> Asked:
    """The plan of now instead of one of a clock that ran ahead: no window behind now has pages that
    were asked for after it had closed.
    """
    now = datetime.now(UTC)
    if asked.planned_at <= now + NOTABLE:
        return asked
    plan = Plan(asked.config, asked.planned_at, store)
    for resource in asked.config.resources:
        if not any(
            isinstance(spec, Windows | OpenWindows) for spec in resource.partitions.values()
        ):
            continue
        for partition in plan.partitions(resource):
            folder = folder_of(store, partition)
            ahead = (end_of(partition) or now) > now
            if ahead and is_done(store, folder) and not kept_early(store, folder, partition):
                return asked
    return replan(store, asked, now)


def _store_of(place: Place, config: Config, shard: Shard | None) -> Store:
    """The store itself, or that of a folder by its full path: messages name it, and may be read
    elsewhere.
    """
    if isinstance(place, str | os.PathLike):
        place = place_of_text(place).absolute()
        if isinstance(place, Address) and not place.options:
            place = place.reached(config.store_options)
    return store_at(place, fsync=config.output.fsync, shard=shard.label if shard else "")


def _chosen(config: Config, names: Sequence[str]) -> list[Resource]:
    known = {resource.name: resource.source for resource in config.declared}
    for name in names:
        if name not in known:
            raise ConfigError(f"--resource {name}: {unknown('resource', name, known)}")
    wanted = {known[name].name for name in names or known}  # the pages that hold an embedded one
    return [resource for resource in config.resources if resource.name in wanted]
