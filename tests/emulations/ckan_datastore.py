"""CKAN's DataStore: https://docs.ckan.org/en/latest/maintaining/datastore.html."""

from typing import Any
from urllib.parse import urlencode

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

PATH = "/api/3/action/datastore_search"
ID = "e6013a93-1321-4f2a-bf91-8d8a02f1e62f"
PAGE = 50
ROWS: list[Any] = [
    {
        "_id": n + 1,
        "case_enquiry_id": 101_004_100_000 + n,
        "open_dt": f"2023-01-{1 + n % 31:02d}T08:00:00",
        "closed_dt": None if n % 3 == 0 else f"2023-02-{1 + n % 28:02d}T08:00:00",
        "case_title": f"Pothole · Café № {n}",
        "latitude": "42.3594",
    }
    for n in range(130)
]
FIELDS = [
    {"id": "_id", "type": "int"},
    {"id": "case_enquiry_id", "type": "numeric"},
    {"id": "open_dt", "type": "timestamp"},
    {"id": "closed_dt", "type": "timestamp"},
    {"id": "case_title", "type": "text"},
    {"id": "latitude", "type": "text"},
]


def _page(asked: Asked, rows: list[Any]) -> Answer:
    assert (asked.method, asked.path) == ("GET", PATH)
    params = asked.params
    assert params.keys() - {"offset"} == {"resource_id", "limit", "sort"}
    assert (params["resource_id"], params["sort"]) == (ID, "_id")
    limit, offset = int(params["limit"]), int(params.get("offset", 0))
    assert 1 <= limit <= 32_000
    assert offset % limit == 0, "no link led here"
    plain = {name: value for name, value in params.items() if name != "offset"}

    def link(at: int) -> str:  # seen from the host; the last page has a next one, too
        return f"{PATH}?{urlencode({**plain, 'offset': at} if at else plain)}"

    links = {"start": link(0), "next": link(offset + limit)}
    if offset:
        links["prev"] = link(offset - limit)
    result = {
        "include_total": True,
        "limit": limit,
        **({"offset": offset} if offset else {}),
        "records_format": "objects",
        "resource_id": ID,
        "sort": "_id",
        "total_estimation_threshold": None,
        "records": rows[offset : offset + limit],
        "fields": FIELDS,
        "_links": links,
        "total": len(rows),
        "total_was_estimated": False,
    }
    help_url = f"{asked.origin}/api/3/action/help_show?name=datastore_search"
    return Answer({"help": help_url, "success": True, "result": result},
                  headers={"Content-Type": "application/json;charset=utf-8"})  # fmt: skip


def _error(asked: Asked) -> Answer:
    error = {"__type": "Not Found Error", "message": f'Not found: Resource "{ID}" was not found.'}
    return Answer({"help": "", "success": False, "error": error})


EMULATION = Emulation(
    records={"rows": ROWS},
    answer=lambda asked: _page(asked, ROWS),
    nothing=lambda asked: _page(asked, []),
    failure=_error,
    failure_exit_code=3,
    base_path="/api/3/action/",
    settings=(f"resources.rows.params.limit={PAGE}",),
)
