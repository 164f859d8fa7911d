"""Wikidata: https://www.wikidata.org/wiki/Wikidata:SPARQL_query_service/User_Manual."""

import re

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

CONTACT = "https://example.org/lab"
SIZE = 2300


def _row(n: int) -> dict[str, str]:
    item = f"http://www.wikidata.org/entity/Q{10_000 + n}"
    return {"item": item, "coordinates": f"Point({n % 180} {n % 90}.5)"}


def _page(asked: Asked, size: int) -> Answer:
    assert CONTACT in asked.headers["user-agent"]
    assert (asked.method, asked.path) == ("POST", "/sparql")
    assert asked.headers["accept"] == "text/csv"
    query = asked.form["query"]
    assert query.count("{") == query.count("}") == 1
    found = re.search(r"ORDER BY .* LIMIT (\d+) OFFSET (\d+)$", query)
    assert found is not None, query
    most, start = int(found[1]), int(found[2])
    rows = [_row(n).values() for n in range(start, min(start + most, size))]
    text = "".join(",".join(values) + "\r\n" for values in (_row(0), *rows))
    return Answer(text=text, headers={"Content-Type": "text/csv;charset=utf-8"})


def _timeout(asked: Asked) -> Answer:
    text = "java.util.concurrent.TimeoutException\n\tat java.base/java.util.concurrent.FutureTask"
    return Answer(text=text, status=500, headers={"Content-Type": "text/plain"})


EMULATION = Emulation(
    records={"observatories": [_row(n) for n in range(SIZE)]},
    answer=lambda asked: _page(asked, SIZE),
    nothing=lambda asked: _page(asked, 0),
    failure=_timeout,
    failure_exit_code=3,
    env={"WIKI_CONTACT": CONTACT},
)
