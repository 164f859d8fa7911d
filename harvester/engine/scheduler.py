"""Runs a whole harvest: partitions over workers.

Partitions are taken from the plan one by one and harvested side by side; no more are held than
are being worked on. One that fails ends alone. A rule that says stop, a full disk or a wish to
end stops them all, each after its current chunk. Everything committed by then stays.
"""

import contextlib
import os
import shlex
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from queue import SimpleQueue
from typing import Final

from harvester import __version__
from harvester.auth import Access
from harvester.config import Config, Resource, unknown
from harvester.engine.assignment import Assignment
from harvester.engine.attempts import Run
from harvester.engine.beginnings import with_beginning
from harvester.engine.events import (
    Event,
    OnEvent,
    PartitionDone,
    PartitionLost,
    PartitionPaused,
    RunStarted,
    Warned,
)
from harvester.engine.finished import Finished
from harvester.engine.run_counter import RunCounter
from harvester.engine.sources import secrets_of, sources_of
from harvester.engine.turns import iso
from harvester.engine.workers import MARGIN_S, Workers, workers_of
from harvester.errors import (
    ConfigError,
    DiskError,
    FolderLost,
    HarvesterError,
    Interrupted,
    PartitionFailed,
    WindowOpen,
    is_want_of_threads,
    no_more_threads,
)
from harvester.http import SHARED, RateLimit, Recent, RetryBudget, Transport, host_scope
from harvester.model import Address, OpenWindows, Partition, Shard, Windows, place_of_text
from harvester.page import format_of
from harvester.paging import paginator_of
from harvester.planning import (
    NOTABLE,
    Feed,
    Plan,
    end_of,
    kept_early,
    known_count,
    shared,
    take_over,
)
from harvester.results import (
    Failure,
    Failures,
    KnownBefore,
    Standing,
    Summary,
    status_beyond,
    write_last_run,
)
from harvester.security import Secrets
from harvester.store import (
    Asked,
    Checkpoint,
    Fenced,
    Header,
    ObjectStore,
    Overtaken,
    PartitionBusy,
    Place,
    Store,
    folder_of,
    is_done,
    prepare,
    refuse_later,
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
    _refuse_files(store, config, chosen)
    secrets = secrets_of(config)
    stop = stop or threading.Event()
    with store.claim():
        with store.alone():
            asked = prepare(store, config, datetime.now(UTC), accept=accept_change, looks=False)
            notes = {resource.name: take_over(store, config, resource) for resource in chosen}
        workers = concurrency or config.concurrency.partitions
        counter = RunCounter(iso(datetime.now(UTC)))

        def noted(event: Event) -> None:
            counter.take(event)
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
                ended = _Ended(run, feed, known)
                ended.work_off(workers_of(run, asked.salt, workers, executor))
        if isinstance(ended.by, FolderLost):  # what lies there now may be another run's
            raise ended.by
        store.look()
        statistics = counter.close()
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


def _refuse_files(store: Store, config: Config, resources: Sequence[Resource]) -> None:
    """Refuse pages that no line of a journal can stand behind, before any is asked for."""
    if not isinstance(store, ObjectStore):
        return
    for resource in resources:
        if not format_of(resource).is_gzipped:
            raise ConfigError(
                f"{config.place_of(resource.name, 'format')}: files are kept as they came, and an "
                "object store keeps the lines of the journal behind each page, in its gzip: "
                f"harvest {resource.name!r} into a folder (--out DIR --resource {resource.name})"
            )


def _chosen(config: Config, names: Sequence[str]) -> list[Resource]:
    known = {resource.name: resource for resource in config.resources}
    for name in names:
        if name not in known:
            raise ConfigError(f"--resource {name}: {unknown('resource', name, known)}")
    return [resource for name, resource in known.items() if not names or name in names]


_MOST_OPENED: Final = 5  # times that a partition is opened anew behind a writer believed dead


class _CallerFailed(BaseException):
    """`on_event` raised. Outside of all that a page's or a partition's failure is caught by: a
    ConnectionError of the caller's own is no reason to ask the server again.
    """

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error


class _Ended:
    """Hands partitions to workers, and gathers how they ended."""

    def __init__(self, run: Run, feed: Feed, known: KnownBefore) -> None:
        self._feed = feed
        self._known = known
        self._finished = Finished(run, known)
        self.by: HarvesterError | None = None
        self.paused = False
        self.failures = Failures()
        self._run = run
        self._created_at = iso(run.now())
        self._cut_short = False
        self._most_was_noted = False
        self._looked = False  # for journals of a later version
        self.elsewhere = 0  # partitions that other machines go on with
        self._opened_anew: Counter[str] = Counter()
        self._waiting = False  # whether a window is still open
        self._active: dict[Future[Checkpoint], Partition] = {}
        self._ended: SimpleQueue[Future[Checkpoint]] = SimpleQueue()

    def work_off(self, workers: Workers) -> None:
        """Harvest them all, or until something stops the run."""
        with workers:
            try:
                while (partition := self._feed.next()) or self._active:
                    if partition is None:  # until one that is active has children
                        workers.begin()
                        self._gather(workers)
                        continue
                    if self._run.stop.is_set():
                        self._cut_short = True
                        break
                    if (at := self._finished.passed_over(partition)) is not None:
                        self._tell_of_most(partition, at)
                        self._feed.finished(partition)
                        continue
                    if not self._looked:
                        refuse_later(self._run.store)
                        self._looked = True
                    partition = with_beginning(self._run, partition, self._created_at)
                    self._submit(workers, partition)
                    if len(self._active) >= workers.slots:
                        workers.begin()
                        self._gather(workers)
                workers.begin()
                while self._active:
                    self._gather(workers)
                self._known.is_whole = not self._cut_short
            except BaseException as error:  # also Ctrl-C: no worker must go on behind our back
                self._run.stop.set()
                if not is_want_of_threads(error):
                    raise
                self.by = self.by or no_more_threads()
        if self._cut_short and self.by is None:
            self.by = Interrupted("interrupted")

    def _header(self, partition: Partition) -> Header:
        fingerprint = self._run.sources[partition.resource].fingerprint
        return Header(
            partition.resource, partition.labels, fingerprint, __version__, self._created_at
        )

    def _submit(self, workers: Workers, partition: Partition) -> None:
        future = workers.submit(Assignment(partition, self._header(partition)))
        self._active[future] = partition
        future.add_done_callback(self._ended.put)

    def _gather(self, workers: Workers) -> None:
        """Wait for one worker at least, and take note of how its partition ended."""
        done = [self._ended.get()]
        while not self._ended.empty():
            done.append(self._ended.get())
        for future in done:
            partition = self._active.pop(future)
            try:
                checkpoint = future.result()
            except Overtaken as error:
                self._open_anew(workers, partition, error)
            except (Fenced, PartitionBusy) as error:
                self._leave(partition, error)
            except PartitionFailed as error:
                self._fail(partition, error)
            except WindowOpen as error:
                self._waits(partition, error)
            except Interrupted:
                self._cut_short = True  # as it was asked to be
            except HarvesterError as error:
                self.by = self.by or error
                self._run.stop.set()
            else:
                if checkpoint.done:
                    self._tell_of_most(partition, checkpoint)
                    self._run.emit(PartitionDone(partition, checkpoint))
                    self._feed.finished(partition)
                else:
                    self._feed.left(partition)
                    self.paused = True
                    self._run.emit(PartitionPaused(partition, checkpoint))

    def _open_anew(self, workers: Workers, partition: Partition, error: Overtaken) -> None:
        """A writer that was believed dead has put a page: go on behind it."""
        again = self._opened_anew[partition.path] + 1
        if again > _MOST_OPENED or self._run.stop.is_set():
            self._leave(partition, error)
            return
        self._opened_anew[partition.path] = again
        self._run.emit(PartitionPaused(partition, Checkpoint()))
        self._submit(workers, partition)
        workers.begin()

    def _leave(self, partition: Partition, error: PartitionFailed) -> None:
        """Another machine has a partition: that is no failure, and nothing of it is lost."""
        self._feed.left(partition)
        self.elsewhere += 1
        told = f"left to another machine, which goes on with it: {error}"
        self._run.emit(Warned(partition, told))
        self._run.emit(PartitionPaused(partition, Checkpoint()))

    def _tell_of_most(self, partition: Partition, at: Checkpoint) -> None:
        """A partition that ended by a number of pages, while more are wanted now, stays complete;
        that is said once.
        """
        if at.reason != "maximum_reached" or self._most_was_noted:
            return
        options = self._run.sources[partition.resource].endpoint.resource.paginator
        if paginator_of(options).capped(at):
            return
        self._most_was_noted = True
        place = self._run.config.place_of(partition.resource, "paginator")
        again = shlex.join(
            ["harvester", "redo", self._run.store.place, "--resource", partition.resource]
        )
        message = (
            f"complete with {at.live_pages:,} pages, the most that were wanted; {place} now wants "
            f"more, but what is complete is not gone on with: {again} harvests it again"
        )
        self._run.emit(Warned(partition, message))

    def _waits(self, partition: Partition, error: WindowOpen) -> None:
        """A window that has not closed is left to a later run; that is said once."""
        if not self._waiting:
            self._run.emit(Warned(partition, str(error)))
        self._waiting = True
        self._feed.left(partition)
        self._run.emit(PartitionPaused(partition, Checkpoint()))

    def _fail(self, partition: Partition, error: PartitionFailed) -> None:
        if is_done(
            self._run.store, folder_of(self._run.store, partition)
        ):  # a gap: what there is may lead on
            self._feed.finished(partition)
        else:
            self._feed.left(partition)
        self.failures.add(Failure(partition.resource, partition.labels, str(error), error.cursor))
        self._run.emit(PartitionLost(partition, str(error)))


@contextlib.contextmanager
def running(
    config: Config,
    store: Store,
    asked: Asked,
    secrets: Secrets,
    workers: int,
    max_pages: int | None,
    on_event: OnEvent,
    stop: threading.Event,
    shard: Shard | None = None,
) -> Iterator[Run]:
    """What the workers share; its connections are closed at the end."""
    telling = threading.Lock()
    broken: list[BaseException] = []
    local = threading.local()
    transports: list[Transport] = []

    def emit(event: Event) -> None:
        with telling:
            if broken:
                return  # the caller wants no more
            try:
                on_event(event)
            except BaseException as error:
                broken.append(error)
                stop.set()
                raise _CallerFailed(error) from error

    def transport() -> Transport:
        if not hasattr(local, "transport"):
            local.transport = Transport(config.client)
            transports.append(local.transport)
        mine: Transport = local.transport
        return mine

    access = Access(config, secrets, store.own, stopping=stop.is_set)
    pages = config.concurrency.pages
    of_client = [shared(budget, shard) for budget in config.client.rate_limit]
    of_resources = {
        resource.name: [shared(budget, shard) for budget in resource.rate_limit]
        for resource in config.resources
    }
    of_hosts = {
        host: [shared(budget, shard) for budget in each]
        for host, each in config.client.per_host.items()
    }
    remembered = {host_scope(host): each for host, each in of_hosts.items() if host != "*"}
    budgets = {SHARED: of_client, **of_resources, **remembered}
    try:
        with (
            Recent(store.own, budgets, shard=shard.label if shard else "") as recent,
            ThreadPoolExecutor(workers * pages, thread_name_prefix="pages") as executor,
        ):
            yield Run(
                config=config,
                store=store,
                sources=sources_of(config, secrets, asked.salt),
                fingerprints=asked.fingerprints,
                access=access,
                limit=RateLimit(
                    of_client,
                    of_resources,
                    recent=recent,
                    adaptive=config.client.adaptive_pace,
                    hosts=of_hosts,
                    margin_s=MARGIN_S if config.concurrency.processes > 1 else 0.0,
                ),
                again=RetryBudget(config.client.retry.budget, config.client.retry.max_wait),
                emit=emit,
                stop=stop,
                transport=transport,
                executor=executor,
                max_pages=max_pages,
            )
    except _CallerFailed as failed:
        raise failed.error from None
    finally:
        access.close()
        for opened in transports:
            opened.close()
