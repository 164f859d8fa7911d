"""Runs a worker process: it harvests the partitions that its driver sends.

It ends when it is told to, and at once when the driver is gone. A kill at any instant is safe.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from multiprocessing.connection import Connection
from typing import Any

from harvester.config import with_secrets
from harvester.engine.assignment import Assignment, RunSpec
from harvester.engine.partition_runner import harvest_partition
from harvester.engine.workers.frames import (
    Answer,
    Asked,
    Begin,
    Channel,
    Ended,
    Held,
    Leave,
    Paced,
    Ready,
    Stop,
    Values,
    travelling,
)
from harvester.engine.workers.joined_run import Joined, joined_run
from harvester.engine.workers.line import Batch, Questions
from harvester.errors import HarvesterError, Interrupted
from harvester.http import Wait

TELL_S = 0.1


def main(descriptor: int) -> None:
    """Harvest what comes over the socket `descriptor`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver hears of it, and says when to end
    channel = Channel(Connection(descriptor))
    with contextlib.suppress(EOFError, OSError):
        spec, values = channel.receive(), channel.receive()
        if not isinstance(spec, RunSpec) or not isinstance(values, Values):
            raise AssertionError("a worker begins with its run")
        _Worker(channel, spec, values).work()
        _leave(0)
    _leave(1)


def _leave(code: int) -> None:
    sys.stderr.flush()
    os._exit(code)  # threads of transports may still wait for a server


class _Worker(Questions):
    """The way to the driver (`Line`), and the assignments."""

    def __init__(self, channel: Channel, spec: RunSpec, values: Values) -> None:
        self._channel = channel
        self._spec = spec
        self._values = values
        self._stop = threading.Event()
        self._numbers = count()
        self._waiting: dict[int, Future[Any]] = {}

    def work(self) -> None:
        """Until the driver has no more assignments; raises EOFError, OSError where it is gone."""
        config = with_secrets(self._spec.config, self._values.written, self._values.variables)
        threads = self._spec.threads
        who = f"worker process {os.getpid()}"
        try:
            with (
                joined_run(self._spec, config, self, self._stop, who) as joined,
                ThreadPoolExecutor(threads, thread_name_prefix="harvest") as pool,
            ):
                self._channel.send(Ready())
                threading.Thread(target=self._tell_on, args=(joined,), daemon=True).start()
                self._serve(joined, pool)
                pool.shutdown()
                joined.reporter.flush()
        except HarvesterError as error:  # it cannot join, or what is kept cannot be made safe
            self._channel.send(Ended(-1, error=error))

    def _serve(self, joined: Joined, pool: ThreadPoolExecutor) -> None:
        while True:
            message = self._received()
            match message:
                case Begin():
                    pool.submit(self._harvest, joined, message.number, message.assignment)
                case Answer():
                    waiting = self._waiting.pop(message.number)
                    if message.error is None:
                        waiting.set_result(message.value)
                    else:
                        waiting.set_exception(message.error)
                case Held():
                    joined.limit.heard(message.scope, message.wait)
                case Paced():
                    joined.limit.paced(message.scope, message.per_s)
                case Stop():
                    self._stop.set()
                case Leave():
                    return
                case _:
                    raise AssertionError(f"a driver sends no {type(message).__name__}")

    def _received(self) -> Any:
        try:
            return self._channel.receive()
        except (EOFError, OSError):
            _leave(1)

    def _harvest(self, joined: Joined, number: int, assignment: Assignment) -> None:
        ended = Ended(number)
        try:
            ended = Ended(number, checkpoint=harvest_partition(joined.run, assignment))
        except BaseException as error:
            ended = Ended(number, error=travelling(error))
        with contextlib.suppress(OSError):
            joined.reporter.flush()
            self._channel.send(ended)

    def _tell_on(self, joined: Joined) -> None:
        """Tell every now and then, also where there is nothing to tell: it lives."""
        while True:
            time.sleep(TELL_S)
            try:
                joined.reporter.flush()
            except OSError:
                _leave(1)

    # --- Line ------------------------------------------------------------------------------------

    def _ask(self, what: str, *given: Any) -> Any:
        number = next(self._numbers)
        future: Future[Any] = Future()
        self._waiting[number] = future
        try:
            self._channel.send(Asked(number, what, given))
        except OSError:
            raise Interrupted("interrupted") from None
        return future.result()

    def hold(self, scope: str, wait: Wait) -> None:
        """Tells the driver, which tells the others."""
        with contextlib.suppress(OSError):
            self._channel.send(Held(scope, wait))

    def tell(self, batch: Batch) -> None:
        """Tells the driver."""
        self._channel.send(batch)
