"""GitHub: https://docs.github.com/en/graphql/guides/using-pagination-in-the-graphql-api."""

import re
import time
from base64 import b64decode, b64encode
from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

TOKEN = "github_pat_11AAAAAAA0example"
STARS = {"datasette": 230, "sqlite-utils": 100}
QUERY = (
    "query($owner: String!, $name: String!, $after: String) { "
    "repository(owner: $owner, name: $name) { "
    "stargazers(first: 100, after: $after, orderBy: {field: STARRED_AT, direction: ASC}) { "
    "totalCount edges { starredAt node { id login name } } pageInfo { hasNextPage endCursor } } } }"
)


def _edge(name: str, n: int) -> dict[str, Any]:
    return {
        "starredAt": f"2024-02-{1 + n // 24:02d}T{n % 24:02d}:00:00Z",
        "node": {
            "id": f"U_kgDO{name[0]}{n:06d}",
            "login": f"{name}-{n}",
            "name": None if n % 3 == 0 else f"Zoë № {n} ⭐",
        },
    }


def _headers(remaining: int) -> dict[str, str]:
    return {
        "content-type": "application/json; charset=utf-8",
        "x-ratelimit-limit": "5000",
        "x-ratelimit-remaining": str(remaining),
        "x-ratelimit-reset": str(int(time.time()) + 1800),
        "x-ratelimit-resource": "graphql",
    }


def _page(asked: Asked, stars: dict[str, int]) -> Answer:
    if asked.headers.get("authorization") != f"Bearer {TOKEN}":
        return Answer({"message": "Bad credentials", "status": "401"}, 401)
    assert (asked.method, asked.path, asked.query) == ("POST", "/graphql", ())
    body = asked.json
    assert body.keys() == {"query", "variables"}
    assert re.sub(r"\s+", " ", body["query"]).strip() == QUERY
    variables = dict(body["variables"])
    start = 0
    if "after" in variables:  # bound to the repository, as a cursor of GitHub's is to its list
        name, _, place = b64decode(variables.pop("after")).decode().partition(":")
        assert name == variables["name"]
        start = int(place)
        assert start < stars[name], "asked on after hasNextPage: false"
    assert variables == {"owner": "simonw", "name": variables["name"]}
    name = variables["name"]
    end = min(start + 100, stars[name])
    edges = [_edge(name, n) for n in range(start, end)]
    found = {
        "totalCount": stars[name],
        "edges": edges,
        "pageInfo": {
            "hasNextPage": end < stars[name],
            "endCursor": b64encode(f"{name}:{end}".encode()).decode() if edges else None,
        },
    }
    return Answer({"data": {"repository": {"stargazers": found}}}, headers=_headers(4990))


def _not_found(asked: Asked) -> Answer:
    name = asked.json["variables"]["name"]
    error = {
        "type": "NOT_FOUND",
        "path": ["repository"],
        "locations": [{"line": 2, "column": 3}],
        "message": f"Could not resolve to a Repository with the name 'simonw/{name}'.",
    }
    return Answer({"data": {"repository": None}, "errors": [error]}, headers=_headers(4990))


EMULATION = Emulation(
    records={"stargazers": [_edge(name, n) for name in STARS for n in range(STARS[name])]},
    answer=lambda asked: _page(asked, STARS),
    nothing=lambda asked: _page(asked, dict.fromkeys(STARS, 0)),
    failure=_not_found,
    failure_exit_code=3,
    env={"GITHUB_TOKEN": TOKEN},
)
