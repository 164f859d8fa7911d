"""One page of each resource, to see whether a configuration and an API fit each other.

Nothing of a harvest is touched: the page goes into a temporary folder, is looked at and thrown
away. It is asked for and read by the same code as in a harvest, so that what passes here passes
there.
"""

import itertools
import json
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from harvester.attempt import Kept, Place
from harvester.auth.access import Access
from harvester.body import decoded_chunks
from harvester.config import Config, Resource
from harvester.elements import iter_elements
from harvester.errors import AttemptFailed, RunStopped
from harvester.jsonpath import parse
from harvester.pagination import Done, first_cursor
from harvester.partitions import Partition
from harvester.planning import plan
from harvester.ratelimit import RateLimit, window_reset
from harvester.retry import Backoff
from harvester.sources import Source, secrets_of, sources
from harvester.templates import as_text
from harvester.terminal.phrases import duration
from harvester.transport import Transport
from harvester.wire import Watch

_ATTEMPTS: Final = 3
_LONGEST_WAIT_S: Final = 5.0  # somebody sits and waits
_RATES: Final = re.compile(r"(?:x-)?rate-?limit(-limit|-remaining)?(?:-requests)?")


@dataclass(frozen=True, slots=True)
class Seen:
    """What one resource's first page showed. `error`: why there is none.

    `partition` is its title; `keys` are those of the first record (None: it is no object, or there
    is none); `next` is the next cursor in words; `rate_limit` what the server said is left.
    """

    resource: str
    partition: str | None = None
    error: str | None = None
    status: int | None = None
    records: int = 0
    bytes: int = 0
    keys: tuple[str, ...] | None = None
    next: str = ""
    rate_limit: str = ""


def check_live(
    config: Config,
    *,
    now: datetime | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Seen]:
    """Fetch the first page of each resource's first partition, and say what was seen."""
    moment = now or datetime.now(UTC)
    limit = RateLimit(
        config.client.rate_limit, {item.name: item.rate_limit for item in config.resources}
    )
    secrets = secrets_of(config)
    found = sources(config, secrets)
    access = Access(config, secrets, config.folder)
    transport = Transport(config.client)
    try:
        for resource in config.resources:
            partition = next(plan(config, resources=(resource.name,), now=moment), None)
            if partition is None:
                yield Seen(resource.name, error="no partition is planned yet: nothing to ask for")
                continue
            look = _Look(config, resource, found[resource.name], partition, access, transport)
            yield look.seen(limit, sleep)
    finally:
        access.close()
        transport.close()


class _Look:
    """A look at one partition's first page."""

    def __init__(
        self,
        config: Config,
        resource: Resource,
        source: Source,
        partition: Partition,
        access: Access,
        transport: Transport,
    ) -> None:
        self._client = config.client
        self._resource = resource
        self._source = source
        self._secrets = source.endpoint.secrets
        self._partition = partition
        self._access = access
        self._transport = transport

    def seen(self, limit: RateLimit, sleep: Callable[[float], None]) -> Seen:
        title = self._partition.title
        policy = self._client.retry.model_copy(
            update={
                "attempts": min(_ATTEMPTS, self._client.retry.attempts),
                "max_wait": min(_LONGEST_WAIT_S, self._client.retry.max_wait),
                "deadline": min(60.0, self._client.retry.deadline),
            }
        )
        backoff = Backoff(policy, lambda attempt, seconds, error: sleep(seconds))
        with tempfile.TemporaryDirectory(prefix="harvester-check-") as folder:

            def attempt(number: int) -> Seen:
                while wait := limit.take(self._resource.name):
                    sleep(wait.seconds)
                return self._page(Path(folder))

            try:
                return backoff.call(attempt)
            except (AttemptFailed, RunStopped) as error:
                told = self._secrets.redact(str(error))
                hint_s, status = getattr(error, "hint_s", None), getattr(error, "status", None)
                told += f"; the server asks to wait {duration(hint_s)}" if hint_s else ""
                return Seen(self._resource.name, title, error=told, status=status)

    def _page(self, folder: Path) -> Seen:
        cursor = first_cursor(self._resource.paginator)
        request = self._source.endpoint.request(
            self._partition, cursor, 1, self._access.credentials()
        )
        timeout = self._client.timeout
        watch = Watch(time.monotonic, time.monotonic() + timeout.page, timeout.read, _never)
        place = Place(1, 1, cursor, request.url, None)
        with self._transport.open(request, watch) as response:
            kept = self._source.reader.read(response, folder, place, _untold, time.time())
        path = folder / kept.part.name if kept.part else None
        return Seen(
            self._resource.name,
            self._partition.title,
            status=kept.status,
            records=kept.records,
            bytes=kept.bytes,
            keys=self._keys(path) if path else None,
            next=self._next(kept),
            rate_limit=self._secrets.redact(_rate_limit(kept.headers, time.time())),
        )

    def _keys(self, path: Path) -> tuple[str, ...] | None:
        """The keys of the first record, read on its own."""
        selector = parse(self._resource.data_selector or "$")
        for record in itertools.islice(iter_elements(decoded_chunks(path), selector), 1):
            value: Any = json.loads(record)
            return tuple(value) if isinstance(value, dict) else None
        return None

    def _next(self, kept: Kept) -> str:
        if isinstance(kept.next, Done):
            return f"none: the partition is done ({kept.next.reason})"
        return self._secrets.redact(as_text(kept.next))


def _rate_limit(headers: Mapping[str, str], now: float) -> str:
    """What the headers say is left, in words; nothing where they say nothing."""
    found = {
        (match[1] or "").removeprefix("-"): value
        for name, value in headers.items()
        if (match := _RATES.fullmatch(name))
    }
    if "remaining" not in found:
        return found.get("", "")
    of = f" of {found['limit']}" if "limit" in found else ""
    reset = window_reset(headers, now)
    until = f", reset in {duration(reset)}" if reset is not None else ""
    return f"{found['remaining']}{of} left{until}"


def _never() -> bool:
    return False


def _untold(wire: int, decoded: int) -> None:
    pass
