"""From one page to the next: every paginator, its ends, and what servers do to it."""

import contextlib
import json
import time
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.config import (
    Cursor,
    HeaderCursor,
    HeaderLink,
    JsonLink,
    Keyset,
    Limits,
    Offset,
    PageNumber,
    PaginatorConfig,
    SinglePage,
)
from harvester.errors import PageRefused
from harvester.model.jsonpath import parse
from harvester.page.fields import Field, FieldParser, Take
from harvester.paging.link_header import link_target
from harvester.paging.paginator import Done, Page
from harvester.paging.paginators import paginator_of
from harvester.store.checkpoint import Checkpoint

URL = "https://api.example.org/v1/items?page=1&api_key=s3cret"


def after(
    paginator: PaginatorConfig,
    body: Any,
    *,
    cursor: Any = None,
    number: int = 1,
    headers: Mapping[str, str] | None = None,
    past: Checkpoint | None = None,
    url: str = URL,
) -> Any:
    """What follows a page whose records are at `items`; its fields are parsed as in a harvest.
    `past` is what came before it.
    """
    parser = FieldParser(
        [Field("records", parse("items"), Take.COUNT), *paginator_of(paginator).fields_wanted()],
        Limits(),
    )
    parser.feed((body if isinstance(body, str) else json.dumps(body)).encode())
    fields = parser.close()
    page = Page(number, url, fields, fields.get("records", 0), headers or {})
    return paginator_of(paginator).next_cursor(cursor, page, past or Checkpoint())


def came(*sizes: int, **fields: Any) -> Checkpoint:
    """The checkpoint behind pages of so many records, each with these fields."""
    at = Checkpoint()
    for size in sizes:
        at = at.with_page(size, fields)
    return at


def token(**options: Any) -> Cursor:
    """A cursor paginator."""
    return Cursor(**{"type": "cursor", "cursor_path": "next", "cursor_param": "after", **options})


def pages(**options: Any) -> PageNumber:
    """A page number paginator."""
    return PageNumber(type="page_number", **options)


def offset(**options: Any) -> Offset:
    """An offset paginator."""
    return Offset(type="offset", **options)


def keyset(**options: Any) -> Keyset:
    """A keyset paginator over `items[*].id`."""
    whole = {"type": "keyset", "cursor_path": "items[*].id", "cursor_param": "after", **options}
    return Keyset(**whole)


def link(**options: Any) -> JsonLink:
    """A paginator by links at `next`."""
    return JsonLink(type="json_link", **options)


def items(*ids: Any) -> list[dict[str, Any]]:
    """Records with these ids."""
    return [{"id": id_} for id_ in ids]


TWO = items(1, 2)


@pytest.mark.parametrize(
    ("paginator", "cursor"),
    [
        (SinglePage(type="single_page"), None),
        (pages(), 1),
        (pages(base_page=0), 0),
        (offset(), 0),
        (offset(base_offset=1), 1),
        (token(), None),
        (token(initial_cursor="*"), "*"),
        (token(initial_cursor=[1, "a"]), [1, "a"]),
        (keyset(initial_cursor=2**64), 2**64),
        (link(), None),
        (HeaderLink(type="header_link"), None),
        (HeaderCursor(type="header_cursor", cursor_header_name="X-Next"), None),
    ],
)
def test_first_cursor(paginator: PaginatorConfig, cursor: Any) -> None:
    """Each type says what its first page is asked for with."""
    assert paginator_of(paginator).first_cursor() == cursor


