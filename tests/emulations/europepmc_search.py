"""Europe PMC: https://europepmc.org/RestfulWebService, over Solr's cursorMark."""

from base64 import b64decode, b64encode
from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

PAGE = 40
FOUND = {'DISEASE:"Crohn disease"': 100, 'AUTH:"Curie M"': 30}


def _article(query: str, n: int) -> dict[str, Any]:
    return {
        "id": f"{len(query)}{n:06d}",
        "source": "MED" if n % 3 else "PPR",
        "pmid": f"{len(query)}{n:06d}" if n % 3 else None,
        "title": f"Études sur la maladie de Crohn, № {n}.",
        "authorString": "Skłodowska-Curie M, Müller J.",
        "pubYear": str(1990 + n % 30),
        "isOpenAccess": "Y" if n % 2 else "N",
        "citedByCount": n,
    }


ARTICLES = {query: [_article(query, n) for n in range(count)] for query, count in FOUND.items()}


def _page(asked: Asked, articles: dict[str, list[Any]]) -> Answer:
    assert (asked.method, asked.path) == ("GET", "/europepmc/webservices/rest/search")
    params = asked.params
    assert params.keys() == {"query", "resultType", "pageSize", "format", "cursorMark"}
    assert params["resultType"] in ("idlist", "lite", "core")
    assert params["format"] == "json"
    assert 1 <= int(params["pageSize"]) <= 1000
    query, mark = params["query"], params["cursorMark"]
    start = 0
    if mark != "*":
        of, _, at = b64decode(mark).decode().rpartition("@")
        assert of == query, "a cursorMark belongs to its query"
        start = int(at)
    found = articles[query][start : start + int(params["pageSize"])]
    head = {"version": "6.9", "hitCount": len(articles[query])}
    if articles[query]:
        # Solr: where nothing follows, the mark stays as it was.
        end = b64encode(f"{query}@{start + len(found)}".encode()).decode()
        head["nextCursorMark"] = end if found else mark
    request = {"queryString": query, "resultType": "core", "cursorMark": mark, "synonym": False}
    return Answer({**head, "request": request, "resultList": {"result": found}},
                  headers={"Content-Type": "application/json;charset=UTF-8"})  # fmt: skip


def _error(asked: Asked) -> Answer:
    return Answer({"version": "6.9", "errCode": 404, "errMsg": "The service is not available"})


EMULATION = Emulation(
    records={"articles": [article for found in ARTICLES.values() for article in found]},
    answer=lambda asked: _page(asked, ARTICLES),
    nothing=lambda asked: _page(asked, {key: [] for key in FOUND}),
    failure=_error,
    failure_exit_code=3,
    base_path="/europepmc/webservices/rest/",
    settings=(f"resources.articles.params.pageSize={PAGE}",),
)
