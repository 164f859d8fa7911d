"""Tries to get one page in a run: when each request may leave, and what its failure means.

The exchange itself is `fetching`'s. Here is what a run adds: budgets and the server's waits that
hold for all workers, an end when the run is to stop, counts, and which failures another try cannot
mend. All others are left to the page loop.
"""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import field, replace
from datetime import UTC, datetime
from http import HTTPStatus
from random import Random
from typing import Any, Final

from harvester.auth import Access
from harvester.config import Config
from harvester.engine.events import AttemptLost, BytesArrived, OnEvent, PaceChanged, Waiting, Warned
from harvester.engine.fetching import (
    Channel,
    Exchanged,
    Got,
    Ready,
    WaitingPolicy,
    Wanted,
    fetch_page,
)
from harvester.engine.page_reader import Place
from harvester.engine.page_result import PageResult
from harvester.engine.refreshing import NOT_MODIFIED, Former, is_other_version, validators
from harvester.engine.sources import Source
from harvester.errors import (
    AttemptFailed,
    CredentialsRefused,
    DataRefused,
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
    Limit,
    Reach,
    Request,
    Response,
    RetryBudget,
    Transport,
    Wait,
    at_host,
    exhausted,
    origin_in,
)
from harvester.model import Partition
from harvester.paging import Endpoint, Recognition
from harvester.planning import ServerClock
from harvester.store import Checkpoint, Entry, Fingerprints, Part, Store, part_suffix
from harvester.values import dataclass

_BYTES_EVENT_S: Final = 0.1  # how often an event tells of a page on its way
_LOOK_AGAIN_S: Final = 1.0  # how often a retry that waits for its budget looks whether there is one
_SLICE_S: Final = 0.2  # how long a wait goes on before it is asked whether it still should


@dataclass(frozen=True, slots=True)
class Run:
    """What the workers of a run share. `transport` gives each thread its own connections."""

    config: Config
    store: Store
    sources: Mapping[str, Source]
    access: Access
    limit: Limit
    emit: OnEvent
    stop: threading.Event
    transport: Callable[[], Transport]
    executor: Executor  # a thread for each page under way: fetched ahead, or committed behind
    rng: Random = field(default_factory=Random)  # asking the system for a seed takes 0.1 ms
    max_pages: int | None = None
    fingerprints: Mapping[str, Fingerprints] = field(default_factory=dict)  # of each resource
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    server: ServerClock = field(default_factory=ServerClock)
    requests: Counter[str] = field(default_factory=Counter)
    retries: Counter[str] = field(default_factory=Counter)
    counting: threading.Lock = field(default_factory=threading.Lock)
    reach: Reach = field(default_factory=lambda: Reach(time.monotonic))
    again: RetryBudget = field(default_factory=lambda: RetryBudget(1.0, 0.0))


def heed(run: Run, resource: str, last: Entry) -> None:
    """Let no request leave before what the server announced with the page that a partition kept
    last, be it to a run before.
    """
    if not last.response:
        return
    with contextlib.suppress(ValueError):
        fetched = datetime.fromisoformat(last.fetched_at)
        announced = exhausted(last.response, fetched.timestamp())
        if announced is None:  # as a rule
            return
        gone = max(0.0, (run.now() - fetched).total_seconds())
        if announced.seconds > gone:
            run.limit.hold(resource, replace(announced, seconds=announced.seconds - gone))


