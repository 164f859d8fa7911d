"""Idioms that no vendor's emulation has: each a small API, its curl line, and what must come of it.

Whatever is decided is proven by the harvest: all records, once, in order.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.api_server import Answer, Asked

ROWS = [{"id": 100 + n, "name": f"№ {n}", "tags": [{"tag": "a"}]} for n in range(53)]

IDS = [row["id"] for row in ROWS]


def cut(start: int, size: int) -> list[dict[str, Any]]:
    """A page."""
    return ROWS[max(0, start) : max(0, start) + size]


def whole(text: Any, otherwise: int) -> int:
    """A parameter as a number."""
    return int(text) if text is not None else otherwise


def token(start: int, size: int) -> str | None:
    """A next token; None on the last page."""
    return f"t/{start + size}=" if start + size < len(ROWS) else None


def place(text: str | None) -> int:
    """Where a token leads; a wrong one is a fault."""
    return int(text[2:-1]) if text else 0


def params(asked: Asked, *known: str) -> Mapping[str, str]:
    """The parameters; unknown ones are ignored, as most APIs do."""
    return {name: value for name, value in asked.params.items() if name in known}


@dataclass(frozen=True)
class Api:
    """A small API: its line, how it answers, and the paginator that pages it."""

    line: str
    answer: Callable[[Asked], Answer]
    paginator: Mapping[str, Any]


def _in_header(asked: Asked) -> Answer:
    start = place(asked.params.get("token"))
    following = token(start, 20)
    headers = {"X-Next-Token": following} if following else {}
    return Answer(cut(start, 20), headers=headers)


def _url_in_header(asked: Asked) -> Answer:
    start = whole(asked.params.get("from"), 0)
    more = start + 20 < len(ROWS)
    headers = {"X-Next-Page": f"{asked.origin}/items?from={start + 20}"} if more else {}
    return Answer(cut(start, 20), headers=headers)


def _pages(base: int, *, root: bool, name: str = "page") -> Callable[[Asked], Answer]:
    def answer(asked: Asked) -> Answer:
        page = whole(params(asked, name).get(name), base)
        found = cut((page - base) * 20, 20) if page >= base else cut(0, 20)
        return Answer(found if root else {"items": found})

    return answer


def _page_echoed(asked: Asked) -> Answer:
    page = whole(asked.params.get("page"), 0)
    size = whole(asked.params.get("size"), 20)
    return Answer({
        "content": cut(page * size, size), "totalPages": -(-len(ROWS) // size),
        "totalElements": len(ROWS), "number": page, "last": page * size + size >= len(ROWS),
    })  # fmt: skip


def _page_has_more(asked: Asked) -> Answer:
    page = whole(asked.params.get("page"), 1)
    more = page * 20 < len(ROWS)
    if (page - 1) * 20 >= len(ROWS):
        return Answer({"error": "no such page"}, 404)
    return Answer({"entries": cut((page - 1) * 20, 20), "meta": {"page": page, "has_more": more}})


def _wordpress(asked: Asked) -> Answer:
    """The total in headers only, and an error behind the last page."""
    number = whole(asked.params.get("page"), 1)
    if number > -(-len(ROWS) // 20):
        return Answer({"code": "rest_post_invalid_page_number"}, 400)
    pages = str(-(-len(ROWS) // 20))
    headers = {"X-WP-Total": str(len(ROWS)), "X-WP-TotalPages": pages}
    return Answer(cut((number - 1) * 20, 20), headers=headers)


def _json_api(asked: Asked) -> Answer:
    number = whole(asked.params.get("page[number]"), 1)
    query = f"page[number]={number + 1}&page[size]=20"
    more = number * 20 < len(ROWS)
    links = {"self": asked.path, "next": f"{asked.path}?{query}" if more else None}
    return Answer({"data": cut((number - 1) * 20, 20), "links": links})


def _offset(asked: Asked) -> Answer:
    start, size = whole(asked.params.get("offset"), 0), whole(asked.params.get("limit"), 20)
    return Answer({"rows": cut(start, size), "count": len(cut(start, size))})


def _blind_offset(asked: Asked) -> Answer:
    return Answer(cut(whole(params(asked, "offset").get("offset"), 0), 20))


def _scim(asked: Asked) -> Answer:
    start = whole(asked.params.get("startIndex"), 1)
    found = cut(start - 1, 20)
    return Answer({"schemas": ["urn:list"], "totalResults": len(ROWS), "startIndex": start,
                   "itemsPerPage": len(found), "Resources": found})  # fmt: skip


def _has_more_only(asked: Asked) -> Answer:
    after = params(asked, "starting_after").get("starting_after")
    start = IDS.index(int(after)) + 1 if after else 0
    return Answer({"data": cut(start, 20), "has_more": start + 20 < len(ROWS)})


def _since(asked: Asked) -> Answer:
    since = whole(asked.params.get("since_id"), 0)
    return Answer({"events": [row for row in ROWS if int(str(row["id"])) > since][:20]})


def _airtable(asked: Asked) -> Answer:
    start = place(asked.params.get("offset"))
    body: dict[str, Any] = {"records": cut(start, 20)}
    if following := token(start, 20):
        body["offset"] = following
    return Answer(body)


def _facebook(asked: Asked) -> Answer:
    start = place(asked.params.get("after"))
    paging: dict[str, Any] = {"cursors": {"before": f"b{start}", "after": f"t/{start + 20}="}}
    if start + 20 < len(ROWS):
        paging["next"] = f"{asked.origin}/items?after=t/{start + 20}%3D"
    return Answer({"data": cut(start, 20), "paging": paging if cut(start, 20) else {}})


def _other_host(asked: Asked) -> Answer:
    start = whole(asked.params.get("starting_at"), 0)
    link = f"http://inner.example.org:8080/items?limit=20&starting_at={start + 20}"
    more = start + 20 < len(ROWS)
    return Answer({"results": cut(start, 20), "next_url": link if more else None})


def _form(asked: Asked) -> Answer:
    page = whole(asked.form.get("page"), 1)
    assert asked.form["action"] == "list"
    return Answer({"success": True, "data": cut((page - 1) * 20, 20)})


def _nested_body(asked: Asked) -> Answer:
    paging = asked.json["pagination"]
    start = (paging["page"] - 1) * paging["size"]
    return Answer({"data": {"list": cut(start, paging["size"]), "total": len(ROWS)}})


def _body_cursor(asked: Asked) -> Answer:
    start = place(asked.json.get("cursor"))
    return Answer({"values": cut(start, 20), "cursor": token(start, 20)})


def _premium(asked: Asked) -> Answer:
    assert asked.json.keys() <= {"query", "next"}
    start = place(asked.json.get("next"))
    body: dict[str, Any] = {"results": cut(start, 20)}
    if following := token(start, 20):
        body["next"] = following
    return Answer(body)


def _cursor_true_end(asked: Asked) -> Answer:
    """The cursor of the last page is the text `null`, and there is a flag beside it."""
    start = place(asked.params.get("pagination_key"))
    following = token(start, 20) or "null"
    return Answer({"items": cut(start, 20), "pagination": {
        "pagination_key": following, "has_more": start + 20 < len(ROWS)}})  # fmt: skip


def _link_object(asked: Asked) -> Answer:
    start = whole(asked.params.get("skip"), 0)
    links = {"self": {"href": "/items"}}
    if start + 20 < len(ROWS):
        links["next"] = {"href": f"/items?skip={start + 20}"}
    return Answer({"_embedded": {"items": cut(start, 20)}, "_links": links})


def _relative_query(asked: Asked) -> Answer:
    start = whole(asked.params.get("at"), 0)
    body: dict[str, Any] = {"statuses": cut(start, 20)}
    if start + 20 < len(ROWS):
        body["next_results"] = f"?at={start + 20}"
    return Answer(body)


def _fhir(asked: Asked) -> Answer:
    start = whole(asked.params.get("_getpages"), 0)
    link = [{"relation": "self", "url": asked.origin}]
    if start + 20 < len(ROWS):
        link.append({"relation": "next", "url": f"{asked.origin}/items?_getpages={start + 20}"})
    entry = [{"fullUrl": "x", "resource": row} for row in cut(start, 20)]
    return Answer({"resourceType": "Bundle", "type": "searchset", "total": len(ROWS),
                   "link": link, "entry": entry})  # fmt: skip


def _scroll_like(asked: Asked) -> Answer:
    """Records as the members of an object, as MediaWiki's first format has them."""
    start = place(asked.params.get("gapcontinue"))
    body: dict[str, Any] = {"query": {"pages": {str(row["id"]): row for row in cut(start, 20)}}}
    if following := token(start, 20):
        body["continue"] = {"gapcontinue": following, "continue": "gapcontinue||"}
    return Answer(body)


