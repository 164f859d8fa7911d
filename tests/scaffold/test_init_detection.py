"""Detection: `init` finds how an API pages, proves it, and says so where it cannot."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harvester import harvest, iter_records, load_config
from harvester.scaffold.deciding import NoFirstPage
from harvester.scaffold.probing import MOST_REQUESTS
from harvester.scaffold.proposing import Proposal, named, propose
from harvester.scaffold.reading import given
from tests.api_server import Answer, ApiServer, Asked
from tests.scaffold.paging_apis import APIS, ROWS, cut, whole


def proposed(text: str, **options: Any) -> Proposal:
    """What `init` makes of a line; nobody waits."""
    found = given([text], lambda: "", env={}, **options)
    asks = [one.ask for one in found.wanted]
    return propose(
        found.wanted, name=named(asks, None), source=found.source, env={}, sleep=lambda _: None,
        **options,
    )  # fmt: skip


def _moving() -> Callable[[Asked], Answer]:
    """A list that gets a record at its top between the pages; its links are right all the same."""
    asked_before = [0]

    def answer(asked: Asked) -> Answer:
        asked_before[0] += 1
        start = int(asked.params.get("offset", 0))
        moved = [{"id": 0}, *ROWS] if asked_before[0] > 1 else ROWS
        return Answer({"data": moved[start : start + 20], "next": f"/items?offset={start + 20}"})

    return answer


def test_a_list_that_moves_is_paged_by_the_servers_own_links() -> None:
    """An overlap is told of as unproven; no other way is taken for it."""
    with ApiServer(_moving()) as server:
        proposal = proposed(f"curl {server.origin}/items")
    assert "next_url_path: next" in proposal.text
    assert not proposal.proven
    assert any("repeats 1 of its 20 records" in line for line in proposal.unsure)


def test_a_list_that_is_never_the_same_proves_nothing() -> None:
    """A feed of what is new: whatever is asked, other records come."""
    count = [0]

    def answer(asked: Asked) -> Answer:
        count[0] += 7
        return Answer([{"n": n} for n in range(count[0], count[0] + 10)])

    with ApiServer(answer) as server:
        proposal = proposed(f"curl {server.origin}/items")
        assert len(server.asked) <= MOST_REQUESTS
    assert not proposal.proven


@pytest.mark.parametrize(
    "page",
    [{"ok": False, "error": "invalid_auth"}, {"errors": [{"message": "no"}], "data": None},
     {"success": False, "data": []}, {"error": {"code": 5}}],
)  # fmt: skip
def test_an_error_in_a_200_is_no_page(page: Any) -> None:
    """It is told, and nothing is written."""
    with ApiServer(lambda asked: Answer(page)) as server, pytest.raises(NoFirstPage) as failed:
        proposed(f"curl {server.origin}/items")
    assert "of status 200, says no" in str(failed.value)


@pytest.mark.parametrize("name", APIS)
def test_an_idiom_is_found_and_harvested(name: str, tmp_path: Path) -> None:
    """The paginator is the right one, proven by few requests, and brings every record."""
    api = APIS[name]
    with ApiServer(api.answer) as server:
        proposal = proposed(api.line.replace("{origin}", server.origin))
        assert len(server.asked) <= MOST_REQUESTS
        file = tmp_path / "items.yaml"
        file.write_text(proposal.text)
        config = load_config(file, env=proposal.values)
        summary = harvest(config, out=tmp_path / "out")
    assert summary.exit_code == 0, summary.failures
    assert proposal.proven, proposal.text
    paginator = config.resources[0].paginator
    found = paginator.model_dump(exclude_unset=True)
    assert {key: found.get(key) for key in api.paginator} == api.paginator
    records = [json.loads(line) for line in iter_records(tmp_path / "out")]
    for inside in ("resource", "value"):
        records = [record.get(inside, record) for record in records]
    if name == "records with a field that is never the same":
        records = [{key: record[key] for key in ROWS[0]} for record in records]
    assert records == ROWS


# --- What proves nothing, and what is said of it -------------------------------------------------


def written(answer: Callable[[Asked], Answer], options: str = "") -> Proposal:
    """What `init` makes of a server's items."""
    with ApiServer(answer) as server:
        return proposed(f"curl '{server.origin}/items{options}'")


def test_row_65_other_records_on_a_list_that_moves_prove_nothing() -> None:
    """The newest first, and as many new ones with each request: page 2 is other records, and so
    is page 1. No number is written down that the server ignores.
    """
    newest = [1000]

    def answer(asked: Asked) -> Answer:
        newest[0] += 20
        return Answer({"items": [{"id": newest[0] - n} for n in range(20)]})

    proposal = written(answer)
    assert "type: single_page" in proposal.text
    assert "not proven" in proposal.text
    assert any("sort=id" in note for note in proposal.notes)


def test_row_65_a_field_that_changes_makes_no_page_another() -> None:
    """The same records, each with another age: no number is heeded, and none is proven."""
    count = [0]

    def answer(asked: Asked) -> Answer:
        count[0] += 1
        return Answer([{"name": row["name"], "age": count[0] * 99 + n}
                       for n, row in enumerate(cut(0, 20))])  # fmt: skip

    proposal = written(answer)
    assert "type: single_page" in proposal.text
    assert any("the same records (by name)" in note for note in proposal.notes)


