"""Guesses paging of known kinds of API: GraphQL after Relay, Elasticsearch, `names.HINTS`. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from harvester.model import find, parse
from harvester.scaffold import names
from harvester.scaffold.ask import Ask
from harvester.scaffold.guess import SINGLE, Guess, Place, View
from harvester.scaffold.looking import Sample, keys_text
from harvester.scaffold.variables import template

_UNIQUE: Final = (
    "The last key of `sort` must be unique, or hits that tie at a page's end go missing."
)
_KEPT: Final = (
    "The server keeps a scroll's position: a lost page ends the partition, and the next run begins "
    "it anew. search_after, in place of scroll, resumes anywhere."
)

_NO_VARIABLE: Final = (
    "There are more pages, and the query has no place for a cursor: declare a variable, as in "
    "query($after: String), give it to the list, as in (first: 100, after: $after), and run init "
    "again."
)


def known(ask: Ask, sample: Sample | None) -> Iterator[Mapping[str, Any]]:
    """The hints that fit a page, or a request that has none yet."""
    sent = {name.lower() for name in ask.headers}
    for hint in names.HINTS:
        if "header" in hint and hint["header"] not in sent:
            continue
        if sample is None:
            if "header" in hint:
                yield hint
        elif hint.get("answers") in (None, *sample.headers) and all(
            any(True for _ in find(sample.page, parse(path))) for path in hint.get("sees", ())
        ):
            yield hint


def graphql(view: View) -> Iterator[Guess]:
    """`pageInfo` of the Relay convention, and the variable that the query takes `after` from."""
    for path, value in view.values:
        if path[-1] != "pageInfo" or not isinstance(value, dict) or "endCursor" not in value:
            continue
        text = keys_text(path)
        for variable in after_variables(view):
            errors = {"when": {"path": "errors", "exists": True}, "action": "fail"}
            yield Guess(
                {
                    "type": "cursor",
                    "cursor_path": f"{text}.endCursor",
                    "has_more_path": f"{text}.hasNextPage",
                    "cursor_body_path": f"variables.{variable}",
                },
                f"{text} is GraphQL's, and the query takes `after` from ${variable}",
                resource={"response_actions": [errors]},
                without=(f"variables.{variable}",),
            )


def after_variables(view: View) -> list[str]:
    """The variables that a GraphQL query gives to `after`, or to what other APIs call it."""
    return view.variables(names.CURSOR_PARAMS | {"after", "next"})


def without_variable(view: View) -> Iterator[Guess]:
    """A GraphQL list that could be paged, by a query that has no place for the cursor."""
    if view.query is not None and not after_variables(view) and view.says_more():
        yield replace(SINGLE, unsure=(_NO_VARIABLE,))


def list_folder(view: View) -> Iterator[Guess]:
    """Dropbox: the pages after the first are asked of another path, by the cursor alone."""
    path = template(urlsplit(view.ask.url).path)
    if not path.endswith("/list_folder") or not isinstance(view.page, dict):
        return
    if "cursor" in view.page and "has_more" in view.page:
        following = {"path": f"{path}/continue", "json": {"cursor": "{cursor}"}}
        yield Guess(
            {"type": "cursor", "cursor_path": "cursor", "has_more_path": "has_more"},
            "Dropbox's list_folder: further pages are asked of list_folder/continue",
            resource={"next_request": following},
        )


def startkey(view: View) -> Iterator[Guess]:
    """CouchDB's views, where they do not skip: from the last key on, which comes once more."""
    page = view.page if isinstance(view.page, dict) else {}
    rows = page.get("rows")
    if "total_rows" not in page or not isinstance(rows, list) or not rows:
        return
    if isinstance(rows[-1], dict) and rows[-1].keys() >= {"id", "key"} and view.ask.method == "GET":
        kept = {name: template(value) for name, value in view.ask.params if name != "startkey"}
        yield Guess(
            {"type": "keyset", "cursor_path": "rows[*].key"},
            "CouchDB's rows are sorted by key: the next page begins behind the last one",
            resource={
                "next_request": {"params": {**kept, "startkey": "{cursor:json}", "skip": 1}}
            },
            stated=False,
        )  # fmt: skip


def changes(view: View) -> Iterator[Guess]:
    """CouchDB's feed of changes, and its Mango queries, whose last page has a cursor, too."""
    page = view.page if isinstance(view.page, dict) else {}
    if "last_seq" in page and isinstance(page.get("results"), list):
        paginator = {"type": "cursor", "cursor_path": "last_seq", "cursor_param": "since"}
        if "pending" in page:
            paginator["has_more_path"] = "pending"
        yield Guess(
            {**paginator, "stop_after_empty_page": True},
            "CouchDB's changes: last_seq is sent back as since",
            without=("since",),
        )
    if "bookmark" in page and isinstance(page.get("docs"), list):
        into = view.into(Place(view.new_part, "bookmark", None))
        yield replace(
            into,
            paginator={
                "type": "cursor", "cursor_path": "bookmark", **into.paginator,
                "stop_after_empty_page": True,
            },
            why="CouchDB's bookmark, which the last page has, too",
        )  # fmt: skip


def scroll(view: View) -> Iterator[Guess]:
    """Elasticsearch's scroll: the first request opens it, the others say only its id."""
    keep = dict(view.ask.params).get("scroll")
    if not isinstance(view.page, dict) or "_scroll_id" not in view.page or not keep:
        return
    path = template(urlsplit(view.ask.url).path)
    above = path.rpartition("/_search")[0].rpartition("/")[0]
    body = {"scroll": template(keep), "scroll_id": "{cursor}"}
    following = {"path": f"{above}/_search/scroll", "method": "POST", "params": {}, "json": body}
    yield Guess(
        {
            "type": "cursor",
            "cursor_path": "_scroll_id",
            "cursor_may_repeat": True,
            "stop_after_empty_page": True,
        },
        "_scroll_id is Elasticsearch's: further pages are asked for by it alone",
        resource={"idempotent": False, "next_request": following},
        unsure=(_KEPT,),
    )


def search_after(view: View) -> Iterator[Guess]:
    """Elasticsearch's search_after: the last hit's `sort`, an array."""
    if view.records is None or not isinstance(view.ask.json, dict):
        return
    [last] = view.records.values[-1:] or [None]
    sort = last.get("sort") if isinstance(last, dict) else None
    if isinstance(sort, list) and sort and "sort" in view.ask.json:
        yield Guess(
            {
                "type": "cursor",
                "cursor_path": f"{view.records.selector}[-1].sort",
                "cursor_body_path": "search_after",
            },
            "the hits have `sort`: the last one's goes back as search_after",
            without=("search_after",),
            unsure=(_UNIQUE,),
        )