def _flaky(limits: list[int]) -> Callable[[Asked], Answer]:
    def answer(asked: Asked) -> Answer:
        if len(limits) < 2:
            limits.append(1)
            return Answer({"message": "slow down"}, 429, {"Retry-After": "1"})
        return _body_link(asked)

    return answer


def _body_link(asked: Asked) -> Answer:
    start = whole(asked.params.get("at"), 0)
    more = start + 20 < len(ROWS)
    return Answer({"next": f"{asked.origin}/items?at={start + 20}" if more else "",
                   "results": cut(start, 20)})  # fmt: skip


def _mid(asked: Asked) -> Answer:
    start = place(asked.params.get("page_token"))
    return Answer({"items": cut(start, 20), "next_page_token": token(start, 20) or ""})


def _twitch(asked: Asked) -> Answer:
    start = place(params(asked, "after").get("after"))
    following = token(start, 20)
    return Answer(
        {"data": cut(start, 20), "pagination": {"cursor": following} if following else {}}
    )


def _asana(asked: Asked) -> Answer:
    start = place(asked.params.get("offset"))
    following = token(start, 20)
    more = {"offset": following, "path": f"/items?offset={following}",
            "uri": f"{asked.origin}/items?offset={following}"}  # fmt: skip
    return Answer({"data": cut(start, 20), "next_page": more if following else None})


