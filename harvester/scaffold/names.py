"""Tables of what APIs call things. The names of totals and flags are those of `signs`.

The names are those of the APIs in configs/ and of some 500 published connectors; the order within
a row is the order in which they are tried.
"""

import re
from typing import Any, Final

from harvester.paging import MORE as MORE
from harvester.paging import NEXTISH as NEXTISH
from harvester.paging import NO_MORE as NO_MORE
from harvester.paging import TOTAL_PAGES as TOTAL_PAGES
from harvester.paging import TOTALS as TOTALS
from harvester.paging import plain as plain
from harvester.patterns import pattern


def table(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


#: Arrays of records.
RECORDS: Final = table(
    "data results result items records record rows row value values entries entry hits objects "
    "features documents docs list content edges nodes children elements resources statuses "
    "issues articles works studies"
)
#: Arrays beside the records.
BESIDE: Final = table(
    "links errors error warnings facets facetresults includes included fields columns "
    "aggregations aggs params parameters tags buckets schema headers filters suggestions sort "
    "notices messages messagesinfo truncated primarykeys foreignkeys queryparams"
)
#: Where a page number goes, an offset, and a page's size.
PAGE_PARAMS: Final = ("page", "pagenumber", "pageno", "pagenum", "pageindex", "p", "pg",
                      "currentpage", "pageid", "paged")  # fmt: skip
OFFSET_PARAMS: Final = ("offset", "start", "skip", "startat", "startindex", "from", "startrecord",
                        "firstresult", "pageoffset", "sroffset", "retstart", "first")  # fmt: skip
SIZE_PARAMS: Final = (
    "limit", "perpage", "pagesize", "count", "size", "maxresults", "rows", "max", "top",
    "hitsperpage",
    "resultsperpage", "itemsperpage", "pagelimit", "take", "n", "num", "numresults", "retmax",
    "rpp", "length", "aplimit", "first",
)  # fmt: skip
#: Where a number goes in APIs whose page size is called so: the parameters beside it.
PARTNERS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "$top": (("offset", "$skip"),),
    "$limit": (("offset", "$offset"),),
    "top": (("offset", "skip"),),
    "take": (("offset", "skip"),),
    "limit": (("offset", "offset"), ("page", "page")),
    "rows": (("offset", "start"), ("page", "page")),
    "size": (("page", "page"), ("offset", "from")),
    "count": (("offset", "offset"), ("offset", "startIndex"), ("offset", "start")),
    "per_page": (("page", "page"),),
    "perPage": (("page", "page"),),
    "pageSize": (("page", "page"), ("page", "pageNumber"), ("page", "pageIndex")),
    "PageSize": (("page", "Page"), ("page", "PageNumber"), ("page", "PageIndex")),
    "page_size": (("page", "page"), ("page", "page_number")),
    "page[size]": (("page", "page[number]"),),
    "page[limit]": (("offset", "page[offset]"),),
    "maxResults": (("offset", "startAt"), ("offset", "startIndex"), ("offset", "firstResult")),
    "retmax": (("offset", "retstart"),),
    "length": (("offset", "start"),),
    "resultRecordCount": (("offset", "resultOffset"),),
    "max": (("offset", "offset"), ("offset", "first")),
    "num": (("offset", "start"),),
}  # fmt: skip
#: Names that are tried all at once, where those above lead nowhere.
MORE_PAGES: Final = (
    "p", "pg", "pageNumber", "page_number", "pageNo", "page_no", "pageNum", "page_num",
    "pageIndex", "page_index", "currentPage", "current_page", "currentpage", "page[number]",
    "Page", "PageNumber",
)  # fmt: skip
MORE_OFFSETS: Final = (
    "skip", "$skip", "start", "startIndex", "start_index", "startAt", "start_at", "firstResult",
    "page[offset]", "resultOffset", "startRecord", "first", "from", "Offset", "begin", "pos",
)  # fmt: skip
#: Parameters that want the total counted: some APIs take them with the first page only.
COUNTING: Final = ("counttotal", "includetotal", "withcount", "includecount", "totalcount",
                   "returntotalrecordcount", "needtotal")  # fmt: skip
#: Parameters that hold a cursor and nothing else.
CURSOR_PARAMS: Final = table(
    "pagetoken nextpagetoken cursor nexttoken nextcursor paginationtoken pageinfo scrollid "
    "continuationtoken cursormark startcursor searchafter nextkey pagecursor skiptoken"
)
#: What a cursor's parameter holds on the first page.
INITIAL: Final = ("*", "0", "1", "-1", "start", "first", "initial", "begin")

