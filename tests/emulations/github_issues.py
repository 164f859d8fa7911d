"""GitHub: https://docs.github.com/en/rest/issues/issues#list-repository-issues."""

import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any
from urllib.parse import parse_qsl, urlencode

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

TOKEN = "github_pat_11AAAAAAA0example"
IDS = {"simonw/datasette": 107914493, "simonw/sqlite-utils": 140912432}
SIZES = {"simonw/datasette": 250, "simonw/sqlite-utils": 100}
SORTING = {"state": "all", "sort": "created", "direction": "asc", "per_page": "100"}


def _issue(repo: str, n: int) -> dict[str, Any]:
    pull = {"url": f"https://api.github.com/repos/{repo}/pulls/{n}", "merged_at": None}
    return {
        "id": 3_100_000_000 + n,
        "node_id": f"I_kwDO{n:06d}",
        "number": n,
        "title": f"Ünïcode in “titles” № {n} 🐛",
        "user": {"login": f"user-{n % 7}", "id": n % 7, "type": "User"},
        "labels": [{"id": 1, "name": "bug", "description": None}] if n % 3 else [],
        "state": "closed" if n % 2 else "open",
        "milestone": None,
        "comments": n % 5,
        "created_at": f"2024-01-01T{n // 60:02d}:{n % 60:02d}:00Z",
        "body": None if n % 4 == 0 else "See #1\r\n",
        **({"pull_request": pull} if n % 6 == 0 else {}),
    }


def _headers(remaining: int) -> dict[str, str]:
    return {
        "content-type": "application/json; charset=utf-8",
        "x-ratelimit-limit": "5000",
        "x-ratelimit-remaining": str(remaining),
        "x-ratelimit-used": str(5000 - remaining),
        "x-ratelimit-reset": str(int(time.time()) + 1800),
        "x-ratelimit-resource": "core",
    }


def _link(asked: Asked, repo: str, start: int) -> str:
    after = urlsafe_b64encode(f"cursor:v2:{repo}:{start}".encode()).decode()
    query = {**SORTING, "after": after, "page": start // 100 + 1}
    return f"{asked.origin}/repositories/{IDS[repo]}/issues?{urlencode(query)}"


def _page(asked: Asked, sizes: dict[str, int]) -> Answer:
    if asked.headers.get("authorization") != f"Bearer {TOKEN}":
        return Answer({"message": "Bad credentials", "status": "401"}, 401)
    assert asked.headers["accept"] == "application/vnd.github+json"
    assert asked.headers["x-github-api-version"] == "2022-11-28"
    if after := asked.params.get("after"):
        repo, start = urlsafe_b64decode(after).decode().removeprefix("cursor:v2:").split(":")
        path, _, query = _link(asked, repo, int(start)).removeprefix(asked.origin).partition("?")
        assert (asked.path, asked.query) == (path, tuple(parse_qsl(query)))
        first = int(start)
    else:
        repo = asked.path.removeprefix("/repos/").removesuffix("/issues")
        assert asked.params == SORTING
        first = 0
    end = min(first + 100, sizes[repo])
    headers = _headers(remaining=4990)
    links = [f'<{_link(asked, repo, end)}>; rel="next"'] if end < sizes[repo] else []
    if first:
        links.insert(0, f'<{_link(asked, repo, first - 100)}>; rel="prev"')
    if links:
        headers["link"] = ", ".join(links)
    return Answer([_issue(repo, n) for n in range(first + 1, end + 1)], headers=headers)


def _limited(asked: Asked) -> Answer:
    message = "API rate limit exceeded for user ID 1."
    url = "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api"
    body = {"message": message, "documentation_url": url, "status": "403"}
    return Answer(body, 403, _headers(remaining=0))


EMULATION = Emulation(
    records={"issues": [_issue(repo, n + 1) for repo in IDS for n in range(SIZES[repo])]},
    answer=lambda asked: _page(asked, SIZES),
    nothing=lambda asked: _page(asked, dict.fromkeys(SIZES, 0)),
    failure=_limited,
    failure_exit_code=3,
    env={"GITHUB_TOKEN": TOKEN},
)
