"""Linear: https://linear.app/developers/graphql, and its pages on filtering and pagination."""

from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

KEY = "lin_api_0123456789exampleexample"
PAGE = 100


def _issue(n: int, at: str) -> dict[str, Any]:
    return {
        "id": f"9cfb482a-81e3-4154-b5b9-{n:012d}",
        "identifier": f"ENG-{n}",
        "title": f"Größe № {n} “falsch”",
        "priority": n % 5,
        "createdAt": "2025-01-01T00:00:00.000Z",
        "updatedAt": at,
        "state": {"name": "Todo"},
    }


ISSUES = [_issue(n, f"2025-01-02T{n // 60:02d}:{n % 60:02d}:00.500Z") for n in range(230)][::-1]
CHANGED = [_issue(7, "2025-03-01T00:00:00.000Z")]


def _wrong(message: str, code: str, status: int) -> Answer:
    return Answer({"errors": [{"message": message, "extensions": {"code": code}}]}, status)


class Workspace:
    """The issues of a workspace; some change once a list has been read to its end."""

    def __init__(self, issues: list[Any], changed: list[Any]) -> None:
        self.issues, self.changed = issues, changed

    def answer(self, asked: Asked) -> Answer:
        """A page of the query."""
        if asked.headers.get("authorization") != KEY:
            return _wrong("Authentication required", "AUTHENTICATION_ERROR", 401)
        assert (asked.method, asked.path) == ("POST", "/graphql")
        query, variables = asked.json["query"], asked.json["variables"]
        assert query.count("{") == query.count("}")
        assert "filter: {updatedAt: {gte: $since}}" in query
        assert 1 <= variables["first"] <= 250
        since, known = variables["since"], self.issues
        if since > "2025":
            known = self.changed + known
        issues = [one for one in known if one["updatedAt"] >= since[:23] + "Z"]
        after = variables.get("after")
        start = [one["id"] for one in issues].index(after) + 1 if after else 0
        page = issues[start : start + PAGE]
        info = {
            "hasNextPage": start + PAGE < len(issues),
            "endCursor": page[-1]["id"] if page else None,
        }
        return Answer({"data": {"issues": {"nodes": page, "pageInfo": info}}})


EMULATION = Emulation(
    records={"issues": ISSUES},
    answer=Workspace(ISSUES, CHANGED).answer,
    nothing=Workspace([], []).answer,
    failure=lambda asked: _wrong("Rate limit exceeded", "RATELIMITED", 400),
    failure_exit_code=3,
    env={"LINEAR_API_KEY": KEY},
    later={"issues": [*CHANGED, ISSUES[0]]},  # the end of the run before is included
)
