"""arXiv: https://info.arxiv.org/help/api/user-manual.html.

An Atom feed whose total declares a namespace of its own, as arXiv's does.
"""

from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

SIZES = {"cat:cs.DL": 450, "all:electron": 200}


def _paper(query: str, n: int) -> dict[str, Any]:
    return {
        "id": f"http://arxiv.org/abs/{query[-2:]}{n:04}v1",
        "title": f"On {n}\n  & its limits",
        "author": [{"name": f"A. {each}"} for each in range(1 + n % 3)],
        "link": [{"@href": f"http://arxiv.org/pdf/{n}", "@rel": "related", "@title": "pdf"}],
        "category": [{"@term": "cs.DL"}],
    }


def _entry(query: str, n: int) -> str:
    paper = _paper(query, n)
    authors = "".join(f"<author>\n<name>{each['name']}</name></author>" for each in paper["author"])
    [link] = paper["link"]
    return (
        f"<entry><id>{paper['id']}</id><title>\n {paper['title'].replace('&', '&amp;')} </title>"
        f'{authors}<link title="pdf" href="{link["@href"]}" rel="related"/>'
        '<category term="cs.DL"/></entry>\n'
    )


def _page(asked: Asked, sizes: dict[str, int]) -> Answer:
    assert (asked.method, asked.path) == ("GET", "/api/query")
    params = asked.params
    assert params.keys() == {"search_query", "sortBy", "sortOrder", "start", "max_results"}
    start, size = int(params["start"]), int(params["max_results"])
    assert size <= 2000
    total = sizes.get(params["search_query"], 0)
    entries = "".join(
        _entry(params["search_query"], n) for n in range(start, min(start + size, total))
    )
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">'
        f'<link href="http://arxiv.org/api/query" rel="self" type="application/atom+xml"/>'
        "<title type='html'>ArXiv Query</title>"
        '<opensearch:totalResults xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">'
        f"{total}</opensearch:totalResults>{entries}</feed>"
    )
    return Answer(text=text, headers={"Content-Type": "application/atom+xml; charset=utf-8"})


def _malformed(asked: Asked) -> Answer:
    text = '<feed xmlns="http://www.w3.org/2005/Atom"><entry><title>Error</title></entry></feed>'
    return Answer(text=text, status=400, headers={"Content-Type": "application/atom+xml"})


EMULATION = Emulation(
    records={"papers": [_paper(query, n) for query, size in SIZES.items() for n in range(size)]},
    answer=lambda asked: _page(asked, SIZES),
    nothing=lambda asked: _page(asked, {}),
    failure=_malformed,
    failure_exit_code=3,
    base_path="/api/",
)
