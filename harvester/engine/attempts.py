"""Attempts at one page: each from waiting for its turn to the durable part.

A try takes what is current at its own moment: credentials, and cursors that hold a token. Where
the API refuses the credentials, others are got and the same is asked again at once; every other
failure is left to the page loop.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from random import Random
from typing import Any, Final

from harvester.auth import Access
from harvester.config import Config
from harvester.engine.events import AttemptLost, BytesArrived, OnEvent, Waiting
from harvester.engine.page_reader import Kept, Place
from harvester.engine.sources import Source
from harvester.errors import (
    AttemptFailed,
    CredentialsRefused,
    Interrupted,
    PageLost,
    PageRefused,
    PageRejected,
    RunStopped,
    Unreached,
)
from harvester.http import (
    USED_UP,
    Cookies,
    Credentials,
    RateLimit,
    Reach,
    Request,
    Transport,
    Wait,
    Watch,
    exhausted,
    origin_in,
)
from harvester.model import Partition
from harvester.paging import Recognition
from harvester.planning import ServerClock
from harvester.store import Checkpoint, Fingerprints, Held

_BYTES_EVENT_S: Final = 0.1  # how often a page on its way is told of
_SLICE_S: Final = 0.2  # how long a wait goes on before it is asked whether it still should
_MOST_RENEWALS: Final = 3  # of credentials, for one try at a page


@dataclass(frozen=True, slots=True)
class Run:
    """What the workers of a run share. `transport` gives each thread its own connections."""

    config: Config
    out: Path
    sources: Mapping[str, Source]
    access: Access
    limit: RateLimit
    emit: OnEvent
    stop: threading.Event
    transport: Callable[[], Transport]
    beside: Executor  # a thread for each page under way: fetched ahead, or committed behind
    rng: Random = field(default_factory=Random)  # asking the system for a seed takes 0.1 ms
    max_pages: int | None = None
    fingerprints: Mapping[str, Fingerprints] = field(default_factory=dict)  # of each resource
    held: Held | None = None  # None: nobody else knows of the folder
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    server: ServerClock = field(default_factory=ServerClock)
    requests: Counter[str] = field(default_factory=Counter)
    retries: Counter[str] = field(default_factory=Counter)
    counting: threading.Lock = field(default_factory=threading.Lock)
    reach: Reach = field(default_factory=lambda: Reach(time.monotonic))


@dataclass(frozen=True, slots=True)
class Tried:
    """A page, what it was asked for with, and how long that took; `asked` is the cursor, which may
    hold a secret.
    """

    kept: Kept
    request: Request
    elapsed_s: float
    asked: Any = field(repr=False, default=None)


class Tries:
    """The tries at one page of a partition; `count` counts them.

    They end, in `Interrupted`, when the run is to stop or nobody wants the page any more.
    """

    def __init__(
        self,
        run: Run,
        partition: Partition,
        folder: Path,
        dropped: threading.Event,
        recognition: Recognition,
        cookies: Cookies | None = None,
    ) -> None:
        self.count = 0
        self._run = run
        self._partition = partition
        self._dropped = dropped
        self._folder = folder
        self._recognition = recognition
        self._cookies = cookies
        self._source = run.sources[partition.resource]
        self._secrets = self._source.endpoint.secrets
        self._said: str | None = None  # by the last answer that was whole and no page

    def one(self, attempt: int, cursor: Any, at: Checkpoint) -> Tried:
        """One try, and how much patience is left where nothing could be reached."""
        try:
            return self._one(attempt, cursor, at)
        except Unreached as error:
            error.patience_s = self._run.reach.missed(error.origin)
            raise

    def _one(self, attempt: int, cursor: Any, at: Checkpoint) -> Tried:
        """One try with credentials that are taken; refused ones are replaced, at once."""
        access = self._run.access
        for renewals in range(_MOST_RENEWALS + 1):
            used = self._await_turn(access.credentials)
            self.count += 1
            try:
                tried = self._request(cursor, at, used)
            except CredentialsRefused as error:
                if not access.renewable or renewals == _MOST_RENEWALS:
                    raise
                self.lost(attempt, 0.0, error)
                access.renew(used, error)
            else:
                access.accepted(used)
                return tried
        raise AssertionError("the last renewal has raised")

    def _request(self, cursor: Any, at: Checkpoint, credentials: Credentials) -> Tried:
        """One request, from its making to the durable part."""
        run = self._run
        page = at.live_pages + 1
        asked = self._secrets.reveal(cursor)  # now: it may hold the token of now
        request = self._source.endpoint.request(self._partition, asked, page, credentials)
        known = self._recognition
        origin = origin_in(request.url)
        if self.count == 1:
            run.reach.refuse_lost(origin)
        place = Place(page, at.pages + 1, asked, request.url, known.by, known.below, at.records > 0)
        transport = run.transport()
        sent = transport.requests
        began = run.clock()
        timeout = run.config.client.timeout
        watch = Watch(run.clock, began + timeout.page, timeout.read, self._stopping)
        try:
            with transport.open(request, watch, self._cookies, self._await_turn) as response:
                run.reach.answered(origin)
                if run.held:  # it may be a while ago that the last page was committed
                    run.held.look()
                kept = self._source.reader.read(
                    response, self._folder, place, self._progress(), run.now().timestamp()
                )
        except (AttemptFailed, RunStopped) as error:
            error.asked = self._secrets.redact(f"{request.method} {request.url}")
            if isinstance(error, RunStopped):
                raise
            with run.counting:
                run.retries[self._partition.resource] += 1
            if isinstance(error, PageRejected) and not request.idempotent:
                told = f"{error}; not asked again (idempotent: false): run again to begin anew"
                raise PageLost(told, status=error.status, hint_s=error.hint_s) from error
            if isinstance(error, PageRejected) and error.same:
                if error.same == self._said:
                    told = f"{error}; the same came twice, so it is not asked for again"
                    raise PageRefused(told, status=error.status) from error
                self._said = error.same
            raise
        finally:
            with run.counting:
                run.requests[self._partition.resource] += transport.requests - sent
        if announced := exhausted(kept.headers, run.now().timestamp()):
            run.limit.hold(self._partition.resource, announced)
        return Tried(kept, request, run.clock() - began, asked)

    def _await_turn(self, ready: Callable[[], Any] = lambda: None) -> Any:
        """Wait until every budget, and the server, lets the next request leave; gives what `ready`
        gave at that moment.

        `ready` gets the credentials, which may take its time: to take the turn first would let
        all that waited for a slow token leave at the same instant.
        """
        self._sleep(0)  # a run that is to stop asks for no further page
        deadline = self._run.config.client.retry.deadline
        while True:
            gave = ready()
            wait = self._run.limit.take(self._partition.resource)
            if wait is None:
                return gave
            if wait.asked and wait.seconds > deadline:
                raise PageRefused(
                    f"{wait.reason}, for longer than retry.deadline", hint_s=wait.seconds
                )
            self._run.emit(Waiting(self._partition, wait.seconds, wait.reason))
            self._sleep(wait.seconds)

    def pause(self, attempt: int, seconds: float, error: AttemptFailed) -> None:
        """Sleep between two tries. What the server asked for holds for all of the resource."""
        if error.hint_s:
            spent = error.status == HTTPStatus.TOO_MANY_REQUESTS
            why = USED_UP if spent else "the server asked to wait"
            self._run.limit.hold(self._partition.resource, Wait(seconds, why))
        self.lost(attempt, seconds, error)
        self._sleep(seconds)

    def lost(self, attempt: int, seconds: float, error: AttemptFailed) -> None:
        """Tell of a try that came to nothing."""
        told = self._secrets.redact(str(error))
        self._run.emit(AttemptLost(self._partition, attempt, told, seconds))

    def _stopping(self) -> bool:
        return self._run.stop.is_set() or self._dropped.is_set()

    def _sleep(self, seconds: float) -> None:
        while not self._stopping():
            if seconds <= 0:
                return
            self._run.stop.wait(min(seconds, _SLICE_S))
            seconds -= _SLICE_S
        raise Interrupted("interrupted")

    def _progress(self) -> Callable[[int, int], None]:
        """Counts the bytes of one page and tells of them now and then."""
        run, partition = self._run, self._partition
        wire = decoded = 0
        told = run.clock()

        def arrived(more_wire: int, more_decoded: int) -> None:
            nonlocal wire, decoded, told
            if self._stopping():
                raise Interrupted("interrupted")
            wire += more_wire
            decoded += more_decoded
            if run.clock() - told >= _BYTES_EVENT_S:
                told = run.clock()
                run.emit(BytesArrived(partition, wire, decoded))

        return arrived