@pytest.mark.parametrize(
    ("paginator", "cursor", "body", "expected"),
    [
        (SinglePage(type="single_page"), None, {"items": TWO}, Done("single_page")),
        (SinglePage(type="single_page"), None, {"items": []}, Done("single_page")),
        # page_number
        (pages(), 1, {"items": TWO}, 2),
        (pages(base_page=0), 0, {"items": TWO}, 1),
        (pages(), 7, {"items": []}, Done("empty_page")),
        (pages(stop_after_empty_page=False), 7, {"items": []}, 8),
        (pages(page_size=3, page_size_param="n"), 1, {"items": TWO}, 2),
        (
            pages(page_size=3, page_size_param="n", stop_after_short_page=True),
            1, {"items": TWO}, Done("short_page"),
        ),
        (
            pages(page_size=2, page_size_param="n", stop_after_short_page=True),
            1, {"items": TWO}, 2,
        ),
        (pages(maximum_page=3), 3, {"items": TWO}, Done("maximum_reached")),
        (pages(maximum_page=3), 2, {"items": TWO}, 3),
        # on a full page a total ends nothing, though it is reached
        (pages(total_path="pages"), 2, {"items": TWO, "pages": 2}, 3),
        (pages(total_path="pages", page_size=3), 2, {"items": TWO, "pages": 2},
         Done("total_reached")),
        (pages(total_path="pages", page_size=3), 1, {"items": TWO, "pages": 2}, 2),
        (pages(total_path="pages", page_size=3, base_page=0), 1, {"items": TWO, "pages": "2"},
         Done("total_reached")),
        (pages(total_path="total", page_size=3), 1, {"items": TWO, "total": 2},
         Done("total_reached")),
        (pages(total_path="n", page_size=3), 1, {"items": TWO, "n": 2}, Done("total_reached")),
        (pages(total_path="n", total_unit="pages", page_size=3), 1, {"items": TWO, "n": 2}, 2),
        (pages(last_page_path="last"), 1, {"items": TWO, "last": "true"}, Done("last_page")),
        (pages(last_page_path="last"), 1, {"items": TWO, "last": 0}, 2),
        # an empty page ends only where nothing says more
        (pages(has_more_path="more"), 7, {"items": [], "more": True}, 8),
        (pages(total_path="pages"), 7, {"items": [], "pages": 8}, 8),
        (pages(total_path="pages"), 8, {"items": [], "pages": 8}, Done("empty_page")),
        (pages(total_path="pages", stop_after_empty_page=True), 7, {"items": [], "pages": 8},
         Done("empty_page")),
        (pages(total_path="pages", stop_after_empty_page=False), 7, {"items": [], "pages": 8}, 8),
        (offset(limit=2, total_path="n"), 4, {"items": [], "n": 8}, 6),
        (offset(limit=2, total_path="n"), 6, {"items": [], "n": 8}, Done("empty_page")),
        (offset(limit=2, has_more_path="more"), 6, {"items": [], "more": "yes"}, 8),
        (offset(limit=2, stop_after_empty_page=False), 6, {"items": []}, 8),
        (offset(limit=3, step="limit"), 3, {"items": TWO}, 6),
        (pages(has_more_path="more"), 1, {"items": TWO, "more": False}, Done("has_more_false")),
        (pages(has_more_path="more"), 1, {"items": TWO, "more": True}, 2),
        (pages(has_more_path="more"), 1, {"items": TWO}, 2),
        # offset: moves on by the records received, not by the limit
        (offset(limit=100), 0, {"items": TWO}, 2),
        (offset(limit=100), 100, {"items": TWO}, 102),
        (offset(limit=100), 4, {"items": []}, Done("empty_page")),
        (offset(limit=3, stop_after_short_page=True), 0, {"items": TWO}, Done("short_page")),
        (offset(total_path="n"), 2, {"items": TWO, "n": 4}, 4),
        (offset(total_path="n", limit=3), 0, {"items": TWO, "n": 2}, Done("total_reached")),
        (offset(total_path="n"), 2, {"items": TWO, "n": 5}, 4),
        (offset(total_path="n", base_offset=1), 1, {"items": TWO, "n": 3}, 3),
        # cursor
        (token(), None, {"items": TWO, "next": "b"}, "b"),
        (token(), "a", {"items": [], "next": "b"}, "b"),
        (token(stop_after_empty_page=True), "a", {"items": [], "next": "b"}, Done("empty_page")),
        (token(), "a", {"items": TWO, "next": 0}, 0),
        (token(), "a", {"items": TWO, "next": 2**70 + 1}, 2**70 + 1),
        (token(), "a", {"items": TWO, "next": "0"}, "0"),
        (token(has_more_path="more"), "a", {"next": "b", "more": False}, Done("has_more_false")),
        (token(has_more_path="more"), "a", {"next": "b", "more": True}, "b"),
        (token(has_more_path="more"), "a", {"next": "b", "more": None}, "b"),
        # MediaWiki, Elasticsearch: objects and arrays
        (
            token(cursor_path="continue", cursor_param="*"),
            None, {"continue": {"apcontinue": "B", "continue": "-||"}, "items": TWO},
            {"apcontinue": "B", "continue": "-||"},
        ),
        (
            token(cursor_path="items[-1].sort", cursor_param=None, cursor_body_path="search_after"),
            None, {"items": [{"sort": [1, "a"]}, {"sort": [2**60, "b", None]}]},
            [2**60, "b", None],
        ),
        (
            token(cursor_path="items[-1].sort", cursor_param=None, cursor_body_path="search_after"),
            [1], {"items": []}, Done("no_next_cursor"),
        ),
    ],
)  # fmt: skip
def test_next_cursor(paginator: PaginatorConfig, cursor: Any, body: Any, expected: Any) -> None:
    """The table of DESIGN §3: what follows, or why nothing does."""
    following = after(paginator, body, cursor=cursor)
    assert following == expected
    assert type(following) is type(expected)


