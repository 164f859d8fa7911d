"""Harvests one partition, page by page.

For one partition, from its checkpoint: ask with the cursor, stream the answer through the tee,
commit, and go on with the next cursor. Retry wraps a whole page, draining its body included. Any
number of tries at a page ends in one of four ways: the page is committed, the partition is done,
this partition fails, or the whole run stops.
"""

import contextlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from harvester.config import Resource
from harvester.engine.assignment import Assignment
from harvester.engine.attempts import Attempts, Run, heed
from harvester.engine.commits import Commits
from harvester.engine.events import Doubted, PageCommitted, PartitionStarted, Warned
from harvester.engine.fetching import Exchanged, session_of
from harvester.engine.jobs import Jobs
from harvester.engine.page_reader import NewPart, Place
from harvester.engine.page_result import Asked, PageResult
from harvester.engine.prefetch import Window
from harvester.engine.refreshing import Former, is_due
from harvester.engine.repetition import Repetition
from harvester.engine.splits import Splits
from harvester.engine.turns import Turns, iso, short
from harvester.errors import (
    AttemptFailed,
    ChainExpired,
    DataRefused,
    DiskError,
    HarvesterError,
    PageRefused,
    PartitionFailed,
    RunStopped,
    WindowOpen,
)
from harvester.http import Backoff
from harvester.model import ABSENT, Doubt, LoopGuard, Partition, Scope, as_text, render
from harvester.paging import (
    RUN_START,
    paginator_of,
    reference_values,
)
from harvester.planning import NOTABLE, Seen, closes_at, end_of, was_early
from harvester.store import (
    ACCEPTED,
    CAPPED,
    REDONE,
    RESTARTED,
    SPLIT,
    Checkpoint,
    Entry,
    Fingerprints,
    Part,
    Writer,
    decoded,
    entries_of,
    folder_of,
)

_CURSOR_CHARS: Final = 80
_URL_CHARS: Final = 300
_MOVED_ON: Final = (
    "the run before ended in the middle, and what it asked for last may be lost (idempotent: false)"
)
_KEPT_EARLY: Final = "it was asked for before its window had closed, by the server's Date"
_OFFSETS_MOVED: Final = "its offsets are now told in another way than those that it was asked with"
_MOST_RESTARTS: Final = 5  # of a partition's chain, in one run
_MOST_JOBS: Final = 3  # of a partition, in one run


def harvest_partition(run: Run, assignment: Assignment) -> Checkpoint:
    """Harvest one partition from its checkpoint to its last page, or `run.max_pages` further.

    Raises `PartitionFailed`, `RunStopped`, `Interrupted`, `DiskError` or `DataRefused`; what is
    committed by then stays.
    """
    partition = assignment.partition
    pages = Pages(run, partition)
    with (
        run.store.journal(
            pages.folder, assignment.header, pages.remember, accepted=pages.fingerprints
        ) as writer,
        pages.put_into(writer),
        Window(pages.at_once, pages.fetch, pages.foresee, run.executor) as window,
    ):
        pages.opened()
        commits = Commits(writer, pages.tell, each_at_once=pages.each_at_once)
        at = writer.checkpoint.copy()
        pages.heed()
        if not at.done:
            pages.await_close()
        run.emit(PartitionStarted(partition, at.copy()))
        pages.tell_of_power_cut(writer.lost)
        if pages.kept_early:
            at = pages.goes_on(commits, at, pages.restarted(at, _KEPT_EARLY))
        if not at.done and writer.fingerprint not in pages.fingerprints.now:
            at = pages.goes_on(commits, at, pages.asks_otherwise(at))
            if pages.offsets_moved_otherwise and at.live_pages:
                at = pages.goes_on(commits, at, pages.restarted(at, _OFFSETS_MOVED))
        if (ended := pages.ended_before(at)) is not None:
            at = pages.goes_on(commits, at, ended)
        if pages.has_lost_its_place(at):
            at = pages.goes_on(commits, at, pages.restarted(at, _MOVED_ON))
        if is_due(pages.resource, at, run.now()):
            at = pages.goes_on(commits, at, pages.next_generation(at))
        if (again := pages.to_split(at)) is not None:
            at = pages.goes_on(commits, at, again)
        stop_at = None if run.max_pages is None else assignment.stop_at or at.pages + run.max_pages
        commits.stop_at = stop_at
        while not at.done and (stop_at is None or at.pages < stop_at):
            with pages.blamed(at):
                if (of_job := pages.of_job(at)) is not None:
                    at = pages.goes_on(commits, at, of_job)
                    continue
                pages.check_loop(at)
                fetched = pages.in_turn(window, at, stop_at and stop_at - at.pages)
                fetched = pages.repetition.checked(fetched)
            for line in pages.split(fetched, at):
                at = pages.goes_on(commits, at, line)
    pages.refuse_gap()
    return at