def _discourse(asked: Asked) -> Answer:
    page = whole(asked.params.get("page"), 0)
    topics: dict[str, Any] = {"per_page": 20, "topics": cut(page * 20, 20)}
    if page * 20 + 20 < len(ROWS):
        topics["more_topics_url"] = f"/items?page={page + 1}"
    return Answer({"users": [{"id": 1}], "topic_list": topics})


def _dropbox(asked: Asked) -> Answer:
    if asked.path == "/2/files/list_folder/continue":
        assert asked.json.keys() == {"cursor"}
        start = place(asked.json["cursor"])
    else:
        assert (asked.path, asked.json) == ("/2/files/list_folder", {"path": ""})
        start = 0
    return Answer({"entries": cut(start, 20), "cursor": f"t/{start + 20}=",
                   "has_more": start + 20 < len(ROWS)})  # fmt: skip


def _semantic_scholar(asked: Asked) -> Answer:
    start = whole(params(asked, "offset").get("offset"), 0)
    body: dict[str, Any] = {"total": len(ROWS), "offset": start, "data": cut(start, 20)}
    if start + 20 < len(ROWS):
        body["next"] = start + 20
    return Answer(body)


def _azure(asked: Asked) -> Answer:
    start = place(params(asked, "continuationToken").get("continuationToken"))
    following = token(start, 20)
    return Answer({"count": 20, "value": cut(start, 20)},
                  headers={"x-ms-continuationtoken": following} if following else {})  # fmt: skip


