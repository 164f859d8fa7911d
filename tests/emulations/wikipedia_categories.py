"""Wikipedia's categories: https://www.mediawiki.org/wiki/API:Categorymembers.

A graph with a cycle, and with a category that lies in two.
"""

from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

ROOT = "Category:Sundials"
#: Subcategories of each; one leads back up, one lies in two.
BELOW = {
    ROOT: ["Category:Gnomonics", "Category:Sundials by country"],
    "Category:Gnomonics": ["Category:Shadows"],
    "Category:Sundials by country": ["Category:Shadows", "Category:Sundials in Österreich"],
    "Category:Shadows": [ROOT],
    "Category:Sundials in Österreich": [],
}
SIZES = dict(zip(BELOW, (520, 30, 0, 7, 510), strict=True))
CONTACT = "https://example.org/lab"


def _members(category: str) -> list[dict[str, Any]]:
    place = list(BELOW).index(category)
    subcategories = [
        {"pageid": 10 + list(BELOW).index(name), "ns": 14, "title": name, "type": "subcat"}
        for name in BELOW[category]
    ]
    pages = [
        {"pageid": 1000 * place + n + 100, "ns": 0, "title": f"Sundial № {n}", "type": "page"}
        for n in range(SIZES[category])
    ]
    return pages[:3] + subcategories + pages[3:]


def _page(asked: Asked, *, empty: bool = False) -> Answer:
    assert CONTACT in asked.headers["user-agent"]
    assert (asked.method, asked.path) == ("GET", "/w/api.php")
    params = asked.params
    assert (params["action"], params["list"]) == ("query", "categorymembers")
    assert (params["format"], params["formatversion"]) == ("json", "2")
    members = [] if empty else _members(params["cmtitle"])
    start = 0
    if "cmcontinue" in params:
        assert params["continue"] == "-||"
        start = int(params["cmcontinue"].removeprefix("page|"))
    limit = int(params["cmlimit"])
    assert limit <= 500
    page: dict[str, Any] = {"query": {"categorymembers": members[start : start + limit]}}
    if start + limit < len(members):
        page["continue"] = {"cmcontinue": f"page|{start + limit}", "continue": "-||"}
    else:
        page["batchcomplete"] = True
    return Answer(page)


def _lagging(asked: Asked) -> Answer:
    error = {"code": "maxlag", "info": "Waiting for a database server: 7.3 seconds lagged."}
    return Answer({"error": {**error, "lag": 7.3}}, headers={"Retry-After": "5"})


EMULATION = Emulation(
    records={"members": [one for category in BELOW for one in _members(category)]},
    answer=_page,
    nothing=lambda asked: _page(asked, empty=True),
    failure=_lagging,
    failure_exit_code=3,
    env={"WIKI_CONTACT": CONTACT},
    base_path="/w/",
)
