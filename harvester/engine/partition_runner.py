"""Harvests one partition, page by page.

For one partition, from its checkpoint: ask with the cursor, stream the answer into its part,
commit, and go on with the next cursor. Retry wraps a whole page, draining its body included. Any
number of tries at a page ends in one of four ways: the page is committed, the partition is done,
this partition fails, or the whole run stops.
"""

import contextlib
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any

from harvester.engine.assignment import Assignment
from harvester.engine.attempts import Attempts, Run, heed
from harvester.engine.blame import Blame
from harvester.engine.commits import Commits
from harvester.engine.events import Doubted, PageCommitted, PartitionStarted, Warned
from harvester.engine.fetching import Exchanged, session_of
from harvester.engine.giving_way import GivingWay
from harvester.engine.page_reader import NewPart, Place
from harvester.engine.page_result import Asked, PageResult
from harvester.engine.past_lines import PastLines
from harvester.engine.prefetch import Window
from harvester.engine.refreshing import Former, is_due
from harvester.engine.repetition import Repetition
from harvester.engine.restarting import KEPT_EARLY, MOVED_ON, OFFSETS_MOVED, Restarting
from harvester.engine.running_ahead import ahead_of
from harvester.engine.turns import Turns
from harvester.engine.window_closing import WindowClosing
from harvester.errors import (
    AttemptFailed,
    ChainExpired,
    PageRefused,
)
from harvester.http import Backoff
from harvester.model import ABSENT, Partition, Scope, render
from harvester.paging import (
    paginator_of,
    reference_values,
)
from harvester.store import (
    Checkpoint,
    Entry,
    Fingerprints,
    Part,
    Writer,
    decoded,
    entries_of,
    folder_of,
)

if TYPE_CHECKING:
    from harvester.engine.jobs import Jobs


def harvest_partition(run: Run, assignment: Assignment) -> Checkpoint:
    """Harvest one partition from its checkpoint to its last page, or `run.max_pages` further.

    Raises `PartitionFailed`, `RunStopped`, `Interrupted`, `DiskError` or `DataRefused`; what is
    committed by then stays.
    """
    partition = assignment.partition
    pages = Pages(run, partition)
    with (
        run.store.journal(
            pages.folder,
            assignment.header,
            pages.remember,
            accepted=pages.fingerprints,
            is_new=assignment.is_new,
        ) as writer,
        pages.put_into(writer),
        Window(pages.ahead.pages, pages.fetch, pages.foresee, run.executor) as window,
        Commits(
            writer, pages.tell, each_at_once=pages.ahead.each_is_safe,
            meanwhile=pages.ahead.meanwhile, on_failure=window.give_up,
        ) as commits,
    ):  # fmt: skip
        pages.opened()
        at = writer.checkpoint.copy()
        pages.heed()
        if not at.done:
            pages.closing.refuse()
        run.emit(PartitionStarted(partition, at.copy()))
        pages.tell_of_power_cut(writer.lost)
        at = _begun(run, pages, commits, at, writer)
        stop_at = None if run.max_pages is None else assignment.stop_at or at.pages + run.max_pages
        commits.stop_at = stop_at
        while not at.done and (stop_at is None or at.pages < stop_at):
            with pages.blamed(at):
                if (of_job := pages.of_job(at)) is not None:
                    at = pages.goes_on(commits, at, of_job)
                    continue
                pages.check_loop(at)
                fetched = pages.in_turn(window, at, stop_at and stop_at - at.pages)
            commits.settle(fetched)  # what comes may be held against what is kept
            with pages.blamed(at):
                fetched = pages.repetition.checked(fetched)
            for line in pages.giving_way.at_page(fetched, at):
                at = pages.goes_on(commits, at, line)
    pages.giving_way.refuse_gap()
    return at


def _begun(
    run: Run, pages: "Pages", commits: Commits, at: Checkpoint, writer: Writer
) -> Checkpoint:
    """Where asking begins: after the lines by which what is kept ends, is split, or begins again
    before the server is asked anything.
    """
    again = pages.restarting
    if pages.kept_early:
        at = pages.goes_on(commits, at, again.restarted(at, KEPT_EARLY))
    if not at.done and writer.fingerprint not in pages.fingerprints.now:
        at = pages.goes_on(commits, at, pages.asks_otherwise(at))
        if pages.offsets_moved_otherwise and at.live_pages:
            at = pages.goes_on(commits, at, again.restarted(at, OFFSETS_MOVED))
    if (ended := pages.ended_before(at)) is not None:
        at = pages.goes_on(commits, at, ended)
    if again.has_lost_its_place(at):
        at = pages.goes_on(commits, at, again.restarted(at, MOVED_ON))
    if is_due(pages.resource, at, run.now()):
        at = pages.goes_on(commits, at, again.next_generation(at))
    if (split := pages.giving_way.beforehand(at)) is not None:
        at = pages.goes_on(commits, at, split)
    return at


