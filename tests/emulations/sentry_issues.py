"""Sentry: https://docs.sentry.io/api/pagination/ and https://docs.sentry.io/api/events/."""

from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

TOKEN = "sntryu_0123456789abcdef-example"
ISSUES: list[Any] = [
    {
        "id": str(5_000_000 + n),
        "shortId": f"WEB-{n}",
        "title": f"ValueError: größer als № {n}",
        "status": "unresolved" if n in (7, 120) else "resolved",
        "count": str(n),
        "firstSeen": "2026-01-01T00:00:00.000000Z",
    }
    for n in range(200)
]
#: Events of the two that are unresolved; a full last page has a next link without results.
SIZES = {"5000007": 100, "5000120": 30}
EVENTS: dict[str, list[Any]] = {
    issue: [{"id": f"{issue}{n:04x}", "groupID": issue, "title": "ValueError"} for n in range(size)]
    for issue, size in SIZES.items()
}


def _page(asked: Asked, issues: list[Any]) -> Answer:
    if asked.headers.get("authorization") != f"Bearer {TOKEN}":
        return Answer({"detail": "Invalid token"}, 401)
    place = asked.path.removeprefix("/api/0/organizations/acme/issues/").split("/")
    params = asked.params
    if place == [""]:
        found = issues
        assert params["query"] == ""
        assert int(params["limit"]) <= 100
    else:
        issue, kind, _ = place
        assert kind == "events"
        found = EVENTS[issue]
    value, start, _ = map(int, params.get("cursor", "0:0:0").split(":"))
    assert start < len(found) or not found, "asked for a page that has no results"
    end = start + 100
    links = ", ".join(
        f'<{asked.origin}{asked.path}?&cursor={value}:{at}:{back}>; rel="{rel}"; '
        f'results="{str(there).lower()}"; cursor="{value}:{at}:{back}"'
        for rel, at, back, there in (
            ("previous", max(0, start - 100), 1, start > 0),
            ("next", end, 0, end < len(found)),
        )
    )
    return Answer(found[start:end], headers={"Link": links})


EMULATION = Emulation(
    records={"issues": ISSUES, "events": [*EVENTS["5000007"], *EVENTS["5000120"]]},
    answer=lambda asked: _page(asked, ISSUES),
    nothing=lambda asked: _page(asked, []),
    failure=lambda asked: Answer({"detail": "The requested resource does not exist"}, 404),
    failure_exit_code=3,
    env={"SENTRY_TOKEN": TOKEN},
    base_path="/api/0/",
)
