"""Looks at the coordinator for the driver: takes what workers told, and brings tokens back."""

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from distributed import Client

from harvester.engine.workers.dask_coordinator import HANDLER
from harvester.engine.workers.driver import Driver
from harvester.engine.workers.frames import (
    Alive,
    Answer,
    Asked,
    Look,
    Looked,
    Wanted,
    decoded,
    encoded,
)
from harvester.errors import RunStopped

_GONE_S: Final = 15.0
_ALIVE_S: Final = 0.5


def _why(error: Exception) -> str:
    """What Dask says of a connection, without the connection's own description."""
    return str(error).rpartition(">: ")[2].strip() or type(error).__name__


class CoordinatorLink:
    """The driver's way to the coordinator of its run. One thread looks."""

    def __init__(
        self, client: Client, run: str, driver: Driver, lent: Callable[[], object]
    ) -> None:
        """`lent` is called when there is a token to bring."""
        self._client, self._run, self._driver, self._has_lent = client, run, driver, lent
        self._lent: deque[Answer] = deque()
        self._lending: set[int] = set()
        self._lender = ThreadPoolExecutor(1, thread_name_prefix="lending")
        self._closed = threading.Event()
        self._living = threading.Thread(target=self._live, name="alive", daemon=True)

    @property
    def where(self) -> str:
        """The cluster, for messages."""
        scheduler = self._client.scheduler
        return f"the Dask cluster at {scheduler.address}" if scheduler else "the Dask cluster"

    @property
    def is_gone(self) -> bool:
        """Whether there is no scheduler any more."""
        return self._client.status not in ("running", "connecting")

    def look(self, *, stop: bool) -> Looked:
        """Live, and hand on what there is. Raises `RunStopped` where there is no coordinator."""
        lent = tuple(self._lent.popleft() for _ in range(len(self._lent)))
        try:
            found = self._sent(Look(stop, lent))
        except Exception as error:
            raise RunStopped(
                f"{self.where} is gone ({_why(error)}); every page "
                "committed so far is safe, and the same command goes on"
            ) from error
        if not isinstance(found, Looked):
            raise RunStopped(f"{self.where} was begun anew; the same command goes on")
        self._take(found)
        if found.given_up and not stop:
            raise RunStopped(
                "this process did not look after its workers for some seconds, so that they have "
                "ended; the same command goes on"
            )
        return found

    def start(self) -> None:
        """Say from now on that the driver lives, also while whoever hears of events takes long."""
        self._living.start()

    def _live(self) -> None:
        while not self._closed.wait(_ALIVE_S):
            with contextlib.suppress(Exception):  # the next look finds out
                self._sent(Alive())

    def close(self) -> None:
        """The run is over."""
        self._closed.set()
        self._lender.shutdown()
        with contextlib.suppress(Exception):  # a cluster that is gone needs no clearing up
            self._sent(Look(True))
            self._sent(Asked(0, "over", ()))

    def _sent(self, message: Look | Alive | Asked) -> Any:
        ask = getattr(self._client.scheduler, HANDLER)
        given = {"run": self._run, "message": encoded(message)}
        data = self._client.sync(ask, callback_timeout=_GONE_S, **given)
        return decoded(data)

    def _take(self, found: Looked) -> None:
        for scope, at in found.let_go:  # first: who hears of events may take long, or raise
            self._driver.limit.note(scope, at)
        for worker, batch in found.told:
            self._driver.tell(worker, batch)
        for scope in found.ended_paces:
            self._driver.pace_ended(scope)
        for number in found.accepted:
            self._driver.accepted(number)
        for wanted in found.wanted:
            if wanted.number not in self._lending:
                self._lending.add(wanted.number)
                self._lender.submit(self._lend, wanted)

    def _lend(self, wanted: Wanted) -> None:
        try:
            answer = Answer(wanted.number, self._driver.lend(*wanted.given))
        except Exception as error:
            answer = Answer(wanted.number, error=error)
        self._lent.append(answer)
        self._has_lent()
