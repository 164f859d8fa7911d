"""Harvests partitions on the workers of a Dask cluster: on this machine, or on many.

The driver has the plan, the lock, the tokens and the display; the coordinator in the scheduler has
the budgets; a worker has what it harvests. Twice as many assignments are under way as there are
threads, small ones in groups, so that no thread waits for the driver. What a dead worker had, or a
newer writer took over, is put back; a partition fails by its own fault only.
"""

import contextlib
import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
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
from harvester.engine.workers.dask_coordinator import HANDLER, Coordinator
from harvester.engine.workers.dask_worker import (
    Outcome,
    Prepared,
    Seen,
    harvest_group,
    seen_from_here,
)
from harvester.engine.workers.driver import Driver
from harvester.engine.workers.frames import Answer, Look, Looked, Wanted, decoded, encoded
from harvester.errors import (
    ConfigError,
    FolderLost,
    HarvesterError,
    Interrupted,
    PartitionFailed,
    RunStopped,
)
from harvester.store import (
    Checkpoint,
    Fenced,
    LocalStore,
    Overtaken,
    PartitionBusy,
)

_MOST_LOSSES: Final = 5
_LOOK_S: Final = 0.1
_GROUP_S: Final = 0.5  # that a group is to take
_MOST_IN_GROUP: Final = 24
_PATIENCE_S: Final = 60.0  # for the first worker
_SILENT_S: Final = 10.0  # a process of this machine that does not beat is killed
_AGAIN_S: Final = 1.0  # before a partition is tried again that another worker still has
_GONE_S: Final = 15.0


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
        self._lent: deque[Answer] = deque()
        self._lending: set[int] = set()
        self._error: BaseException | None = None
        self._over = threading.Event()
        self._wake = threading.Event()
        self._lender = ThreadPoolExecutor(1, thread_name_prefix="lending")
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
        try:
            self._client.wait_for_workers(1, timeout=_PATIENCE_S)
        except TimeoutError:
            raise ConfigError(
                f"{self._where}: there is no worker, and none came within {_PATIENCE_S:g} s"
            ) from None
        self._run.store.share(self._spec.run)
        with self._probe() as probe:
            self._check(self._client.run(seen_from_here, probe and str(probe)), probe)
        self._spec = replace(self._spec, processes=processes_of(self._client))
        ages = self._driver.limit.ages()
        self._client.register_plugin(Prepared(self._spec.run, is_ours=self._is_ours))
        self._client.register_plugin(Coordinator(self._spec, ages))
        self._take(self._look())
        self._looking.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._run_ends = error is not None
        while self._groups and self._error is None and not self._is_gone:
            self._wake.wait(_LOOK_S)
            self._wake.clear()
        self._over.set()
        self._looking.join()
        self._lender.shutdown()
        name = f"{HANDLER}-{self._spec.run}"
        with contextlib.suppress(Exception):  # a cluster that is gone needs no clearing up
            self._sent(Look(True))
            self._client.unregister_worker_plugin(name)
            self._client.unregister_scheduler_plugin(name)

    @property
    def _where(self) -> str:
        scheduler = self._client.scheduler
        return f"the Dask cluster at {scheduler.address}" if scheduler else "the Dask cluster"

    @property
    def _is_gone(self) -> bool:
        return self._client.status not in ("running", "connecting")

    @contextlib.contextmanager
    def _probe(self) -> Any:
        """A file in a local folder that each worker must see."""
        if not isinstance(self._run.store, LocalStore):
            yield None
            return
        probe = self._run.store.root / f".probe-{self._spec.run}"
        probe.write_bytes(self._spec.run.encode())
        try:
            yield probe
        finally:
            probe.unlink(missing_ok=True)

    def _check(self, found: dict[str, Seen], probe: Path | None) -> None:
        for address, seen in found.items():
            if seen.version != __version__:
                raise ConfigError(
                    f"the worker {address} has harvester {seen.version}, and this is {__version__}"
                    "; install the same everywhere"
                )
            if seen.python[:2] != sys.version_info[:2]:
                here, there = sys.version.split()[0], ".".join(map(str, seen.python))
                raise ConfigError(
                    f"the worker {address} runs Python {there}, and this is {here}; take the same"
                )
            if probe is not None and seen.probe != self._spec.run.encode():
                raise ConfigError(
                    f"{self._run.store.place}: the worker {address} does not see this folder, so "
                    "that it cannot write there; harvest into a folder that all machines share, or "
                    "into a bucket (--out s3://BUCKET/PREFIX)"
                )

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
            group = [ready.popleft()]
            while ready and len(group) < size and not group[0].losses and not ready[0].losses:
                group.append(ready.popleft())
            try:
                future = self._client.submit(
                    harvest_group,
                    self._spec.run,
                    tuple(task.assignment for task in group),
                    key=f"harvest-{secrets.token_hex(8)}",
                    pure=False,
                    workers=[place] if (place := self._least_busy()) else None,
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
        threads = self._threads_of
        return min(threads, key=lambda each: busy[each] / max(1, threads[each]), default=None)

    def _note_end(self, future: DaskFuture[Any]) -> None:
        self._ended.append(future)
        self._wake.set()

    def _give_up(self, task: _Task) -> None:
        task.future.set_exception(self._error or Interrupted("interrupted"))

    def _end(self, future: DaskFuture[Any]) -> None:
        """Take in how a group ended."""
        with self._lock:
            group = self._groups.pop(future, [])
            self._places.pop(future, None)
        try:
            outcomes = future.result(timeout=_GONE_S)
        except HarvesterError as error:  # no worker of this environment can join the run
            for task in group:
                task.future.set_exception(error)
            return
        except BaseException as error:
            for task in group:
                self._put_back(task, f"{type(error).__name__}: {error}".splitlines()[0])
            return
        finally:
            future.release()
        for task, outcome in zip(group, outcomes, strict=True):
            self._end_one(task, outcome)

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
                self._take(self._look())
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

    def _sent(self, message: Look) -> Any:
        ask = getattr(self._client.scheduler, HANDLER)
        given = {"run": self._spec.run, "message": encoded(message)}
        data = self._client.sync(ask, callback_timeout=_GONE_S, **given)
        return decoded(data)

    def _look(self) -> Looked:
        lent = tuple(self._lent.popleft() for _ in range(len(self._lent)))
        try:
            found = self._sent(Look(self._run.stop.is_set(), lent))
        except Exception as error:
            raise RunStopped(
                f"{self._where} is gone ({str(error) or type(error).__name__}); every page "
                "committed so far is safe, and the same command goes on"
            ) from error
        if not isinstance(found, Looked):
            raise RunStopped(f"{self._where} was begun anew; the same command goes on")
        return found

    def _take(self, found: Looked) -> None:
        for worker, batch in found.told:
            self._driver.tell(worker, batch)
        for scope, at in found.let_go:
            self._driver.limit.note(scope, at)
        for scope in found.ended_paces:
            self._driver.pace_ended(scope)
        for number in found.accepted:
            self._driver.accepted(number)
        for wanted in found.wanted:
            if wanted.number not in self._lending:
                self._lending.add(wanted.number)
                self._lender.submit(self._lend, wanted)
        self._threads_of = found.threads
        if self._is_ours:
            for host, pid, silent_s in found.beats:
                if silent_s > _SILENT_S and host == socket.gethostname():
                    with contextlib.suppress(OSError):
                        os.kill(pid, signal.SIGKILL)  # its nanny begins another
        if found.given_up and not self._run.stop.is_set():
            raise RunStopped(
                "this process did not look after its workers for some seconds, so that they have "
                "ended; the same command goes on"
            )

    def _lend(self, wanted: Wanted) -> None:
        try:
            answer = Answer(wanted.number, self._driver.lend(*wanted.given))
        except Exception as error:
            answer = Answer(wanted.number, error=error)
        self._lent.append(answer)
        self._wake.set()
