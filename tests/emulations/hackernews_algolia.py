"""Hacker News by Algolia: https://hn.algolia.com/api."""

import re
from datetime import UTC, datetime
from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

PAGE = 40
START = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp())
SHOWN = 1000  # of a query's hits, however many there are


def _story(n: int) -> dict[str, Any]:
    created = START + 12 * 3600 - 1 - 400 * n
    return {
        "objectID": str(38_820_000 - n),
        "created_at": f"{datetime.fromtimestamp(created, UTC):%Y-%m-%dT%H:%M:%SZ}",
        "created_at_i": created,
        "title": f"Show HN: naïve façade № {n}",
        "url": f"https://example.org/{n}" if n % 4 else None,
        "author": f"user{n % 9}",
        "points": n % 300,
        "num_comments": None if n % 5 == 0 else n % 70,
        "_tags": ["story", f"author_user{n % 9}", f"story_{38_820_000 - n}"],
        "_highlightResult": {"author": {"matchLevel": "none", "matchedWords": []}},
    }


STORIES = [_story(n) for n in range(108)]  # newest first, over the first half of the day


def _within(start: int, end: int, stories: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [story for story in stories if start <= story["created_at_i"] < end]


def _page(asked: Asked, stories: list[dict[str, Any]]) -> Answer:
    assert (asked.method, asked.path) == ("GET", "/api/v1/search_by_date")
    params = asked.params
    assert params.keys() == {"tags", "numericFilters", "page", "hitsPerPage"}
    assert params["tags"] == "story"
    window = re.fullmatch(r"created_at_i>=(\d+),created_at_i<(\d+)", params["numericFilters"])
    size, page = int(params["hitsPerPage"]), int(params["page"])
    assert window
    assert 1 <= size <= 1000
    found = _within(int(window[1]), int(window[2]), stories)
    body = {
        "exhaustive": {"nbHits": True, "typo": True},
        "exhaustiveNbHits": True,
        "exhaustiveTypo": True,
        "hits": found[:SHOWN][page * size : (page + 1) * size],
        "hitsPerPage": size,
        "nbHits": len(found),
        "nbPages": -(-min(len(found), SHOWN) // size),
        "page": page,
        "params": f"tags=story&hitsPerPage={size}&page={page}",
        "processingTimeMS": 4,
        "query": "",
        "serverTimeMS": 5,
    }
    return Answer(body, headers={"Content-Type": "application/json; charset=utf-8"})


QUARTERS = (START, START + 6 * 3600), (START + 6 * 3600, START + 12 * 3600)
EMULATION = Emulation(
    records={"stories": [story for window in QUARTERS for story in _within(*window, STORIES)]},
    answer=lambda asked: _page(asked, STORIES),
    nothing=lambda asked: _page(asked, []),
    failure=lambda asked: Answer({"message": "Too Many Requests", "status": 429}, 429),
    failure_exit_code=3,
    base_path="/api/v1/",
    settings=(
        f"resources.stories.paginator.page_size={PAGE}",
        "resources.stories.partitions.window.end=2024-01-01T12:00:00Z",
    ),
)
