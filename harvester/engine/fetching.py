"""Fetches one page: the one exchange with an API that a run, `check --live` and `init` share.

    credentials → request → watch → open → read → renew

Credentials, and secrets in the cursor, are those of the moment at which the request leaves. Where
the API refuses the credentials and others can be got, they are, and the same is asked again at
once; every other failure is left to whoever asks. What differs between the three is how they wait
and what they take note of, which their `WaitingPolicy` says, and how they read an answer.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from functools import partial
from typing import Any, Final, Generic, TypeVar
from urllib.parse import urlsplit

from harvester.auth import Access
from harvester.config import Config, Timeout
from harvester.engine.exchange_log import log_answer, log_failure, log_request
from harvester.errors import AttemptFailed, CredentialsRefused, RunStopped
from harvester.http import Cookies, Credentials, Request, Response, Transport, Watch
from harvester.model import Partition
from harvester.paging import Endpoint
from harvester.values import dataclass

_MOST_RENEWALS: Final = 3  # of credentials, for one page

Got = TypeVar("Got")
Ready = TypeVar("Ready")


@dataclass(frozen=True, slots=True)
class Channel:
    """What the pages of one resource are asked through. `transport` gives this thread's own."""

    endpoint: Endpoint
    access: Access
    timeout: Timeout
    transport: Callable[[], Transport]
    cookies: Cookies | None = None
    clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which page is asked for: `number` counts from 1, `cursor` is concealed."""

    partition: Partition
    cursor: Any
    number: int
    headers: Mapping[str, str] = field(default_factory=dict)  # further ones, such as validators


@dataclass(frozen=True, slots=True)
class Exchanged(Generic[Got]):
    """What was read of an answer, what it was asked for with, and how long that took; `asked` is
    the cursor, which may hold a secret.
    """

    got: Got
    request: Request
    elapsed_s: float
    asked: Any = field(repr=False, default=None)


class WaitingPolicy:
    """How long a page is waited for, and what is taken note of on the way. This one asks at once,
    and notes nothing.
    """

    def turn(self, ready: Callable[[], Ready]) -> Ready:
        """Wait until the next request may leave; give what `ready` gave at that moment."""
        return ready()

    def aim(self, host: Callable[[], str]) -> None:
        """A request is to be made, to the host that `host` gives."""

    def stopping(self) -> bool:
        """Whether nobody wants the page any more."""
        return False

    def asking(self, request: Request) -> None:
        """A request is made, and about to leave."""

    def sent(self) -> None:
        """A request has been written."""

    def answered(self, request: Request) -> None:
        """The head of an answer has come."""

    def over(self) -> None:
        """What had its turn has been answered, or will not be."""

    def failed(self, request: Request, error: AttemptFailed | RunStopped) -> None:
        """It came to nothing; raises another error where there is a better one."""

    def spent(self, requests: int) -> None:
        """So many requests have left, redirects included, whatever came of it."""

    def renewing(self, error: CredentialsRefused) -> None:
        """The credentials are refused, and others are got."""


def fetch_page(
    channel: Channel,
    policy: WaitingPolicy,
    wanted: Wanted,
    read: Callable[[Response, Request, Any], Got],
) -> Exchanged[Got]:
    """One page, with credentials that are taken. `read` gets the answer, its request and the
    cursor as it was sent.

    Raises what the policy, the access, the transport and `read` raise.
    """
    access = channel.access
    policy.aim(lambda: _host(channel.endpoint, wanted))
    for renewals in range(_MOST_RENEWALS + 1):
        used = policy.turn(access.credentials)
        try:
            exchanged = _exchanged(channel, policy, wanted, used, read)
        except CredentialsRefused as error:
            if not access.renewable or renewals == _MOST_RENEWALS:
                raise
            policy.renewing(error)
            access.renew(used, error)
        else:
            access.accepted(used)
            return exchanged
        finally:
            policy.over()
    raise AssertionError("the last renewal has raised")


def _host(endpoint: Endpoint, wanted: Wanted) -> str:
    """The host that a page is asked for at, with the port where it is not the usual one."""
    asked = endpoint.secrets.reveal(wanted.cursor)
    request = endpoint.request(wanted.partition, asked, wanted.number, Credentials())
    return urlsplit(request.url).netloc.lower()


def _exchanged(
    channel: Channel,
    policy: WaitingPolicy,
    wanted: Wanted,
    credentials: Credentials,
    read: Callable[[Response, Request, Any], Got],
) -> Exchanged[Got]:
    """One request, from its making to the answer read to its end."""
    secrets = channel.endpoint.secrets
    asked = secrets.reveal(wanted.cursor)  # now: it may hold the token of now
    request = channel.endpoint.request(wanted.partition, asked, wanted.number, credentials)
    if wanted.headers:
        request = replace(request, headers={**request.headers, **wanted.headers})
    policy.asking(request)
    log_request(secrets, request)
    transport = channel.transport()
    sent = transport.requests
    began = channel.clock()
    timeout = channel.timeout
    watch = Watch(channel.clock, began + timeout.page, timeout.read, policy.stopping, policy.sent)
    further = partial(policy.turn, _nothing)
    try:
        with transport.open(request, watch, channel.cookies, further) as response:
            policy.answered(request)
            log_answer(secrets, response, channel.clock() - began)
            got = read(response, request, asked)
    except (AttemptFailed, RunStopped) as error:
        error.asked = secrets.redact(f"{request.method} {request.url}")
        log_failure(secrets, error)
        policy.failed(request, error)
        raise
    finally:
        policy.spent(transport.requests - sent)
    return Exchanged(got, request, channel.clock() - began, asked)


def session_of(config: Config, endpoint: Endpoint) -> Cookies | None:
    """The cookies of a session, where the configuration keeps any."""
    if config.client.cookies != "session":
        return None
    return Cookies(endpoint.origins.configured, endpoint.secrets.hide)


def _nothing() -> None:
    """What a redirect needs to have ready."""
