"""The rows of the matrix about ends: what an API says of how much there is, and where it is wrong.

Every harvest asks a real server on loopback; a row holds if all records came once each and the end
is told as what it is: proved, in doubt, or a failure with what to do.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harvester import harvest, iter_records, status, verify
from harvester.results.summary import Summary
from harvester.store.journal_lines import read_checkpoint
from tests.support import NUMBERED, Reply, Respond, Scripted, config, kept


def by_page(parameters: Mapping[str, str], size: int, end: int) -> list[dict[str, int]]:
    """The records of a page number."""
    at = (int(parameters.get("page", "1")) - 1) * size
    return [{"id": number} for number in range(at, min(at + size, end))]


def by_offset(parameters: Mapping[str, str], size: int, end: int) -> list[dict[str, int]]:
    """The records from an offset on."""
    at = int(parameters.get("offset", "0"))
    return [{"id": number} for number in range(at, min(at + size, end))]


def harvested(
    tmp_path: Path, respond: Respond, paginator: str, *changes: str, **options: Any
) -> tuple[Summary, list[dict[str, str]]]:
    """A run into `tmp_path / "out"`, and what the server was asked."""
    tmp_path.mkdir(exist_ok=True)
    with Scripted(respond) as server:
        changes = (f"resources.items.paginator={paginator}", *changes)
        asked = config(tmp_path, NUMBERED, server.base_url, *changes)
        return harvest(asked, out=tmp_path / "out", **options), server.asked


def always(reply: Reply) -> Respond:
    """A server that has one answer."""
    return lambda path, asked: reply


def ids(tmp_path: Path) -> list[int]:
    """The ids of the records that were kept."""
    return [json.loads(record)["id"] for record in iter_records(tmp_path / "out")]


def kinds(summary: Summary) -> list[str]:
    """The doubts of a run."""
    return sorted(group.kind for group in summary.doubts)


def ends_of(tmp_path: Path) -> list[Any]:
    """Of each line of the journal what a run cannot choose."""
    (partition,) = kept(tmp_path / "out").values()
    names = ("part", "cursor", "next", "done", "reason", "records", "fields", "doubts")
    return [[line.get(name) for name in names] for line in partition["journal"][1:]]


def reason(tmp_path: Path) -> str | None:
    """What proved the end, by the journal."""
    return read_checkpoint(tmp_path / "out" / "items").reason


# --- Totals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("paginator", "body"),
    [
        ("{type: offset, limit: 10, total_path: total}", {"total": 30}),
        ("{type: page_number, total_path: total_pages}", {"total_pages": 3}),
        ("{type: page_number, total_path: n, total_unit: pages}", {"n": "3"}),
        ("{type: page_number, page_size: 10, total_path: meta.count}", {"meta": {"count": 30}}),
        ("{type: cursor, cursor_path: next, cursor_param: page, total_path: total}", {"total": 30}),
    ],
)
def test_row_45_a_total_that_is_capped(
    tmp_path: Path, paginator: str, body: dict[str, Any]
) -> None:
    """All that there is comes, and the total is in doubt."""

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        found = by_offset(asked, 10, 47) if "offset" in paginator else by_page(asked, 10, 47)
        page = int(asked.get("page", "1"))
        return Reply({**body, "items": found, "next": page + 1 if page < 5 else None})

    summary, _ = harvested(tmp_path, respond, paginator)
    assert (summary.exit_code, ids(tmp_path)) == (0, [*range(47)])
    assert kinds(summary) == ["total_exceeded"]
    assert "capped or out of date" in summary.doubts[0].told


@pytest.mark.parametrize(
    ("paginator", "body"),
    [
        ("{type: page_number, page_size: 20, total_path: total}", {"total": 300}),
        ("{type: page_number, total_path: n}", {"n": 300}),
        ("{type: page_number, total_path: n}", {"n": 15}),
        ("{type: page_number, total_path: total}", {"total": 15}),  # of pages, whatever its name
        ("{type: page_number, total_path: pages.total}", {"pages": {"total": 15}}),
        ("{type: offset, limit: 20, total_path: total_pages}", {"total_pages": 15}),
    ],
)
def test_row_46_a_total_of_records_or_of_pages(
    tmp_path: Path, paginator: str, body: dict[str, Any]
) -> None:
    """By its name, or as it fits: no doubt, and no share beyond what came."""

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        found = by_offset(asked, 20, 300) if "offset" in paginator else by_page(asked, 20, 300)
        return Reply({**body, "items": found})

    summary, _ = harvested(tmp_path, respond, paginator)
    assert (summary.exit_code, ids(tmp_path), kinds(summary)) == (0, [*range(300)], [])


@pytest.mark.parametrize("beyond", [400, 404, 410, 416, 422])
@pytest.mark.parametrize("unit", ["total_pages", "total"])
def test_row_47_an_error_beyond_a_total_that_is_right(
    tmp_path: Path, beyond: int, unit: str
) -> None:
    """Is the end, which a line without a page says; a run again asks nothing."""

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        found = by_page(asked, 10, 30)
        total = 3 if unit == "total_pages" else 30
        return Reply({unit: total, "items": found}) if found else Reply({"detail": "no"}, beyond)

    paginator = f"{{type: page_number, total_path: {unit}}}"
    summary, _ = harvested(tmp_path, respond, paginator)
    assert (summary.exit_code, ids(tmp_path), kinds(summary)) == (0, [*range(30)], [])
    assert (reason(tmp_path), summary.resources[0].retries) == ("total_reached", 0)
    assert verify(tmp_path / "out", deep=True).ok
    assert harvested(tmp_path, respond, paginator)[1] == []


@pytest.mark.parametrize("status_code", [401, 403, 429, 500])
def test_row_47_errors_that_say_nothing_of_an_end(tmp_path: Path, status_code: int) -> None:
    """Fail, as anywhere."""

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        found = by_page(asked, 10, 30)
        return Reply({"total_pages": 3, "items": found}) if found else Reply({}, status_code)

    paginator = "{type: page_number, total_path: total_pages}"
    assert harvested(tmp_path, respond, paginator)[0].exit_code == 3


def test_row_47_a_404_that_is_no_end(tmp_path: Path) -> None:
    """Before the total, or where a rule says that it is a failure."""
    paginator = "{type: page_number, total_path: total_pages}"

    def early(path: str, asked: Mapping[str, str]) -> Reply:
        found = by_page(asked, 10, 20)
        return Reply({"total_pages": 3, "items": found}) if found else Reply({}, 404)

    assert harvested(tmp_path, early, paginator)[0].exit_code == 3
    rule = "resources.items.response_actions=[{status: 404, action: fail}]"

    def whole(path: str, asked: Mapping[str, str]) -> Reply:
        found = by_page(asked, 10, 30)
        return Reply({"total_pages": 3, "items": found}) if found else Reply({}, 404)

    assert harvested(tmp_path / "other", whole, paginator, rule)[0].exit_code == 3


def test_row_47_a_window_of_10000(tmp_path: Path) -> None:
    """An index that shows 10,000 and refuses to go on: what came may not be all."""

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        found = by_offset(asked, 500, 1000)
        error = {"error": "Result window is too large"}
        return Reply({"total": 1000, "items": found}) if found else Reply(error, 400)

    paginator = "{type: offset, limit: 500, total_path: total}"
    summary, _ = harvested(tmp_path, respond, paginator)
    assert (summary.exit_code, kinds(summary)) == (0, ["total_capped"])


@pytest.mark.parametrize(
    ("total", "code", "found"),
    [(60, 0, ["total_missed"]), (66, 0, ["total_missed"]), (300, 3, [])],
)
def test_row_53_a_total_that_is_missed(
    tmp_path: Path, total: int, code: int, found: list[str]
) -> None:
    """By far: a failure that says what to do, and the last page is not kept; by little: a doubt."""

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        page = int(asked.get("after", "0"))
        items = by_page({"page": str(page + 1)}, 10, 57)
        return Reply({"total": total, "items": items, "next": page + 1 if page < 5 else None})

    paginator = "{type: cursor, cursor_path: next, cursor_param: after, total_path: total}"
    summary, _ = harvested(tmp_path, respond, paginator)
    assert (summary.exit_code, kinds(summary)) == (code, found)
    assert ids(tmp_path) == [*range(57 if code == 0 else 50)]
    if code:
        assert "is 300 records, 57 came" in summary.failures[0].error
        assert "take total_path out" in summary.failures[0].error
        estimate = paginator.replace(", total_path: total", "")
        summary, _ = harvested(tmp_path, respond, estimate)
        assert (summary.exit_code, ids(tmp_path)) == (0, [*range(57)])


@pytest.mark.parametrize("end", ["maximum_pages: 2", "has_more_path: more", "last_page_path: last"])
def test_row_53_an_end_that_was_asked_for(tmp_path: Path, end: str) -> None:
    """Fails nothing, however much the total says."""

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        page = int(asked["page"])
        flags = {"more": page < 2, "last": "Y" if page == 2 else None}
        return Reply({**flags, "total": 300, "items": by_page(asked, 10, 300)})

    summary, _ = harvested(tmp_path, respond, f"{{type: page_number, total_path: total, {end}}}")
    assert (summary.exit_code, ids(tmp_path)) == (0, [*range(20)])
    assert kinds(summary) == ([] if "maximum" in end else ["total_missed"])


# --- Empty pages ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("paginator", "stop"),
    [
        ("{type: offset, limit: 10, total_path: total}", ""),
        ("{type: offset, limit: 10, total_path: total}", "stop_after_empty_page: false"),
        ("{type: offset, limit: 10, has_more_path: more}", ""),
        ("{type: page_number, total_path: total}", ""),
        ("{type: page_number, total_path: pages}", "stop_after_empty_page: false"),
        ("{type: page_number, has_more_path: more}", ""),
    ],
)
def test_row_48_an_empty_page_in_the_middle(tmp_path: Path, paginator: str, stop: str) -> None:
    """Two pages are filtered out, and something says that more follow: all of it comes."""

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        by = by_offset if "offset" in paginator else by_page
        found = [item for item in by(asked, 10, 80) if not 20 <= item["id"] < 40]
        last = max((item["id"] for item in by(asked, 10, 80)), default=80)
        return Reply({"items": found, "total": 80, "pages": 8, "more": "Y" if last < 79 else "N"})

    paginator = paginator[:-1] + (f", {stop}" if stop else "") + "}"
    summary, asked = harvested(tmp_path, respond, paginator)
    assert summary.exit_code == 0
    assert ids(tmp_path) == [*range(20), *range(40, 80)]
    assert len(asked) <= 9


def test_row_48_where_an_empty_page_is_said_to_end(tmp_path: Path) -> None:
    """`stop_after_empty_page: true` counts more than a total."""

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        return Reply({"items": by_page(asked, 10, 20), "total": 60})

    paginator = "{type: page_number, total_path: total, stop_after_empty_page: true}"
    summary, asked = harvested(tmp_path, respond, paginator)
    assert (summary.exit_code, len(asked), kinds(summary)) == (0, 3, ["total_missed"])


def endless(path: str, asked: Mapping[str, str]) -> Reply:
    """Thirty records, then empty pages with new cursors for ever, or nearly so."""
    at = int(asked.get("cursor", "0"))
    if at > 300:
        return Reply({"error": "enough"}, 400)
    items = by_offset({"offset": str(at)}, 10, 30)
    return Reply({"items": items, "cursor": str(at + 10), "last": at >= 20})


def test_row_49_empty_pages_for_ever(tmp_path: Path) -> None:
    """Fail after so many in a row, in however many runs, with all records kept; the advice ends."""
    paginator = "{type: cursor, cursor_path: cursor, cursor_param: cursor, maximum_empty_pages: 9}"
    asked_in_all = 0
    for _ in range(3):
        summary, asked = harvested(tmp_path, endless, paginator, max_pages=3)
        assert summary.exit_code == 4
        asked_in_all += len(asked)
    summary, asked = harvested(tmp_path, endless, paginator)
    assert (summary.exit_code, asked_in_all + len(asked)) == (3, 3 + 9)
    assert ids(tmp_path) == [*range(30)]
    told = summary.failures[0].error
    assert "9 pages in a row had no records" in told
    for advice in ("last_page_path", "has_more_path", "stop_after_empty_page: true"):
        assert advice in told
    summary, asked = harvested(
        tmp_path, endless, paginator.replace("}", ", stop_after_empty_page: true}")
    )
    assert (summary.exit_code, len(asked)) == (0, 1)


@pytest.mark.parametrize("spelled", [True, "true", 1, "yes", "Y"])
def test_row_50_a_flag_that_says_last(tmp_path: Path, spelled: Any) -> None:
    """However it is spelled, on any type."""

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        page = int(asked.get("page", "1"))
        last = spelled if page == 2 else (not spelled if spelled is True else "0")
        return Reply({"items": by_page(asked, 10, 90), "next": page + 1, "meta": {"last": last}})

    for number, paginator in enumerate((
        "{type: page_number, last_page_path: meta.last}",
        "{type: cursor, cursor_path: next, cursor_param: page, last_page_path: meta.last}",
    )):  # fmt: skip
        summary, asked = harvested(tmp_path / str(number), respond, paginator)
        assert (summary.exit_code, len(asked), kinds(summary)) == (0, 2, [])
        assert reason(tmp_path / str(number)) == "last_page"


def test_row_50_a_link_whose_results_are_false(tmp_path: Path) -> None:
    """Ends with the page that it stands on."""

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        page = int(asked.get("page", "1"))
        results = "true" if page < 4 else "false"
        link = f'</items?page={page + 1}>; rel="next"; results="{results}"; cursor="0:1:0"'
        return Reply({"items": by_page(asked, 5, 20)}, headers={"Link": link})

    summary, asked = harvested(tmp_path, respond, "{type: header_link}")
    assert (summary.exit_code, ids(tmp_path), len(asked)) == (0, [*range(20)], 4)
    assert (reason(tmp_path), kinds(summary)) == ("results_false", [])


# --- What is written in the place of a list ------------------------------------------------------


@pytest.mark.parametrize(
    "nothing", [{}, "", False, 0, None, [], "[]", "null", [None], [{}], "None", [""]]
)
def test_row_51_an_empty_list_however_it_is_written(tmp_path: Path, nothing: Any) -> None:
    """Is no record: not counted, not yielded, and the end of numbered pages."""

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        page = int(asked.get("page", "1"))
        items: Any = by_page(asked, 10, 20) or nothing
        if page > 5:
            return Reply({"error": "enough"}, 400)
        return Reply({"items": items, "next": page + 1 if page < 3 else None})

    for number, paginator in enumerate(
        ("{type: page_number}", "{type: cursor, cursor_path: next, cursor_param: page}")
    ):
        place = tmp_path / str(number)
        summary, asked = harvested(place, respond, paginator)
        assert (summary.exit_code, ids(place), len(asked)) == (0, [*range(20)], 3)
        assert summary.resources[0].records == 20
        assert verify(place / "out", deep=True).ok


@pytest.mark.parametrize("value", [7, True, "busy", 1.5])
def test_row_51_a_scalar_is_no_record(tmp_path: Path, value: Any) -> None:
    """It is refused at once, and named."""
    summary, asked = harvested(
        tmp_path, lambda path, asked: Reply({"items": value}), "{type: single_page}"
    )
    assert (summary.exit_code, len(asked)) == (3, 1)
    told = (
        f"at items (resources[0].data_selector) is {json.dumps(value)}, which is neither a record"
    )
    assert told in summary.failures[0].error


def test_row_51_one_object_is_one_record(tmp_path: Path) -> None:
    """And so is a list of one, whatever stands in it."""
    for number, items in enumerate(({"id": 7}, [{"id": 7}])):
        place = tmp_path / str(number)
        reply = Reply({"items": items})
        summary, _ = harvested(place, always(reply), "{type: single_page}")
        assert (summary.exit_code, ids(place)) == (0, [7])


# --- Pages that are short ------------------------------------------------------------------------


@pytest.mark.parametrize("left_out", [(3, 7), (3, 10)], ids=["some", "one a page"])
def test_row_52_rows_taken_out_after_the_limit(tmp_path: Path, left_out: tuple[int, int]) -> None:
    """An offset that moves on by what came asks for some twice: a doubt, with what to do."""

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        found = by_offset(asked, 10, 60)
        return Reply({"items": [x for x in found if x["id"] % left_out[1] != left_out[0]]})

    expected = [number for number in range(60) if number % left_out[1] != left_out[0]]
    summary, _ = harvested(tmp_path, respond, "{type: offset, limit: 10}")
    assert summary.exit_code == 0
    assert "short_pages" in kinds(summary)
    assert any("step: limit" in group.told for group in summary.doubts)
    place = tmp_path / "again"
    summary, _ = harvested(place, respond, "{type: offset, limit: 10, step: limit}")
    assert (summary.exit_code, ids(place), kinds(summary)) == (0, expected, [])


def test_row_52_a_server_with_a_limit_of_its_own(tmp_path: Path) -> None:
    """Its pages are short, all alike: no doubt."""
    summary, _ = harvested(
        tmp_path,
        lambda path, asked: Reply({"items": by_offset(asked, 10, 47)}),
        "{type: offset, limit: 100}",
    )
    assert (summary.exit_code, ids(tmp_path), kinds(summary)) == (0, [*range(47)], [])


# --- What nobody asked for -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("beside", "headers", "kind"),
    [
        ({"has_more": True}, {}, "unread_more"),
        ({"meta": {"hasNextPage": "Y"}}, {}, "unread_more"),
        ({"endOfRecords": False}, {}, "unread_more"),
        ({"total": 300}, {}, "unread_records"),
        ({"meta": {"total_pages": 11}}, {}, "unread_pages"),
        ({"next": "/items?page=2"}, {}, "unread_next"),
        ({}, {"X-Total-Count": "300"}, "unread_records"),
        ({}, {"X-Pagination": '{"TotalPages": 9}'}, "unread_pages"),
        ({}, {"Link": '</items?page=2>; rel="next"'}, "unread_next"),
    ],
)
def test_row_54_a_page_that_speaks_of_more(
    tmp_path: Path, beside: dict[str, Any], headers: dict[str, str], kind: str
) -> None:
    """In its body or its headers, though no option looks there: a doubt with its figure."""

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        return Reply({**beside, "items": by_page({}, 5, 100)}, headers=headers)

    for number, paginator in enumerate(
        ("{type: single_page}", "{type: cursor, cursor_path: cursor, cursor_param: cursor}")
    ):
        summary, _ = harvested(tmp_path / str(number), respond, paginator)
        assert (summary.exit_code, kinds(summary)) == (0, [kind])
        assert "5" in summary.doubts[0].told


@pytest.mark.parametrize(
    "beside",
    [{"has_more": False, "next": None, "total": 3}, {"count": 3}, {"facets": {"count": 99}},
     {"next": "", "total": None}, {"items_total": "many"}],
)  # fmt: skip
def test_row_54_a_page_that_does_not(tmp_path: Path, beside: dict[str, Any]) -> None:
    """What agrees with the end, or is about something else."""

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        return Reply({**beside, "items": by_page({}, 3, 100)})

    summary, _ = harvested(tmp_path, respond, "{type: single_page}")
    assert (summary.exit_code, kinds(summary)) == (0, [])


@pytest.mark.parametrize(
    ("paginator", "named"),
    [
        ("{type: cursor, cursor_path: meta.crsr, cursor_param: cursor}", "meta.crsr (cursor_path)"),
        ("{type: json_link, next_url_path: links.nxt}", "links.nxt (next_url_path)"),
        ("{type: header_link}", "no answer has a Link header"),
        ("{type: header_cursor, cursor_header_name: X-Nxt, cursor_param: c}", "X-Nxt"),
    ],
)
def test_row_55_what_no_page_ever_had(tmp_path: Path, paginator: str, named: str) -> None:
    """Is a doubt about the resource, once, where pages are as large as full ones."""
    partitions = (
        "resources.items.partitions={shard: [a, b, c]}", 'resources.items.params={s: "{shard}"}',
    )  # fmt: skip
    summary, _ = harvested(
        tmp_path,
        lambda path, asked: Reply({"items": by_page({}, 20, 100)}),
        paginator,
        *partitions,
    )
    (group,) = summary.doubts
    assert (summary.exit_code, group.kind, group.partitions) == (0, "never_led", 3)
    assert named in group.told
    assert status(tmp_path / "out").doubts == summary.doubts


@pytest.mark.parametrize(
    ("paginator", "size", "body", "headers"),
    [
        ("{type: cursor, cursor_path: next, cursor_param: c}", 3, {}, {}),
        ("{type: cursor, cursor_path: next, cursor_param: c, page_size: 100}", 20, {}, {}),
        ("{type: cursor, cursor_path: next, cursor_param: c}", 20, {"next": None}, {}),
        ("{type: json_link}", 20, {"next": ""}, {}),
        ("{type: header_link}", 20, {}, {"Link": '</items?page=1>; rel="last"'}),
    ],
)
def test_row_55_honest_lists_of_one_page(
    tmp_path: Path, paginator: str, size: int, body: dict[str, Any], headers: dict[str, str]
) -> None:
    """A short list, or one that says by null or another link that it ends."""
    summary, _ = harvested(
        tmp_path,
        lambda path, asked: Reply({**body, "items": by_page({}, size, size)}, headers=headers),
        paginator,
    )
    assert (summary.exit_code, kinds(summary)) == (0, [])


@pytest.mark.parametrize(("value", "found"), [(..., ["parent_field"]), (None, [])])
def test_row_55_parents_without_a_child(tmp_path: Path, value: Any, found: list[str]) -> None:
    """A field that none of them has; null says that there is none."""
    text = NUMBERED.replace("paginator: {type: page_number}", "paginator: {type: single_page}") + (
        "  - name: kids\n    path: kids/{p}\n    data_selector: items\n"
        "    partitions: {p: {resource: items, field: idd}}\n"
    )
    record = {"id": 1} if value is ... else {"id": 1, "idd": value}
    with Scripted(lambda path, asked: Reply({"items": [record] * 2})) as server:
        summary = harvest(config(tmp_path, text, server.base_url), out=tmp_path / "out")
    assert kinds(summary) == found
    assert all("partitions.p.field" in group.told for group in summary.doubts)


# --- Kills and pages side by side ----------------------------------------------------------------


@pytest.mark.parametrize(
    "paginator",
    [
        "{type: page_number, total_path: total}",
        "{type: page_number, total_path: pages, page_size: 5, page_size_param: n}",
        "{type: offset, limit: 5, total_path: total}",
        "{type: offset, limit: 5, total_path: total, step: limit}",
        "{type: offset, limit: 5, has_more_path: more, total_path: capped}",
    ],
)
def test_row_56_the_end_is_the_same_however_it_is_come_to(tmp_path: Path, paginator: str) -> None:
    """Page by page in a run each, side by side, or at once: the same pages, end and doubts."""

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        if "offset" in paginator:
            found, at = by_offset(asked, 5, 43), int(asked["offset"])
        else:
            found, at = by_page(asked, 5, 43), 5 * (int(asked["page"]) - 1)
        kept = [item for item in found if not 10 <= item["id"] < 20]
        flags = {"total": 43, "pages": 9, "capped": 20, "more": at + 5 < 43}
        return Reply({**flags, "items": kept})

    whole, _ = harvested(tmp_path / "whole", respond, paginator)
    assert whole.complete
    assert ids(tmp_path / "whole") == [*range(10), *range(20, 43)]
    for _ in range(40):
        if harvested(tmp_path / "steps", respond, paginator, max_pages=1)[0].complete:
            break
    beside, _ = harvested(tmp_path / "beside", respond, paginator, "concurrency.pages=4")
    assert beside.complete
    whole_lines = ends_of(tmp_path / "whole")
    assert ends_of(tmp_path / "steps") == whole_lines
    assert ends_of(tmp_path / "beside") == whole_lines
    assert kinds(beside) == kinds(whole) == kinds(status(tmp_path / "steps" / "out"))


def test_a_total_in_a_header_ends_numbered_pages(tmp_path: Path) -> None:
    """WordPress: the total is in headers only, and behind the last page is an error."""

    def answer(path: str, asked: Mapping[str, str]) -> Reply:
        found = by_page(asked, 10, 40)
        headers = {"X-WP-Total": "40", "X-WP-TotalPages": "4"}
        return Reply({"items": found}, 200, headers) if found else Reply({"code": "bad"}, 400)

    for number, key in enumerate(("X-WP-Total", "x-wp-totalpages")):
        out = tmp_path / str(number)
        summary, asked = harvested(out, answer, f"{{type: page_number, total_header: {key}}}")
        assert (summary.complete, len(asked)) == (True, 5)
        assert not summary.doubts


def test_a_total_in_a_header_is_held_against_what_came(tmp_path: Path) -> None:
    """Far fewer records than the header says fail the partition, as with `total_path`."""

    def answer(path: str, asked: Mapping[str, str]) -> Reply:
        start = int(asked.get("offset", "0"))
        return Reply({"items": by_offset(asked, 10, 20)}, 200,
                     {"Content-Range": f"items {start}-{start + 9}/200"})  # fmt: skip

    paginator = "{type: offset, limit: 10, total_header: Content-Range}"
    summary, _ = harvested(tmp_path, answer, paginator)
    assert not summary.complete
    assert "total (Content-Range) is 200 records" in summary.failures[0].error
    assert "take total_header out" in summary.failures[0].error
