"""GitHub: https://docs.github.com/en/rest/search/search#search-repositories.

Most of the repositories were created within a few hours, which windows of a year do not hold.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from tests.api_server import Answer, Asked
from tests.emulations import Emulation
from tests.emulations.github_issues import TOKEN, _limited

CAP = 1000
FIRST, DAY = datetime(2008, 3, 1, tzinfo=UTC), datetime(2020, 5, 17, 6, tzinfo=UTC)
CREATED = [
    *(FIRST + timedelta(days=25 * n) for n in range(170)),
    *(DAY + timedelta(seconds=7 * n) for n in range(1150)),
]


def _repository(n: int) -> dict[str, Any]:
    created = CREATED[n].strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"id": 1000 + n, "full_name": f"lab/starß-{n}", "private": False, "created_at": created}


REPOSITORIES = sorted(
    (_repository(n) for n in range(len(CREATED))), key=lambda one: str(one["created_at"])
)


def _page(asked: Asked, repositories: list[Any]) -> Answer:
    if asked.headers.get("authorization") != f"Bearer {TOKEN}":
        return Answer({"message": "Bad credentials", "status": "401"}, 401)
    assert (asked.method, asked.path) == ("GET", "/search/repositories")
    params = asked.params
    found = re.fullmatch(r"topic:astronomy created:(\S+Z)\.\.(\S+Z)", params["q"])
    assert found is not None
    matching = [one for one in repositories if found[1] <= one["created_at"] <= found[2]]
    number, size = int(params.get("page", 1)), int(params["per_page"])
    end = number * size
    if end > CAP:
        message = "Only the first 1000 search results are available"
        return Answer({"message": message, "status": "422"}, 422)
    query = urlencode({**params, "page": number + 1})
    link = f'<{asked.origin}{asked.path}?{query}>; rel="next"'
    headers = {"link": link} if end < min(len(matching), CAP) else {}
    page = {"total_count": len(matching), "incomplete_results": False}
    return Answer({**page, "items": matching[end - size : end]}, headers=headers)


EMULATION = Emulation(
    records={"repositories": REPOSITORIES},
    answer=lambda asked: _page(asked, REPOSITORIES),
    nothing=lambda asked: _page(asked, []),
    failure=_limited,
    failure_exit_code=3,
    env={"GITHUB_TOKEN": TOKEN},
)
