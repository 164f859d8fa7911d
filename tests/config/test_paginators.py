"""Paginator options: what each type takes, and what contradicts itself."""

import pytest

from harvester.config.paginators import (
    Cursor,
    HeaderCursor,
    HeaderLink,
    JsonLink,
    Keyset,
    Offset,
    PageNumber,
    SinglePage,
)
from tests.yaml_texts import config, said


@pytest.mark.parametrize(
    ("written", "model"),
    [
        ("{type: single_page}", SinglePage(type="single_page")),
        ("{type: page_number}", PageNumber(type="page_number", page_param="page", base_page=1)),
        ("{type: offset, limit: 50}", Offset(type="offset", limit=50, limit_param="limit")),
        ("{type: cursor, cursor_path: a.b, cursor_param: c}",
         Cursor(type="cursor", cursor_path="a.b", cursor_param="c")),
        ("{type: header_cursor, cursor_header_name: X-Next}",
         HeaderCursor(type="header_cursor", cursor_header_name="X-Next")),
        ("{type: json_link}", JsonLink(type="json_link", next_url_path="next")),
        ("{type: header_link}", HeaderLink(type="header_link", rel="next")),
        ("{type: keyset, cursor_path: 'data[*].id', cursor_param: max_id, take: min, step: -1}",
         Keyset(type="keyset", cursor_path="data[*].id", cursor_param="max_id", take="min",
                step=-1)),
    ],
)  # fmt: skip
def test_every_type(written: str, model: object) -> None:
    """The type chooses the model; its defaults are those of the documentation."""
    assert config(f"paginator: {written}").resources[0].paginator == model


def test_a_place_in_the_body_replaces_the_usual_parameter() -> None:
    """A page number or offset in the body is not sent as a parameter too."""
    page = config("method: POST\njson: {}\npaginator: {type: page_number, page_body_path: p.n}")
    offset = config("method: POST\njson: {}\npaginator: {type: offset, offset_body_path: from}")
    assert isinstance(number := page.resources[0].paginator, PageNumber)
    assert isinstance(start := offset.resources[0].paginator, Offset)
    assert number.page_param is None
    assert start.offset_param is None


def test_the_size_of_a_full_page_has_one_name() -> None:
    """`full_page` is `page_size`, or the offset's `limit`."""
    rule = "stop_after_short_page: true"
    by_offset = config(f"paginator: {{type: offset, limit: 20, {rule}}}").resources[0].paginator
    by_link = config(f"paginator: {{type: header_link, page_size: 30, {rule}}}").resources[0]
    assert (by_offset.full_page, by_link.paginator.full_page) == (20, 30)


@pytest.mark.parametrize(
    ("paginator", "fault"),
    [
        ("{type: curso}", "type: unknown type 'curso': did you mean 'cursor'?"),
        ("{type: header_link, next_url_path: x}", ("next_url_path: unknown key 'next_url_path' "
         "(known: maximum_pages, stop_after_empty_page, maximum_empty_pages, "
         "stop_after_short_page, has_more_path, last_page_path, total_path, total_header, "
         "total_unit, stop_before, repeated_page, restart_after, page_size, "
         "cursor_may_repeat, type, rel)")),
        ("{type: cursor, cursor_pth: a, cursor_param: b}", ("cursor_pth: unknown key 'cursor_pth': "
         "did you mean 'cursor_path'?")),
        ("{type: cursor, cursor_path: a..b, cursor_param: c}", ("cursor_path: not part of the "
         "streaming subset of JSONPath: '..' (search at any depth); write the names in between "
         "(character 2 of 'a..b')")),
        ("{type: cursor, cursor_path: a, cursor_param: b, cursor_header: C}",
         "cursor_header: only one of cursor_param and cursor_header"),
        ("{type: cursor, cursor_path: a, cursor_param: b, cursor_pattern: 'a('}",
         ("cursor_pattern: not a regular expression: missing ), unterminated subpattern at "
         "position 1")),
        ("{type: cursor, cursor_path: a, cursor_param: b, cursor_pattern: abc}",
         "cursor_pattern: needs one group (…), the part that is the cursor"),
        ("{type: keyset, cursor_path: a, cursor_param: b, take: lasst}",
         "take: unknown take 'lasst': did you mean 'last'?"),
        ("{type: page_number, stop_after_short_page: true}",
         "stop_after_short_page: needs page_size, to know what is short"),
        ("{type: offset, stop_after_short_page: true}",
         "stop_after_short_page: needs limit, to know what is short"),
        ("{type: page_number, page_size_param: n}", ("page_size_param: needs page_size, the number "
         "to send")),
        ("{type: offset, limit_param: n}", "limit_param: needs limit, the number to send"),
        ("{type: page_number, base_page: 5, maximum_page: 4}",
         "maximum_page: is before the first page, 5"),
        ("{type: page_number, maximum_pages: 0}", "maximum_pages: must be at least 1, got 0"),
        ("{type: page_number, page_body_path: 'a[0]'}", ("page_body_path: a place in the JSON body "
         "is names, as in variables.after, not a[0]")),
    ],
)  # fmt: skip
def test_faults(paginator: str, fault: str) -> None:
    """What is unknown, incomplete or contradicts itself, at its place."""
    assert said(f"paginator: {paginator}") == [f"resources[0].paginator.{fault}"]


def test_two_places_for_one_page_number() -> None:
    """The usual parameter and a place in the body cannot both be asked for."""
    lines = "paginator: {type: page_number, page_param: p, page_body_path: q}\nmethod: POST"
    assert said(lines) == [
        "resources[0].paginator.page_body_path: only one of page_param and page_body_path"
    ]
    lines = "paginator: {type: offset, offset_param: p, offset_body_path: q}\nmethod: POST"
    assert said(lines) == [
        "resources[0].paginator.offset_body_path: only one of offset_param and offset_body_path"
    ]


def test_what_is_no_mapping() -> None:
    """Just the type's name is not enough."""
    assert said("paginator: cursor") == [
        "resources[0].paginator: expected a mapping (key: value), got 'cursor'"
    ]
    assert said("paginator: {cursor_path: a}")[0].startswith(
        "resources[0].paginator.type: expected a type: single_page, page_number"
    )


@pytest.mark.parametrize(
    ("paginator", "lint"),
    [
        ("{type: page_number, page_size: 3}",
         "is never sent: add page_size_param, the name of the API's parameter for it"),
        ("{type: json_link, page_size: 3}",
         "is never sent: put the API's own parameter for it into params"),
    ],
)  # fmt: skip
def test_a_page_size_that_is_never_sent_is_pointed_out(paginator: str, lint: str) -> None:
    """It is no fault, since it may only say what is short; but most often it was forgotten."""
    assert config(f"paginator: {paginator}").resources[0].paginator.lints() == [
        (("page_size",), lint)
    ]
