"""Looks at a resource's first page, and at the second as the proof that it leads on.

The pages are asked for and read by the same code as in a harvest, with as much patience as somebody
has who sits and waits.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from harvester.config import Config, Resource, Retry
from harvester.engine.fetching import Channel, Ready, WaitingPolicy, Wanted, fetch_page
from harvester.engine.job_look import LookedJob, NotReady, asking
from harvester.engine.job_steps import Steps
from harvester.engine.page_reader import PageReader, Place
from harvester.engine.page_result import PageResult
from harvester.engine.second_page import claimed, compared, ends_in_words, total_in_words
from harvester.errors import AttemptFailed, RunStopped
from harvester.http import Backoff, RateLimit, Request, Response, window_reset
from harvester.model import Partition, as_text, duration, number
from harvester.page import format_of
from harvester.paging import TOTAL, Done, paginator_of
from harvester.patterns import pattern
from harvester.store import Checkpoint, Part, decoded_chunks, part_suffix
from harvester.values import dataclass

_ATTEMPTS: Final = 3
#: How many records full pages have, mostly.
_FULL: Final = frozenset({10, 20, 25, 30, 50, 100, 200, 250, 500, 1000})
_LONGEST_WAIT_S: Final = 5.0  # somebody sits and waits
_DEADLINE_S: Final = 60.0
_RATES: Final = pattern(r"(?:x-)?rate-?limit(-limit|-remaining)?(?:-requests)?")


@dataclass(frozen=True, slots=True)
class Seen:
    """What one resource's first page showed. `error`: why there is none.

    `partition` is its title; `keys` are those of the first record (None: it is no object, or there
    is none); `next` is the next cursor in words; `rate_limit` what the server said is left;
    `asked` are the URLs, without secrets; `second` says what came of the next page, `total` what
    the page claims, `ends` what would end the partition; `notes` say what is odd, and `wrong` what
    would keep a harvest from going well; `inside` names the resource in whose page it was looked
    for, where nothing is asked.
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
    inside: str | None = None

    @property
    def failed(self) -> bool:
        """Whether a harvest of this resource would fail."""
        return self.error is not None or self.wrong is not None


