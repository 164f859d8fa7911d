"""Harvests partitions on the workers of a Dask cluster: on this machine, or on many.

The driver has the plan, the lock, the tokens and the display; the coordinator in the scheduler has
the budgets; a worker has what it harvests. Twice as many assignments are under way as there are
threads, small ones in groups, so that no thread waits for the driver. What a dead worker had, or a
newer writer took over, is put back; a partition fails by its own fault only.
"""

import contextlib
import math
import os
import pickle
import secrets
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import field, replace
from types import TracebackType
from typing import Any, Final, Self

from distributed import Client
from distributed import Future as DaskFuture

from harvester import __version__
from harvester.config import dotted, written_out
from harvester.engine.assignment import Assignment, RunSpec
from harvester.engine.attempts import Run
from harvester.engine.events import Warned
from harvester.engine.workers.dask_cluster import processes_of
from harvester.engine.workers.dask_coordinator import DRIVER_S, Coordinator
from harvester.engine.workers.dask_fitness import insisted, refuse_unfit
from harvester.engine.workers.dask_link import CoordinatorLink
from harvester.engine.workers.dask_worker import Outcome, Prepared, Unfit, harvest_group
from harvester.engine.workers.driver import Driver
from harvester.engine.workers.frames import Life, Looked
from harvester.errors import (
    ConfigError,
    FolderLost,
    HarvesterError,
    Interrupted,
    PartitionFailed,
)
from harvester.model import Partition
from harvester.store import Checkpoint, Fenced, Overtaken, PartitionBusy
from harvester.values import dataclass

_MOST_LOSSES: Final = 5
_LOOK_S: Final = 0.1
_GROUP_S: Final = 0.5  # that a group is to take
_MOST_IN_GROUP: Final = 24
_SILENT_S: Final = 10.0  # a process of this machine that does not beat is killed
_AGAIN_S: Final = 1.0  # before a partition is tried again that another worker still has
_UNFIT_S: Final = 0.2  # before what a worker could not begin is given to another
_GONE_S: Final = 15.0
_OURS_S: Final = 60.0  # a driver whose process has the scheduler, too, is alive where that answers
_EMPTY_S: Final = 10.0  # without any worker, before that is said
_SAID_AGAIN_S: Final = 600.0
_DEAF_S: Final = 1.5  # a worker that was not heard of for so long does not hear of the end, either
_ENDING_S: Final = 30.0


@dataclass(slots=True)
class _Task:
    assignment: Assignment
    future: Future[Checkpoint] = field(default_factory=Future)
    losses: int = 0
    not_before: float = 0.0


