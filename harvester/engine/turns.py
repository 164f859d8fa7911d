"""Judges each page when those before it are known: where it leads, or what ended the partition.

Pages of one partition may be asked for side by side, but each is judged only when those before it
are known: whether an empty page is the last, whether a total is reached, how many pages in a row
were empty. What is known is the checkpoint before the page, which the journal gives again to a
run that goes on: so a partition ends at the same page however often it was killed.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from harvester.config import Resource
from harvester.engine.page_result import Asked, PageResult
from harvester.errors import (
    ChainExpired,
    CredentialsRefused,
    DataRefused,
    PageLost,
    PageRefused,
)
from harvester.model import Doubt, weak
from harvester.page import format_of
from harvester.paging import DELTA, STOP, Done, at_the_end, beyond, paginator_of, unread
from harvester.security import Secrets
from harvester.store import (
    ACCEPTED,
    JOB_ASKED,
    JOB_MADE,
    JOB_NOT_MADE,
    JOB_READY,
    REDONE,
    RESTARTED,
    Checkpoint,
    Entry,
    decoded_chunks,
    disk_errors,
)

#: Response headers worth a place in the journal.
_KEPT_HEADERS: Final = ("date", "etag", "last-modified", "x-request-id")
_KEPT_PREFIXES: Final = ("x-rate", "ratelimit")
_MOST_HEADERS: Final = 24
_HEADER_CHARS: Final = 200  # of each: a server may send 100 of 64 KB with every page
#: Errors that say nothing of whether there is such a page.
_OF_THE_CLIENT: Final = (401, 403, 407, 408, 425, 429)
#: The reasons of lines without a page that end nothing.
_GOING_ON: Final = (
    RESTARTED, REDONE, ACCEPTED, JOB_ASKED, JOB_NOT_MADE, JOB_MADE, JOB_READY,
)  # fmt: skip
_MOST_LOOKED_INTO: Final = 4 * 1024 * 1024  # decoded bytes of a last page


class Turns:
    """Judges the pages of one partition's resource, each after those before it."""

    def __init__(
        self,
        resource: Resource,
        secrets: Secrets,
        now: Callable[[], datetime],
        stops_at: Any = None,
    ) -> None:
        """`stops_at` is the value of `stop_before` in this partition."""
        self._stops_at = stops_at
        self._without_stop: bool | None = None  # what none of the pages with records had, so far
        self._resource = resource
        self._paginator = paginator_of(resource.paginator)
        self._secrets = secrets
        self._now = now

    def page(self, kept: PageResult, at: Checkpoint) -> PageResult:
        """A page that follows `at`, with its line. Raises `PageRefused`, and discards the page,
        where it contradicts itself or the end that it says.
        """
        came, secrets = _asked(kept), self._secrets
        request = came.request
        try:
            following = self._following(kept, at)
            done = following if isinstance(following, Done) else None
            part = kept.part.described() if kept.part else None
            asked: dict[str, Any] = {"method": request.method, "url": secrets.redact(request.url)}
            if request.body is not None:
                asked["body"] = secrets.redact(request.body.decode())
            entry = Entry(
                seq=at.seq + 1,
                part=part.name if part else None,
                request=asked,
                cursor=came.cursor,
                next=None if done else secrets.conceal(following),
                done=done is not None,
                reason=done.reason if done else None,
                status=kept.status,
                records=kept.records,
                bytes=kept.bytes,
                stored_bytes=part.stored_bytes if part else 0,
                sha256=part.sha256 if part else None,
                fetched_at=iso(self._now()),
                elapsed_s=round(came.elapsed_s, 3),
                attempts=came.attempts,
                response=self._response(kept.headers),
                fields=secrets.conceal(dict(kept.fields)),
                control_characters=kept.control_characters,
            )
            if done:
                doubts = (*done.doubts, *self._at_the_end(kept, at, entry))
                entry = self._with(entry, doubts)
        except PageRefused as error:
            error.asked = secrets.redact(f"{request.method} {request.url}")
            kept.discard()
            raise
        except BaseException:
            kept.discard()
            raise
        return kept.with_entry(entry)

    def _following(self, kept: PageResult, at: Checkpoint) -> Any | Done:
        """Where a page leads. Raises `PageRefused`, also where a run ends without what the next one
        is to begin with.
        """
        incremental = self._resource.incremental
        following = kept.following(self._paginator, _asked(kept).sent, at)
        if kept.page is None:
            return following
        if kept.records:
            lacks = kept.page.fields.get(STOP) is None
            self._without_stop = lacks and self._without_stop is not False
        if not isinstance(following, Done):
            passes = self._paginator.passes(kept.page.fields, self._stops_at)
            return Done("stop_before") if passes else following
        delta_path = incremental and incremental.delta_path
        if delta_path and following.reason != "maximum_reached" and not kept.fields.get(DELTA):
            raise PageRefused(
                f"the last page has nothing at {delta_path} (incremental.delta_path), which the "
                "next run is to begin with"
            )
        return following

    def _at_the_end(self, kept: PageResult, at: Checkpoint, entry: Entry) -> Iterator[Doubt]:
        """What speaks against the end that the page says."""
        after = at.after(entry)
        yield from at_the_end(self._paginator, _asked(kept).sent, after)
        stop = self._resource.paginator.stop_before
        if stop and self._stops_at is not None and self._without_stop:
            yield Doubt(
                "stop_path",
                f"no page has anything at {stop.path} (stop_before.path), so that nothing but the "
                "end of the list ends it: is it spelled so?",
            )
        pages = format_of(self._resource)
        if kept.part is not None and pages.selector and kept.bytes <= _MOST_LOOKED_INTO:
            try:
                with disk_errors(kept.part.path):
                    outside_records = pages.without_records(decoded_chunks(kept.part.so_far()))
            except DataRefused:  # a key twice, which does no harm elsewhere
                outside_records = {}
            incremental = self._resource.incremental
            delta_path = incremental.delta_path if incremental else None
            found = (self._paginator, outside_records, kept.headers, after)
            yield from unread(*found, delta_path=delta_path)

    def _with(self, entry: Entry, doubts: tuple[Doubt, ...]) -> Entry:
        redact = self._secrets.redact
        return entry.but(doubts=tuple(replace(one, told=redact(one.told)) for one in weak(doubts)))

    def beyond_total(self, error: PageRefused, cursor: Any, at: Checkpoint) -> PageResult | None:
        """The line that ends a partition at an error beyond its total, as Django answers 404 there;
        None where the error says something else.
        """
        status = error.status or 0
        is_other = isinstance(error, ChainExpired | CredentialsRefused | PageLost) or error.by_rule
        if is_other or status // 100 != 4 or status in _OF_THE_CLIENT:
            return None
        if not beyond(self._paginator, cursor, at):
            return None
        method, _, url = error.asked.partition(" ")
        asked = {"method": method, "url": url}
        ended = self.line(
            at, "total_reached", cursor=cursor, request=asked, status=status, attempts=1
        )
        after = at.after(ended.entry)
        doubts = at_the_end(self._paginator, cursor, after, refused=status != 404)
        return ended.with_entry(self._with(ended.entry, tuple(doubts)))

    def line(
        self,
        at: Checkpoint,
        reason: str,
        *,
        cursor: Any,
        following: Any = None,
        request: Mapping[str, Any] | None = None,
        status: int = 0,
        attempts: int = 0,
        fields: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> PageResult:
        """A line behind `at` that has no page."""
        entry = Entry(
            seq=at.seq + 1,
            part=None,
            request=request or {},
            cursor=cursor,
            next=following,
            done=following is None and reason not in _GOING_ON,
            reason=reason,
            status=status,
            records=0,
            bytes=0,
            stored_bytes=0,
            sha256=None,
            fetched_at=iso(self._now()),
            elapsed_s=0.0,
            attempts=attempts,
            response=self._response(headers or {}),
            fields=fields or {},
        )
        return PageResult(None, line=entry)

    def _response(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The headers that are worth a place in the journal, and no more than a place."""
        worth = (
            (name, value)
            for name, value in headers.items()
            if (name in _KEPT_HEADERS or name.startswith(_KEPT_PREFIXES))
            and len(name) <= _HEADER_CHARS
        )
        return {
            name: short(self._secrets.redact(value), _HEADER_CHARS)
            for name, value in itertools.islice(worth, _MOST_HEADERS)
        }


def _asked(kept: PageResult) -> Asked:
    if kept.asked is None:
        raise AssertionError("nothing says what this page was asked for with")
    return kept.asked


def short(text: str, chars: int) -> str:
    """`text`, or its beginning with an ellipsis."""
    return text if len(text) <= chars else f"{text[: chars - 1]}…"


def iso(moment: datetime) -> str:
    """RFC 3339 in UTC, to the millisecond, as the journal writes times."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
