"""Socrata: https://dev.socrata.com/docs/paging.html."""

import json
import re
from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

TOKEN = "aPpT0kEnaPpT0kEnaPpT0kEn0"
PAGE = 50
COUNTS = {2023: 120, 2024: 50}
FIELDS = ["id", "case_number", "date", "primary_type", "arrest", "latitude"]


def _row(year: int, n: int) -> dict[str, Any]:
    row = {
        "id": str(10_000_000 + 1_000 * year + n),  # numbers are text
        "case_number": f"JG{n:06d}",
        "date": f"{year}-01-{1 + n % 31:02d}T00:00:00.000",
        "primary_type": "THEFT",
        "description": "OVER $500 · “RETAIL”",
        "arrest": n % 5 == 0,
        "latitude": f"41.{878_000_000 + n}",
    }
    return (
        row if n % 7 else {key: row[key] for key in row if key != "latitude"}
    )  # nulls are left out


ROWS = {year: [_row(year, n) for n in range(count)] for year, count in COUNTS.items()}


def _page(asked: Asked, rows: dict[int, list[dict[str, Any]]]) -> Answer:
    if asked.headers.get("x-app-token") != TOKEN:
        return _refused(asked)
    assert (asked.method, asked.path) == ("GET", "/resource/ijzp-q8t2.json")
    params = asked.params
    assert params.keys() == {"$order", "$where", "$limit", "$offset"}
    assert params["$order"] == ":id"
    assert 1 <= int(params["$limit"]) <= 50_000
    where = re.fullmatch(
        r"date >= '(\d{4})-01-01T00:00:00' AND date < '(\d{4})-01-01T00:00:00'", params["$where"]
    )
    assert where
    assert int(where[2]) == int(where[1]) + 1
    start = int(params["$offset"])
    found = rows[int(where[1])]
    assert start <= len(found)
    headers = {
        "Content-Type": "application/json;charset=utf-8",
        "X-SODA2-Fields": json.dumps(FIELDS),
        "Last-Modified": "Mon, 01 Jan 2024 11:00:00 GMT",
        "ETag": 'W/"YWxwaGEuMjY"',
    }
    return Answer(found[start : start + int(params["$limit"])], headers=headers)


def _refused(asked: Asked) -> Answer:
    code = {"code": "permission_denied", "error": True, "message": "Invalid app_token specified"}
    return Answer(code, 403)


EMULATION = Emulation(
    records={"crimes": ROWS[2023] + ROWS[2024]},
    answer=lambda asked: _page(asked, ROWS),
    nothing=lambda asked: _page(asked, {2023: [], 2024: []}),
    failure=_refused,
    failure_exit_code=3,
    env={"SOCRATA_APP_TOKEN": TOKEN},
    base_path="/resource/",
    settings=(f"resources.crimes.paginator.limit={PAGE}",),
)
