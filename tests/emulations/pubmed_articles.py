"""NCBI E-utilities: https://www.ncbi.nlm.nih.gov/books/NBK25499/.

Documents with a document type that lies elsewhere, and abstracts that mix text and elements.
"""

from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

SIZES = {"open access[filter] AND asthma": 1200, "zika virus[mesh]": 30}
TERMS = list(SIZES)
XML = {"Content-Type": "text/xml; charset=UTF-8"}


def _article(key: int, n: int) -> dict[str, Any]:
    return {
        "MedlineCitation": {
            "@Status": "MEDLINE",
            "PMID": {"@Version": "1", "#text": f"{key}{n:06}"},
            "Article": {
                "Abstract": {
                    "AbstractText": [
                        {"@Label": "AIM", "#text": "To look."},
                        {"i": "E. coli", "#text": f"We found E. coli in {n} of 9."},
                    ]
                }
            },
        }
    }


def _xml(key: int, n: int) -> str:
    return (
        f'<PubmedArticle><MedlineCitation Status="MEDLINE"><PMID Version="1">{key}{n:06}</PMID>'
        '<Article><Abstract><AbstractText Label="AIM">To look.</AbstractText>\n<AbstractText>'
        f"We found <i>E. coli</i> in {n} of 9.</AbstractText></Abstract></Article>"
        "</MedlineCitation></PubmedArticle>\n"
    )


def _typed(name: str, inner: str) -> Answer:
    text = (
        f'<?xml version="1.0" encoding="UTF-8" ?>\n<!DOCTYPE {name} PUBLIC "-//NLM//DTD {name}" '
        f'"https://dtd.nlm.nih.gov/{name}.dtd">\n<{name}>{inner}</{name}>'
    )
    return Answer(text=text, headers=XML)


def _search(asked: Asked, sizes: dict[str, int]) -> Answer:
    params = asked.params
    assert (params["usehistory"], params["retmax"], params["db"]) == ("y", "0", "pubmed")
    key = TERMS.index(params["term"]) + 1
    count = sizes.get(params["term"], 0)
    return _typed(
        "eSearchResult",
        f"<Count>{count}</Count><RetMax>0</RetMax><RetStart>0</RetStart><QueryKey>{key}</QueryKey>"
        f"<WebEnv>MCID_{key}</WebEnv><IdList/>",
    )


def _fetch(asked: Asked, sizes: dict[str, int]) -> Answer:
    params = asked.params
    key = int(params["query_key"])
    assert params["WebEnv"] == f"MCID_{key}"
    start, most = int(params["retstart"]), int(params["retmax"])
    size = sizes.get(TERMS[key - 1], 0)
    if start >= size:
        return Answer(text="<eFetchResult><ERROR>No items</ERROR></eFetchResult>", status=400)
    numbers = range(start, min(start + most, size))
    return _typed("PubmedArticleSet", "".join(_xml(key, n) for n in numbers))


def _answer(asked: Asked, sizes: dict[str, int]) -> Answer:
    assert asked.params["api_key"] == "ncbi-s3cret"
    if asked.path == "/entrez/eutils/esearch.fcgi":
        return _search(asked, sizes)
    assert asked.path == "/entrez/eutils/efetch.fcgi"
    return _fetch(asked, sizes)


def _searched(key: int, size: int) -> dict[str, Any]:
    return {
        "Count": str(size),
        "RetMax": "0",
        "RetStart": "0",
        "QueryKey": str(key),
        "WebEnv": f"MCID_{key}",
        "IdList": None,
    }


EMULATION = Emulation(
    records={
        "searches": [_searched(key, SIZES[term]) for key, term in enumerate(TERMS, 1)],
        "articles": [
            _article(key, n) for key, term in enumerate(TERMS, 1) for n in range(SIZES[term])
        ],
    },
    answer=lambda asked: _answer(asked, SIZES),
    nothing=lambda asked: _answer(asked, {}),
    failure=lambda asked: Answer({"error": "API key invalid"}, 400),
    failure_exit_code=3,
    env={"NCBI_API_KEY": "ncbi-s3cret"},
    base_path="/entrez/eutils/",
)
