"""Two pages of each resource, to see whether a configuration and an API fit each other.

Nothing of a harvest is touched: the pages go into a temporary folder, are looked at and thrown
away. They are asked for and read by the same code as in a harvest, so that what passes here passes
there. The second page is the proof that the first one leads on.
"""

import itertools
import json
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from harvester.auth import Access
from harvester.config import Config, Resource
from harvester.engine.page_reader import Kept, Place
from harvester.engine.second_page import claimed, compared, ends_told, total_told
from harvester.engine.sources import Source, secrets_of, sources_of
from harvester.errors import AttemptFailed, RunStopped
from harvester.http import Backoff, Cookies, RateLimit, Transport, Watch, window_reset
from harvester.model import (
    FromResource,
    Outside,
    Partition,
    as_text,
    duration,
    parse,
    partitions_of,
)
from harvester.page import iter_elements
from harvester.paging import TOTAL, Done, paginator_of
from harvester.planning import Value, plan, runs, supply, values_of
from harvester.store import Checkpoint, decoded_chunks

_ATTEMPTS: Final = 3
#: How many records full pages have, mostly.
_FULL: Final = frozenset({10, 20, 25, 30, 50, 100, 200, 250, 500, 1000})
_LONGEST_WAIT_S: Final = 5.0  # somebody sits and waits
_RATES: Final = re.compile(r"(?:x-)?rate-?limit(-limit|-remaining)?(?:-requests)?")


@dataclass(frozen=True, slots=True)
class Seen:
    """What one resource's first page showed. `error`: why there is none.

    `partition` is its title; `keys` are those of the first record (None: it is no object, or there
    is none); `next` is the next cursor in words; `rate_limit` what the server said is left;
    `asked` are the URLs, without secrets; `second` says what came of the next page, `total` what
    the page claims, `ends` what would end the partition; `notes` say what is odd, and `wrong` what
    would keep a harvest from going well.
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
    asked: tuple[str, ...] = ()
    second: str = ""
    total: str = ""
    ends: str = ""
    notes: tuple[str, ...] = ()
    wrong: str | None = None

    @property
    def failed(self) -> bool:
        """Whether a harvest of this resource would fail."""
        return self.error is not None or self.wrong is not None


def check_live(
    config: Config,
    *,
    now: datetime | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Seen]:
    """Fetch the first two pages of each resource's first partition, and say what was seen."""
    moment = now or datetime.now(UTC)
    limit = RateLimit(
        config.client.rate_limit, {item.name: item.rate_limit for item in config.resources}
    )
    secrets = secrets_of(config)
    found = sources_of(config, secrets)
    access = Access(config, secrets, config.folder)
    transport = Transport(config.client)
    pages: dict[str, Path] = {}  # by resource; its children come from the page just seen
    with tempfile.TemporaryDirectory(prefix="harvester-check-") as folder:
        try:
            for resource in _parents_first(config):
                partition = _first_partition(config, resource, moment, pages)
                if partition is None:
                    why = (
                        f"no record of {resource.parent_name} was seen that leads to it"
                        if resource.parent_name
                        else "no partition is planned yet: nothing to ask for"
                    )
                    yield Seen(resource.name, error=why)
                    continue
                look = _Look(config, resource, found[resource.name], partition, access, transport)
                (own := Path(folder, resource.name)).mkdir()
                seen = look.seen(own, limit, sleep)
                pages.update((resource.name, path) for path in own.iterdir())
                yield seen
        finally:
            access.close()
            transport.close()


def _parents_first(config: Config) -> Iterator[Resource]:
    """The resources in their order, but none before the one whose records lead to it."""
    waiting = list(config.resources)
    while waiting:
        names = {resource.name for resource in waiting}
        ready = next(item for item in waiting if item.parent_name not in names)
        waiting.remove(ready)
        yield ready