class Pages:
    """The pages of one partition: how one is fetched, and how a failure is put into words."""

    def __init__(self, run: Run, partition: Partition) -> None:
        self.folder = folder_of(run.store, partition)
        self._run = run
        self._source = run.sources[partition.resource]
        self._partition = partition
        self.resource = self._source.endpoint.resource
        self._paginator = paginator_of(self.resource.paginator)
        self._secrets = self._source.endpoint.secrets
        self._past = PastLines(self.resource, partition, self._secrets)
        self.repetition = Repetition(self.resource, run.store, self.folder)
        self._cookies = session_of(run.config, self._source.endpoint)
        self._turns = Turns(self.resource, self._secrets, run.now, self._stops_at())
        first, link = self._secrets.conceal(self._paginator.first_cursor()), self._past.link
        self._first = self._secrets.conceal(link) if link else first
        self._jobs = self._jobs_of(run, partition)
        refresh = self.resource.refresh
        conditional = refresh is not None and refresh.conditional
        self._former = Former(run.store, partition, self.resource) if conditional else None
        self.ahead = ahead_of(run, self.resource, compares=conditional)
        self.closing = WindowClosing(run, partition, self.resource)
        self.restarting = Restarting(
            run, partition, self.resource, self._turns, self._secrets, first
        )
        self.giving_way = GivingWay(
            self.resource, partition, self._past, self._turns, self.restarting, self._counted,
            self.cursor,
        )  # fmt: skip
        self._blame = Blame(partition, self._secrets, run.now, self.look)
        today = Fingerprints((self._source.fingerprint,))
        self.fingerprints = run.fingerprints.get(partition.resource, today)
        self._writer: Writer | None = None
        self.new_part: NewPart = _none_yet

    def _jobs_of(self, run: Run, partition: Partition) -> "Jobs | None":
        if self.resource.job is None:
            return None
        from harvester.engine import jobs  # few resources have one

        return jobs.Jobs(run, self._source, partition, self._turns, self._attempts)

    def _stops_at(self) -> Any:
        """The value of `stop_before` in this partition."""
        stop = self.resource.paginator.stop_before
        if stop is None:
            return None
        endpoint = self._source.endpoint
        found = render(stop.value, Scope(endpoint.env, reference_values(self._partition)))
        return None if found is ABSENT else found

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
        if self._past.page is not None:
            heed(self._run, self._partition.resource, self._past.page)

    def remember(self, entry: Entry) -> None:
        """Take in a line of the journal, one that it has or the next."""
        self.repetition.recognition.remember(entry)
        self._past.remember(entry)
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
            return self.restarting.expired(at, error, self._attempts())

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
        entry = self._past.doubted(self.repetition.doubting(fetched))
        commits.add(fetched.with_entry(entry))
        return at.after(entry)

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
            self.closing.refuse_page(exchanged.got)
            asked = Asked(
                exchanged.request, exchanged.asked, cursor, exchanged.elapsed_s, tries.count
            )
            unkept_cookies = self._cookies is None and "set-cookie" in exchanged.got.headers
            return exchanged.got.asked_with(asked, cookies=unkept_cookies)
        except ChainExpired as error:
            if not (at.live_pages or self._past.goes_on_from_delta or self._jobs):
                raise  # nothing but the same request again
            return self.restarting.expired(at, error, tries)

    def _attempts(self, dropped: threading.Event | None = None) -> Attempts:
        """The tries at one request, which end where nobody wants the page any more."""
        known, unwanted = self.repetition.recognition, dropped or threading.Event()
        return Attempts(
            self._run,
            self._past.asking,
            self.new_part,
            unwanted,
            known,
            self._cookies,
            self._former,
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

    @property
    def kept_early(self) -> bool:
        """Whether what is kept was asked for before the window had closed, and it has by now."""
        return self.closing.was_asked_early(self._past.began)

    def ended_before(self, at: Checkpoint) -> PageResult | None:
        """The line by which a partition ends with the page that was kept last, where it leads no
        further and a rule that was added since says so: `has_more_path`, `maximum_pages`.
        """
        most = self.resource.paginator.maximum_pages
        last = self._past.page
        leads_on = self.cursor(at) not in self._past.guard and (
            most is None or at.live_pages < most
        )
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
        return self.restarting.asks_otherwise(at, self.cursor(at), self._source.fingerprint)

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

    def _counted(self) -> tuple[str, ...]:
        """What another resource that counts says the partition is split into; mostly nothing."""
        counted = self._source.counted
        store, now = self._run.store, self._run.now()
        return tuple(counted.parts(store, self._partition, now)) if counted else ()

    def check_loop(self, at: Checkpoint) -> None:
        """Raise `PageRefused` where the next page was asked for before."""
        if self._paginator.may_repeat:
            return
        if self.cursor(at) in self._past.guard:
            raise PageRefused(
                f"this cursor was asked with before, {at.live_pages:,} pages into the partition: "
                "the server runs in a circle, and going on would store the same pages again; "
                + self._paginator.circle_advice(
                    self._run.config.place_of(self.resource.name, "paginator")
                )
            )

    def blamed(self, at: Checkpoint) -> AbstractContextManager[None]:
        """Say where a failure happened (partition, page, cursor, URL), and what is kept."""
        return self._blame.of_page(self.cursor(at), at)


def _none_yet(number: int, suffix: str) -> Part:
    """Stands for the writer of a partition before it is open."""
    raise AssertionError(f"page {number} was asked for before its partition was open")