@pytest.mark.parametrize("nothing", [None, "", "null", {}, [], False, ...])
def test_no_cursor(nothing: Any) -> None:
    """What servers write where there is no next page ends the partition, in every type."""
    body = {"items": TWO} if nothing is ... else {"items": TWO, "next": nothing}
    assert after(token(), body, cursor="a") == Done("no_next_cursor")
    assert after(link(), body) == Done("no_next_cursor")
    assert after(token(cursor_pattern="p=(.*)"), body) == Done("no_next_cursor")


@pytest.mark.parametrize("more", [False, 0, "false", "False", "0", "no"])
def test_has_more_false_ends_every_type(more: Any) -> None:
    """A false flag counts before anything else on the page."""
    body = {"items": TWO, "next": "b", "more": more}
    for paginator in (
        token(has_more_path="more"),
        link(has_more_path="more"),
        pages(has_more_path="more"),
        offset(has_more_path="more"),
        keyset(has_more_path="more"),
    ):
        assert after(paginator, body, cursor=1) == Done("has_more_false")


def test_more_without_a_cursor_is_refused() -> None:
    """A page that says there is more, and not where, would end a harvest too early."""
    for paginator in (token(has_more_path="more"), link(has_more_path="more")):
        with pytest.raises(PageRefused, match="has_more_path"):
            after(paginator, {"items": TWO, "more": True})


def test_true_is_no_cursor() -> None:
    """A flag at the cursor's place is a mistake in the YAML, not a token to send."""
    with pytest.raises(PageRefused, match="true"):
        after(token(), {"next": True})
    with pytest.raises(PageRefused, match="neither a URL"):
        after(link(), {"next": True})
    with pytest.raises(PageRefused, match="neither a URL"):
        after(link(), {"next": 7})


def test_maximum_pages() -> None:
    """The page that is the last one wanted ends the partition, unless it was the last anyhow."""
    paginator = token(maximum_pages=3)
    assert after(paginator, {"next": "b"}, number=2) == "b"
    assert after(paginator, {"next": "b"}, number=3) == Done("maximum_reached")
    assert after(paginator, {"next": None}, number=3) == Done("no_next_cursor")


# --- Totals and empty pages ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claimed", "sizes", "first", "more", "ends"),
    [
        (12, (5, 5, 2), 12, None, True),
        ("12", (5, 5, 2), "12", None, True),
        (10, (5, 5), 10, None, False),  # a full page
        (11, (5, 5, 2), 11, None, False),  # more came: the total was wrong
        (13, (5, 5, 2), 13, None, False),
        (12, (5, 5, 2), 11, None, False),  # it changed
        (12, (5, 5, 2), 12, True, False),  # the page says there is more
        (0, (5, 5, 2), 0, None, False),
        (-1, (5, 5, 2), -1, None, False),
        (None, (5, 5, 2), None, None, False),
        ("many", (5, 5, 2), "many", None, False),
        (True, (1,), True, None, False),
    ],
)
def test_a_total_ends_on_a_short_page(
    claimed: Any, sizes: tuple[int, ...], first: Any, more: Any, ends: bool
) -> None:
    """If just that much came, it never said anything else, and nothing speaks of more."""
    *before, last = sizes
    body = {"items": items(*range(last)), "n": claimed, "more": more}
    paginator = offset(total_path="n", has_more_path="more")
    following = after(paginator, body, cursor=sum(before), past=came(*before, total=first))
    assert following == (Done("total_reached") if ends else sum(sizes))


