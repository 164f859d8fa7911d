"""Signs of more, as APIs write them into their envelopes and headers."""

import json
from typing import Any

import pytest

from harvester.model.jsonpath import parse
from harvester.page.records import without_records
from harvester.paging.signs import (
    Sign,
    Unit,
    envelope,
    flag,
    more_than,
    of_body,
    of_headers,
    total_in,
    unit_of,
)

CAME = 50


@pytest.mark.parametrize(
    ("page", "kind", "where"),
    [
        ({"total": 130}, "records", "total"),
        ({"meta": {"total_count": 130}}, "records", "meta.total_count"),
        ({"@odata.count": 120}, "records", "@odata.count"),
        ({"total_rows": "1200", "offset": 0}, "records", "total_rows"),
        ({"hits": {"total": {"value": 10_000, "relation": "gte"}}}, "records", "hits.total.value"),
        ({"opensearch:totalResults": 51}, "records", "opensearch:totalResults"),
        ({"current_page": 1, "total_pages": 4}, "pages", "total_pages"),
        ({"pagination": {"pages": 2, "has_more": True}}, "pages", "pagination.pages"),
        ({"has_more": True}, "more", "has_more"),
        ({"exceededTransferLimit": True}, "more", "exceededTransferLimit"),
        ({"endOfRecords": False}, "more", "endOfRecords"),
        ({"hasNext": "Y"}, "more", "hasNext"),
        ({"@odata.nextLink": "https://x/?$skip=50"}, "next", "@odata.nextLink"),
        ({"next_page": 2}, "next", "next_page"),
        ({"links": {"next": {"href": "/x?page=2"}}}, "next", "links.next"),
        ({"continue": {"apcontinue": "B"}}, "next", "continue"),
    ],
)
def test_pages_that_say_more(page: Any, kind: str, where: str) -> None:
    """Whatever the name's spelling, and however deep in the envelope."""
    sign = more_than(of_body(envelope({**page, "items": [{"total": 9}] * CAME})), CAME)
    assert sign is not None
    assert (sign.kind, sign.where) == (kind, where)
    assert sign.where in sign.says(CAME)


@pytest.mark.parametrize(
    "page",
    [
        {"count": 50, "total": 50, "pages": 1, "page": 1}, {"total": 0}, {"total": None},
        {"has_more": False, "next": None}, {"next_cursor": ""}, {"next": "null"},
        {"endOfRecords": True, "nextPage": 0}, {"next_review": "2024-01-01"}, {"total": 1e400},
        {"total": -1}, {"total": True}, {"total": "many"}, {"has_more": "N"},
        {"facets": {"total": 99}}, {"links": {"next": {"href": None}}},
        {"items": [{"total": 900, "next": "x"}]}, [], None, 5, {"a": {"b": {"c": {"d": {"e": 1}}}}},
    ],
)  # fmt: skip
def test_pages_that_do_not(page: Any) -> None:
    """What counts this page only, what is empty, and what belongs to the records."""
    assert more_than(of_body(envelope(page)), CAME) is None


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("x-total-count", "130", "records"), ("x-total", "51", "records"),
        ("x-wp-total", "130", "records"), ("x-wp-total", "130, 130", "records"),
        ("x-wp-totalpages", "3", "pages"),
        ("x-total-pages", "3", "pages"), ("x-pagination-total-count", "99", "records"),
        ("x-pagination-page-count", "9", "pages"), ("content-range", "items 0-49/130", "records"),
        ("x-pagination", '{"total": 130, "total_pages": 3}', "records"),
        ("link", '<https://x/a?page=2>; rel="next", <https://x/a>; rel="last"', "next"),
        ("link", "</a?page=2>; title=more; rel=next", "next"),
    ],
)  # fmt: skip
def test_headers_that_say_more(name: str, value: str, kind: str) -> None:
    """The usual ones and their relatives."""
    sign = more_than(of_headers({"date": "x", name: value}), CAME)
    assert sign is not None
    assert sign.kind == kind


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("content-range", "bytes 0-49/130"), ("content-range", "items 0-49/*"),
        ("x-total-count", "50"), ("x-ratelimit-limit", "5000"), ("content-length", "5000"),
        ("x-pagination", "{"), ("x-pagination", "[" * 9000), ("link", '</a>; rel="prev"'),
        ("link", '</a>; rel="next"; results="false"; cursor="1"'), ("x-total-pages", "1"),
        ("link", '</style/next.css>; rel="preload"'),
    ],
)  # fmt: skip
def test_headers_that_do_not(name: str, value: str) -> None:
    """Bytes are no records, and a link elsewhere is no next page."""
    assert more_than(of_headers({name: value}), CAME) is None


