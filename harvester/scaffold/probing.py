"""Probes an API with few requests, as a harvest would send them, to prove a guess.

A guess is proven by the code that would harvest with it: the YAML that it makes is loaded, the
first page's bytes go through the same parser, `next_cursor` and the same `Endpoint` make the next
request, and its answer must have other records at the same place. Pages are parsed whole here,
which a harvest never does: `_LIMITS` keep them small.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, Final

from harvester.auth import Access
from harvester.config import Config, JsonFormat, Limits, parse_config
from harvester.engine import (
    Channel,
    Ready,
    WaitingPolicy,
    Wanted,
    fetch_page,
    secrets_of,
    sources_of,
)
from harvester.errors import (
    AttemptFailed,
    CredentialsRefused,
    HarvesterError,
    Malformed,
    PageRefused,
    PageRejected,
)
from harvester.http import Request, Response, Transport, exhausted, server_wait
from harvester.model import Partition, duration
from harvester.model import Path as PagePath
from harvester.page import FieldParser, UndeclaredPages, begins_as, tee
from harvester.paging import (
    Done,
    Page,
    Shared,
    judge,
    paginator_of,
    shared,
)
from harvester.scaffold.looking import Sample, said_no, values_at
from harvester.values import dataclass

MOST_REQUESTS: Final = 12
_MOST_TRIES: Final = 3
_LONGEST_WAIT_S: Final = 60.0
_LONGEST_ERROR: Final = 300
#: What a page may be, to be looked at whole in memory.
_LIMITS: Final = (
    "client.limits.wire_bytes=8MiB", "client.limits.decoded_bytes=8MiB", "client.limits.depth=200",
    "client.timeout.page=60s",
)  # fmt: skip


_KINDS: Final = {"retry": PageRejected, "reauth": CredentialsRefused}


@dataclass(frozen=True, slots=True)
class Proof:
    """What the second page said. `verdict`: `proven` (other records), `empty` (a page without
    any), `last` (the first page is the only one), `same` (the same records), `overlap` (some of
    them), `moves` (whatever is asked, other records come), `refused` (no page; `status` where one
    arrived).
    """

    verdict: str
    message: str = ""
    status: int | None = None
    second: Sample | None = field(default=None, repr=False)

    @property
    def holds(self) -> bool:
        """Whether the guess may be right."""
        return self.verdict in ("proven", "empty", "last")


def _verdict(both: Shared, second: Sample) -> Proof:
    if both.count == 0:
        message = f"the next page has {both.second:,} other records (by {both.by})"
        return Proof("proven", message, second=second)
    if both.same:
        return Proof("same", f"the next page has the same records (by {both.by})", second=second)
    message = f"the next page repeats {both.count:,} of its {both.second:,} records (by {both.by})"
    return Proof("overlap", message, second=second)


class OutOfRequests(HarvesterError):
    """The bound on requests is reached."""


class Probe(WaitingPolicy):
    """Asks one API, at most `MOST_REQUESTS` times."""

    def __init__(
        self,
        env: Mapping[str, str],
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        asking: Callable[[int], None] = lambda left: None,
    ) -> None:
        """`asking` is called before each request with how many are left."""
        self._env = env
        self._sleep = sleep
        self._clock = clock
        self._asking = asking
        self.left = MOST_REQUESTS
        self._earliest = 0.0

    def load(self, text: str, source: str) -> Config:
        """The YAML as a configuration whose pages are small."""
        return parse_config(text, source, set=_LIMITS, env=self._env)

    def first(self, config: Config) -> Sample:
        """The first page; raises AttemptFailed where there is none."""
        resource = config.resources[0]
        return self._fetched(config, paginator_of(resource.paginator).first_cursor(), 1)

    def proof(self, config: Config, first: Sample, path: PagePath | None) -> Proof:
        """What becomes of the page after `first`; raises OutOfRequests."""
        resource = config.resources[0]
        try:
            fields = self._fields(config, first)
        except AttemptFailed as error:
            return Proof("refused", str(error))
        came = values_at(first.page, path) if path is not None else None
        page = Page(1, first.url, fields, len(came or ()), first.headers)
        try:
            paginator = paginator_of(resource.paginator)
            cursor = paginator.next_cursor(paginator.first_cursor(), page)
        except PageRefused as error:
            return Proof("refused", str(error))
        if isinstance(cursor, Done):
            return Proof("last", f"the first page is the only one ({cursor.reason})")
        return self._compared(config, cursor, path, came)

    def _compared(self, config: Config, cursor: Any, path: PagePath | None, came: Any) -> Proof:
        try:
            second = self._fetched(config, cursor, 2)
        except PageRefused as error:
            return Proof("refused", secrets_of(config).redact(str(error)), error.status)
        if said := said_no(second.page):
            message = f"the next page, of status {second.status}, says no: {said}"
            return Proof("refused", secrets_of(config).redact(message), second.status)
        following = values_at(second.page, path) if path is not None else None
        if following is None:
            allowed = config.resources[0].allow_missing or path is None
            message = "the next page has no records at the same place"
            return Proof("empty" if allowed else "refused", message, second=second)
        if not following:
            return Proof("empty", "the next page is empty", second=second)
        return _verdict(shared(came or (), following), second)

    def own_first(self, config: Config) -> Sample:
        """The first page as the configuration asks for it, where it adds a number or an offset."""
        cursor = paginator_of(config.resources[0].paginator).first_cursor()
        return self._fetched(config, cursor, 1)

    def _fields(self, config: Config, sample: Sample) -> dict[str, Any]:
        wanted = paginator_of(config.resources[0].paginator).fields_wanted()
        parser = FieldParser(wanted, config.client.limits)
        parser.feed(sample.body)
        return parser.close()

    def _fetched(self, config: Config, cursor: Any, page: int) -> Sample:
        """One page, tried again where the server says that it is too early."""
        secrets = secrets_of(config)
        endpoint = sources_of(config, secrets)[config.resources[0].name].endpoint
        access = Access(config, secrets, Path())
        transport = Transport(config.client)
        channel = Channel(endpoint, access, config.client.timeout, lambda: transport)
        partition = Partition(endpoint.resource.name, {})
        wanted = Wanted(partition, secrets.conceal(cursor), page)

        def read(response: Response, request: Request, asked: Any) -> Sample:
            return _sample(response, request, config.client.limits)

        try:
            for attempt in range(1, _MOST_TRIES + 1):
                self._refuse_more()
                try:
                    return self._heeded(fetch_page(channel, self, wanted, read).got)
                except PageRejected as error:
                    wait = 1.0 if error.hint_s is None else error.hint_s
                    if attempt == _MOST_TRIES or self.left <= 0 or wait > _LONGEST_WAIT_S:
                        later = f"; the server asks to wait {duration(wait)}" if wait > 1 else ""
                        raise PageRefused(f"{error}{later}", status=error.status) from error
                    self._earliest = self._clock() + wait
            raise AssertionError(attempt)
        finally:
            access.close()
            transport.close()

    def turn(self, ready: Callable[[], Ready]) -> Ready:
        """Wait for as long as the server has asked to."""
        if (wait := self._earliest - self._clock()) > 0:
            self._sleep(wait)
        return ready()

    def asking(self, request: Request) -> None:
        """Count it, and tell how many are left."""
        self._refuse_more()
        self._asking(self.left)
        self.left -= 1

    def _refuse_more(self) -> None:
        if self.left <= 0:
            raise OutOfRequests(f"{MOST_REQUESTS} requests were made, the most that init makes")

    def _heeded(self, sample: Sample) -> Sample:
        if (spent := exhausted(sample.headers, time.time())) and spent.seconds < _LONGEST_WAIT_S:
            self._earliest = self._clock() + spent.seconds
        return sample


def _sample(response: Response, request: Request, limits: Limits) -> Sample:
    """A page read whole; raises AttemptFailed where it is none."""
    body = b"".join(piece for _, piece in tee(response.chunks(), response.encodings, limits))
    verdict, _ = judge((), response.status, response.headers, None)
    if verdict != "keep":
        said = " ".join(body[:_LONGEST_ERROR].decode("utf-8", "replace").split())
        message = f"the server answered {response.status}{f': {said}' if said else ''}"
        kind = _KINDS.get(verdict, PageRefused)
        hint = server_wait(response.headers, time.time())
        raise kind(message, status=response.status, hint_s=hint)
    try:
        body, written_in = in_json(body, response.headers, limits)
        page = json.loads(body)
    except Malformed as error:
        raise PageRefused(str(error), status=response.status) from None
    except (ValueError, RecursionError) as error:
        said = " ".join(body[:80].decode("utf-8", "replace").split())
        raise PageRefused(
            f"the answer is no JSON ({error}); it begins with {said!r}", status=response.status
        ) from None
    return Sample(request.url, response.status, response.headers, body, page, written_in)


def in_json(body: bytes, headers: Mapping[str, str], limits: Limits) -> tuple[bytes, str | None]:
    """A page's JSON text, and what it is written in where the server names another format. Raises
    `Malformed`.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    named = UndeclaredPages(JsonFormat(type="json"), ()).named(kind)
    if named is None or not begins_as(named, body):
        return body, None
    translator = named.translator(limits)
    return translator.feed(body) + translator.close(), str(named.options.type)