@settings(deadline=None)
@given(st.integers(0, 50), st.lists(st.integers(1, 10), max_size=8))
def test_totals_along_a_harvest(total: int, sizes: list[int]) -> None:
    """An unchanging total ends a harvest at a short page with which just that many records have
    come, nowhere else.
    """
    paginator, past, at = offset(total_path="n"), Checkpoint(), 0
    for size in sizes:
        body = {"items": items(*range(size)), "n": total}
        following = after(paginator, body, cursor=at, past=past)
        past = past.with_page(size, {"total": total})
        at += size
        ends = at == total and size < sizes[0]
        assert following == (Done("total_reached") if ends else at)


def test_so_many_empty_pages_in_a_row_fail() -> None:
    """Whatever says that there is more; one with records begins the count anew."""
    paginator = token(maximum_empty_pages=3)
    assert after(paginator, {"items": [], "next": "c"}, past=came(5, 0)) == "c"
    with pytest.raises(PageRefused, match=r"last_page_path.*stop_after_empty_page: true"):
        after(paginator, {"items": [], "next": "c"}, past=came(5, 0, 0))
    assert after(paginator, {"items": [], "next": None}, past=came(5, 0, 0)) == Done(
        "no_next_cursor"
    )
    assert after(paginator, {"items": TWO, "next": "c"}, past=came(5, 0, 0)) == "c"
    with pytest.raises(PageRefused, match="maximum_empty_pages"):
        after(
            pages(has_more_path="more"), {"items": [], "more": 1}, cursor=200, past=came(*[0] * 99)
        )


def test_an_empty_page_moves_on_by_the_size_of_others() -> None:
    """The limit, else what the first page had; an offset that cannot move on is refused."""
    paginator = offset(total_path="n")
    body = {"items": [], "n": 60}
    assert after(paginator, body, cursor=20, past=came(10, 10)) == 30
    with pytest.raises(PageRefused, match="say limit"):
        after(paginator, body, cursor=0)


@pytest.mark.parametrize(
    ("results", "expected"),
    [("", "/items?c=2"), ('; results="true"', "/items?c=2"),
     ('; results="false"', Done("results_false"))],
)  # fmt: skip
def test_a_link_without_results_is_the_end(results: str, expected: Any) -> None:
    """Sentry links on from its last page, too, and says so."""
    headers = {"link": f'</items?c=1>; rel="previous"; results="false", '
                       f'</items?c=2>; rel="next"{results}; cursor="2"'}  # fmt: skip
    assert after(HeaderLink(type="header_link"), {"items": TWO}, headers=headers) == expected


# --- Cursors -------------------------------------------------------------------------------------


def test_cursor_may_repeat() -> None:
    """Solr ends on the cursor that was sent; Elasticsearch's scroll goes on to an empty page."""
    solr = token(cursor_may_repeat=True)
    assert after(solr, {"items": TWO, "next": "b"}, cursor="a") == "b"
    assert after(solr, {"items": TWO, "next": "b"}, cursor="b") == Done("cursor_repeated")
    assert after(solr, {"items": [], "next": "*"}, cursor="*") == Done("cursor_repeated")
    scroll = token(cursor_may_repeat=True, stop_after_empty_page=True)
    assert after(scroll, {"items": TWO, "next": "b"}, cursor="b") == "b"
    assert after(scroll, {"items": [], "next": "b"}, cursor="b") == Done("empty_page")
    header = HeaderCursor(type="header_cursor", cursor_header_name="N", cursor_may_repeat=True)
    assert after(header, {"items": TWO}, cursor="b", headers={"n": "b"}) == Done("cursor_repeated")


