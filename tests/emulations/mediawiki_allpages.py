"""MediaWiki: https://www.mediawiki.org/wiki/API:Allpages and /wiki/API:Continue."""

from typing import Any
from urllib.parse import quote_plus, unquote_plus

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

MAX = 500  # what `aplimit=max` means for a reader
PREFIXES = {0: "", 14: "Category:"}
PAGES = {
    namespace: [
        {
            "pageid": 4_000_000_000 + 100_000 * namespace + n,
            "ns": namespace,
            "title": f"{prefix}Æ & {n:05d} «ヿ»",
        }
        for n in range(count)
    ]
    for (namespace, prefix), count in zip(PREFIXES.items(), (1250, 500), strict=True)
}
ASKED = {
    "action": "query",
    "list": "allpages",
    "aplimit": "max",
    "format": "json",
    "formatversion": "2",
    "maxlag": "5",
}


def _key(page: dict[str, Any]) -> str:
    """Where to go on: the title without its namespace, with underscores, as MediaWiki does."""
    return page["title"].removeprefix(PREFIXES[page["ns"]]).replace(" ", "_")  # type: ignore[no-any-return]


def _page(asked: Asked, pages: dict[int, list[dict[str, Any]]]) -> Answer:
    assert (asked.method, asked.path) == ("GET", "/w/api.php")
    assert "lab@example.org" in asked.headers["user-agent"]
    params = asked.params
    found = pages[int(params.pop("apnamespace"))]
    start = 0
    if "continue" in params:
        assert params.pop("continue") == "-||"
        sought = unquote_plus(params.pop("apcontinue"))
        start = next(n for n, page in enumerate(found) if quote_plus(_key(page)) == sought)
    assert params == ASKED
    body: dict[str, Any] = {"batchcomplete": True}
    if start + MAX < len(found):
        # The title comes encoded once more, to be sent back as it is.
        after = quote_plus(quote_plus(_key(found[start + MAX])))
        body["continue"] = {"apcontinue": after, "continue": "-||"}
    body["limits"] = {"allpages": MAX}
    body["query"] = {"allpages": found[start : start + MAX]}
    return Answer(body, headers={"Content-Type": "application/json; charset=utf-8"})


def _lagged(asked: Asked) -> Answer:
    error = {
        "code": "maxlag",
        "info": "Waiting for 10.64.48.1: 7.5 seconds lagged.",
        "host": "10.64.48.1",
        "lag": 7.5,
        "type": "db",
        "docref": "See https://en.wikipedia.org/w/api.php for API usage.",
    }
    return Answer({"error": error, "servedby": "mw1"},
                  headers={"Retry-After": "5", "X-Database-Lag": "7",
                           "MediaWiki-API-Error": "maxlag"})  # fmt: skip


EMULATION = Emulation(
    records={"pages": PAGES[0] + PAGES[14]},
    answer=lambda asked: _page(asked, PAGES),
    nothing=lambda asked: _page(asked, {0: [], 14: []}),
    failure=_lagged,
    failure_exit_code=3,
    env={"WIKI_CONTACT": "lab@example.org"},
    base_path="/w/",
)
