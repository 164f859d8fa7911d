"""Runs a whole harvest: partitions over workers.

Partitions are taken from the plan one by one and harvested side by side; no more are held than
are being worked on. One that fails ends alone. A rule that says stop, a full disk or a wish to
end stops them all, each after its current chunk. Everything committed by then stays.
"""

import contextlib
import os
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from harvester.config import Config, Resource, unknown
from harvester.engine.attempts import Run
from harvester.engine.counted_in import FirstLines
from harvester.engine.events import (
    Event,
    OnEvent,
    RunStarted,
    Warned,
)
from harvester.engine.run_counter import RunCounter
from harvester.engine.run_options import RunOptions
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
from harvester.security import Secrets
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
from harvester.values import dataclass


@dataclass(frozen=True, slots=True)
class _Begun:
    """A run whose folder is claimed and fits the configuration; nothing was sent yet."""

    config: Config
    options: RunOptions
    store: Store
    chosen: Sequence[Resource]
    asked: Asked
    notes: Mapping[str, Sequence[str]]  # on what was taken over, by resource
    counter: RunCounter


@dataclass(frozen=True, slots=True)
class _Outcome:
    """A run whose partitions were worked off, or that something has stopped before."""

    asked: Asked
    run: Run
    known: KnownBefore
    ended: WorkedOff


def harvest(
    config: Config,
    options: RunOptions,
    *,
    on_event: OnEvent = lambda event: None,
    stop: threading.Event | None = None,
) -> Summary:
    """Harvest, or go on with a harvest, without a word to any terminal or monitor.

    `on_event` is called from worker threads, one event at a time. Setting `stop` ends the run after
    the current chunks; so does whatever `on_event` raises, which then comes out of here. The same
    call goes on after both.

    Returns the state of the whole folder; `ended_by` in it is what stopped the run early, if
    anything did. Raises `ConfigError`, `FolderLocked` or `DataRefused` before anything is sent;
    `DataRefused` also where a damaged journal leaves no state to return.
    """
    options.check()
    chosen = _chosen(config, options.resources)
    store = _store_of(options.out or config.folder, config, options.shard)
    secrets = secrets_of(config)
    with store.claim():
        begun = _begin(config, options, store, chosen)
        outcome = _work_off(begun, secrets, on_event, stop or threading.Event())
        return _end(begun, outcome)


def _begin(config: Config, options: RunOptions, store: Store, chosen: Sequence[Resource]) -> _Begun:
    """Make the folder this harvest's, and plan."""
    with store.alone():
        now = datetime.now(UTC)
        asked = prepare(store, config, now, accept=options.accept_change, looks=False)
        notes = {resource.name: take_over(store, config, resource) for resource in chosen}
    counter = RunCounter(iso(datetime.now(UTC)))
    return _Begun(config, options, store, chosen, asked, notes, counter)


def _work_off(
    begun: _Begun, secrets: Secrets, on_event: OnEvent, stop: threading.Event
) -> _Outcome:
    """Harvest every partition that is chosen and not complete, until something stops the run."""
    config, options, store = begun.config, begun.options, begun.store
    workers = options.concurrency or config.concurrency.partitions
    first = FirstLines()

    def noted(event: Event) -> None:
        begun.counter.take(event)
        first.take(event)
        on_event(event)

    with running(
        config, store, begun.asked, secrets, workers, options.max_pages, noted, stop, options.shard
    ) as run:
        asked = _by_true_clock(store, begun.asked)
        plan = Plan(config, asked.planned_at, store)
        _announce(run, plan, begun)
        with contextlib.closing(Feed(plan, begun.chosen, options.shard)) as feed:
            known = KnownBefore(Standing(store, asked), options.shard)
            ended = WorkedOff(run, feed, known, first)
            ended.work_off(workers_of(run, asked.salt, workers, options.executor))
    return _Outcome(asked, run, known, ended)


def _announce(run: Run, plan: Plan, begun: _Begun) -> None:
    """Say that the run has begun, how much is known to be ahead, and what was taken over."""
    total = sum(known_count(plan, resource, begun.options.shard) for resource in begun.chosen)
    names = {resource.name for resource in begun.chosen}
    more = any(
        plan.awaits_parents(resource)
        for resource in begun.chosen
        if not resource.parents or names & set(resource.parent_names)
    )
    run.emit(RunStarted(begun.config.name, begun.store.place, total, more))
    for name, lines in begun.notes.items():
        for note in lines:
            run.emit(Warned(Partition(name, {}), note))


def _end(begun: _Begun, outcome: _Outcome) -> Summary:
    """Write down what only this run saw, and sum the folder up."""
    store, shard = begun.store, begun.options.shard
    asked, run, known = outcome.asked, outcome.run, outcome.known
    ended = outcome.ended
    if isinstance(ended.by, FolderLost):  # what lies there now may be another run's
        raise ended.by
    store.look()
    statistics = begun.counter.close()
    run.requests.update(begun.counter.untold)  # each took one at least
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
        plan = Plan(begun.config, asked.planned_at, store)
        summary.left = _left(plan, begun.chosen, shard, summary)
    else:
        summary.above = _above(begun.config, begun.chosen, summary)
    summary.ended_by = ended.by
    summary.paused = ended.paused
    summary.elsewhere = 0 if summary.complete else ended.elsewhere
    for item in summary.resources:
        item.requests, item.retries = run.requests[item.name], run.retries[item.name]
    summary.run = begun.counter.this_run(run.requests.total(), run.retries.total())
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


def _above(config: Config, chosen: Sequence[Resource], summary: Summary) -> list[str]:
    """The resources that were not chosen, and are not finished, whose records lead to chosen ones,
    by others' too.
    """
    known = {resource.name: resource for resource in config.resources}
    names = {resource.name for resource in chosen}
    needed, at = set[str](), list(chosen)
    while at:
        above = set(at.pop().above) - needed
        needed |= above
        at += [known[name] for name in above]
    return [
        item.name
        for item in summary.resources
        if item.name in needed - names and item.partitions.complete < item.partitions.total
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