def test_pages_that_overlap_are_told_of_as_a_list_without_order() -> None:
    """The page is heeded, since far behind the end none comes; what helps is said."""
    turn = [0]

    def answer(asked: Asked) -> Answer:
        turn[0] += 1
        page = whole(asked.params.get("page"), 1)
        turned = ROWS[-3 * turn[0] :] + ROWS[: -3 * turn[0]]
        return Answer({"items": turned[page * 20 - 20 : page * 20], "total": len(ROWS)})

    proposal = written(answer)
    assert "page_param: page" in proposal.text
    assert not proposal.proven
    assert any("not sorted" in line and "sort=id" in line for line in proposal.unsure)


@pytest.mark.parametrize(
    "second",
    [
        Answer({"error": {"code": "badcontinue"}}), Answer({"ok": False, "items": []}),
        Answer({"errors": [{"message": "no"}]}), Answer(text="<html>Log in</html>"),
        Answer({"message": "no"}, 400), Answer({"message": "no"}, 500), Answer(status=204),
        Answer({"status": "error", "code": 17}), Answer({"success": False, "items": [{"id": 9}]}),
    ],
)  # fmt: skip
def test_row_66_a_second_page_that_is_an_error_proves_nothing(second: Answer) -> None:
    """Whatever its status: what was seen to fail is not written; that there is more is said."""

    def answer(asked: Asked) -> Answer:
        first = not asked.params.keys() - {"action"} and "action" in asked.params
        return Answer({"items": cut(0, 20), "next_cursor": "t"}) if first else second

    proposal = written(answer, "?action=list")
    assert not proposal.proven
    assert "type: single_page" in proposal.text
    assert "action: list" in proposal.text
    assert any("next_cursor leads to more records" in line for line in proposal.unsure)


@pytest.mark.parametrize(
    ("envelope", "headers", "told"),
    [
        ({"meta": {"total_count": 130}}, {}, "meta.total_count says 130 records, 20 came"),
        ({"@odata.count": 130}, {}, "@odata.count says 130 records"),
        ({"total_pages": 4}, {}, "total_pages says 4 pages"),
        ({"has_more": True}, {}, "has_more says that there are more records"),
        ({}, {"X-Total-Count": "130"}, "x-total-count says 130 records"),
        ({}, {"X-Pagination": '{"totalPages": 4}'}, "x-pagination: totalPages says 4 pages"),
        ({}, {"Content-Range": "items 0-19/130"}, "Content-Range says 130 records"),
        ({}, {"Link": '</items?page=2>; rel="next"'}, "the Link header leads to more records"),
    ],
)  # fmt: skip
def test_row_67_a_page_that_says_more_is_not_the_only_one(
    envelope: dict[str, Any], headers: dict[str, str], told: str
) -> None:
    """Where nothing that is tried leads on, the file and the screen say what the page claims."""

    def answer(asked: Asked) -> Answer:
        if asked.params:
            return Answer({"message": "unknown parameter"}, 400)
        return Answer({"items": cut(0, 20), **envelope}, headers=headers)

    proposal = written(answer)
    assert "type: single_page" in proposal.text
    assert any(told in line and "vendor's page" in line for line in proposal.unsure)
    assert told.split(" says")[0].split(" leads")[0] in proposal.text
    assert "not proven" in proposal.text


def test_a_query_without_a_variable_is_told_what_it_needs() -> None:
    """A GraphQL body has no place for a cursor but its variables: no other is tried."""
    page = {"data": {"items": {"edges": [{"node": row} for row in cut(0, 20)],
                               "pageInfo": {"hasNextPage": True, "endCursor": "x"}}}}  # fmt: skip
    with ApiServer(lambda asked: Answer(page)) as server:
        query = '{"query": "{ items(first: 20) { id } }"}'
        proposal = proposed(f"curl --json '{query}' {server.origin}/graphql")
        assert len(server.asked) == 1
    assert "type: single_page" in proposal.text
    assert any("declare a variable" in line for line in proposal.unsure)


@pytest.mark.parametrize(
    ("record", "key"),
    [
        ({"id": 0, "name": "x"}, "key: id"), ({"_id": "a", "id": 0}, "key: id"),
        ({"uuid": 0}, "key: uuid"), ({"node": {"id": 0}, "at": 0}, "key: node.id"),
        ({"@id": 0, "name": "x"}, "key: \"['@id']\""),
        ({"name": 0}, None), ({"track_id": 0}, None), ({"id": {"a": 0}}, None), (0, None),
    ],
)  # fmt: skip
def test_the_records_key_is_written_where_it_is_seen(record: Any, key: str | None) -> None:
    """A member that is called like an id, and is another in each record of both pages."""

    def numbered(tree: Any, n: int) -> Any:
        if isinstance(tree, dict):
            return {name: numbered(below, n) for name, below in tree.items()}
        return n if tree == 0 else tree

    def answer(asked: Asked) -> Answer:
        start = whole(asked.params.get("at"), 0)
        found = [numbered(record, n) for n in range(start, start + 20)]
        return Answer({"items": found, "next": f"/items?at={start + 20}"})

    proposal = written(answer)
    assert proposal.proven
    lines = [line.strip() for line in proposal.text.splitlines()]
    assert [line for line in lines if line.startswith("key:")] == ([key] if key else [])
