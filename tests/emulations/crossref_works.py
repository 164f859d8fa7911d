"""Crossref: https://www.crossref.org/documentation/retrieve-metadata/rest-api/.

The cursors have `+`, `/` and `=`, which must come back encoded; the empty page repeats its own.
"""

import re
from base64 import b64decode, b64encode
from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

SIZES = {("10.1371", 2023): 2100, ("10.1371", 2024): 5, ("10.7554", 2023): 1000}
FILTER = re.compile(r"prefix:([\d.]+),from-pub-date:(\d{4}),until-pub-date:(\d{4})")


def _work(prefix: str, year: int, n: int) -> dict[str, Any]:
    return {
        "DOI": f"{prefix}/j.{year}.{n}",
        "type": "journal-article",
        "title": [f"Étude № {n}"] if n % 7 else [],
        "issued": {"date-parts": [[year, 1 + n % 12] if n % 3 else [None]]},
        "is-referenced-by-count": n % 50,
        "score": 1.0,
    }


def _page(asked: Asked, sizes: dict[tuple[str, int], int]) -> Answer:
    assert (asked.method, asked.path) == ("GET", "/works")
    params = asked.params
    assert params.keys() == {"filter", "rows", "mailto", "cursor"}
    assert params["mailto"] == "lab@example.org"
    rows = int(params["rows"])
    assert 1 <= rows <= 1000
    wanted = FILTER.fullmatch(params["filter"])
    assert wanted
    assert wanted[2] == wanted[3]
    place = (wanted[1], int(wanted[2]))
    start, cursor = 0, params["cursor"]
    if cursor != "*":
        sealed, _, number = (
            b64decode(cursor, validate=True).decode().removeprefix("ûÿ¾").partition("|")
        )
        assert sealed == params["filter"]
        start = int(number)
    size = sizes.get(place, 0)
    items = [_work(*place, n) for n in range(start, min(start + rows, size))]
    following = b64encode(f"ûÿ¾{params['filter']}|{start + len(items)}".encode()).decode()
    message = {
        "facets": {},
        "next-cursor": following,
        "total-results": size,
        "items": items,
        "items-per-page": rows,
        "query": {"start-index": 0, "search-terms": None},
    }
    headers = {"x-api-pool": "polite", "x-rate-limit-limit": "3", "x-rate-limit-interval": "1s"}
    body = {"status": "ok", "message-type": "work-list", "message-version": "1.0.0"}
    return Answer({**body, "message": message}, headers=headers)


def _expired(asked: Asked) -> Answer:
    return Answer(text="Resource not found.", status=404, headers={"content-type": "text/plain"})


EMULATION = Emulation(
    records={"works": [_work(*place, n) for place, size in SIZES.items() for n in range(size)]},
    answer=lambda asked: _page(asked, SIZES),
    nothing=lambda asked: _page(asked, {}),
    failure=_expired,
    failure_exit_code=3,
    env={"CROSSREF_MAILTO": "lab@example.org"},
)