def _intercom(asked: Asked) -> Answer:
    start = place(params(asked, "starting_after").get("starting_after"))
    following = token(start, 20)
    pages: dict[str, Any] = {"type": "pages", "page": 1, "total_pages": 3}
    if following:
        pages["next"] = {"page": 2, "starting_after": following}
    return Answer({"type": "list", "data": cut(start, 20), "pages": pages})


def _zoom(asked: Asked) -> Answer:
    start = place(params(asked, "next_page_token").get("next_page_token"))
    return Answer({"page_size": 20, "meetings": cut(start, 20),
                   "next_page_token": token(start, 20) or ""})  # fmt: skip


def _confluence(asked: Asked) -> Answer:
    """Its links leave out the context path that everything lies under."""
    if not asked.path.startswith("/wiki/"):
        return Answer({"message": "no such page"}, 404)
    start = whole(asked.params.get("start"), 0)
    links = {"base": f"{asked.origin}/wiki"}
    if start + 20 < len(ROWS):
        links["next"] = f"/rest/api/items?start={start + 20}&limit=20"
    return Answer({"results": cut(start, 20), "start": start, "limit": 20, "size": 20,
                   "_links": links})  # fmt: skip


def _pubmed(asked: Asked) -> Answer:
    """Numbers are text."""
    start = whole(asked.params.get("retstart"), 0)
    return Answer({"esearchresult": {"count": "53", "retmax": "20", "retstart": str(start),
                                     "idlist": cut(start, 20)}})  # fmt: skip


def _stack_exchange(asked: Asked) -> Answer:
    page = whole(params(asked, "page").get("page"), 1)
    return Answer({"items": cut(page * 20 - 20, 20), "has_more": page * 20 < len(ROWS),
                   "quota_max": 300, "quota_remaining": 290})  # fmt: skip


def _odata(asked: Asked) -> Answer:
    """`%24skip` would be another name here: the query counts as it was sent."""
    sent = dict(pair.split("=") for pair in asked.target.partition("?")[2].split("&") if pair)
    start, size = int(sent.get("$skip", 0)), int(sent.get("$top", 20))
    return Answer({"@odata.context": "$metadata#Items", "@odata.count": len(ROWS),
                   "value": cut(start, size)})  # fmt: skip


def _couchdb(asked: Asked) -> Answer:
    start = whole(asked.params.get("skip"), 0)
    found = [
        {"id": f"d{row['id']}", "key": n, "value": row} for n, row in enumerate(cut(start, 20))
    ]
    return Answer({"total_rows": len(ROWS), "offset": start, "rows": found})


def _couchdb_by_key(asked: Asked) -> Answer:
    """A view that skips once only; its keys are JSON, and text has its quotes."""
    first = json.loads(asked.params.get("startkey", '""'))
    found = [{"id": f"d{row['id']}", "key": f"{n:03}", "value": row} for n, row in enumerate(ROWS)]
    found = [row for row in found if row["key"] >= first]
    more = found[min(1, int(asked.params.get("skip", 0))) :]
    return Answer({"total_rows": len(ROWS), "offset": 0, "rows": more[:20]})


def _changes(asked: Asked) -> Answer:
    start = int(asked.params.get("since", "0").partition("-")[0])
    found = cut(start, 20)
    end = start + len(found)
    return Answer({"results": found, "last_seq": f"{end}-x", "pending": len(ROWS) - end})


def _named(name: str, envelope: Mapping[str, Any], by: str = "page") -> Callable[[Asked], Answer]:
    """Pages or records counted under an unusual name."""

    def answer(asked: Asked) -> Answer:
        number = whole(asked.params.get(name), 1 if by == "page" else 0)
        start = (number - 1) * 20 if by == "page" else number
        return Answer({"items": cut(start, 20), **envelope})

    return answer


def _counted_in_header(asked: Asked) -> Answer:
    start = whole(params(asked, "skip").get("skip"), 0)
    return Answer(cut(start, 20), headers={"X-Total-Count": str(len(ROWS))})


