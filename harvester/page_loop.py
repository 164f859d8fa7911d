"""The page loop: what everything else serves.

For one partition, from its checkpoint: ask with the cursor, stream the answer through the tee,
commit, and go on with the next cursor. Retry wraps a whole page, draining its body included. Any
number of tries at a page ends in one of four ways: the page is committed, the partition is done,
this partition fails, or the whole run stops.
"""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from harvester.config import Cursor, HeaderCursor, PageNumber
from harvester.errors import (
    AttemptFailed,
    ChainExpired,
    DataRefused,
    PageRefused,
    PartitionFailed,
    RunStopped,
)
from harvester.events import (
    PageCommitted,
    PartitionStarted,
    Warned,
)
from harvester.fields import as_number
from harvester.journal import NAME as JOURNAL
from harvester.journal import RESTARTED, Checkpoint, Entry, Header, Journal
from harvester.loop_guard import LoopGuard
from harvester.pagination import Done, first_cursor
from harvester.partitions import Partition
from harvester.parts import make_folder
from harvester.retry import Backoff
from harvester.templates import as_text
from harvester.tries import Run, Tried, Tries

_CURSOR_CHARS: Final = 80
_MOVED_ON: Final = (
    "the run before ended in the middle, and what it asked for last may be lost (idempotent: false)"
)
_MOST_RESTARTS: Final = 5  # of a partition's chain, in one run
#: Response headers worth a place in the journal.
_KEPT_HEADERS: Final = ("date", "etag", "last-modified", "x-request-id")
_KEPT_PREFIXES: Final = ("x-rate", "ratelimit")


def harvest_partition(run: Run, partition: Partition, header: Header) -> Checkpoint:
    """Harvest one partition from its checkpoint to its last page, or `run.max_pages` further.

    Raises `PartitionFailed`, `RunStopped`, `Interrupted`, `DiskError` or `DataRefused`; what is
    committed by then stays.
    """
    pages = _Pages(run, partition)
    fsync = run.config.output.fsync
    if not (pages.folder / JOURNAL).exists():
        make_folder(pages.folder, within=run.out, fsync=fsync)
    with Journal.open(pages.folder, header, fsync=fsync, on_entry=pages.remember) as journal:
        at = journal.checkpoint
        run.emit(PartitionStarted(partition, at))
        if pages.has_lost_its_place(at):
            pages.commit(journal, pages.restarted(at, _MOVED_ON))
        stop_at = None if run.max_pages is None else at.pages + run.max_pages
        while not at.done and at.pages != stop_at:
            cursor = pages.cursor(at)
            with pages.blamed(cursor, at):
                entry = pages.fetch(cursor, at)
            pages.commit(journal, entry)
    if at.done:
        pages.compare_totals(at)
    return at