@pytest.mark.parametrize(
    ("pattern", "found", "expected"),
    [
        (r"[?&]after=([^&]+)", "https://x/?limit=1&after=abc&z=1", "abc"),
        (r"[?&]after=([^&]+)", "https://x/?limit=1", Done("no_next_cursor")),
        (r"after=([^&]*)", "https://x/?after=", Done("no_next_cursor")),
        (r"after=(x)?", "after=", Done("no_next_cursor")),
        (r"(\d+)$", 2**64 + 5, str(2**64 + 5)),
        (r'"id":"([^"]+)"', {"id": "q"}, "q"),
    ],
)
def test_cursor_pattern(pattern: str, found: Any, expected: Any) -> None:
    """The group is the cursor; no match, or an empty one, is no cursor."""
    assert after(token(cursor_pattern=pattern), {"next": found}) == expected


def test_header_cursor() -> None:
    """The cursor stands in a response header, whose name's case does not count."""
    paginator = HeaderCursor(
        type="header_cursor", cursor_header_name="X-Next-Page", cursor_param="page"
    )
    assert after(paginator, {}, headers={"x-next-page": "2"}) == "2"
    assert after(paginator, {}, headers={"x-next-page": ""}) == Done("no_next_cursor")
    assert after(paginator, {}, headers={}) == Done("no_next_cursor")
    cut = paginator.model_copy(update={"cursor_header_name": "Link", "cursor_pattern": "p=([^>]+)"})
    assert after(cut, {}, headers={"link": "<https://x/?p=ab>; rel=next"}) == "ab"


@pytest.mark.parametrize(
    ("options", "ids", "expected"),
    [
        ({}, (5, 3, 4), 4),
        ({"take": "min"}, (5, 3, 4), 3),
        ({"take": "max"}, (5, 3, 4), 5),
        ({"take": "min", "step": -1}, (5, 3, 4), 2),
        ({"take": "max", "step": 1}, (5, 3, 4), 6),
        # exact, where floats are not
        ({"take": "min", "step": -1}, (2**53 + 1, 2**53 + 3), 2**53),
        ({"take": "max"}, (2**63 + 1, 2**63), 2**63 + 1),
        ({"take": "min", "step": -1}, (2**64 + 1,), 2**64),
        # numbers in strings are compared as numbers, and stay strings
        ({"take": "max"}, ("9", "10"), "10"),
        ({"take": "min"}, ("9", "10"), "9"),
        ({"take": "min", "step": -1}, ("1274698637234774017", "1274698637234774018"),
         "1274698637234774016"),
        ({"take": "max"}, ("b", "a"), "b"),
        ({"take": "min"}, ("2021-02-01T00:00:00Z", "2021-01-01T00:00:00Z"), "2021-01-01T00:00:00Z"),
        ({"take": "last"}, (None, "x"), "x"),
    ],
)  # fmt: skip
def test_keyset(options: dict[str, Any], ids: tuple[Any, ...], expected: Any) -> None:
    """The last, smallest or largest value, moved on by the step."""
    following = after(keyset(**options), {"items": items(*ids)})
    assert following == expected
    assert type(following) is type(expected)


@settings(deadline=None)
@given(st.lists(st.integers(-(2**80), 2**80), min_size=1), st.sampled_from(["min", "max", "last"]))
def test_keyset_is_exact(ids: list[int], take: str) -> None:
    """Integers of any size are compared and stepped exactly, bare and in strings."""
    expected = {"min": min(ids), "max": max(ids), "last": ids[-1]}[take] - 1
    paginator = keyset(take=take, step=-1)
    assert after(paginator, {"items": items(*ids)}) == expected
    assert after(paginator, {"items": items(*map(str, ids))}) == str(expected)


def test_keyset_ends_and_refusals() -> None:
    """An empty page ends it; records without a value, or one that has no next, are refused."""
    assert after(keyset(), {"items": []}) == Done("empty_page")
    assert after(keyset(stop_after_empty_page=False), {"items": []}) == Done("empty_page")
    with pytest.raises(PageRefused, match="none with a value"):
        after(keyset(), {"items": [{}, {}]})
    for odd in ("abc", 1.5, True):
        with pytest.raises(PageRefused, match="whole numbers"):
            after(keyset(step=1), {"items": items(odd)})