def _strict(asked: Asked) -> Answer:
    """Another parameter than its own is refused."""
    if not asked.params.keys() <= {"limit", "offset"}:
        return Answer({"message": "unknown parameter"}, 400)
    start = whole(asked.params.get("offset"), 0)
    return Answer({"items": cut(start, 20), "meta": {"total_count": len(ROWS)}})


def _volatile(asked: Asked) -> Answer:
    """A field of each record is another each time; only the offset is heeded."""
    start = whole(params(asked, "offset").get("offset"), 0)
    age = time.monotonic_ns()
    return Answer([{**row, "age": age + n} for n, row in enumerate(cut(start, 20))])


def _graphql(asked: Asked) -> Answer:
    start = place(asked.json.get("variables", {}).get("here"))
    items = {"nodes": cut(start, 20), "nextCursor": token(start, 20)}
    return Answer({"data": {"items": items}})


def _from_zero(asked: Asked) -> Answer:
    page = whole(asked.params.get("page"), 0)
    return Answer({"items": cut(page * 20, 20), "page": page})


def _django(asked: Asked) -> Answer:
    page = whole(asked.params.get("page"), 1)
    found = cut(page * 20 - 20, 20)
    if not found:
        return Answer({"detail": "Invalid page."}, 404)
    return Answer({"count": len(ROWS), "results": found})


def _endless_links(asked: Asked) -> Answer:
    number = whole(asked.params.get("page[number]"), 1)
    following = f"/items?page%5Bnumber%5D={number + 1}"
    return Answer({"data": cut(number * 20 - 20, 20), "links": {"next": following}})


def _rising(asked: Asked) -> Answer:
    since = whole(params(asked, "since_id").get("since_id"), 0)
    found = [row for row in ROWS if int(str(row["id"])) > since]
    return Answer({"events": found[:20], "has_more": len(found) > 20})


URL = "curl {origin}/items"

