"""`check --live`: two pages of each resource, and what they say of the harvest to come."""

from pathlib import Path
from typing import Any

import pytest

from harvester import load_config
from harvester.engine.check import Seen, check_live
from tests.api_server import Answer, ApiServer, Asked

SECRET = "hush-hush-0123456789"


def rows(start: int, stop: int) -> list[dict[str, Any]]:
    """Records."""
    return [{"id": n} for n in range(start, stop)]


def paged(asked: Asked, name: str = "page") -> list[dict[str, Any]]:
    """A page of an honest list of 25."""
    at = (int(asked.params.get(name, 1)) - 1) * 10
    return rows(at, min(at + 10, 25))


def looked(
    tmp_path: Path, server: ApiServer, paginator: str, more: str = "", select: str = "items"
) -> Seen:
    """What `check --live` sees of one resource."""
    path = tmp_path / "c.yaml"
    path.write_text(f"""version: 1
name: c
client:
  base_url: {server.origin}/
  auth: {{type: api_key, name: key, value: "{{env.KEY}}", location: query}}
  retry: {{attempts: 1}}
resources:
  - name: items
    path: items
    data_selector: {select}
    paginator: {{{paginator}}}
    {more}
""")
    (seen,) = check_live(load_config(path, env={"KEY": SECRET}), sleep=lambda _: None)
    return seen


def test_a_session_keeps_the_place(tmp_path: Path) -> None:
    """`cookies: session` holds for the look as it does for the run."""
    heard: list[str] = []

    def answer(asked: Asked) -> Answer:
        heard.append(asked.headers.get("cookie", ""))
        start = 10 if "s=1" in heard[-1] else 0
        return Answer({"items": rows(start, start + 10)}, headers={"Set-Cookie": "s=1; Path=/"})

    path = tmp_path / "c.yaml"
    with ApiServer(answer) as server:
        path.write_text(f"""version: 1
name: c
client: {{base_url: "{server.origin}/", cookies: session, retry: {{attempts: 1}}}}
resources:
  - {{name: items, path: items, data_selector: items, paginator: {{type: page_number}}}}
""")
        (seen,) = check_live(load_config(path), sleep=lambda _: None)
    assert heard == ["", "s=1"]
    assert seen.second == "10 other records (by id)"


def test_the_second_page_is_asked_for_as_a_run_would(tmp_path: Path) -> None:
    """What was asked is said, without secrets; the total with its unit; what the end would be."""
    with ApiServer(lambda asked: Answer({"items": paged(asked), "pages": 3})) as server:
        seen = looked(tmp_path, server, "type: page_number, total_path: pages")
        assert [one.params["page"] for one in server.asked] == ["1", "2"]
    assert not seen.failed
    assert seen.second == "10 other records (by id)"
    assert seen.total == "pages says 3 pages"
    assert seen.ends == "an empty page"
    assert [line.partition("?")[2] for line in seen.asked] == ["page=1&key=***", "page=2&key=***"]
    assert SECRET not in repr(seen)


@pytest.mark.parametrize(
    ("second", "told"),
    [
        (Answer({"error": "page must be given as p"}, 400), "400"),
        (Answer(text="<html>", headers={"Content-Type": "text/html"}), "text/html"),
        (Answer({"error": "no such thing"}), "items"),
        (Answer(status=204), "204"),
    ],
)
def test_row_68_a_second_page_that_is_refused_fails_the_look(
    second: Answer, told: str, tmp_path: Path
) -> None:
    """By its name: a run would fail at it too, after a page that came."""

    def answer(asked: Asked) -> Answer:
        return second if asked.params["page"] == "2" else Answer({"items": rows(0, 10)})

    with ApiServer(answer) as server:
        seen = looked(tmp_path, server, "type: page_number")
    assert seen.failed
    assert seen.error is None
    assert seen.wrong is not None
    assert "the second page could not be had" in seen.wrong
    assert told in seen.wrong


