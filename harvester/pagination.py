"""From one page to the next: what paging needs to see, and what it makes of it. Pure.

A cursor is any JSON value. None is the cursor of a first page that needs none; the end of a
partition is a `Done` with its reason, never a missing cursor. Totals never end a harvest early on
their own word: a total counts only if it is above zero, the same as on the first page, and
exactly what came.
"""

import math
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
from harvester.cutting import cut_out
from harvester.doubts import Doubt
from harvester.errors import PageRefused
from harvester.fields import Field, Take, as_number
from harvester.jsonpath import parse
from harvester.origins import resolve
from harvester.templates import as_text

CURSOR: Final = "cursor"
HAS_MORE: Final = "has_more"
TOTAL: Final = "total"
LARGEST: Final = "largest"  # of a page, where a resource is incremental
SMALLEST: Final = "smallest"  # of a page, where a resource is incremental
BEYOND: Final = "beyond"  # the largest of a page's values that lie in the server's future
REACHED: Final = "reached"  # of a page, where a resource has a progress_path
#: What a run starts at, among what its partition includes: no name that a reference can have.
RUN_START: Final = "run.start"
#: The fields of a page that paging goes by, and that the journal keeps.
FIELDS: Final[tuple[str, ...]] = (CURSOR, HAS_MORE, TOTAL, LARGEST, SMALLEST, BEYOND, REACHED)

_NO_CURSOR: Final[tuple[Any, ...]] = (None, "", "null", {}, [])
_NO_MORE: Final = (False, 0, "false", "False", "0", "no")
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
    `headers` have lower-case names, `several` are those that came with different values;
    `first_total` is what the first page's total claimed.
    """

    number: int
    url: str
    fields: Mapping[str, Any]
    records: int
    headers: Mapping[str, str]
    first_total: Any = None
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
    return wanted


def next_cursor(paginator: Paginator, cursor: Any, page: Page) -> Any | Done:
    """The cursor of the page after `page`, which was asked for with `cursor`; or `Done`.

    Raises `PageRefused` when the page contradicts itself: data would go missing silently.
    """
    has_more = page.fields.get(HAS_MORE)
    if has_more is not None and has_more in _NO_MORE:
        return Done("has_more_false")
    if page.records == 0 and _ends_on_empty_page(paginator):
        return Done("empty_page")
    size = paginator.full_page
    if paginator.stop_after_short_page and size is not None and page.records < size:
        return Done("short_page")
    following = _following(paginator, cursor, page)
    if isinstance(following, Done):
        if following.reason == "no_next_cursor" and has_more:
            raise PageRefused(
                f"the page says there is more (has_more_path is {has_more!r}), but has no cursor"
            )
        return following
    if paginator.maximum_pages is not None and page.number >= paginator.maximum_pages:
        return Done("maximum_reached")
    return following


def circle_advice(paginator: Paginator, place: str) -> str:
    """What to do about a server that leads back to a page before, where that is how it works; only
    keys that this type has. `place` is that of the paginator in the YAML.
    """
    if isinstance(paginator, Cursor | HeaderCursor):
        return f"if the API works so, say cursor_may_repeat: true in {place}"
    return (
        f"if the API ends so, give the value of the page that says it in {place}, by has_more_path"
    )


def foreseeable(paginator: Paginator) -> bool:
    """Whether cursors can be told before the page that leads to them has come."""
    return isinstance(paginator, PageNumber) or (
        isinstance(paginator, Offset) and paginator.full_page is not None
    )


def foreseen(paginator: Paginator, cursor: Any, number: int, first_total: Any) -> Any | None:
    """The cursor that page `number`, asked for with `cursor`, leads to if it is full; None where
    there is no telling, or the page is the last by what is declared or claimed.
    """
    if paginator.maximum_pages is not None and number >= paginator.maximum_pages:
        return None
    total = as_number(first_total) or math.inf
    match paginator:
        case PageNumber(base_page=base, maximum_page=maximum):
            last = min(total + base - 1, math.inf if maximum is None else maximum)
            return cursor + 1 if cursor < last else None
        case Offset(base_offset=base, full_page=int(size)):
            return cursor + size if cursor + size < total + base else None
    return None


def claims_reached(claimed: Any, came: int, page: Page) -> bool:
    """Whether a total ends the harvest: it is above zero, has not changed, just that much came,
    and nothing else on the page speaks of more. A total that was passed is known to be wrong.
    """
    total = as_number(claimed)
    first = page.first_total if page.first_total is not None else claimed
    credible = total is not None and total > 0 and claimed == first
    return credible and came == total and not page.fields.get(HAS_MORE)


def _ends_on_empty_page(paginator: Paginator) -> bool:
    if paginator.stop_after_empty_page is not None:
        return paginator.stop_after_empty_page
    return isinstance(paginator, PageNumber | Offset | Keyset)


def _following(paginator: Paginator, cursor: Any, page: Page) -> Any | Done:
    match paginator:
        case SinglePage():
            return Done("single_page")
        case PageNumber():
            return _next_number(paginator, cursor, page)
        case Offset():
            following = cursor + page.records
            reached = claims_reached(
                page.fields.get(TOTAL), following - paginator.base_offset, page
            )
            return Done("total_reached") if reached else following
        case Cursor():
            return _token(paginator, cursor, page.fields.get(CURSOR))
        case HeaderCursor():
            return _token(paginator, cursor, _header_cursor(page, paginator.cursor_header_name))
        case JsonLink():
            return _link(page.fields.get(CURSOR), cursor, page.url)
        case HeaderLink():
            found = link_target(page.headers.get("link", ""), paginator.rel)
            return _link(found, cursor, page.url)
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


def _next_number(paginator: PageNumber, number: int, page: Page) -> int | Done:
    if claims_reached(page.fields.get(TOTAL), number - paginator.base_page + 1, page):
        return Done("last_page")
    if paginator.maximum_page is not None and number >= paginator.maximum_page:
        return Done("maximum_reached")
    return number + 1


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
# Neither ever gives back what it has matched: the time grows with the header's length only.
_LINK: Final = re.compile(r"[\s,]*<([^<>]*)>")
_LINK_PARAMETER: Final = re.compile(
    r'(?:\s*;)+\s*([^;,="\s]*)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^;,"]*)))?'
)


def link_target(header: str, rel: str) -> str | None:
    """The target of the first link of a Link header (RFC 8288) that has the relation `rel`.

    `PageRefused` for a header that cannot be read to such a link or to its end: to take that
    for the last page would lose the rest.
    """
    position = 0
    while link := _LINK.match(header, position):
        position = link.end()
        relations = None
        while parameter := _LINK_PARAMETER.match(header, position):
            position = parameter.end()
            name, quoted, bare = parameter.groups()
            if name.lower() == "rel" and relations is None:  # the first counts (section 3.3)
                relations = (quoted or bare or "").lower().split()
        if relations and rel.lower() in relations:
            return link[1].strip()
    if header[position:].strip(" \t,"):
        raise PageRefused(f"the Link header cannot be read from character {position + 1} on")
    return None