def _first_partition(
    config: Config, resource: Resource, now: datetime, pages: Mapping[str, Path]
) -> Partition | None:
    """The first partition: a child's comes from the page of its parents just seen."""
    if resource.parent_name is None:
        return next(plan(config, resources=(resource.name,), now=now), None)
    page = pages.get(resource.parent_name)
    if page is None:
        return None
    selector = next(r.data_selector for r in config.resources if r.name == resource.parent_name)
    from_file = supply(config.folder, config, resource)

    def values(spec: Outside) -> Iterable[Value]:
        if isinstance(spec, FromResource):
            records = iter_elements(decoded_chunks(page), parse(selector or "$"))
            return values_of(spec, records, spec.resource)
        return from_file(spec)

    base = next(partitions_of(resource.name, resource.partitions, now, values), None)
    if base is None or resource.incremental is None:
        return base
    return next(runs(config.folder, base, resource.incremental), None)


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
        self._paginator = paginator_of(resource.paginator)
        self._source = source
        self._secrets = source.endpoint.secrets
        self._partition = partition
        self._access = access
        self._transport = transport
        self._asked: list[str] = []
        self._cookies = (
            Cookies(source.endpoint.origins.configured, self._secrets.hide)
            if config.client.cookies == "session"
            else None
        )

    def seen(self, folder: Path, limit: RateLimit, sleep: Callable[[float], None]) -> Seen:
        """Ask for the page, a few times if need be, and for the next one; they stay in `folder`."""
        cursor = self._paginator.first_cursor()
        try:
            kept = self._fetched(folder, limit, sleep, 1, cursor)
            following = kept.following(self._paginator, cursor)
        except (AttemptFailed, RunStopped) as error:
            return Seen(
                self._resource.name, self._partition.title, error=self._told(error),
                status=getattr(error, "status", None), asked=tuple(self._asked),
            )  # fmt: skip
        path = folder / kept.part.store().name if kept.part else None
        seen = Seen(
            self._resource.name,
            self._partition.title,
            status=kept.status,
            records=kept.records,
            bytes=kept.bytes,
            keys=self._keys(path) if path else None,
            next=self._next(following),
            rate_limit=self._secrets.redact(_rate_limit(kept.headers, time.time())),
            total=total_told(self._paginator, kept.fields.get(TOTAL)) if path else "",
            ends=ends_told(self._paginator),
            notes=tuple(_odd(self._resource, kept, done=isinstance(following, Done))),
        )
        if path:
            seen = self._with_second(seen, kept, following, path, folder, limit, sleep)
        return replace(seen, asked=tuple(self._asked))

    def _with_second(
        self,
        seen: Seen,
        kept: Kept,
        following: Any | Done,
        path: Path,
        folder: Path,
        limit: RateLimit,
        sleep: Callable[[float], None],
    ) -> Seen:
        """What the page after the first one shows, asked for as a harvest would."""
        if isinstance(following, Done):
            sign = claimed(self._resource, path, kept.headers, kept.records)
            if sign is None or following.reason == "maximum_reached":
                return seen
            told = f"{self._secrets.redact(sign.told(kept.records))}, and the partition ends here"
            return replace(seen, notes=(*seen.notes, f"{told}: name the way to the next page"))
        try:
            next_one = self._fetched(folder, limit, sleep, 2, following)
            past = Checkpoint().with_page(kept.records, kept.fields)
            next_one.following(self._paginator, following, past)
        except (AttemptFailed, RunStopped) as error:
            told = f"the second page could not be had: {self._told(error)}"
            return replace(seen, second="failed", wrong=told)
        if next_one.part is None:
            return replace(seen, second="a rule takes it for the end")
        second = folder / next_one.part.store().name
        found = compared(self._resource, path, second, next_one.records)
        second.unlink()  # a resource that this one is the parent of looks at the first page
        told = self._secrets.redact(found.told)
        wrong = f"the second page: {told}" if found.wrong else None
        return replace(seen, second=told, wrong=wrong)

    def _fetched(
        self,
        folder: Path,
        limit: RateLimit,
        sleep: Callable[[float], None],
        number: int,
        cursor: Any,
    ) -> Kept:
        """One page, with as much patience as somebody has who sits and waits."""
        policy = self._client.retry.model_copy(
            update={
                "attempts": min(_ATTEMPTS, self._client.retry.attempts),
                "max_wait": min(_LONGEST_WAIT_S, self._client.retry.max_wait),
                "deadline": min(60.0, self._client.retry.deadline),
            }
        )
        backoff = Backoff(policy, lambda attempt, seconds, error: sleep(seconds))

        def attempt(_: int) -> Kept:
            while wait := limit.take(self._resource.name):
                sleep(wait.seconds)
            return self._page(folder, number, cursor)

        return backoff.call(attempt)

    def _page(self, folder: Path, number: int, cursor: Any) -> Kept:
        request = self._source.endpoint.request(
            self._partition, cursor, number, self._access.credentials()
        )
        asked = f"{request.method} {self._secrets.redact(request.url)}"
        if asked not in self._asked:
            self._asked.append(asked)
        timeout = self._client.timeout
        watch = Watch(time.monotonic, time.monotonic() + timeout.page, timeout.read, _never)
        place = Place(number, number, cursor, request.url, after_records=number > 1)
        with self._transport.open(request, watch, self._cookies) as response:
            return self._source.reader.read(response, folder, place, _untold, time.time())

    def _told(self, error: Exception) -> str:
        told = self._secrets.redact(str(error))
        hint_s = getattr(error, "hint_s", None)
        return told + (f"; the server asks to wait {duration(hint_s)}" if hint_s else "")

    def _keys(self, path: Path) -> tuple[str, ...] | None:
        """The keys of the first record, read on its own."""
        selector = parse(self._resource.data_selector or "$")
        for record in itertools.islice(iter_elements(decoded_chunks(path), selector), 1):
            value: Any = json.loads(record)
            return tuple(value) if isinstance(value, dict) else None
        return None

    def _next(self, following: Any | Done) -> str:
        if isinstance(following, Done):
            return f"none: the partition is done ({following.reason})"
        return self._secrets.redact(as_text(following))


def _odd(resource: Resource, kept: Kept, *, done: bool) -> Iterator[str]:
    """What a page shows that a harvest would go by, and a person should know before."""
    size = resource.paginator.full_page
    if kept.part is None:
        return
    if size is not None and not done and kept.records < size:
        yield f"{size:,} records were asked for and {kept.records:,} came: the server's own limit?"
    if kept.records == 0 and done:
        yield "the first page has no records: is data_selector right, and does the query match?"
    if paginator_of(resource.paginator).has_one_page and kept.records in _FULL:
        yield f"{kept.records:,} records, and one page only: is there a second? Name a paginator"


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