def test_the_clearest_sign_is_the_one_told() -> None:
    """A figure before a flag."""
    page = {"has_more": True, "next": "x", "total": 130, "total_pages": 3}
    sign = more_than(of_body(envelope(page)), CAME)
    assert sign == Sign("records", "total", 130)
    assert sign.says(CAME) == "total says 130 records, 50 came"


def test_an_envelope_has_bounds() -> None:
    """A wide page, and what lies at the records' own place."""
    assert len(list(envelope({str(n): n for n in range(10_000)}))) == 300
    page = {"data": {"total": 9}, "total": 8}
    assert [path for path, _ in envelope(page, ("data",))] == [("data",), ("total",)]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((True, 1, "true", "True", "1", "yes", "Y", "on", 7, 0.5), True),
        ((False, 0, "false", "FALSE", "0", "no", "N", "off", -1, 0.0), False),
        ((None, "", "maybe", {}, [], "http://x/"), None),
    ],
)
def test_flags_as_they_are_spelled(values: tuple[Any, ...], expected: bool | None) -> None:
    """And what says neither yes nor no."""
    assert [flag(value) for value in values] == [expected] * len(values)


@pytest.mark.parametrize(
    ("path", "unit"),
    [
        ("total", "records"), ("meta.totalCount", "records"), ("['@odata.count']", "records"),
        ("hits.total.value", "records"), ("total_pages", "pages"), ("meta.pageCount", "pages"),
        ("nbPages", "pages"), ("last_page", "pages"), ("pages.total", "pages"), ("n", None),
        ("value", None), ("$", None),
    ],
)  # fmt: skip
def test_the_name_of_a_total_tells_its_unit(path: str, unit: Unit | None) -> None:
    """Or does not."""
    assert unit_of(path) == unit


def test_a_page_without_its_records() -> None:
    """Cut anywhere, with what stands beside them on every level, but for what is large."""
    page = {
        "total": 3,
        "data": {"search": {"nodes": [{"total": 9}], "pageInfo": {"hasNextPage": True}}, "x": [1]},
        "included": ["a" * 20_000],
        "next": None,
    }
    beside = {
        "total": 3,
        "data": {"search": {"pageInfo": {"hasNextPage": True}}, "x": [1]},
        "next": None,
    }
    text = json.dumps(page).encode()
    selector = parse("data.search.nodes")
    assert without_records([text], selector) == beside
    assert without_records([text[i : i + 7] for i in range(0, len(text), 7)], selector) == beside
    assert without_records([b'[{"total": 3}]'], parse("items[*].data")) == {}
    assert without_records([text], ()) == {}


@pytest.mark.parametrize(
    ("text", "total"),
    [
        ("57", 57), (" 57 ", 57), ("57, 57", 57), ("57,58", None), ("items 0-9/57", 57),
        ("items */57", 57), ("items 0-9/57, items 0-9/57", 57), ("items 0-9/*", None),
        ("bytes 0-9/57", None), ("", None), (",", None), ("many", None), ("-1", None),
        ("9" * 5000, None),
    ],
)  # fmt: skip
def test_a_total_in_a_header(text: str, total: int | None) -> None:
    """A number, or a range; what came twice counts if both agree."""
    assert total_in(text) == total
