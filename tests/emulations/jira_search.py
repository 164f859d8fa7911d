"""Jira: https://docs.atlassian.com/software/jira/docs/api/REST/latest/#api/2/search.

This server's administrator allows 100 issues a page, whatever is asked.
"""

import re
from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

TOKEN = "MDM4NjkxExample"
SIZES = {("ABC", 2023): 250, ("ABC", 2024): 0, ("ABC", 2025): 100, ("OPS", 2023): 7}
JQL = re.compile(
    r'project = "(\w+)" AND created >= "(\d{4})-01-01" AND created < "\d{4}-01-01" '
    "ORDER BY created ASC, key ASC"
)


def _issue(project: str, year: int, n: int) -> dict[str, Any]:
    number = (year - 2020) * 1000 + n
    return {
        "expand": "operations,versionedRepresentations,editmeta,changelog,renderedFields",
        "id": str(10_000 + number),
        "self": f"https://jira.your-company.example/rest/api/2/issue/{10_000 + number}",
        "key": f"{project}-{number}",
        "fields": {
            "summary": f"Größe № {n} prüfen",
            "created": f"{year}-02-01T00:00:00.000+0000",
            "assignee": None,
            "labels": [],
            "resolution": None if n % 2 else {"id": "1", "name": "Done"},
            "customfield_10006": n / 2,
        },
    }


def _page(asked: Asked, sizes: dict[tuple[str, int], int]) -> Answer:
    if asked.headers.get("authorization") != f"Bearer {TOKEN}":
        return Answer({"message": "Client must be authenticated to access this resource."}, 401)
    assert (asked.method, asked.path, asked.query) == ("POST", "/rest/api/2/search", ())
    body = asked.json
    assert body.keys() == {"jql", "startAt", "maxResults", "fields"}
    assert (body["maxResults"], body["fields"]) == (1000, ["*all"])
    jql = JQL.fullmatch(body["jql"])
    assert jql
    project, year, start = jql[1], int(jql[2]), body["startAt"]
    assert type(start) is int
    total = sizes.get((project, year), 0)
    issues = [_issue(project, year, n) for n in range(start, min(start + 100, total))]
    found = {"expand": "names,schema", "startAt": start, "maxResults": 100, "total": total}
    headers = {
        "content-type": "application/json;charset=UTF-8",
        "x-ratelimit-limit": "50",
        "x-ratelimit-remaining": "42",
        "x-ratelimit-fillrate": "10",
        "x-ratelimit-interval-seconds": "1",
        "retry-after": "0",
    }
    return Answer({**found, "issues": issues}, headers=headers)


def _no_project(asked: Asked) -> Answer:
    jql = JQL.fullmatch(asked.json["jql"])
    assert jql
    message = f"The value '{jql[1]}' does not exist for the field 'project'."
    return Answer({"errorMessages": [message], "errors": {}}, 400)


EMULATION = Emulation(
    records={"issues": [_issue(*place, n) for place, size in SIZES.items() for n in range(size)]},
    answer=lambda asked: _page(asked, SIZES),
    nothing=lambda asked: _page(asked, {}),
    failure=_no_project,
    failure_exit_code=3,
    env={"JIRA_TOKEN": TOKEN},
    base_path="/rest/api/2/",
)