class _Pages:
    """The pages of one partition: how one is fetched, and how a failure is put into words."""

    def __init__(self, run: Run, partition: Partition) -> None:
        self.folder = run.out / partition.folder
        self._run = run
        self._partition = partition
        self._source = run.sources[partition.resource]
        self._resource = self._source.endpoint.resource
        self._secrets = self._source.endpoint.secrets
        self._guard = LoopGuard()
        self._first = self._secrets.conceal(first_cursor(self._resource.paginator))
        self._tries = Tries(run, partition)
        self._restarts = 0  # of this run

    def remember(self, entry: Entry) -> None:
        """Tell the loop guard of a line of the journal."""
        if entry.restarts:
            self._guard = LoopGuard()
        else:
            self._guard.add(entry.cursor)

    def commit(self, journal: Journal, entry: Entry) -> None:
        """Append a line to the journal, and tell of it."""
        journal.append(entry)
        self.remember(entry)
        self._run.emit(PageCommitted(self._partition, entry, journal.checkpoint))

    def cursor(self, at: Checkpoint) -> Any:
        """What the next page is asked for with, concealed."""
        return at.next if at.started else self._first

    def fetch(self, cursor: Any, at: Checkpoint) -> Entry:
        """The next page, in its part, as the journal will have it; tried again as needed.

        Or, where the chain of cursors leads no further, the line by which it begins again.
        """
        self._check_loop(cursor, at)
        policy = self._run.config.client.retry
        backoff = Backoff(policy, self._tries.pause, clock=self._run.clock)
        self._tries.count = 0
        try:
            tried = backoff.call(lambda attempt: self._tries.one(attempt, cursor, at))
            return self._entry(tried, cursor, at.seq + 1)
        except ChainExpired as error:
            if not at.live_pages:  # nothing but the same request again
                raise
            if self._restarts == _MOST_RESTARTS:
                raise PageRefused(
                    f"{error}; the partition was begun again {_MOST_RESTARTS} times, and never "
                    "came to its end",
                    status=error.status,
                    hint_s=error.hint_s,
                ) from error
            self._restarts += 1
            if error.hint_s:
                if error.hint_s > policy.deadline:
                    raise
                self._tries.pause(self._tries.count, error.hint_s, error)
            return self.restarted(at, str(error), error.status)

    def has_lost_its_place(self, at: Checkpoint) -> bool:
        """Whether a partition that is resumed has to begin again: where asking moves the server
        on (`idempotent: false`), an answer may have been sent that nobody has kept.
        """
        following = self._resource.next_request
        methods = (self._resource.method, following and following.method)
        moves_on = not self._resource.idempotent and "POST" in methods
        return moves_on and not at.done and at.live_pages > 0

    def restarted(self, at: Checkpoint, why: str, status: int | None = None) -> Entry:
        """The line by which the chain of cursors begins again; says so."""
        why = self._secrets.redact(why)
        message = f"begins again from its first page ({at.live_pages:,} pages do not count): {why}"
        self._run.emit(Warned(self._partition, message))
        return Entry(
            seq=at.seq + 1,
            part=None,
            request={},
            cursor=at.next,
            next=self._first,
            done=False,
            reason=RESTARTED,
            status=status or 0,
            records=0,
            bytes=0,
            stored_bytes=0,
            sha256=None,
            fetched_at=iso(self._run.now()),
            elapsed_s=0.0,
            attempts=self._tries.count,
        )

    def _entry(self, tried: Tried, cursor: Any, seq: int) -> Entry:
        kept, request = tried.kept, tried.request
        done = kept.next if isinstance(kept.next, Done) else None
        secrets = self._secrets
        asked: dict[str, Any] = {"method": request.method, "url": secrets.redact(request.url)}
        if request.body is not None:
            asked["body"] = secrets.redact(request.body.decode())
        return Entry(
            seq=seq,
            part=kept.part.name if kept.part else None,
            request=asked,
            cursor=cursor,
            next=None if done else secrets.conceal(kept.next),
            done=done is not None,
            reason=done.reason if done else None,
            status=kept.status,
            records=kept.records,
            bytes=kept.bytes,
            stored_bytes=kept.part.stored_bytes if kept.part else 0,
            sha256=kept.part.sha256 if kept.part else None,
            fetched_at=iso(self._run.now()),
            elapsed_s=round(tried.elapsed_s, 3),
            attempts=self._tries.count,
            response={
                name: secrets.redact(value)
                for name, value in kept.headers.items()
                if name in _KEPT_HEADERS or name.startswith(_KEPT_PREFIXES)
            },
            fields=secrets.conceal(dict(kept.fields)),
        )

    def _check_loop(self, cursor: Any, at: Checkpoint) -> None:
        paginator = self._resource.paginator
        if isinstance(paginator, Cursor | HeaderCursor) and paginator.cursor_may_repeat:
            return
        if cursor in self._guard:
            raise PageRefused(
                f"this cursor was asked with before, {at.live_pages:,} pages into the partition: "
                "the server runs in a circle, and going on would store the same pages again "
                "(if the API works so, say cursor_may_repeat: true)"
            )

    @contextlib.contextmanager
    def blamed(self, cursor: Any, at: Checkpoint) -> Iterator[None]:
        """Say where a failure happened: partition, page, cursor, and what to do next."""
        try:
            yield
        except AttemptFailed as error:
            told = self._told(error, cursor, at)
            raise PartitionFailed(told, cursor=self._shown(cursor)) from error
        except RunStopped as error:
            raise type(error)(self._told(error, cursor, at)) from error

    def _told(self, error: Exception, cursor: Any, at: Checkpoint) -> str:
        shown = as_text(self._shown(cursor))
        where = f"page {at.live_pages + 1}" + (
            f" (cursor {_short(shown)})" if cursor is not None else ""
        )
        hint = getattr(error, "hint_s", None)
        until = f"; the server asks to wait {_until(self._run.now(), hint)}" if hint else ""
        return f"{self._partition.title}, {where}: {self._secrets.redact(str(error))}{until}"

    def _shown(self, cursor: Any) -> Any:
        """A concealed cursor for people."""
        with contextlib.suppress(DataRefused):  # else the name of a secret stands in for it
            cursor = self._secrets.reveal(cursor)
        return self._secrets.redact_tree(cursor)

    def compare_totals(self, at: Checkpoint) -> None:
        """Report what the server's total claimed against what came. It ended nothing."""
        paginator = self._resource.paginator
        claimed = as_number(at.first_total)
        came = at.live_pages if isinstance(paginator, PageNumber) else at.records
        what = "pages" if isinstance(paginator, PageNumber) else "records"
        if claimed is not None and claimed != came:
            message = f"the server's total was {claimed:,} {what}, {came:,} came"
            self._run.emit(Warned(self._partition, message))


def _short(text: str) -> str:
    return text if len(text) <= _CURSOR_CHARS else f"{text[: _CURSOR_CHARS - 1]}…"


def _until(now: datetime, seconds: float) -> str:
    try:
        return f"until {iso(now + timedelta(seconds=seconds))}"
    except OverflowError:
        return f"{seconds:g} s"


def iso(moment: datetime) -> str:
    """RFC 3339 in UTC, to the millisecond, as the journal writes times."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