# --- Links ---------------------------------------------------------------------------------------

OTHER = "https://other.example.org/v1/items?page=1"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ("https://api.example.org/v1/items?page=2", "https://api.example.org/v1/items?page=2"),
        ("/v1/items?page=2", "/v1/items?page=2"),
        ("?page=2", "/v1/items?page=2"),
        ("?max_id=1&q=%23nasa", "/v1/items?max_id=1&q=%23nasa"),
        ("items?page=2", "/v1/items?page=2"),
        ("page/2", "/v1/page/2"),
        ("./more", "/v1/more"),
        ("../v2/items", "/v2/items"),
        ("?q=a b", "/v1/items?q=a%20b"),
        ("?page=2#top", "/v1/items?page=2"),
        # where these lead is for Origins to say
        ("//evil.example.org/x", "//evil.example.org/x"),
        ("file:///etc/passwd", "file:///etc/passwd"),
        ("HTTPS://API.example.org/2", "HTTPS://API.example.org/2"),
    ],
)
def test_links_become_relative_to_the_host(found: str, expected: str) -> None:
    """A resumed harvest does not know the page a link stood on; nor does a link bring its
    page's query along, which may hold a key.
    """
    assert after(link(), {"next": found}) == expected
    header = {"link": f'<{found}>; rel="next"'}
    assert after(HeaderLink(type="header_link"), {}, headers=header) == expected
    whole = {"href": found, "rel": "next", "method": "POST", "body": {"token": "x"}, "merge": True}
    assert after(link(), {"next": whole}) == {**whole, "href": expected}


@pytest.mark.parametrize("found", ["/v1/items?page=3", "?page=3", "items?page=3"])
def test_relative_link_on_another_host(found: str) -> None:
    """A page that an absolute link led to keeps its host for the relative links on it."""
    expected = "https://other.example.org/v1/items?page=3"
    assert after(link(), {"next": found}, cursor=OTHER, url=OTHER) == expected
    whole = {"href": OTHER, "method": "GET"}
    assert after(link(), {"next": {"href": found}}, cursor=whole, url=OTHER) == {"href": expected}
    assert after(link(), {"next": "?page=3"}, cursor="/v1/items?page=2") == "/v1/items?page=3"


def test_link_objects() -> None:
    """JSON:API and STAC write links as objects; without href they lead nowhere."""
    jsonapi = link(next_url_path="links.next")
    assert after(jsonapi, {"links": {"next": {"href": "/2", "meta": {}}}}) == {
        "href": "/2", "meta": {},
    }  # fmt: skip
    assert after(jsonapi, {"links": {"next": {"href": None}}}) == Done("no_next_cursor")
    assert after(jsonapi, {"links": {"next": {"href": ""}}}) == Done("no_next_cursor")
    stac = link(next_url_path="links[?@.rel=='next']")
    links = [{"rel": "self", "href": "/1"}, {"rel": "next", "href": "/2", "body": {"t": 1}}]
    assert after(stac, {"links": links}) == links[1]
    assert after(stac, {"links": links[:1]}) == Done("no_next_cursor")
    ogc = link(next_url_path="links[?@.rel=='next'].href")
    assert after(ogc, {"links": links}) == "/2"
    for broken in ({"url": "/2"}, {"href": 7}, {"href": {"href": "/2"}}, [1]):
        with pytest.raises(PageRefused, match="next link"):
            after(jsonapi, {"links": {"next": broken}})


@pytest.mark.parametrize("found", ["a\nb", "?x=\t", "a\\b", "?\x00", "\x7f"])
def test_links_no_url_can_hold(found: str) -> None:
    """The standard library would take some of these characters out in silence."""
    with pytest.raises(PageRefused, match="control character"):
        after(link(), {"next": found})


# --- The Link header (RFC 8288) ------------------------------------------------------------------

GITHUB = (
    '<https://api.github.com/x?page=1>; rel="prev", <https://api.github.com/x?page=3>; rel="next", '
    '<https://api.github.com/x?page=9>; rel="last"'
)


