"""Takes in what the workers of a run tell, and lends them its tokens, where the run is driven."""

from collections.abc import Hashable

from harvester.auth import Lent
from harvester.engine.attempts import Run
from harvester.engine.events import PaceChanged
from harvester.engine.exchange_log import LOGGER
from harvester.engine.run_counter import speaking_for
from harvester.engine.workers.line import Batch
from harvester.errors import CredentialsRefused
from harvester.http import RateLimit
from harvester.model import Partition


class Driver:
    """The run's tokens and events, for workers elsewhere. Any thread may call it."""

    def __init__(self, run: Run) -> None:
        self._run = run

    @property
    def limit(self) -> RateLimit:
        """The budgets of the run themselves."""
        if not isinstance(self._run.limit, RateLimit):
            raise AssertionError("the driver has the budgets themselves")
        return self._run.limit

    def lend(self, refused: int, refusal: CredentialsRefused | None) -> Lent:
        """The token in use, or another one."""
        return self._run.access.lend(refused, refusal)

    def accepted(self, number: int) -> None:
        """The API took a token."""
        self._run.access.accepted_elsewhere(number)

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
        for told in batch.told:
            with speaking_for((worker, told.thread), told.age_s):
                run.emit(told.event)

    def pace_ended(self, scope: str) -> None:
        """A server's wish for fewer requests holds nobody back any more."""
        self._run.emit(PaceChanged(Partition(scope, {}), None))
