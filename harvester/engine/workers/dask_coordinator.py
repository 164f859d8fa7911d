"""Coordinates a run from inside of Dask's scheduler, which every worker and the driver reach.

It has the budgets, so that it lives as long as the engine does: a worker that cannot reach it sends
nothing more. The driver looks several times a second, takes what workers told, and brings tokens;
one that was not heard of for `DRIVER_S` is dead, and its workers are told to end. Where the
scheduler has lost its client, too, nothing of the run stays there.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final

from distributed import Scheduler
from distributed.diagnostics.plugin import SchedulerPlugin

from harvester.engine.assignment import RunSpec
from harvester.engine.workers.budgets import Budgets
from harvester.engine.workers.frames import (
    Alive,
    Answer,
    Asked,
    Beat,
    Heard,
    Held,
    Life,
    Look,
    Looked,
    Wanted,
    decoded,
    encoded,
)
from harvester.engine.workers.line import MARGIN_S, Batch
from harvester.errors import Interrupted
from harvester.http import Elsewhere, RateLimit, Wait

HANDLER: Final = "harvester"
DRIVER_S: Final = 3.5
UNHEARD_S: Final = 1.0  # what no driver writes down, the next run's budget would not know of
_AGAIN_S: Final = 0.2
_UNHEARD: Final = "the run's first process is not heard of"
_MOST_WAITING: Final = 2000  # batches that the driver has not taken: workers wait then
_WAIT_S: Final = 0.02
_LOOK_FOR_DRIVER_S: Final = 0.5


class Coordinator(SchedulerPlugin):
    """The coordinator of one run; several runs may share a scheduler."""

    def __init__(
        self,
        spec: RunSpec,
        ages: dict[str, list[list[float]]],
        client: str,
        patience_s: float = DRIVER_S,
    ) -> None:
        """`client` is the driver's; a driver that was not heard of for `patience_s` is dead."""
        self.name = f"{HANDLER}-{spec.run}"
        self._spec, self._ages, self._patience_s = spec, ages, patience_s
        self._client = client

    async def start(self, scheduler: Scheduler) -> None:
        """Begin to answer."""
        self._scheduler = scheduler
        client = self._spec.config.client
        limit = RateLimit(
            client.rate_limit,
            {item.name: item.rate_limit for item in self._spec.config.resources},
            recent=Elsewhere(self._ages, lambda scope, at: self._let_go.append((scope, at))),
            adaptive=client.adaptive_pace,
            hosts=client.per_host,
            margin_s=MARGIN_S,
        )
        self._budgets = Budgets(limit, self._paces_told)
        self._let_go: list[tuple[str, float]] = []
        self._told: list[tuple[str, Batch]] = []
        self._holds: dict[str, tuple[float, str]] = {}
        self._paces: dict[str, float | None] = {}
        self._ended_paces: list[str] = []
        self._accepted: list[int] = []
        self._wanted: dict[int, tuple[Wanted, asyncio.Future[Answer]]] = {}
        self._number = 0
        self._stop = False
        self._looked = self._alive = time.monotonic()
        self._beats: dict[str, tuple[float, str, int, int]] = {}
        self._lost: list[str] = []
        runs: dict[str, Coordinator] = scheduler.__dict__.setdefault("_harvester_runs", {})
        runs[self._spec.run] = self
        scheduler.handlers[HANDLER] = _handler(runs)

    async def close(self) -> None:
        """The run is over."""
        self._scheduler.__dict__["_harvester_runs"].pop(self._spec.run, None)

    def remove_client(self, scheduler: Scheduler, client: str) -> None:
        """The driver's connection is gone: it comes again within its patience, or never."""
        if client == self._client:
            self._clearing = asyncio.get_running_loop().create_task(self._clear_up())

    def remove_worker(self, scheduler: Scheduler, worker: str, **more: Any) -> None:
        """A worker is gone, or is taken for dead."""
        if self._beats.pop(worker, None) is not None:
            self._lost.append(worker)

    async def _clear_up(self) -> None:
        """Let nothing stay of a run whose driver could not see to it."""
        while not self._is_over:
            await asyncio.sleep(_LOOK_FOR_DRIVER_S)
        if self._client not in self._scheduler.clients:
            await self.leave()

    async def leave(self) -> None:
        """Let nothing of the run stay in the scheduler and its workers, which then hear that it is
        over.
        """
        await self.close()
        if self.name in self._scheduler.plugins:
            self._scheduler.remove_plugin(self.name)
        if self.name in self._scheduler.worker_plugins:
            await self._scheduler.unregister_worker_plugin(None, self.name)

    def _paces_told(self, scope: str, pace: float | None) -> None:
        self._paces[scope] = pace

    @property
    def _is_over(self) -> bool:
        if time.monotonic() - self._alive > self._patience_s:
            self._stop = True
        return self._stop

    async def answer(self, message: Any) -> Any:
        """What a worker or the driver gets for a message."""
        match message:
            case Alive():
                if not self._is_over:
                    self._alive = time.monotonic()
                return Answer(0)
            case Look():
                return self._look(message)
            case Beat():
                return await self._beat(message)
            case Asked(what="over"):
                await self.leave()
                return Answer(0)
            case Asked() if self._is_over:
                return Answer(0, error=Interrupted("interrupted"))
            case Asked(what="spec"):
                worker, host, pid = message.given
                self._beats[worker] = time.monotonic(), host, pid, 0
                return Answer(0, self._spec)
            case Asked(what="take") if time.monotonic() - self._looked > UNHEARD_S:
                return Answer(0, Wait(_AGAIN_S, _UNHEARD, asked=False))
            case Asked(what="hold"):
                return self._hold(*message.given)
            case Asked(what="lend"):
                return await self._lend(*message.given)
            case Asked(what="accepted"):
                self._accepted += message.given
                return Answer(0)
            case Asked():
                return Answer(0, getattr(self._budgets, message.what)(*message.given))
            case _:
                raise AssertionError(f"nobody sends {type(message).__name__}")

    def _hold(self, scope: str, wait: Wait) -> Answer:
        self._budgets.hold(scope, wait)
        until = time.monotonic() + wait.seconds
        if until > self._holds.get(scope, (0.0, ""))[0]:
            self._holds[scope] = until, wait.reason
        return Answer(0)

    async def _lend(self, *given: Any) -> Answer:
        self._number += 1
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._wanted[self._number] = Wanted(self._number, given), future
        return await future

    async def _beat(self, beat: Beat) -> Heard:
        """A worker lives, and tells what happened."""
        while len(self._told) > _MOST_WAITING and not self._is_over:
            await asyncio.sleep(_WAIT_S)
        if beat.worker not in self._scheduler.workers:  # its partitions are others' by now
            return Heard(True, (), ())
        self._beats[beat.worker] = time.monotonic(), beat.host, beat.pid, beat.groups
        self._told.append((beat.worker, beat.batch))
        self._ended_paces += self._budgets.count(beat.batch.left, beat.batch.answered)
        now = time.monotonic()
        holds = [
            Held(scope, Wait(until - now, reason))
            for scope, (until, reason) in self._holds.items()
            if until > now
        ]
        return Heard(self._is_over, tuple(holds), tuple(self._paces.items()))

    def _look(self, look: Look) -> Looked:
        """The driver lives; it gets what there is for it."""
        given_up = self._is_over and not look.stop
        now = self._looked = self._alive = time.monotonic()
        self._stop |= look.stop
        for answer in look.lent:
            _, future = self._wanted.pop(answer.number)
            if not future.done():
                future.set_result(answer)
        if self._stop:
            for _, future in self._wanted.values():
                if not future.done():
                    future.set_result(Answer(0, error=Interrupted("interrupted")))
        told, self._told = self._told, []
        let_go, self._let_go = self._let_go, []
        ended, self._ended_paces = self._ended_paces, []
        accepted, self._accepted = self._accepted, []
        lost, self._lost = self._lost, []
        workers: Sequence[Any] = tuple(self._scheduler.workers.values())
        there = {each.address for each in workers}  # a process that has died is another's number
        beats = self._beats = {at: each for at, each in self._beats.items() if at in there}
        return Looked(
            tuple(told),
            tuple(let_go),
            tuple(wanted for wanted, _ in self._wanted.values()),
            tuple(ended),
            tuple(accepted),
            {each.address: each.nthreads for each in workers if each.status.name == "running"},
            tuple(Life(host, pid, groups, now - at) for at, host, pid, groups in beats.values()),
            given_up,
            tuple(lost),
        )


def _handler(runs: dict[str, Coordinator]) -> Any:
    async def handle(run: str, message: bytes) -> bytes:
        """Answer a message of any run."""
        if (coordinator := runs.get(run)) is None:
            return encoded(Answer(0, error=Interrupted("the run is over")))
        return encoded(await coordinator.answer(decoded(message)))

    return handle