APIS: dict[str, Api] = {
    "a token in a header": Api(
        URL, _in_header, {"type": "header_cursor", "cursor_header_name": "x-next-token",
                          "cursor_param": "token"}),
    "a URL in a header": Api(
        URL, _url_in_header, {"type": "header_cursor", "cursor_header_name": "x-next-page"}),
    "pages from 1, unsaid": Api(
        URL, _pages(1, root=True), {"type": "page_number", "page_param": "page", "base_page": 1}),
    "pages from 0, unsaid": Api(
        URL, _pages(0, root=True), {"type": "page_number", "page_param": "page", "base_page": 0}),
    "pages from 0 in an object, unsaid": Api(
        URL, _pages(0, root=False), {"type": "page_number", "page_param": "page", "base_page": 0}),
    "a page number in the line": Api(
        URL + "?pageNo=1", _pages(1, root=False, name="pageNo"),
        {"type": "page_number", "page_param": "pageNo", "base_page": 1}),
    "a line that begins at page 2": Api(
        URL + "?p=2", _pages(1, root=False, name="p"),
        {"type": "page_number", "page_param": "p", "base_page": 1}),
    "pages from 0, with totals (Spring)": Api(
        URL + "?size=20", _page_echoed,
        {"type": "page_number", "page_param": "page", "base_page": 0, "total_path": "totalPages"}),
    "pages and a flag, 404 behind the last": Api(
        URL, _page_has_more,
        {"type": "page_number", "page_param": "page", "base_page": 1,
         "has_more_path": "meta.has_more"}),
    "JSON:API pages": Api(
        URL + "?page[number]=1&page[size]=20", _json_api,
        {"type": "json_link", "next_url_path": "links.next"}),
    "an offset, and a count of the page only": Api(
        URL + "'?limit=20&offset=0'", _offset, {"type": "offset", "offset_param": "offset"}),
    "an offset, unsaid": Api(
        URL, _blind_offset, {"type": "offset", "offset_param": "offset"}),
    "totals in headers (WordPress)": Api(
        URL + "?page=1", _wordpress,
        {"type": "page_number", "page_param": "page", "base_page": 1,
         "total_header": "x-wp-total", "total_unit": "records"}),
    "an index from 1 (SCIM)": Api(
        URL, _scim, {"type": "offset", "offset_param": "startIndex", "base_offset": 1,
                     "total_path": "totalResults"}),
    "a flag and ids": Api(
        URL, _has_more_only, {"type": "keyset", "cursor_path": "data[*].id", "take": "last",
                              "cursor_param": "starting_after", "has_more_path": "has_more"}),
    "ids that rise": Api(
        URL + "?since_id=0", _since, {"type": "keyset", "cursor_path": "events[*].id",
                                      "take": "max", "cursor_param": "since_id"}),
    "a token called offset (Airtable)": Api(
        URL, _airtable, {"type": "cursor", "cursor_path": "offset", "cursor_param": "offset"}),
    "a link and a cursor on every page (Facebook)": Api(
        URL, _facebook, {"type": "json_link", "next_url_path": "paging.next"}),
    "a link of another host": Api(
        URL, _other_host,
        {"type": "cursor", "cursor_path": "next_url", "cursor_param": "starting_at",
         "cursor_pattern": "[?&]starting_at=([^&#]+)"}),
    "a form": Api(
        URL + " -d action=list -d page=1", _form, {"type": "page_number", "page_param": None}),
    "a page deep in a JSON body": Api(
        URL + """ --json '{"pagination": {"page": 1, "size": 20}}'""", _nested_body,
        {"type": "page_number", "page_body_path": "pagination.page"}),
    "a token in a JSON body": Api(
        URL + """ --json '{}'""", _body_cursor,
        {"type": "cursor", "cursor_path": "cursor", "cursor_body_path": "cursor"}),
    "a token called next": Api(
        URL + """ -d '{"query": "moon"}'""", _premium,
        {"type": "cursor", "cursor_path": "next", "cursor_body_path": "next"}),
    "a token of an unusual name": Api(
        URL, _cursor_true_end,
        {"type": "cursor", "cursor_path": "pagination.pagination_key",
         "cursor_param": "pagination_key", "has_more_path": "pagination.has_more"}),
    "HAL": Api(
        URL, _link_object, {"type": "json_link", "next_url_path": "_links.next.href",
                            "stop_after_empty_page": True}),
    "a bare query": Api(
        URL, _relative_query, {"type": "json_link", "next_url_path": "next_results"}),
    "FHIR": Api(
        URL, _fhir, {"type": "json_link", "next_url_path": "link[?@.relation=='next'].url"}),
    "records as members": Api(
        URL, _scroll_like, {"type": "cursor", "cursor_path": "continue", "cursor_param": "*"}),
    "a link that ends as empty text": Api(
        URL, _body_link, {"type": "json_link", "next_url_path": "next"}),
    "429 at first": Api(
        URL, _flaky([]), {"type": "json_link", "next_url_path": "next"}),
    "Twitch": Api(
        URL, _twitch, {"type": "cursor", "cursor_path": "pagination.cursor",
                       "cursor_param": "after"}),
    "Asana": Api(
        URL, _asana, {"type": "json_link", "next_url_path": "next_page.uri"}),
    "Discourse": Api(
        URL, _discourse, {"type": "json_link", "next_url_path": "topic_list.more_topics_url",
                          "stop_after_empty_page": True}),
    "Dropbox": Api(
        """curl {origin}/2/files/list_folder -H "Content-Type: application/json" """
        """-d '{"path": ""}'""", _dropbox,
        {"type": "cursor", "cursor_path": "cursor", "has_more_path": "has_more"}),
    "Semantic Scholar": Api(
        URL, _semantic_scholar,
        {"type": "cursor", "cursor_path": "next", "cursor_param": "offset"}),
    "Azure": Api(
        URL, _azure, {"type": "header_cursor", "cursor_header_name": "x-ms-continuationtoken",
                      "cursor_param": "continuationToken"}),
    "Intercom": Api(
        URL, _intercom, {"type": "cursor", "cursor_path": "pages.next.starting_after",
                         "cursor_param": "starting_after"}),
    "Zoom": Api(
        URL, _zoom, {"type": "cursor", "cursor_path": "next_page_token",
                     "cursor_param": "next_page_token"}),
    "Confluence": Api(
        "curl '{origin}/wiki/rest/api/items?limit=20'", _confluence,
        {"type": "offset", "offset_param": "start"}),
    "PubMed": Api(
        URL, _pubmed, {"type": "offset", "offset_param": "retstart",
                       "total_path": "esearchresult.count"}),
    "Stack Exchange": Api(
        URL, _stack_exchange, {"type": "page_number", "page_param": "page", "base_page": 1,
                               "has_more_path": "has_more"}),
    "OData": Api(
        "curl '{origin}/items?$top=20&$count=true'", _odata,
        {"type": "offset", "offset_param": "$skip", "total_path": "['@odata.count']"}),
    "OData without a size": Api(
        URL, _odata, {"type": "offset", "offset_param": "$skip"}),
    "CouchDB": Api(
        URL + "?limit=20", _couchdb, {"type": "offset", "offset_param": "skip"}),
    "CouchDB, by its keys": Api(
        URL + "?limit=20", _couchdb_by_key, {"type": "keyset", "cursor_path": "rows[*].key"}),
    "CouchDB's changes": Api(
        URL + "?limit=20", _changes,
        {"type": "cursor", "cursor_path": "last_seq", "cursor_param": "since",
         "has_more_path": "pending"}),
    "current_page, asked for as currentpage": Api(
        URL, _named("currentpage", {"current_page": 1, "total_pages": 3}),
        {"type": "page_number", "page_param": "currentpage", "base_page": 1}),
    "a page number under a name that nothing tells": Api(
        URL, _named("pg", {"total": 53}), {"type": "page_number", "page_param": "pg"}),
    "an offset under a name that nothing tells": Api(
        URL, _named("resultOffset", {"exceededTransferLimit": True}, by="offset"),
        {"type": "offset", "offset_param": "resultOffset"}),
    "a name that goes with the size's": Api(
        URL + "?pageSize=20", _named("pageIndex", {}),
        {"type": "page_number", "page_param": "pageIndex"}),
    "a total in a header": Api(
        URL, _counted_in_header, {"type": "offset", "offset_param": "skip"}),
    "an API that refuses what it does not know": Api(
        URL + "?limit=20", _strict,
        {"type": "offset", "offset_param": "offset", "total_path": "meta.total_count"}),
    "records with a field that is never the same": Api(
        URL, _volatile, {"type": "offset", "offset_param": "offset"}),
    "GraphQL with a cursor of its own": Api(
        URL + """ --json '{"query": "query($here: String) {items(cursor: $here) {id}}"}'""",
        _graphql,
        {"type": "cursor", "cursor_path": "data.items.nextCursor",
         "cursor_body_path": "variables.here"}),
    "pages from 0, and a line that asks for page 1": Api(
        URL + "?page=1", _from_zero, {"type": "page_number", "base_page": 0}),
    "404 beyond the last page (Django)": Api(
        URL, _django, {"type": "page_number", "total_path": "count", "total_unit": "records"}),
    "links that never end": Api(
        URL, _endless_links,
        {"type": "json_link", "next_url_path": "links.next", "stop_after_empty_page": True}),
    "a flag, and ids that rise": Api(
        URL, _rising, {"type": "keyset", "cursor_param": "since_id", "take": "max"}),
    "a line copied from a later page": Api(
        URL + "?page_token=t/40=", _mid,
        {"type": "cursor", "cursor_path": "next_page_token", "cursor_param": "page_token"}),
}  # fmt: skip
