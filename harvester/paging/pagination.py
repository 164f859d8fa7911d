"""From one page to the next: what paging needs to see, and what it makes of it. Pure.

A cursor is any JSON value. None is the cursor of a first page that needs none; the end of a
partition is a `Done` with its reason, which names what proved it, never a missing cursor. An
empty page ends only where nothing says more; what totals prove is in `totals`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from harvester.config import (
    Cursor,
    HeaderCursor,
    HeaderLink,
    JsonLink,
    Keyset,
    Offset,
    PageNumber,
    Paginator,
    SinglePage,
)
from harvester.errors import PageRefused
from harvester.model import Doubt, as_text, parse
from harvester.page import Field, Take, as_number
from harvester.paging.cursor_pattern import cut_out
from harvester.paging.link_header import link_with
from harvester.paging.signs import flag
from harvester.paging.totals import below, beyond, page_size, passed, reached
from harvester.security import resolve
from harvester.store import Checkpoint

CURSOR: Final = "cursor"
HAS_MORE: Final = "has_more"
LAST_PAGE: Final = "last_page"
TOTAL: Final = "total"
LARGEST: Final = "largest"  # of a page, where a resource is incremental
SMALLEST: Final = "smallest"  # of a page, where a resource is incremental
BEYOND: Final = "beyond"  # the largest of a page's values that lie in the server's future
REACHED: Final = "reached"  # of a page, where a resource has a progress_path
#: What a run starts at, among what its partition includes: no name that a reference can have.
RUN_START: Final = "run.start"
#: The fields of a page that paging goes by, and that the journal keeps.
FIELDS: Final[tuple[str, ...]] = (
    CURSOR, HAS_MORE, LAST_PAGE, TOTAL, LARGEST, SMALLEST, BEYOND, REACHED,
)  # fmt: skip

_NO_CURSOR: Final[tuple[Any, ...]] = (None, "", "null", {}, [])
_NOTHING_CAME: Final = Checkpoint()
_TAKES: Final = {"last": Take.LAST, "min": Take.MIN, "max": Take.MAX}


@dataclass(frozen=True, slots=True)
class Done:
    """The partition has no further page; `reason`, which names what proved that, goes into the
    journal, and so do the doubts, which are weak.
    """

    reason: str
    doubts: tuple[Doubt, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """What paging may look at. `number` counts the partition's pages from 1, this one included;
    `headers` have lower-case names, `several` are those that came with different values.
    """

    number: int
    url: str
    fields: Mapping[str, Any]
    records: int
    headers: Mapping[str, str]
    several: frozenset[str] = frozenset()


def first_cursor(paginator: Paginator) -> Any:
    """The cursor that the first page is asked for with."""
    match paginator:
        case PageNumber():
            return paginator.base_page
        case Offset():
            return paginator.base_offset
        case Cursor() | HeaderCursor() | Keyset():
            return paginator.initial_cursor
    return None


def fields_wanted(paginator: Paginator) -> list[Field]:
    """The fields that `next_cursor` will look for in a page."""
    wanted = []
    match paginator:
        case Cursor():
            wanted.append(Field(CURSOR, parse(paginator.cursor_path)))
        case Keyset():
            wanted.append(Field(CURSOR, parse(paginator.cursor_path), _TAKES[paginator.take]))
        case JsonLink():
            wanted.append(Field(CURSOR, parse(paginator.next_url_path)))
    if paginator.total_path:
        wanted.append(Field(TOTAL, parse(paginator.total_path), told=True))
    if paginator.has_more_path:
        wanted.append(Field(HAS_MORE, parse(paginator.has_more_path)))
    if paginator.last_page_path:
        wanted.append(Field(LAST_PAGE, parse(paginator.last_page_path)))
    return wanted


def next_cursor(
    paginator: Paginator, cursor: Any, page: Page, past: Checkpoint = _NOTHING_CAME
) -> Any | Done:
    """The cursor of the page after `page`, which was asked for with `cursor`; or `Done`. `past` is
    what came before it.

    Raises `PageRefused` when the page contradicts itself: data would go missing silently.
    """
    if flag(page.fields.get(LAST_PAGE)):
        return Done("last_page")
    more = _says_more(page.fields.get(HAS_MORE))
    if more is False:
        return Done("has_more_false")
    at = past.with_page(page.records, page.fields)
    if not page.records and (reason := _empty_page_ends(paginator, cursor, more, at)):
        return Done(reason)
    size = paginator.full_page
    if paginator.stop_after_short_page and size and page.records < size and not more:
        return Done("short_page")
    following = _following(paginator, cursor, page, more, at)
    if isinstance(following, Done):
        if more and following.reason in ("no_next_cursor", "empty_page"):
            told = page.fields[HAS_MORE]
            raise PageRefused(
                f"the page says there is more (has_more_path is {told!r}), but has no cursor"
            )
        return following
    if paginator.maximum_pages is not None and page.number >= paginator.maximum_pages:
        return Done("maximum_reached")
    if at.empty_pages >= paginator.maximum_empty_pages:
        raise PageRefused(
            f"{at.empty_pages:,} pages in a row had no records, each with a new cursor "
            "(maximum_empty_pages): the list seems to have ended without a word; name what ends it "
            "(has_more_path, last_page_path), or say stop_after_empty_page: true"
        )
    return following


def capped(paginator: Paginator, at: Checkpoint) -> bool:
    """Whether `maximum_pages` or `maximum_page` ends a partition of so many pages."""
    most = paginator.maximum_pages
    if isinstance(paginator, PageNumber):
        last = paginator.maximum_page
        if last is not None and at.live_pages + paginator.base_page > last:
            return True
    return most is not None and at.live_pages >= most


def circle_advice(paginator: Paginator, place: str) -> str:
    """What to do about a server that leads back to a page before, where that is how it works; only
    keys that this type has. `place` is that of the paginator in the YAML.
    """
    if isinstance(paginator, Cursor | HeaderCursor):
        return f"if the API works so, say cursor_may_repeat: true in {place}"
    return (
        f"if the API ends so, give the value of the page that says it in {place}, by has_more_path"
    )


def _says_more(value: Any) -> bool | None:
    """What stands at `has_more_path`: whether there is more; None where it says neither."""
    told = flag(value)
    return True if told is None and value not in _NO_CURSOR else told


def _empty_page_ends(
    paginator: Paginator, cursor: Any, more: bool | None, at: Checkpoint
) -> str | None:
    """The reason, where a page without records is the last one."""
    stop = paginator.stop_after_empty_page
    if stop:
        return "empty_page"
    match paginator:
        case PageNumber():
            following = cursor + 1
        case Offset():
            following = cursor + page_size(paginator, at)
        case _:
            ends = isinstance(paginator, Keyset) and stop is None and not more
            return "empty_page" if ends else None
    if more or below(paginator, following, at):
        return None
    if stop is None:
        return "empty_page"
    return "total_reached" if beyond(paginator, following, at) else None


def foreseeable(paginator: Paginator) -> bool:
    """Whether cursors can be told before the page that leads to them has come."""
    return isinstance(paginator, PageNumber) or (
        isinstance(paginator, Offset) and paginator.full_page is not None
    )


def foreseen(paginator: Paginator, cursor: Any, at: Checkpoint) -> Any | None:
    """The cursor that the page after `at`, asked for with `cursor`, leads to if it is full; None
    where there is no telling, or the page is the last by what is declared or claimed.
    """
    if paginator.maximum_pages is not None and at.live_pages + 1 >= paginator.maximum_pages:
        return None
    match paginator:
        case PageNumber(maximum_page=maximum):
            following = cursor + 1
            if maximum is not None and cursor >= maximum:
                return None
        case Offset(full_page=int(size)):
            following = cursor + size
        case _:
            return None
    return None if beyond(paginator, following, at) and not passed(paginator, at) else following


def _following(
    paginator: Paginator, cursor: Any, page: Page, more: bool | None, at: Checkpoint
) -> Any | Done:
    match paginator:
        case SinglePage():
            return Done("single_page")
        case PageNumber():
            return _next_number(paginator, cursor, more, at)
        case Offset():
            return _next_offset(paginator, cursor, page, more, at)
        case Cursor():
            return _token(paginator, cursor, page.fields.get(CURSOR))
        case HeaderCursor():
            return _token(paginator, cursor, _header_cursor(page, paginator.cursor_header_name))
        case JsonLink():
            return _link(page.fields.get(CURSOR), cursor, page.url)
        case HeaderLink():
            link = link_with(page.headers.get("link", ""), paginator.rel)
            if link is not None and flag(link.results) is False:
                return Done("results_false")
            return _link(link and link.target, cursor, page.url)
        case Keyset():
            return _key(paginator, page)


def _header_cursor(page: Page, name: str) -> str | None:
    # A proxy may double a header, but two values are no cursor: to join them by a comma would ask
    # for a page that the server never named.
    if name.lower() in page.several:
        raise PageRefused(
            f"the header {name} came more than once, with different values: "
            f"{page.headers[name.lower()]!r}, so the next cursor is not known"
        )
    return page.headers.get(name.lower())


def _next_number(
    paginator: PageNumber, number: int, more: bool | None, at: Checkpoint
) -> int | Done:
    if not more and reached(paginator, number, at):
        return Done("total_reached")
    if paginator.maximum_page is not None and number >= paginator.maximum_page:
        return Done("maximum_reached")
    return number + 1


def _next_offset(
    paginator: Offset, offset: int, page: Page, more: bool | None, at: Checkpoint
) -> int | Done:
    if not more and reached(paginator, offset, at):
        return Done("total_reached")
    size = page_size(paginator, at)
    if not page.records and not size:
        raise PageRefused(
            "the page has no records and the API says that there are more, but not how far the "
            "offset moves on: say limit"
        )
    by_records = page.records and paginator.step == "records"
    return offset + (page.records if by_records else size)


def _token(paginator: Cursor | HeaderCursor, cursor: Any, found: Any) -> Any | Done:
    if paginator.cursor_pattern is not None and found not in _NO_CURSOR:
        keep = paginator.cursor_encoded == "keep"
        found = cut_out(paginator.cursor_pattern, as_text(found), encoded=keep)
    if found in _NO_CURSOR or found is False:
        return Done("no_next_cursor")
    if found is True:
        raise PageRefused("the value at the cursor's place is true, which is no cursor")
    # Solr and Europe PMC say "the end" by the cursor that was sent; Elasticsearch's scroll keeps
    # one id for all pages and ends on an empty one.
    if paginator.cursor_may_repeat and found == cursor and not paginator.stop_after_empty_page:
        return Done("cursor_repeated")
    return found


def _key(paginator: Keyset, page: Page) -> Any | Done:
    found = page.fields.get(CURSOR)
    if found in _NO_CURSOR:
        if page.records == 0:
            return Done("empty_page")
        raise PageRefused(f"the page has records, but none with a value at {paginator.cursor_path}")
    if paginator.step is None:
        return found
    number = as_number(found)
    if not isinstance(number, int):
        raise PageRefused(f"step needs whole numbers, the page has {found!r}")
    return str(number + paginator.step) if isinstance(found, str) else number + paginator.step


def _link(found: Any, cursor: Any, url: str) -> Any | Done:
    """A next link as a cursor: a URL, or an object that holds one as `href`.

    What is relative to the page's path becomes relative to the host, because a resumed harvest
    does not know the page that the link stood on (RFC 3986 section 5). On a page that was asked
    for by an absolute link, which may have led to another host, it becomes absolute.
    """
    if isinstance(found, Mapping) and "href" in found:
        href = _url(found["href"], cursor, url)
        return href if isinstance(href, Done) else {**found, "href": href}
    return _url(found, cursor, url)


def _url(found: Any, cursor: Any, url: str) -> str | Done:
    if found in _NO_CURSOR or found is False:
        return Done("no_next_cursor")
    if not isinstance(found, str):
        raise PageRefused(f"the next link is {found!r}, neither a URL nor an object with href")
    asked = cursor.get("href") if isinstance(cursor, Mapping) else cursor
    if _SCHEME.match(found):
        return found
    if isinstance(asked, str) and _SCHEME.match(asked):
        return resolve(url, found)
    if found.startswith("/"):
        return found
    joined = urlsplit(resolve(url, found))
    return f"{joined.path}?{joined.query}" if joined.query else joined.path


_SCHEME: Final = re.compile("[A-Za-z][A-Za-z0-9+.-]*:")