class Attempts(WaitingPolicy):
    """The tries at one page of a partition; `count` counts them.

    They end, in `Interrupted`, when the run is to stop or nobody wants the page any more.
    """

    def __init__(
        self,
        run: Run,
        partition: Partition,
        new_part: Callable[[int, str], Part],
        dropped: threading.Event,
        recognition: Recognition,
        cookies: Cookies | None = None,
        former: Former | None = None,
    ) -> None:
        self.count = 0
        self._former = former
        self._run = run
        self._partition = partition
        self._dropped = dropped
        self._new_part = new_part
        self._recognition = recognition
        self._source = source = run.sources[partition.resource]
        self._secrets = source.endpoint.secrets
        timeout = run.config.client.timeout
        self._channel = Channel(
            source.endpoint, run.access, timeout, run.transport, cookies, run.clock
        )
        self._attempt = 0  # the one under way, from 1; renewals are of the same one
        self._scope = partition.resource
        self._left_at = 0.0  # when its request left
        self._said: str | None = None  # by the last answer that was whole and no page

    def one(
        self, attempt: int, cursor: Any, at: Checkpoint, asking_for: Partition | None = None
    ) -> Exchanged[PageResult]:
        """One try, and how much patience is left where nothing could be reached. `asking_for` is
        the partition with all that its requests name, where that is more.
        """
        self._attempt = attempt
        run = self._run
        self._afford(attempt)
        number = at.live_pages + 1
        former = self._former.page(number, cursor) if self._former and at.redone else None
        asking = validators(former) if former else {}
        wanted = Wanted(asking_for or self._partition, cursor, number, asking)
        known = self._recognition

        def read(response: Response, request: Request, asked: Any) -> PageResult:
            place = Place(
                wanted.number, at.pages + 1, asked, request.url, known.by, known.below,
                at.records > 0, None if at.part is None else part_suffix(at.part),
            )  # fmt: skip
            now = run.now().timestamp()
            if former and response.status == NOT_MODIFIED:
                return self._kept(response, former, place, now)
            return self._source.reader.read(response, self._new_part, place, self._progress(), now)

        exchanged = self._exchanged(self._channel, wanted, read)
        if run.limit.accept(self._partition.resource):
            run.emit(PaceChanged(self._partition, None))
        if announced := exhausted(exchanged.got.headers, run.now().timestamp()):
            run.limit.hold(self._partition.resource, announced)
        return exchanged

    def ask(
        self,
        attempt: int,
        endpoint: Endpoint,
        wanted: Wanted,
        read: Callable[[Response, Request, Any], Got],
    ) -> Exchanged[Got]:
        """One try at a request that is no page's, such as that for a job."""
        self._attempt = attempt
        self._afford(attempt)
        return self._exchanged(replace(self._channel, endpoint=endpoint), wanted, read)

    def _exchanged(
        self, channel: Channel, wanted: Wanted, read: Callable[[Response, Request, Any], Got]
    ) -> Exchanged[Got]:
        try:
            return fetch_page(channel, self, wanted, read)
        except Unreached as error:
            error.patience_s = self._run.reach.missed(error.origin)
            raise

    def wait(self, seconds: float, reason: str) -> None:
        """Sleep, and say why."""
        self._run.emit(Waiting(self._partition, seconds, reason))
        self._sleep(seconds)

    def _kept(self, response: Response, former: Entry, place: Place, now: float) -> PageResult:
        """The stored page of the generation before, which has not changed."""
        if self._former is None:
            raise AssertionError("nothing was asked by validators")
        was, told = former.response.get("etag"), response.headers.get("etag")
        if is_other_version(was, told):
            self._former.forget()
            raise PageRejected(
                "the server says that the page has not changed (304), and that its ETag is "
                f"{told}, where it was {was}: it is asked for whole"
            )
        answer = self._former.answer(response, former)
        try:
            result = self._source.reader.read(answer, self._new_part, place, self._progress(), now)
        except (PageRejected, DataRefused, OSError) as error:
            self._former.forget()
            raise PageRejected(
                f"the server says that the page has not changed, and the stored one cannot be read "
                f"({error}): it is asked for whole"
            ) from error
        return self._former.kept(result, former, self._secrets.reveal(former.next))

    def asking(self, request: Request) -> None:
        """Count it; the first of a page is not made where nobody has ever answered."""
        self.count += 1
        if self.count == 1:
            self._run.reach.refuse_lost(origin_in(request.url))

    def sent(self) -> None:
        """The budgets hear of it,"""
        self._run.limit.sent()

    def over(self) -> None:
        """And that no answer is awaited."""
        self._run.limit.answered()

    def answered(self, request: Request) -> None:
        """Somebody is there; and the folder is still the run's, since the last commit may be long
        ago.
        """
        self._run.limit.answered()
        self._run.reach.answered(origin_in(request.url))
        self._run.store.look()

    def failed(self, request: Request, error: AttemptFailed | RunStopped) -> None:
        """Count it as a retry; raise `PageLost` or `PageRefused` where there must be no other."""
        if isinstance(error, RunStopped):
            return
        with self._run.counting:
            self._run.retries[self._partition.resource] += 1
        if not isinstance(error, PageRejected):
            return
        if error.hint_s or error.status == HTTPStatus.TOO_MANY_REQUESTS:
            self._slow_down(error.hint_s or 0.0)
        if not request.idempotent:
            message = f"{error}; not asked again (idempotent: false): run again to begin anew"
            raise PageLost(message, status=error.status, hint_s=error.hint_s) from error
        if error.same and error.same == self._said:
            message = f"{error}; the same came twice, so it is not asked for again"
            raise PageRefused(message, status=error.status) from error
        self._said = error.same or self._said

    def spent(self, requests: int) -> None:
        """Count them."""
        with self._run.counting:
            self._run.requests[self._partition.resource] += requests

    def renewing(self, error: CredentialsRefused) -> None:
        """Tell of the refusal; the same is asked again at once."""
        self.lost(self._attempt, 0.0, error)

    def aim(self, host: Callable[[], str]) -> None:
        """Wait by the budgets of that host, too, where hosts have any."""
        if self._run.config.client.per_host:
            self._scope = at_host(self._partition.resource, host())

    def turn(self, ready: Callable[[], Ready]) -> Ready:
        """Wait until every budget, and the server, lets the next request leave; gives what `ready`
        gave at that moment.

        `ready` gets the credentials, which may take its time: to take the turn first would let
        all that waited for a slow token leave at the same instant.
        """
        self._sleep(0)  # a run that is to stop asks for no further page
        deadline = self._run.config.client.retry.deadline
        while True:
            gave = ready()
            wait = self._run.limit.take(self._scope)
            if wait is None:
                self._left_at = self._run.clock()
                return gave
            if wait.asked and wait.seconds > deadline:
                raise PageRefused(
                    f"{wait.reason}, for longer than retry.deadline", hint_s=wait.seconds
                )
            self._run.emit(Waiting(self._partition, wait.seconds, wait.reason))
            self._sleep(wait.seconds)

    def _afford(self, attempt: int) -> None:
        """Wait until the run may make one more retry; that it must is said once."""
        budget = self._run.again
        if attempt == 1:
            budget.first()
            return
        while wait_s := budget.retry():
            why = f"retry.budget: {budget.share:.0%} of the requests may be retries"
            if budget.tell():
                message = f"the server fails often, so that retries wait ({why})"
                self._run.emit(Warned(self._partition, message))
            self._run.emit(Waiting(self._partition, wait_s, why))
            self._sleep(min(wait_s, _LOOK_AGAIN_S))

    def _slow_down(self, wait_s: float) -> None:
        """The server wants fewer requests: find the pace that it bears."""
        resource, limit = self._partition.resource, self._run.limit
        wait_s = min(wait_s, self._run.config.client.retry.max_wait)
        if limit.slow_down(resource, self._left_at, wait_s):
            self._run.emit(PaceChanged(self._partition, limit.pace(resource)))

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
        message = self._secrets.redact(str(error))
        self._run.emit(AttemptLost(self._partition, attempt, message, seconds))

    def stopping(self) -> bool:
        """Whether the run ends, or the page is no longer wanted."""
        return self._run.stop.is_set() or self._dropped.is_set()

    def _sleep(self, seconds: float) -> None:
        while not self.stopping():
            if seconds <= 0:
                return
            self._run.stop.wait(min(seconds, _SLICE_S))
            seconds -= _SLICE_S
        raise Interrupted("interrupted")

    def _progress(self) -> Callable[[int, int], None]:
        """Counts the bytes of one page and tells of them now and then."""
        run, partition = self._run, self._partition
        wire = decoded = 0
        reported = run.clock()

        def arrived(more_wire: int, more_decoded: int) -> None:
            nonlocal wire, decoded, reported
            if self.stopping():
                raise Interrupted("interrupted")
            wire += more_wire
            decoded += more_decoded
            if run.clock() - reported >= _BYTES_EVENT_S:
                reported = run.clock()
                run.emit(BytesArrived(partition, wire, decoded))

        return arrived
