"""Answers what the workers of a run ask, and takes in what they tell, where the run is driven."""

import time
from collections.abc import Callable, Hashable
from typing import Any

from harvester.auth import Lent
from harvester.engine.attempts import Run
from harvester.engine.events import PaceChanged
from harvester.engine.exchange_log import LOGGER
from harvester.engine.run_counter import speaking_for
from harvester.engine.workers.line import HORIZON_S, Batch
from harvester.errors import CredentialsRefused
from harvester.http import RateLimit, Wait
from harvester.model import Partition

#: Tells all workers of the pace of a resource.
TellPace = Callable[[str, float | None], None]


class Driver:
    """The run's budgets, tokens and events, for workers elsewhere. Any thread may call it."""

    def __init__(self, run: Run, tell_pace: TellPace) -> None:
        if not isinstance(run.limit, RateLimit):
            raise AssertionError("the driver has the budgets themselves")
        self._run, self._limit = run, run.limit
        self._tell_pace = tell_pace

    def answer(self, what: str, *given: Any) -> Any:
        """What a worker gets that calls this method of its `Line`."""
        match what:
            case "take":
                return self.take(*given)
            case "slow_down":
                return self.slow_down(*given)
            case "lend":
                return self.lend(*given)
            case "accepted":
                return self._run.access.accepted_elsewhere(*given)
            case _:
                raise AssertionError(f"a worker asks for {what}")

    def take(self, scope: str) -> Wait | None:
        """A moment for a request."""
        return self._limit.promise(scope, HORIZON_S)

    def hold(self, scope: str, wait: Wait) -> None:
        """Promise no moment before the wait is over."""
        self._limit.hold(scope, wait)

    def slow_down(self, scope: str, age_s: float, wait_s: float) -> tuple[bool, float | None]:
        """A server wants fewer requests."""
        slower = self._limit.slow_down(scope, time.monotonic() - age_s, wait_s)
        pace = self._limit.pace(scope)
        if slower:
            self._tell_pace(scope, pace)
        return slower, pace

    def lend(self, refused: int, refusal: CredentialsRefused | None) -> Lent:
        """The token in use, or another one."""
        return self._run.access.lend(refused, refusal)

    def tell(self, worker: Hashable, batch: Batch) -> None:
        """Count what a worker tells, and hand its events on as if they happened here."""
        run = self._run
        with run.counting:
            run.requests.update(batch.requests)
            run.retries.update(batch.retries)
        if batch.ahead is not None:
            run.server.learn(batch.ahead)
        for text in batch.exchanges:
            LOGGER.debug("%s", text)
        for scope, requests in batch.left.items():
            self._limit.left(scope, requests)
        for told in batch.told:
            with speaking_for((worker, told.thread), told.age_s):
                run.emit(told.event)
        for scope, answers in batch.answered.items():
            for _ in range(answers):
                if self._limit.accept(scope):
                    self._tell_pace(scope, None)
                    run.emit(PaceChanged(Partition(scope, {}), None))
