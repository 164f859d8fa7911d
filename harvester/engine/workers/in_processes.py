"""Harvests partitions in processes of this machine: for harvests that keep a core busy.

The driver has the plan, the lock, the budgets, the tokens and the display; a worker has what it
harvests. A worker that dies is reaped, and its partitions go to another.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import field, replace
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Final, Self

from harvester.config import written_out
from harvester.engine.assignment import Assignment, RunSpec
from harvester.engine.attempts import Run
from harvester.engine.events import PartitionStarted, Warned
from harvester.engine.workers.budgets import Budgets
from harvester.engine.workers.driver import Driver
from harvester.engine.workers.frames import (
    Answer,
    Asked,
    Begin,
    Channel,
    Ended,
    Held,
    Leave,
    Message,
    Paced,
    Ready,
    Stop,
    Values,
)
from harvester.engine.workers.line import Batch
from harvester.errors import Interrupted, PartitionFailed, RunStopped
from harvester.store import Checkpoint
from harvester.values import dataclass

_CODE: Final = (
    "import sys; sys.path[:] = sys.argv[2:]; "
    "from harvester.engine.workers.worker_process import main; main(int(sys.argv[1]))"
)
_MOST_LOSSES: Final = 5  # of workers, with one partition
_MOST_STILLBORN: Final = 3
_LOOK_S: Final = 0.1
SILENT_S: Final = 30.0  # a worker that says nothing for so long is stopped, or hangs: it is killed
_SILENT_AT_END_S: Final = 5.0
_BEGINS_S: Final = 60.0  # on a machine that is busy


@dataclass(slots=True)
class _Task:
    assignment: Assignment
    future: Future[Checkpoint] = field(default_factory=Future)
    losses: int = 0


@dataclass(slots=True, eq=False)
class _Process:
    """A worker process as the driver sees it."""

    popen: subprocess.Popen[bytes]
    channel: Channel
    tasks: dict[int, _Task] = field(default_factory=dict)
    heard: float = field(default_factory=time.monotonic)
    ready: bool = False
    ended: bool = False
    thread: threading.Thread | None = None


class ProcessWorkers:
    """So many processes, which are begun as there are partitions for them."""

    def __init__(self, run: Run, spec: RunSpec, partitions: int) -> None:
        """`spec` says how many, and how many partitions each harvests at once at most."""
        self._run = run
        self._driver = Driver(run)
        self._budgets = Budgets(
            self._driver.limit, lambda scope, pace: self._spread(Paced(scope, pace))
        )
        self._spec = spec
        self.slots = partitions
        self._values = Values(dict(run.config.env), list(written_out(run.config)))
        self._lock = threading.RLock()
        self._processes: list[_Process] = []
        self._queue: deque[_Task] = deque()
        self._numbers = 0
        self._stillborn = 0
        self._error: BaseException | None = None
        self._closing = False
        self._over = threading.Event()
        self._watching = threading.Thread(target=self._watch, name="workers", daemon=True)
        self._lending = ThreadPoolExecutor(1, thread_name_prefix="lending")

    def __enter__(self) -> Self:
        self._run.store.share(self._spec.run)
        self._watching.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._lock:
            self._closing = True
            for process in self._processes:
                self._send(process, Stop() if error else Leave())
                if error:
                    self._send(process, Leave())
        for process in list(self._processes):
            if process.thread:
                process.thread.join()
        self._over.set()
        self._watching.join()
        self._lending.shutdown()

    def begin(self) -> None:
        """Nothing is held back."""

    def submit(self, assignment: Assignment) -> Future[Checkpoint]:
        """Send it to the process that has the least to do, a new one as long as there may be."""
        task = _Task(assignment)
        with self._lock:
            self._queue.append(task)
            self._dispatch()
        return task.future

    def _dispatch(self) -> None:
        """Send what there is a place for. The lock is held."""
        while self._queue:
            if self._error is not None or self._run.stop.is_set():
                self._give_up(self._queue.popleft())
                continue
            process = self._free()
            if process is None:
                return
            task = self._queue.popleft()
            self._numbers += 1
            process.tasks[self._numbers] = task
            self._send(process, Begin(self._numbers, task.assignment))

    def _give_up(self, task: _Task) -> None:
        task.future.set_exception(self._error or Interrupted("interrupted"))

    def _free(self) -> _Process | None:
        alive = [process for process in self._processes if not process.ended]
        idle = [process for process in alive if not process.tasks]
        if not idle and len(alive) < self._spec.processes:
            return self._started()
        found = min(idle or alive, key=lambda process: len(process.tasks), default=None)
        return found if found and len(found.tasks) < self._spec.threads else None

    def _started(self) -> _Process | None:
        ours, theirs = socket.socketpair()
        with theirs:
            paths = [os.path.abspath(path) for path in sys.path]  # noqa: PTH100 - as they are
            command = [sys.executable, "-P", "-c", _CODE, str(theirs.fileno()), *paths]
            try:
                popen = subprocess.Popen(  # noqa: S603 - this program itself
                    command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=2
                )
            except OSError as error:
                ours.close()
                self._fail(RunStopped(f"no worker process can be begun: {error.strerror}"))
                return None
        process = _Process(popen, Channel(Connection(ours.detach())))
        self._processes.append(process)
        self._send(process, self._spec)
        self._send(process, self._values)
        process.thread = threading.Thread(target=self._hear, args=(process,), daemon=True)
        process.thread.start()
        return process

    def _send(self, process: _Process, message: Message) -> None:
        try:
            process.channel.send(message)
        except OSError:
            return  # it is dead, as whoever hears it finds out

    # --- What workers say ------------------------------------------------------------------------

    def _hear(self, process: _Process) -> None:
        try:
            while True:
                message = process.channel.receive()
                process.heard = time.monotonic()
                self._take(process, message)
        except (EOFError, OSError):
            pass
        except BaseException as error:  # what `on_event` raised
            self._fail(error)
            process.popen.kill()
        self._bury(process)

    def _take(self, process: _Process, message: Message) -> None:
        match message:
            case Batch():
                self._driver.tell(process.popen.pid, message)
                for scope in self._budgets.count(message.left, message.answered):
                    self._driver.pace_ended(scope)
                self._note_beginnings(process, message)
            case Asked(what="lend"):
                self._lending.submit(self._answer, process, message)
            case Asked():
                self._answer(process, message)
            case Held():
                self._budgets.hold(message.scope, message.wait)
                self._spread(message, process)
            case Ended():
                self._end(process, message)
            case Ready():
                process.ready = True
                self._stillborn = 0
            case _:
                raise AssertionError(f"a worker sends no {type(message).__name__}")

    def _answer(self, process: _Process, asked: Asked) -> None:
        try:
            place = self._driver if asked.what in ("lend", "accepted") else self._budgets
            value = getattr(place, asked.what)(*asked.given)
            answer = Answer(asked.number, value)
        except Exception as error:
            answer = Answer(asked.number, error=error)
        self._send(process, answer)

    def _spread(self, message: Message, but: _Process | None = None) -> None:
        """Send something to all workers but one."""
        with self._lock:
            for process in self._processes:
                if process is not but and not process.ended:
                    self._send(process, message)

    def _note_beginnings(self, process: _Process, batch: Batch) -> None:
        """Remember where `max_pages` of a partition ends, should its worker die."""
        if self._run.max_pages is None:
            return
        for told in batch.told:
            if not isinstance(event := told.event, PartitionStarted):
                continue
            for task in process.tasks.values():
                given = task.assignment
                if given.partition == event.partition and given.stop_at is None:
                    stop_at = event.checkpoint.pages + self._run.max_pages
                    task.assignment = replace(given, stop_at=stop_at)

    def _end(self, process: _Process, ended: Ended) -> None:
        with self._lock:
            task = process.tasks.pop(ended.number, None)
        if task is None:  # the worker as a whole
            self._fail(ended.error or AssertionError("a worker ended without a word"))
        elif ended.error is not None:
            task.future.set_exception(ended.error)
        else:
            task.future.set_result(ended.checkpoint or Checkpoint())
        with self._lock:
            self._dispatch()

    # --- Dead workers ----------------------------------------------------------------------------

    def _bury(self, process: _Process) -> None:
        """Reap a worker, and give its assignments to another."""
        if not self._closing:
            process.popen.kill()  # its socket is gone, and with it the work
        code = process.popen.wait()
        with self._lock:
            process.ended = True
            process.channel.close()
            self._processes.remove(process)
            lost, process.tasks = list(process.tasks.values()), {}
            if not process.ready and not self._run.stop.is_set():
                self._stillborn += 1
                if self._stillborn >= _MOST_STILLBORN:
                    self._fail(
                        RunStopped(
                            f"worker processes end as soon as they begin ({_how(code)}), "
                            "for the reason above; the same command goes on"
                        )
                    )
        for task in lost:
            self._take_up(task, process.popen.pid, code)
        with self._lock:
            self._dispatch()

    def _take_up(self, task: _Task, pid: int, code: int) -> None:
        if self._run.stop.is_set() or self._error:
            self._give_up(task)
            return
        task.losses += 1
        task.assignment = task.assignment.again()
        partition, how = task.assignment.partition, _how(code)
        if task.losses > _MOST_LOSSES:
            task.future.set_exception(
                PartitionFailed(
                    f"{partition.title}: {task.losses} worker processes ended while they harvested "
                    f"it (the last: {how}); what is kept stays"
                )
            )
            return
        try:
            self._run.emit(
                Warned(partition, f"its worker process {pid} ended ({how}); another takes it up")
            )
        except BaseException as error:
            self._fail(error)
            self._give_up(task)
            return
        with self._lock:
            self._queue.appendleft(task)

    def _fail(self, error: BaseException) -> None:
        """End the run: by what `on_event` raised, or since there are no workers."""
        with self._lock:
            self._error = self._error or error
            self._run.stop.set()

    # --- The end ---------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Tell workers that the run ends, and kill those that say nothing for too long."""
        told: set[_Process] = set()
        while not self._over.wait(_LOOK_S):
            stopping = self._run.stop.is_set()
            silent_s = SILENT_S
            if stopping or self._closing:
                silent_s = min(silent_s, _SILENT_AT_END_S)
            with self._lock:
                alive = [process for process in self._processes if not process.ended]
                if stopping:
                    for process in alive:
                        if process not in told:
                            self._send(process, Stop())
                    told.update(alive)
                    self._dispatch()
            for process in alive:
                limit_s = silent_s if process.ready else _BEGINS_S
                if time.monotonic() - process.heard > limit_s:
                    process.popen.kill()


def _how(code: int) -> str:
    """How a process ended."""
    if code >= 0:
        return f"exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"killed by {name}" + (", often for want of memory" if name == "SIGKILL" else "")
