"""Search Console: https://developers.google.com/webmaster-tools/v1/searchanalytics/query."""

from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation, google

SCOPE = "https://www.googleapis.com/auth/webmasters.readonly"
SIZES = {"2026-01-01": 250, "2026-01-02": 0, "2026-01-03": 100}


def _row(day: str, n: int) -> dict[str, Any]:
    keys = [day, f"https://example.org/{n}", f"wie groß ist № {n}"]
    return {"keys": keys, "clicks": n % 7, "impressions": 7 + n, "ctr": 0.0625, "position": 3.5}


def _page(asked: Asked, sizes: dict[str, int]) -> Answer:
    if asked.path == "/token":
        return google.token(asked, SCOPE)
    if refused := google.let_in(asked):
        return refused
    assert asked.method == "POST"
    assert asked.path == "/webmasters/v3/sites/sc-domain:example.org/searchAnalytics/query"
    body = asked.json
    assert body["startDate"] == body["endDate"], "both ends are included"
    assert (body["dimensions"], body["dataState"]) == (["date", "page", "query"], "final")
    start, most, size = body["startRow"], body["rowLimit"], sizes.get(body["startDate"], 0)
    assert most <= 25_000
    rows = [_row(body["startDate"], n) for n in range(start, min(start + most, size))]
    found = {"rows": rows} if rows else {}
    return Answer({**found, "responseAggregationType": "byPage"})


EMULATION = Emulation(
    records={"rows": [_row(day, n) for day, size in SIZES.items() for n in range(size)]},
    answer=lambda asked: _page(asked, SIZES),
    nothing=lambda asked: _page(asked, {}),
    failure=lambda asked: (
        google.token(asked, SCOPE)
        if asked.path == "/token"
        else google.error(403, "forbidden", "User does not have sufficient permission for site.")
    ),
    failure_exit_code=3,
    env={"GOOGLE_SERVICE_ACCOUNT": google.ACCOUNT},
    base_path="/webmasters/v3/",
    settings=(
        *google.SETTINGS,
        "resources.rows.partitions.window.end=2026-01-04",
        "resources.rows.json.rowLimit=100",
        "resources.rows.paginator.limit=100",
    ),
    again=1,  # a token
)