def test_row_68_the_first_page_again_fails_the_look(tmp_path: Path) -> None:
    """A parameter that is ignored is named; a field that is never the same changes nothing."""
    count = [0]

    def answer(asked: Asked) -> Answer:
        count[0] += 1
        return Answer({"items": [{**row, "age": count[0]} for row in rows(0, 10)]})

    with ApiServer(answer) as server:
        seen = looked(tmp_path, server, "type: page_number, page_param: seite")
        assert seen.failed
        assert "the same records" in str(seen.wrong)
        assert "seite" in str(seen.wrong)
        kept = looked(tmp_path, server, "type: page_number, repeated_page: keep")
        assert not kept.failed


def test_pages_that_overlap_are_told(tmp_path: Path) -> None:
    """Some records twice: the list has no fixed order."""

    def answer(asked: Asked) -> Answer:
        at = (int(asked.params["page"]) - 1) * 7
        return Answer({"items": rows(at, at + 10)})

    with ApiServer(answer) as server:
        seen = looked(tmp_path, server, "type: page_number")
    assert "3 of its 10 records are on the first page" in seen.second
    assert "not sorted" in seen.second


def test_an_empty_second_page_is_said(tmp_path: Path) -> None:
    """A list of one page."""

    def answer(asked: Asked) -> Answer:
        return Answer({"items": rows(0, 4) if asked.params["page"] == "1" else []})

    with ApiServer(answer) as server:
        seen = looked(tmp_path, server, "type: page_number")
    assert (seen.second, seen.failed) == ("it is empty", False)


@pytest.mark.parametrize(
    ("body", "headers", "told"),
    [
        ({"total_count": 130}, {}, "total_count says 130 records, 10 came"),
        ({"has_more": True}, {}, "has_more says that there are more"),
        ({}, {"X-Total-Pages": "4"}, "x-total-pages says 4 pages"),
        ({}, {"Link": '</items?page=2>; rel="next"'}, "the Link header leads to more"),
    ],
)
def test_row_67_check_holds_what_is_claimed_against_what_came(
    body: dict[str, Any], headers: dict[str, str], told: str, tmp_path: Path
) -> None:
    """Where the partition would end at its first page, though that says more."""
    page = Answer({"items": rows(0, 10), **body}, headers=headers)
    with ApiServer(lambda asked: page) as server:
        seen = looked(tmp_path, server, "type: single_page")
        assert len(server.asked) == 1
    assert any(told in note for note in seen.notes)


@pytest.mark.parametrize(
    ("paginator", "ends"),
    [
        ("type: single_page", "the first page"),
        ("type: cursor, cursor_path: next, cursor_param: c, has_more_path: more",
         "a page without a cursor at next, or more being false"),
        ("type: json_link, next_url_path: next, stop_after_empty_page: true",
         "a page without a link at next, or an empty page"),
        ("type: header_link", "an answer without a Link of rel next"),
        ("type: offset, limit: 10, stop_after_short_page: true, maximum_pages: 7",
         "an empty page, or a page of fewer than 10 records, or 7 pages"),
    ],
)  # fmt: skip
def test_what_would_end_a_partition_is_said(paginator: str, ends: str, tmp_path: Path) -> None:
    """By the keys of the paginator."""
    with ApiServer(lambda asked: Answer({"items": rows(0, 3)})) as server:
        seen = looked(tmp_path, server, paginator)
    assert seen.ends == ends


def test_a_second_page_of_another_format_fails_the_look(tmp_path: Path) -> None:
    """As a run refuses it: the first page says what the pages are."""

    def answer(asked: Asked) -> Answer:
        if asked.params["page"] == "1":
            return Answer(text="id\n1\n2\n", headers={"Content-Type": "text/csv"})
        return Answer(text="<html>log in</html>", headers={"Content-Type": "text/html"})

    with ApiServer(answer) as server:
        seen = looked(tmp_path, server, "type: page_number", select="$")
    assert seen.failed
    assert "text/html, which is no CSV" in str(seen.wrong)
