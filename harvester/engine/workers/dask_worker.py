"""Harvests groups of partitions inside of a Dask worker: one part of the run for each process."""

import contextlib
import os
import pickle
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final, Self

from distributed import Worker, WorkerPlugin, get_worker
from distributed.utils import sync

from harvester import __version__
from harvester.config import with_environment
from harvester.engine.assignment import RunSpec
from harvester.engine.partition_runner import harvest_partition
from harvester.engine.workers.dask_coordinator import HANDLER
from harvester.engine.workers.dask_fitness import other_version
from harvester.engine.workers.frames import (
    Answer,
    Asked,
    Beat,
    Heard,
    Message,
    decoded,
    encoded,
    travelling,
)
from harvester.engine.workers.joined_run import Joined, joined_run
from harvester.engine.workers.line import Batch, Questions
from harvester.errors import FolderLost, HarvesterError, Interrupted
from harvester.http import Wait
from harvester.store import Checkpoint
from harvester.values import dataclass

BEAT_S: Final = 0.5
_LONGEST_S: Final = 5.0  # of a group; what it has not begun by then goes back
_ASKING_S: Final = 15.0  # the scheduler is gone that does not answer


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an assignment ended; `begun` is False where its group took too long before."""

    checkpoint: Checkpoint | None = None
    error: BaseException | None = None
    seconds: float = 0.0
    begun: bool = True


@dataclass(frozen=True, slots=True)
class Unfit:
    """A worker that cannot take part in the run, and why; it began nothing."""

    worker: str
    error: HarvesterError


def harvest_group(
    run: str, version: str, packed: bytes, place: str | None = None
) -> list[Outcome] | Unfit:
    """Harvest partitions one after the other; what Dask runs as one task. They are unpacked only
    by the version that has packed them. Elsewhere than at the worker `place` that they were meant
    for, another one may have begun them: Dask runs what a dead worker had once more.
    """
    worker = get_worker()
    who = f"the worker {worker.address}"
    try:
        if version != __version__:
            raise other_version(who, __version__, version)
        part = _part(worker, run)
    except Interrupted:
        raise
    except FolderLost as error:
        return Unfit(worker.address, FolderLost(f"{who}: {error}"))
    except HarvesterError as error:
        return Unfit(worker.address, error)
    with part.at_work():
        began = time.monotonic()
        outcomes: list[Outcome] = []
        for assignment in pickle.loads(packed):  # noqa: S301 - of this run's driver
            now = time.monotonic()
            if outcomes and now - began > _LONGEST_S:
                outcomes.append(Outcome(begun=False))
                continue
            if worker.address != place:
                assignment = assignment.again()
            try:
                found = Outcome(harvest_partition(part.joined.run, assignment))
            except BaseException as error:
                found = Outcome(error=travelling(error))
            outcomes.append(replace(found, seconds=time.monotonic() - now))
        part.flush()
    return outcomes


class Prepared(WorkerPlugin):
    """Makes a worker fit. Python before 3.11.9 may die or hang where Dask's profiler looks at its
    threads (gh-106883); and Ctrl-C is the driver's to hear, where both share a terminal.
    """

    def __init__(self, run: str, *, is_ours: bool) -> None:
        self.name = f"{HANDLER}-{run}"
        self._run, self._is_ours = run, is_ours

    def setup(self, worker: Worker) -> None:
        """Called once in each worker, a restarted one too."""
        if sys.version_info < (3, 11, 9):
            for name in ("profile", "profile-cycle"):
                if (callback := worker.periodic_callbacks.pop(name, None)) is not None:
                    callback.stop()
        if self._is_ours and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    def teardown(self, worker: Worker) -> None:
        """The run is over, or the worker is."""
        threading.Thread(target=_leave, args=(self._run,), name="leaving", daemon=True).start()


class _Part(Questions):
    """One process's part of a run, and its way to the coordinator (`Line`)."""

    def __init__(self, worker: Worker, run: str) -> None:
        self._worker, self._name = worker, run
        self._stop = threading.Event()
        self._over = threading.Event()
        self._working = threading.Condition()
        self._groups = 0  # that it harvests now
        mine = (worker.address, socket.gethostname(), os.getpid())
        answer = self._sent(Asked(0, "spec", mine))
        if not isinstance(answer, Answer) or not isinstance(answer.value, RunSpec):
            raise Interrupted("the run is over")
        spec = replace(answer.value, threads=worker.state.nthreads)
        who = f"worker {worker.address} on {socket.gethostname()}"
        self._ending = contextlib.ExitStack()
        joining = joined_run(spec, with_environment(spec.config, who), self, self._stop, who)
        self.joined: Joined = self._ending.enter_context(joining)
        threading.Thread(target=self._beat_on, name="beats", daemon=True).start()

    @contextlib.contextmanager
    def at_work(self) -> Iterator[Self]:
        """Harvest with it; it is not left before that is over."""
        with self._working:
            if self._over.is_set():
                raise Interrupted("the run is over")
            self._groups += 1
        try:
            yield self
        finally:
            with self._working:
                self._groups -= 1
                self._working.notify_all()

    def close(self) -> None:
        """Leave the run, once all that goes on has come to its end."""
        with self._working:
            self._over.set()
            self._stop.set()
            self._working.wait_for(lambda: not self._groups)
        self._ending.close()

    def flush(self) -> None:
        """Tell all that has happened."""
        self.joined.reporter.flush()

    def _beat_on(self) -> None:
        while not self._over.wait(BEAT_S):
            try:
                self.flush()
            except HarvesterError:
                self._stop.set()
            if self._stop.is_set():  # also of a driver that is dead: its folder is free again
                _leave(self._name)

    def _sent(self, message: Message) -> Any:
        """The answer to a message; `Interrupted` where there is no scheduler to give one."""
        ask = getattr(self._worker.scheduler, HANDLER)
        try:
            data = sync(self._worker.loop, ask, run=self._name, message=encoded(message))
        except Exception as error:
            self._stop.set()
            raise Interrupted(f"the scheduler cannot be reached: {error}") from error
        return decoded(data)

    def _ask(self, what: str, *given: Any) -> Any:
        answer = self._sent(Asked(0, what, given))
        if answer.error is not None:
            if isinstance(answer.error, Interrupted):
                self._stop.set()
            raise answer.error
        return answer.value

    def hold(self, scope: str, wait: Wait) -> None:
        """Tells the coordinator, which tells the others with their beats."""
        self._ask("hold", scope, wait)

    def tell(self, batch: Batch) -> None:
        """Beats."""
        who = self._worker.address
        heard = self._sent(Beat(who, socket.gethostname(), os.getpid(), self._groups, batch))
        if not isinstance(heard, Heard) or heard.stop:
            self._stop.set()
            return
        for held in heard.holds:
            self.joined.limit.heard(held.scope, held.wait)
        for scope, pace in heard.paces:
            self.joined.limit.paced(scope, pace)


_parts: dict[str, _Part] = {}
_joining = threading.Lock()


def _part(worker: Worker, run: str) -> _Part:
    with _joining:
        if run not in _parts:
            _parts[run] = _Part(worker, run)
        return _parts[run]


def _leave(run: str) -> None:
    with _joining:
        part = _parts.pop(run, None)
    if part is not None:
        part.close()