class Look(WaitingPolicy):
    """A look at the first pages of one resource, which stay in `folder`."""

    def __init__(
        self,
        channel: Channel,
        reader: PageReader,
        retry: Retry,
        folder: Path,
        limit: RateLimit,
        sleep: Callable[[float], None],
        config: Config,
    ) -> None:
        self._config = config
        self._channel = channel
        self._reader = reader
        self._folder = folder
        self._limit = limit
        self._sleep = sleep
        self._resource = channel.endpoint.resource
        self._paginator = paginator_of(self._resource.paginator)
        self._secrets = channel.endpoint.secrets
        self._asked: list[str] = []
        patience = {
            "attempts": min(_ATTEMPTS, retry.attempts),
            "max_wait": min(_LONGEST_WAIT_S, retry.max_wait),
            "deadline": min(_DEADLINE_S, retry.deadline),
        }
        self._backoff = Backoff(
            retry.model_copy(update=patience), lambda attempt, seconds, error: sleep(seconds)
        )

    def turn(self, ready: Callable[[], Ready]) -> Ready:
        """Wait for the budgets."""
        while wait := self._limit.take(self._resource.name):
            self._sleep(wait.seconds)
        return ready()

    def asking(self, request: Request) -> None:
        """Note what is asked for, once."""
        asked = f"{request.method} {self._secrets.redact(request.url)}"
        if asked not in self._asked:
            self._asked.append(asked)

    def seen(self, partition: Partition) -> Seen:
        """Ask for the first page, a few times if need be, and for the next one."""
        cursor = self._paginator.first_cursor()
        asking_for, job = partition, self._job()
        try:
            if job is not None and self._resource.job is not None:
                ready = job.partition(partition, self._resource.job.poll)
                if ready is None:
                    return self._without_data(partition)
                asking_for = ready
            kept = self._fetched(asking_for, 1, cursor)
            following = kept.following(self._paginator, cursor)
        except NotReady as error:
            told = self._secrets.redact(str(error))
            return replace(self._without_data(partition), notes=(told,))
        except (AttemptFailed, RunStopped) as error:
            return Seen(
                self._resource.name, partition.title, error=self._described(error),
                status=getattr(error, "status", None), asked=tuple(self._asked),
            )  # fmt: skip
        path = self._path(kept)
        seen = Seen(
            self._resource.name,
            partition.title,
            status=kept.status,
            records=kept.records,
            bytes=kept.bytes,
            keys=self._keys(path) if path else None,
            next=self._next(following),
            rate_limit=self._secrets.redact(_rate_limit(kept.headers, time.time())),
            total=total_in_words(self._paginator, kept.fields.get(TOTAL)) if path else "",
            ends=ends_in_words(self._paginator),
            notes=tuple(_odd(self._resource, kept, done=isinstance(following, Done))),
        )
        if job is not None and job.files is not None:
            named = f"its job names {number(job.files, 'file')}, this is the first"
            seen = replace(seen, notes=(*seen.notes, named))
        elif path:
            seen = self._with_second(seen, asking_for, kept, following, path)
        return replace(seen, asked=tuple(self._asked))

    def _job(self) -> LookedJob | None:
        """What makes a job, where the pages are those of one."""
        if self._resource.job is None:
            return None
        steps = Steps(self._config, self._channel.endpoint)
        ask = asking(self._channel, self, steps, self._backoff, lambda: datetime.now(UTC))
        return LookedJob(steps, ask, self._sleep)

    def _without_data(self, partition: Partition) -> Seen:
        """What is seen where the job has no data, or not yet."""
        told = "the job has ended without data"
        return Seen(
            self._resource.name,
            partition.title,
            notes=(told,),
            next="none",
            asked=tuple(self._asked),
        )

    def _with_second(
        self, seen: Seen, partition: Partition, kept: PageResult, following: Any | Done, path: Path
    ) -> Seen:
        """What the page after the first one shows, asked for as a harvest would."""
        if isinstance(following, Done):
            sign = claimed(self._resource, path, kept.headers, kept.records)
            if sign is None or following.reason == "maximum_reached":
                return seen
            message = (
                f"{self._secrets.redact(sign.says(kept.records))}, and the partition ends here"
            )
            return replace(seen, notes=(*seen.notes, f"{message}: name the way to the next page"))
        try:
            next_one = self._fetched(partition, 2, following, part_suffix(path.name))
            past = Checkpoint().with_page(kept.records, kept.fields)
            next_one.following(self._paginator, following, past)
        except (AttemptFailed, RunStopped) as error:
            message = f"the second page could not be had: {self._described(error)}"
            return replace(seen, second="failed", wrong=message)
        second = self._path(next_one)
        if second is None:
            return replace(seen, second="a rule takes it for the end")
        found = compared(self._resource, path, second, next_one.records)
        second.unlink()  # a resource that this one is the parent of looks at the first page
        message = self._secrets.redact(found.message)
        wrong = f"the second page: {message}" if found.wrong else None
        return replace(seen, second=message, wrong=wrong)

    def _fetched(
        self, partition: Partition, number: int, cursor: Any, suffix: str | None = None
    ) -> PageResult:
        """One page; `suffix` is of the part of the page before it, whose format it must have."""
        wanted = Wanted(partition, self._secrets.conceal(cursor), number)

        def read(response: Response, request: Request, asked: Any) -> PageResult:
            place = Place(
                number, number, asked, request.url, after_records=number > 1, suffix=suffix
            )
            part = partial(Part, self._folder)
            return self._reader.read(response, part, place, _no_progress, time.time())

        return self._backoff.call(lambda _: fetch_page(self._channel, self, wanted, read).got)

    def _path(self, kept: PageResult) -> Path | None:
        return self._folder / kept.part.store().name if kept.part else None

    def _described(self, error: Exception) -> str:
        message = self._secrets.redact(str(error))
        hint_s = getattr(error, "hint_s", None)
        return message + (f"; the server asks to wait {duration(hint_s)}" if hint_s else "")

    def _keys(self, path: Path) -> tuple[str, ...] | None:
        """The keys of the first record, read on its own."""
        records = format_of(self._resource).records(decoded_chunks(path))
        return next((keys_of(record) for record in records), None)

    def _next(self, following: Any | Done) -> str:
        if isinstance(following, Done):
            return f"none: the partition is done ({following.reason})"
        return self._secrets.redact(as_text(following))


def keys_of(record: bytes) -> tuple[str, ...] | None:
    """The keys of a record; None where it is no object."""
    value: Any = json.loads(record)
    return tuple(value) if isinstance(value, dict) else None


def _odd(resource: Resource, kept: PageResult, *, done: bool) -> Iterator[str]:
    """What a page shows that a harvest would go by, and a person should know before."""
    size = resource.paginator.full_page
    if kept.part is None:
        return
    if size is not None and not done and kept.records < size:
        yield f"{size:,} records were asked for and {kept.records:,} came: the server's own limit?"
    if kept.records == 0 and done:
        yield "the first page has no records: is data_selector right, and does the query match?"
    only = paginator_of(resource.paginator).has_one_page and resource.job is None
    if only and kept.records in _FULL:
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


def _no_progress(wire: int, decoded: int) -> None:
    pass