#: Where a token goes, by what it is called in the page. Others go where their own names say.
TOKENS: Final[dict[str, tuple[str, ...]]] = {
    "nexttoken": ("pagination_token", "page_token"),
    "nextpagetoken": ("pageToken", "page_token"),
    "nextcursor": ("cursor", "next_cursor", "after", "page_token"),
    "nextcursormark": ("cursorMark",),
    "cursor": ("cursor", "after", "next_cursor"),
    "after": ("after",),
    "aftercursor": ("page[after]", "after", "after_cursor"),
    "endcursor": ("after", "cursor"),
    "continue": ("continue",),
    "continuation": ("continuation", "continuationToken"),
    "continuationtoken": ("continuationToken", "continuation_token", "continuation"),
    "next": ("next", "cursor", "page_token", "_next", "start", "offset"),
    "nextpage": ("page", "page_token", "next_page"),
    "nextkey": ("key", "next_key", "starting_after"),
    "nextpagekey": ("pageKey", "nextPageKey"),
    "nextoffset": ("offset", "start"),
    "nextid": ("since_id", "next_id"),
    "offset": ("offset",),
    "pagetoken": ("page_token", "pageToken"),
    "bookmark": ("bookmark",),
    "marker": ("marker",),
    "nextmarker": ("marker",),
    "scrollid": ("scroll_id",),
    "lastevaluatedkey": ("exclusiveStartKey",),
    "resumptiontoken": ("resumptionToken",),
}  # fmt: skip
#: Keys whose values are links, by how they end.
LINKISH: Final = ("url", "link", "href", "uri", "nextrecordsurl")
#: Response headers that hold the next cursor.
CURSOR_HEADERS: Final = pattern(
    r"(?:x-)?(?:[\w-]*-)?(?:next-?(?:cursor|token|page|page-token|page-cursor)|continuation(?:-?token)?|"
    r"cursor)",
    re.IGNORECASE,
)
#: Where the value of a record goes that the next page begins after, for lists whose pages say
#: nothing: the parameter, which value is taken, and what is added.
KEYSETS: Final[tuple[tuple[str, str, int | None], ...]] = (
    ("starting_after", "last", None),
    ("after", "last", None),
    ("before", "last", None),
    ("since_id", "max", None),
    ("max_id", "min", -1),
)

#: Top-level members that say that a 200 is one.
SOUND: Final = ("ok", "success")

HintTable = tuple[dict[str, Any], ...]
#: APIs by what their pages hold (`sees`: paths that are all there) or what is asked of them
#: (`header`, `body`: names that are there), and what is known of them besides. `adds` are
#: parameters without which they page badly; `token` where their cursor goes; `resource` further
#: keys of the YAML.
HINTS: Final[HintTable] = (
    {
        "api": "Twitter's v2 search",
        "sees": ("meta.result_count",),
        "why": "pages without posts have no `data`, and may have a next token all the same",
        "resource": {
            "allow_missing": True,
            "response_actions": [
                {"status": 429, "when": {"path": "title", "equals": "UsageCapExceeded"},
                 "action": "stop"}
            ],
        },
    },
    {
        "api": "MediaWiki",
        "sees": ("batchcomplete",),
        "why": "errors come with status 200",
        "resource": {
            "response_actions": [
                {"when": {"path": "error.code", "in": ["maxlag", "ratelimited", "readonly"]},
                 "action": "retry"},
                {"when": {"path": "error.code", "exists": True}, "action": "fail"},
            ]
        },
    },
    {
        "api": "Kubernetes",
        "sees": ("apiVersion", "metadata.resourceVersion"),
        "why": "a list's cursor expires after minutes, which a 410 says: the list begins again",
        "resource": {"response_actions": [{"status": 410, "action": "restart"}]},
    },
    {
        "api": "Notion",
        "header": "notion-version",
        "why": "next_cursor is sent back as start_cursor",
        "token": "start_cursor",
    },
    {
        "api": "Crossref",
        "sees": ("message-type", "message.items-per-page"),
        "why": "without cursor=* it shows 10,000 works at most; its last page is an empty one",
        "adds": {"cursor": "*"},
        "unless": "message.next-cursor",
        "paginator": {"stop_after_empty_page": True, "cursor_may_repeat": True},
    },
    {
        "api": "OpenAlex",
        "sees": ("meta.db_response_time_ms", "meta.per_page"),
        "why": "without cursor=* it shows 10,000 records at most",
        "adds": {"cursor": "*"},
        "unless": "meta.next_cursor",
    },
    {
        "api": "Europe PMC",
        "sees": ("resultList", "hitCount"),
        "why": "the cursorMark that was sent means the end",
        "adds": {"cursorMark": "*"},
        "unless": "nextCursorMark",
    },
    {
        "api": "Discord",
        "answers": "x-ratelimit-bucket",
        "why": "its lists page by `before` and `after`, the ids of messages",
        "keyset": ("before", "last", None),
    },
    {
        "api": "Stripe",
        "sees": ("object", "has_more", "url"),
        "why": "the id of a page's last object is the cursor",
        "keyset": ("starting_after", "last", None),
    },
)  # fmt: skip