@pytest.mark.parametrize(
    ("header", "rel", "target"),
    [
        (GITHUB, "next", "https://api.github.com/x?page=3"),
        (GITHUB, "last", "https://api.github.com/x?page=9"),
        (GITHUB, "first", None),
        ("", "next", None),
        ("  ", "next", None),
        ("</a>; rel=next", "next", "/a"),
        ("</a>;rel=next", "next", "/a"),
        ("</a>;rel=next,</b>;rel=prev", "prev", "/b"),
        ('</a>;rel="next"', "next", "/a"),
        ('</a> ; rel = "next"', "next", "/a"),
        ('</a>; REL="NEXT"', "next", "/a"),
        ('</a>; rel="next"', "NEXT", "/a"),
        ('</a>; rel="start next index"', "next", "/a"),
        ("</a>; rel=next;", "next", "/a"),
        ("</a>;; rel=next", "next", "/a"),
        ('</a>; rel="prev";, </b>; rel="next"', "next", "/b"),
        (', </a>; rel="prev",, </b>; rel="next",', "next", "/b"),
        ('</a>; title="a, b; rel=next"; rel=prev', "next", None),
        ('</a>; title="a, </b>; rel=next"; rel="prev", </c>; rel="next"', "next", "/c"),
        (r'</a>; title="say \", </b>; rel=\"next\""; rel=prev, </c>; rel=next', "next", "/c"),
        ('</a>; title="<b>; rel=next", </c>; rel=next', "next", "/c"),
        ("</a>; rel=prev; rel=next", "next", None),  # only the first counts
        ('</a>; anchor; crossorigin; rel="next"', "next", "/a"),
        ("</a>; title*=UTF-8''next; rel=next", "next", "/a"),
        ('</a?x=1,2;3>; rel="next"', "next", "/a?x=1,2;3"),
        ('< /a >; rel="next"', "next", "/a"),
        ('</a>; rel="nextish"', "next", None),
        ('</a>; rel=""', "next", None),
        ("</a>; rel", "next", None),
        ("</a>", "next", None),
        ("</a>, </b>; rel=next", "next", "/b"),
        ('</a>; rel="https://rels.example.org/more next"', "next", "/a"),
    ],
)
def test_link_header(header: str, rel: str, target: str | None) -> None:
    """The forms of RFC 8288, and decoys in titles."""
    assert link_target(header, rel) == target


@pytest.mark.parametrize(
    "header",
    [
        "https://x/2; rel=next",
        "<https://x/2; rel=next",
        '</a>; rel="prev", </b; rel="next"',
        '</a>; title="open, </b>; rel=next',
        '</a>; rel="prev" junk, </b>; rel="next"',
        '{"next": "/b"}',
    ],
)
def test_unreadable_link_header_is_refused(header: str) -> None:
    """A header that cannot be read to its end is not the last page's: the rest would be lost."""
    with pytest.raises(PageRefused, match="cannot be read"):
        link_target(header, "next")


@settings(deadline=None)
@given(st.text(alphabet='<>;,="\\ \trelnxt/', max_size=60))
def test_any_link_header_is_read_or_refused(header: str) -> None:
    """No text makes the reader fail in another way, and a target it gives stands in the text."""
    try:
        target = link_target(header, "next")
    except PageRefused:
        return
    assert target is None or target in header


@pytest.mark.slow("CPU time")
@pytest.mark.parametrize(
    "piece",
    [
        "<a>;",
        ";",
        "<",
        "<a>",
        ", ",
        " ",
        '"',
        '<a>;b="',
        "<a>;b=\\",
        "<a>; b= ",
        "a",
        "<a>;=;",
        '<a>;b="\\"',
        ';a="b"',
        "; ",
        "= ",
        "<a>;rel=prev,",
        "<a>\t;\t",
        '<a>;a="b";',
    ],
)
def test_hostile_link_header_takes_linear_time(piece: str) -> None:
    """Eight times the header takes about eight times as long, not sixty-four."""

    def cost(size: int) -> float:
        header = "<x>" + (piece * size)[:size]
        best = float("inf")
        for _ in range(3):
            began = time.process_time()
            with contextlib.suppress(PageRefused):
                link_target(header, "next")
            best = min(best, time.process_time() - began)
        return best

    assert cost(64 * 1024) < 24 * max(cost(8 * 1024), 0.0005)