class Pages:
    """The pages of one partition: how one is fetched, and how a failure is put into words."""

    def __init__(self, run: Run, partition: Partition) -> None:
        self.folder = folder_of(run.store, partition)
        self._run = run
        self._source = run.sources[partition.resource]
        self._resource = self._source.endpoint.resource
        self._partition = partition
        self._asking = partition  # without what a delta run began with, once that has expired
        self._paginator = paginator_of(self._resource.paginator)
        self._secrets = self._source.endpoint.secrets
        self._guard = LoopGuard()
        self._last: Entry | None = None  # of the pages that count
        self.repetition = Repetition(self._resource, run.store, self.folder)
        self._start = partition.included.get(RUN_START)
        self._seen = Seen(self._start)  # of what an incremental run looks for
        self._cookies = session_of(run.config, self._source.endpoint)
        self._turns = Turns(self._resource, self._secrets, run.now, self._stops_at())
        self._whole = self._secrets.conceal(self._paginator.first_cursor())
        self._first = self._secrets.conceal(self._link) if self._link else self._whole
        self._restarts = 0  # of this run
        self._jobs: Jobs | None = None
        if self._resource.job is not None:
            self._jobs = Jobs(run, self._source, partition, self._turns, self._attempts)
        self._splits = Splits(self._resource, partition)
        refresh = self._resource.refresh
        conditional = refresh is not None and refresh.conditional
        self._former = Former(run.store, partition, self._resource) if conditional else None
        self._newest: Entry | None = None
        self._was_split: Entry | None = None  # the end of the generation before, where it is one
        self._end = end_of(partition)
        self._closes_at = closes_at(partition, self._resource.partitions)
        self._began: Entry | None = None  # the first line of the chain that counts
        today = Fingerprints((self._source.fingerprint,))
        self.fingerprints = run.fingerprints.get(partition.resource, today)
        self._writer: Writer | None = None
        self.new_part: NewPart = _none_yet

    def _stops_at(self) -> Any:
        """The value of `stop_before` in this partition."""
        stop = self._resource.paginator.stop_before
        if stop is None:
            return None
        endpoint = self._source.endpoint
        found = render(stop.value, Scope(endpoint.env, reference_values(self._partition)))
        return None if found is ABSENT else found

    @property
    def _link(self) -> Any:
        """The delta link that a run begins with; None where it begins otherwise."""
        incremental = self._resource.incremental
        if incremental is None or incremental.delta_path is None or incremental.param:
            return None
        return None if self._resource.names("since") else self._start

    @property
    def _goes_on_from_delta(self) -> bool:
        """Whether pages are asked for by the link or token that the run before ended with."""
        incremental = self._resource.incremental
        if incremental is None or incremental.delta_path is None:
            return False
        return self._asking.included.get(RUN_START) is not None

    @contextlib.contextmanager
    def put_into(self, writer: Writer) -> Iterator[None]:
        """Let pages be written into parts of `writer`."""
        self._writer = writer
        self.new_part = writer.part
        yield

    def look(self) -> None:
        """Raise `FolderLost` where this is no longer the folder that the run began with."""
        if self._writer is not None:
            self._writer.look()
        else:
            self._run.store.look()

    def heed(self) -> None:
        """Let no request leave before what the server announced with the page that was kept last,
        be it to a run before.
        """
        if self._last is not None:
            heed(self._run, self._partition.resource, self._last)

    def remember(self, entry: Entry) -> None:
        """Take in a line of the journal, one that it has or the next."""
        self.repetition.recognition.remember(entry)
        self._newest = entry
        if entry.done:
            self._was_split = entry if entry.reason == SPLIT else None
        if self._end is not None:
            self._began = None if entry.restarts else self._began or entry
        if self._resource.incremental:
            self._seen = Seen(self._start) if entry.restarts else self._seen
            self._seen.add(entry)
        self._last = entry if entry.part is not None else None if entry.restarts else self._last
        if entry.restarts:
            self._guard = LoopGuard()
            if self._goes_on_from_delta:
                included = {**self._partition.included, RUN_START: None}
                self._asking = replace(self._partition, included=included)
        elif entry.accepts is None and not entry.is_of_job:
            self._guard.add(entry.cursor)
        if self._jobs is not None:
            self._jobs.remember(entry)

    def opened(self) -> None:
        """Note that all lines of former runs have been taken in."""
        if self._jobs is not None:
            self._jobs.opened()

    def of_job(self, at: Checkpoint) -> PageResult | None:
        """The line that the job behind the pages takes before the next page is asked for, once the
        server has said as much; None where there is nothing to wait for.
        """
        if self._jobs is None:
            return None
        try:
            return self._jobs.line(at, self.cursor(at))
        except ChainExpired as error:
            return self._begun_again(at, error)

    @property
    def at_once(self) -> int:
        """How many pages may be asked for before the first of them has come."""
        restarts = any(rule.action == "restart" for rule in self._resource.response_actions)
        # One where a page must be safe first: asking for the next may move the server on.
        ahead = self._paginator.foresees() and not self.each_at_once and not restarts
        ahead = ahead and self._former is None  # which reads one page after the other
        return self._run.config.concurrency.pages if ahead else 1

    @property
    def each_at_once(self) -> bool:
        """Whether each page is to be safe from a power cut before the next is asked for."""
        return not self._resource.idempotent or self._run.config.output.durability == "page"

    def tell_of_power_cut(self, pages: int) -> None:
        """Let it be known how many pages a power cut took, which are asked for again."""
        if pages:
            counted = "1 page that was" if pages == 1 else f"{pages:,} pages that were"
            told = f"a power cut cost {counted} kept and not yet safe; asked for again"
            self._run.emit(Warned(self._partition, told))

    def tell(self, entry: Entry, at: Checkpoint) -> None:
        """Let it be known that a page is part of the harvest."""
        self._run.emit(PageCommitted(self._partition, entry, at))
        for doubt in entry.doubts:
            self._run.emit(Doubted(self._partition, doubt))

    def goes_on(self, commits: Commits, at: Checkpoint, fetched: PageResult) -> Checkpoint:
        """Hand a page over to be committed, and go on from it."""
        self.remember(fetched.entry)
        entry = self._doubted(self.repetition.doubting(fetched))
        commits.add(fetched.with_entry(entry))
        return at.after(entry)

    def _doubted(self, entry: Entry) -> Entry:
        """A line that ends an incremental run, with what speaks against the values that it saw."""
        incremental = self._resource.incremental
        if incremental is None or incremental.cursor_path is None or not entry.done:
            return entry
        asks = incremental.param or self._resource.names("since")
        if self._seen.before is not None and asks:
            asked_from = short(as_text(self._start), _CURSOR_CHARS)
            message = (
                f"{incremental.param or '{since}'}={asked_from} was asked for, and"
                f" a record's {incremental.cursor_path} is "
                f"{short(as_text(self._seen.before), _CURSOR_CHARS)}: the server seems to ignore "
                f"{incremental.param or '{since}'}, and then each run stores the same once more"
            )
            entry = entry.doubted(Doubt("before_start", self._secrets.redact(message)))
        if self._seen.beyond is None:
            return entry
        start = self._start if self._seen.largest is None else self._seen.largest
        message = (
            f"a record's {incremental.cursor_path} is "
            f"{short(as_text(self._seen.beyond), _CURSOR_CHARS)}, which lies in the server's "
            "future; the next run starts at the largest value before it, "
            f"{short(as_text(start), _CURSOR_CHARS)}"
        )
        return entry.doubted(Doubt("future_value", self._secrets.redact(message)))

    def cursor(self, at: Checkpoint) -> Any:
        """What the next page is asked for with, concealed."""
        return at.next if at.started else self._first

    def foresee(self, cursor: Any, at: Checkpoint) -> Any | None:
        """The cursor after the page that follows `at`, if that page is full."""
        return self._paginator.foresee(cursor, at)

    def fetch(self, at: Checkpoint, dropped: threading.Event) -> PageResult:
        """The page after `at`, in its part, still to be judged; tried again as needed.

        Or, where the chain of cursors leads no further, the line by which it begins again.
        """
        cursor = self.cursor(at)
        tries = self._attempts(dropped)
        try:
            exchanged = self._exchanged(tries, cursor, at)
            self._refuse_open(exchanged.got)
            asked = Asked(
                exchanged.request, exchanged.asked, cursor, exchanged.elapsed_s, tries.count
            )
            unkept_cookies = self._cookies is None and "set-cookie" in exchanged.got.headers
            return exchanged.got.asked_with(asked, cookies=unkept_cookies)
        except ChainExpired as error:
            if not (at.live_pages or self._goes_on_from_delta or self._jobs):
                raise  # nothing but the same request again
            return self._begun_again(at, error, tries)

    def _attempts(self, dropped: threading.Event | None = None) -> Attempts:
        """The tries at one request, which end where nobody wants the page any more."""
        known, unwanted = self.repetition.recognition, dropped or threading.Event()
        return Attempts(
            self._run, self._asking, self.new_part, unwanted, known, self._cookies, self._former
        )

    def _exchanged(self, tries: Attempts, cursor: Any, at: Checkpoint) -> Exchanged[PageResult]:
        """The page of `cursor`, tried again as needed."""
        policy = self._run.config.client.retry
        backoff = Backoff(policy, tries.pause, self._run.clock, self._run.rng)
        jobs = self._jobs
        if jobs is None:
            return backoff.call(lambda attempt: tries.one(attempt, cursor, at))
        try:
            jobs.recall(lambda: entries_of(self._run.store, self.folder))
            asking_for = jobs.partition(cursor)
            return backoff.call(lambda attempt: tries.one(attempt, cursor, at, asking_for))
        except PageRefused as error:
            if not jobs.lapsed(error):
                raise
            renewed = jobs.partition(cursor)
            return backoff.call(lambda attempt: tries.one(attempt, cursor, at, renewed))

    def _begun_again(
        self, at: Checkpoint, error: ChainExpired, tries: Attempts | None = None
    ) -> PageResult:
        """The line by which the chain begins again; raises where it has too often."""
        most = _MOST_RESTARTS if self._jobs is None else _MOST_JOBS - 1
        if self._restarts == most:
            often = f"the partition was begun again {most} times"
            if self._jobs is not None:
                often = f"that was the last of {_MOST_JOBS} jobs in this run"
            raise PageRefused(
                f"{error}; {often}, and never came to its end",
                status=error.status,
                hint_s=error.hint_s,
            ) from error
        self._restarts += 1
        tries = tries or self._attempts()
        if error.hint_s:
            if error.hint_s > self._run.config.client.retry.deadline:
                raise error
            tries.pause(tries.count, error.hint_s, error)
        return self.restarted(at, str(error), error.status, tries.count)

    def next_generation(self, at: Checkpoint) -> PageResult:
        """The line by which a complete partition is asked for again."""
        return self._turns.line(at, REDONE, cursor=at.next, following=self._whole)

    @property
    def resource(self) -> Resource:
        """The resource whose partition it is."""
        return self._resource

    @property
    def kept_early(self) -> bool:
        """Whether what is kept was asked for before the window had closed, and it has by now."""
        if self._end is None or self._closes_at is None or self._began is None:
            return False
        now = self._run.now()
        closed = self._closes_at <= (self._run.server.now(now) or now)
        return closed and was_early(self._began, self._end)

    def await_close(self) -> None:
        """Raise `WindowOpen` where the server's clock, as far as it is known, says that the window
        has not closed.
        """
        if self._closes_at is None:
            return
        now = self._run.now()
        there = self._run.server.now(now)
        if there is not None and there < self._closes_at:
            off = timedelta(seconds=round((now - there).total_seconds()))
            ahead = f" (this machine's clock is {off} ahead of it)" if off > NOTABLE else ""
            raise WindowOpen(
                f"waits: its window is complete at {iso(self._closes_at)}, and by the server's "
                f"Date it is {iso(there)}{ahead}; a run after that harvests it, and others like it"
            )

    def _refuse_open(self, kept: PageResult) -> None:
        """Raise `WindowOpen` where an answer came before the window had closed; leaves nothing."""
        if self._closes_at is None:
            return
        self._run.server.hear(kept.headers, self._run.now())
        try:
            self.await_close()
        except WindowOpen:
            kept.discard()
            raise

    def has_lost_its_place(self, at: Checkpoint) -> bool:
        """Whether a partition that is resumed has to begin again: where asking moves the server
        on (`idempotent: false`), an answer may have been sent that nobody has kept.
        """
        following = self._resource.next_request
        methods = (self._resource.method, following and following.method)
        moves_on = not self._resource.idempotent and "POST" in methods
        return moves_on and not at.done and at.live_pages > 0

    def restarted(
        self, at: Checkpoint, why: str, status: int | None = None, attempts: int = 0
    ) -> PageResult:
        """The line by which the chain of cursors begins again; says so."""
        why = self._secrets.redact(why)
        kept = "count until then" if at.done else "do not count"
        anew = "begins again from its first page" if self._jobs is None else "begins a new job"
        message = f"{anew} ({at.live_pages:,} pages {kept}): {why}"
        self._run.emit(Warned(self._partition, message))
        return self._turns.line(
            at,
            REDONE if at.done else RESTARTED,
            cursor=at.next,
            following=self._whole,  # a delta link that has expired leads nowhere
            status=status or 0,
            attempts=attempts,
        )

    def ended_before(self, at: Checkpoint) -> PageResult | None:
        """The line by which a partition ends with the page that was kept last, where it leads no
        further and a rule that was added since says so: `has_more_path`, `maximum_pages`.
        """
        most = self._resource.paginator.maximum_pages
        last = self._last
        leads_on = self.cursor(at) not in self._guard and (most is None or at.live_pages < most)
        if at.done or last is None or last.part is None or leads_on:
            return None
        cursor = self._secrets.reveal(last.cursor)
        place = Place(
            at.live_pages, at.pages, cursor, "", after_records=at.before(last).records > 0
        )
        page = partial(decoded, self._run.store, self.folder, last.part, last.stored_bytes)
        with contextlib.suppress(AttemptFailed):  # then the next try says why
            if done := self._source.reader.end_of(page, place, at.before(last)):
                return self._turns.line(at, done.reason, cursor=at.next, following=None)
        return None

    @property
    def offsets_moved_otherwise(self) -> bool:
        """Whether an offset reached in the way of before may lie in the midst of a page of today's:
        to go on from it would keep records twice.
        """
        return self._paginator.counts_records

    def asks_otherwise(self, at: Checkpoint) -> PageResult:
        """The line that says that another question is asked from here on; it was accepted."""
        cursor = self.cursor(at)
        asked = {"fingerprint": self._source.fingerprint}
        return self._turns.line(at, ACCEPTED, cursor=cursor, following=cursor, request=asked)

    def in_turn(self, window: Window, at: Checkpoint, most: int | None) -> PageResult:
        """The page after `at`, judged: the line that the journal will have of it."""
        try:
            came = window.page(at, most)
        except PageRefused as error:
            ended = self._turns.beyond_total(error, self.cursor(at), at)
            if ended is None:
                raise
            with self._run.counting:  # it was no failure
                self._run.retries[self._partition.resource] -= 1
            return ended
        return self.judged(came, at)

    def judged(self, came: PageResult, at: Checkpoint) -> PageResult:
        """What was fetched behind `at`, as the journal will have it."""
        return came if came.is_judged else self._turns.page(came, at)

    # --- Caps ------------------------------------------------------------------------------------

    def to_split(self, at: Checkpoint) -> PageResult | None:
        """The line by which a partition gives way to smaller ones where an earlier run meant to, or
        begins again where it was a gap and can be split by now.
        """
        newest = self._newest
        if newest is None:
            counted = self._source.counted
            store, now = self._run.store, self._run.now()
            parts = counted.parts(store, self._partition, now) if counted else ()
            return self._split_line(at, self._splits.fields(parts)) if parts else None
        if not at.done and newest.restarts and newest.split_into:
            return self._split_line(at, newest.fields)
        if not at.done and newest.redoes and self._was_split is not None:
            return self._split_line(at, self._was_split.fields)  # its parts stay what they are
        if at.done and at.reason == CAPPED and self._splits.can_split:
            return self.restarted(at, "what was above the cap can be split by now")
        return None

    def split(self, fetched: PageResult, at: Checkpoint) -> Iterator[PageResult]:
        """A page as the journal will have it: itself, or the lines by which the partition gives
        way to smaller ones.
        """
        if not self._splits.is_above(fetched.entry, at):
            if self._splits.is_whole(fetched.entry, at):
                ended = fetched.entry.but(done=True, next=None, reason="total_reached")
                fetched = fetched.with_entry(ended)
            yield fetched
            return
        parts = self._splits.parts()
        if not parts:
            yield self._splits.ended(fetched, at)
            return
        fetched.discard()
        fields = self._splits.fields(parts)
        if at.live_pages:
            again = self._turns.line(
                at, RESTARTED, cursor=at.next, following=self._first, fields=fields
            )
            yield again
            at = at.after(again.entry)
        yield self._split_line(at, fields, fetched.entry)

    def _split_line(
        self, at: Checkpoint, fields: Mapping[str, Any], said: Entry | None = None
    ) -> PageResult:
        """The line that says into what a partition is split; `said` is that of the page by which
        it was.
        """
        line = self._turns.line(
            at,
            SPLIT,
            cursor=self.cursor(at),
            request=said.request if said else None,
            status=said.status if said else 0,
            attempts=said.attempts if said else 0,
            fields=fields,
        )
        response = said.response if said else {}
        return line.with_entry(line.entry.but(response=response))

    def refuse_gap(self) -> None:
        """Raise `PartitionFailed` where the partition has ended with a gap."""
        newest = self._newest
        if newest is not None and newest.done and newest.reason == CAPPED:
            message = next((doubt.told for doubt in newest.doubts if doubt.kind == CAPPED), CAPPED)
            raise PartitionFailed(f"{self._partition.title}: {message}", cursor=None)

    def check_loop(self, at: Checkpoint) -> None:
        """Raise `PageRefused` where the next page was asked for before."""
        if self._paginator.may_repeat:
            return
        if self.cursor(at) in self._guard:
            raise PageRefused(
                f"this cursor was asked with before, {at.live_pages:,} pages into the partition: "
                "the server runs in a circle, and going on would store the same pages again; "
                + self._paginator.circle_advice(
                    self._run.config.place_of(self._resource.name, "paginator")
                )
            )

    @contextlib.contextmanager
    def blamed(self, at: Checkpoint) -> Iterator[None]:
        """Say where a failure happened (partition, page, cursor, URL), and what is kept."""
        cursor = self.cursor(at)
        try:
            yield
        except AttemptFailed as error:
            message = self._described(error, cursor, at)
            raise PartitionFailed(message, cursor=self._shown(cursor)) from error
        except RunStopped as error:
            if isinstance(error, DiskError):  # whose folder was taken away, say
                self.look()
            raise type(error)(self._described(error, cursor, at)) from error

    def _described(self, error: HarvesterError, cursor: Any, at: Checkpoint) -> str:
        shown = as_text(self._shown(cursor))
        where = f"page {at.live_pages + 1}" + (
            f" (cursor {short(shown, _CURSOR_CHARS)})" if cursor is not None else ""
        )
        hint = getattr(error, "hint_s", None)
        until = f"; the server asks to wait {_until(self._run.now(), hint)}" if hint else ""
        asked = error.asked or getattr(error.__cause__, "asked", "")
        asked = f"; asked: {short(asked, _URL_CHARS)}" if asked else ""
        kept = f"{at.live_pages:,} pages before it are kept"
        if at.live_pages < 2:
            kept = "1 page before it is kept" if at.live_pages else "no page was kept before it"
        message = self._secrets.redact(str(error))
        return f"{self._partition.title}, {where}: {message}{until}{asked}; {kept}"

    def _shown(self, cursor: Any) -> Any:
        """A concealed cursor for people."""
        with contextlib.suppress(DataRefused):  # else the name of a secret stands in for it
            cursor = self._secrets.reveal(cursor)
        return self._secrets.redact_tree(cursor)


def _none_yet(number: int, suffix: str) -> Part:
    """Stands for the writer of a partition before it is open."""
    raise AssertionError(f"page {number} was asked for before its partition was open")


def _until(now: datetime, seconds: float) -> str:
    try:
        return f"until {iso(now + timedelta(seconds=seconds))}"
    except OverflowError:
        return f"{seconds:g} s"