class DaskWorkers:
    """The workers of a cluster, as they come and go."""

    def __init__(self, run: Run, spec: RunSpec, client: Client, *, is_ours: bool = False) -> None:
        """`is_ours`: the cluster was made for this run, on this machine."""
        self._run, self._client, self._is_ours = run, client, is_ours
        self._driver = Driver(run)
        self._spec = spec
        self._threads_of: Mapping[str, int] = {}
        self._places: dict[DaskFuture[Any], str] = {}
        self._seconds = _GROUP_S  # that an assignment takes, as a rule
        self._lock = threading.RLock()
        self._queue: deque[_Task] = deque()
        self._groups: dict[DaskFuture[Any], list[_Task]] = {}
        self._ended: deque[DaskFuture[Any]] = deque()
        self._error: BaseException | None = None
        self._over = threading.Event()
        self._wake = threading.Event()
        self._link = CoordinatorLink(client, spec.run, self._driver, self._wake.set)
        self._unfit: dict[str, HarvesterError] = {}  # workers, and why they cannot take part
        self._stopped_at = self._empty_at = math.inf
        self._looking = threading.Thread(target=self._look_on, name="workers", daemon=True)

    @property
    def slots(self) -> int:
        """Twice the threads, in groups."""
        return 2 * self._threads * self._group_size

    @property
    def _threads(self) -> int:
        return max(1, sum(self._threads_of.values()))

    @property
    def _group_size(self) -> int:
        return max(1, min(_MOST_IN_GROUP, int(_GROUP_S / max(self._seconds, 0.001))))

    # --- Begin and end ---------------------------------------------------------------------------

    def __enter__(self) -> Self:
        for path, _ in written_out(self._run.config):
            raise ConfigError(
                f"{dotted(path)}: this secret stands in the YAML itself, and none is sent to a "
                "worker, which takes it from its own environment: write {env.NAME}"
            )
        self._run.store.share(self._spec.run)
        refuse_unfit(self._client, self._link.where, self._run.store, self._spec.run)
        self._spec = replace(self._spec, processes=processes_of(self._client))
        patience_s = _OURS_S if self._is_ours else DRIVER_S
        ages = self._driver.limit.ages()
        # First, since it clears the other up, too, if this process dies in between.
        of_run = Coordinator(self._spec, ages, self._client.id, patience_s)
        self._client.register_plugin(of_run)
        prepared = Prepared(self._spec.run, is_ours=self._is_ours)
        insisted(lambda: self._client.register_plugin(prepared) or True)
        self._note(self._link.look(stop=False))
        self._link.start()
        self._looking.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        while self._groups and self._error is None and not self._link.is_gone:
            self._wake.wait(_LOOK_S)
            self._wake.clear()
        self._over.set()
        self._looking.join()
        self._link.close()

    # --- Assignments -----------------------------------------------------------------------------

    def submit(self, assignment: Assignment) -> Future[Checkpoint]:
        """Put it with others into a group."""
        task = _Task(assignment)
        with self._lock:
            self._queue.append(task)
            if len(self._queue) >= self._group_size:
                self._send()
        return task.future

    def begin(self) -> None:
        """Send what waits for a group to be full."""
        with self._lock:
            self._send()

    def _send(self) -> None:
        """Send groups. The lock is held."""
        now = time.monotonic()
        waiting = [task for task in self._queue if task.not_before > now]
        ready = deque(task for task in self._queue if task.not_before <= now)
        self._queue = deque(waiting)
        size = min(self._group_size, max(1, len(ready) // max(1, self._threads)))
        while ready:
            if self._error is not None or self._run.stop.is_set():
                self._give_up(ready.popleft())
                continue
            place = self._least_busy()
            group = [ready.popleft()]
            while ready and len(group) < size and not group[0].losses and not ready[0].losses:
                group.append(ready.popleft())
            try:
                future = self._client.submit(
                    harvest_group,
                    self._spec.run,
                    __version__,
                    pickle.dumps(tuple(task.assignment for task in group)),
                    place,
                    key=f"harvest-{secrets.token_hex(8)}",
                    pure=False,
                    workers=[place] if place else None,
                    allow_other_workers=place is not None,
                )
            except Exception as error:  # its connection is gone
                for task in group:
                    self._put_back(task, str(error))
                continue
            self._groups[future] = group
            self._places[future] = place or ""
            future.add_done_callback(self._note_end)

    def _least_busy(self) -> str | None:
        """The worker that has the least for each of its threads: Dask goes by how long tasks took
        before, and may put three on one and one on another.
        """
        busy = Counter(self._places.values())
        threads = {each: n for each, n in self._threads_of.items() if each not in self._unfit}
        return min(threads, key=lambda each: busy[each] / max(1, threads[each]), default=None)

    def _note_end(self, future: DaskFuture[Any]) -> None:
        self._ended.append(future)
        self._wake.set()

    def _give_up(self, task: _Task) -> None:
        task.future.set_exception(self._error or Interrupted("interrupted"))

    def _end(self, future: DaskFuture[Any]) -> None:
        """Take in how a group ended."""
        with self._lock:
            group = self._groups.pop(future, None)
            self._places.pop(future, None)
        if group is None:  # it was given up
            future.release()
            return
        try:
            outcomes = future.result(timeout=_GONE_S)
        except BaseException as error:
            for task in group:
                self._put_back(task, f"{type(error).__name__}: {error}".splitlines()[0])
            return
        finally:
            future.release()
        if isinstance(outcomes, Unfit):
            self._leave_out(outcomes, group)
            return
        for task, outcome in zip(group, outcomes, strict=True):
            self._end_one(task, outcome)

    def _leave_out(self, unfit: Unfit, group: list[_Task]) -> None:
        """Give the work of a worker that cannot take part to others, if there are any."""
        others = self._threads_of.keys() - self._unfit.keys() - {unfit.worker}
        if unfit.worker not in self._unfit and others:
            resource = group[0].assignment.partition.resource
            told = f"{unfit.error}; others go on without it"
            self._run.emit(Warned(Partition(resource, {}), told))
        self._unfit[unfit.worker] = unfit.error
        for task in group:
            if not others or self._run.stop.is_set():
                task.future.set_exception(unfit.error)
                continue
            task.not_before = time.monotonic() + _UNFIT_S
            with self._lock:
                self._queue.appendleft(task)

    def _end_one(self, task: _Task, outcome: Outcome) -> None:
        error = outcome.error
        if not outcome.begun:
            with self._lock:
                self._queue.appendleft(task)
            return
        self._seconds += (outcome.seconds - self._seconds) / 8
        stopping = self._run.stop.is_set()
        if isinstance(error, Fenced | Overtaken | PartitionBusy):
            self._put_back(task, str(error), _AGAIN_S, error)
        elif isinstance(error, Interrupted | FolderLost) and not stopping and not self._error:
            self._put_back(task, str(error), _AGAIN_S)  # of a worker that was on its way out
        elif error is not None:
            task.future.set_exception(error)
        else:
            task.future.set_result(outcome.checkpoint or Checkpoint())

    def _put_back(
        self, task: _Task, why: str, wait_s: float = 0.0, last: PartitionFailed | None = None
    ) -> None:
        """Give it to another worker, a few times; then it ends in `last`."""
        if self._run.stop.is_set() or self._error:
            self._give_up(task)
            return
        task.losses += 1
        task.assignment = task.assignment.again()
        partition = task.assignment.partition
        if task.losses > _MOST_LOSSES:
            told = (
                f"{partition.title}: no worker came to an end with it ({why}); what is kept stays"
            )
            task.future.set_exception(last or PartitionFailed(told))
            return
        self._run.emit(Warned(partition, f"its worker was lost ({why}); another takes it up"))
        task.not_before = time.monotonic() + wait_s * task.losses
        with self._lock:
            self._queue.appendleft(task)

    # --- The coordinator -------------------------------------------------------------------------

    def _look_on(self) -> None:
        """Look, until the run is over. What groups came to is told after their events."""
        while not self._over.is_set():
            ended = [self._ended.popleft() for _ in range(len(self._ended))]
            try:
                self._note(self._link.look(stop=self._run.stop.is_set()))
                for future in ended:
                    self._end(future)
                with self._lock:
                    if self._queue and (len(self._groups) < 2 * self._threads):
                        self._send()
            except BaseException as error:  # what `on_event` raised, or there is no scheduler
                self._fail(error)
                return
            if not self._ended:
                self._wake.wait(_LOOK_S)
            self._wake.clear()

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            self._error = error
            self._run.stop.set()
            for group in self._groups.values():
                self._queue.extend(group)
            self._groups.clear()
            self._places.clear()
            while self._queue:
                if not (task := self._queue.popleft()).future.done():
                    self._give_up(task)
        self._wake.set()

    def _note(self, found: Looked) -> None:
        """Look after the workers."""
        now = time.monotonic()
        self._threads_of = found.threads
        if self._is_ours:
            self._kill_silent(found.lives)
        for worker in () if self._run.stop.is_set() else found.lost:
            self._warn(f"the worker {worker} is gone; others take up what it had")
        if found.threads or not self._groups:
            self._empty_at = math.inf
        elif self._empty_at == math.inf:
            self._empty_at = now
        elif now - self._empty_at > _EMPTY_S:
            self._empty_at = now + _SAID_AGAIN_S
            self._warn(f"{self._link.where} has no worker now; this goes on when one comes")
        if self._run.stop.is_set():
            self._stopped_at = min(self._stopped_at, now)
            alive = any(each.groups and each.silent_s < _DEAF_S for each in found.lives)
            if now - self._stopped_at > (_ENDING_S if alive else _DEAF_S):
                self._give_all_up()

    def _warn(self, told: str) -> None:
        """Say what concerns all that is under way, if anything is."""
        with self._lock:
            group = next(iter(self._groups.values()), None)
        if group is not None:
            self._run.emit(Warned(Partition(group[0].assignment.partition.resource, {}), told))

    def _give_all_up(self) -> None:
        """Nobody is at work who could still end it."""
        with self._lock:
            with contextlib.suppress(Exception):
                self._client.cancel(list(self._groups), force=True)
            for group in self._groups.values():
                for task in group:
                    self._give_up(task)
            self._groups.clear()
            self._places.clear()

    def _kill_silent(self, lives: Sequence[Life]) -> None:
        """Kill processes of this cluster that hang or were stopped: its nannies begin others."""
        nannies = getattr(self._client.cluster, "workers", {}).values()
        ours = {getattr(nanny, "pid", None) for nanny in nannies}
        for life in lives:
            if life.silent_s > _SILENT_S and life.pid in ours:
                with contextlib.suppress(OSError):
                    os.kill(life.pid, signal.SIGKILL)
