"""GitLab: https://docs.gitlab.com/api/rest/#keyset-based-pagination."""

import time
from typing import Any
from urllib.parse import urlencode

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

TOKEN = "glpat-example-token"
TOPICS = {"astronomy": 250, "bioinformatics": 100}
PARAMS = {"pagination": "keyset", "order_by": "id", "sort": "asc", "per_page": "100"}
#: What GitLab adds to the links it gives.
ADDED = {"archived": "false", "membership": "false", "page": "1", "statistics": "false"}


def _project(topic: str, n: int) -> dict[str, Any]:
    path = f"{topic}-{n}"
    return {
        "id": 70_000_000 + n * 3 + len(topic),
        "description": None if n % 4 == 0 else f"Étoiles № {n}",
        "name": path.title(),
        "path_with_namespace": f"lab/{path}",
        "created_at": "2024-05-01T12:00:00.123Z",
        "default_branch": None if n % 9 == 0 else "main",
        "topics": [topic],
        "web_url": f"https://gitlab.com/lab/{path}",
        "avatar_url": None,
        "star_count": n,
        "namespace": {"id": 9, "name": "lab", "kind": "group", "parent_id": None},
    }


PROJECTS = {topic: [_project(topic, n) for n in range(size)] for topic, size in TOPICS.items()}


def _page(asked: Asked, projects: dict[str, list[Any]]) -> Answer:
    if asked.headers.get("private-token") != TOKEN:
        return Answer({"message": "401 Unauthorized"}, 401)
    assert (asked.method, asked.path) == ("GET", "/api/v4/projects")
    params = asked.params
    found = projects[params["topic"]]
    wanted = {**PARAMS, "topic": params["topic"]}
    after = 0
    if "id_after" in params:
        after = int(params["id_after"])
        assert any(project["id"] == after for project in found)
        wanted |= {**ADDED, "id_after": params["id_after"]}
    assert params == wanted
    page = [project for project in found if project["id"] > after][:100]
    headers = {
        "ratelimit-limit": "2000",
        "ratelimit-name": "throttle_authenticated_api",
        "ratelimit-observed": "7",
        "ratelimit-remaining": "1993",
        "ratelimit-reset": str(int(time.time()) + 60),
    }
    if page:  # without an additional record to retrieve too
        query = urlencode(sorted({**wanted, **ADDED, "id_after": str(page[-1]["id"])}.items()))
        headers["link"] = f'<{asked.origin}/api/v4/projects?{query}>; rel="next"'
    return Answer(page, headers=headers)


def _later(asked: Asked) -> Answer:
    headers = {"retry-after": "42", "content-type": "text/plain", "ratelimit-remaining": "0"}
    return Answer(status=429, headers=headers, text="Retry later\n")


EMULATION = Emulation(
    records={"projects": [project for found in PROJECTS.values() for project in found]},
    answer=lambda asked: _page(asked, PROJECTS),
    nothing=lambda asked: _page(asked, {topic: [] for topic in PROJECTS}),
    failure=_later,
    failure_exit_code=3,
    env={"GITLAB_TOKEN": TOKEN},
    base_path="/api/v4/",
)
