"""NOAA: https://www.ncei.noaa.gov/support/access-data-service-api-user-documentation.

A station without data in a year gives a table without rows.
"""

from datetime import date, timedelta

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

YEARS = {("GME00111445", 2020): 366, ("GME00111445", 2021): 40, ("USW00094728", 2020): 10}
COLUMNS = {
    "GME00111445": ["STATION", "DATE", "PRCP", "TMAX"],
    "USW00094728": ["STATION", "DATE", "SNOW"],
}


def _row(station: str, day: date) -> dict[str, str]:
    values = [station, str(day), f"    {day.day}.3", ""]
    return dict(zip(COLUMNS[station], values, strict=False))


def _rows(station: str, year: int, sizes: dict[tuple[str, int], int]) -> list[dict[str, str]]:
    first = date(year, 1, 1)
    return [_row(station, first + timedelta(days=n)) for n in range(sizes.get((station, year), 0))]


def _page(asked: Asked, sizes: dict[tuple[str, int], int]) -> Answer:
    params = asked.params
    assert (asked.method, asked.path) == ("GET", "/access/services/data/v1")
    assert (params["dataset"], params["format"], params["units"]) == (
        "daily-summaries",
        "csv",
        "metric",
    )
    start, end = date.fromisoformat(params["startDate"]), date.fromisoformat(params["endDate"])
    assert (end.month, end.day, end.year) == (12, 31, start.year), "the end is included"
    rows = _rows(params["stations"], start.year, sizes)
    lines = [COLUMNS[params["stations"]], *(list(row.values()) for row in rows)]
    text = "".join(",".join(f'"{value}"' for value in line) + "\n" for line in lines)
    return Answer(text=text, headers={"Content-Type": "text/csv"})


def _wrong(asked: Asked) -> Answer:
    told = {"field": "startDate", "message": "Must be a date", "value": "x"}
    return Answer(
        {"errorMessage": "Your request was invalid.", "errorCode": 400, "errors": [told]}, 400
    )


EMULATION = Emulation(
    records={
        "days": [row for place in (*YEARS, ("USW00094728", 2021)) for row in _rows(*place, YEARS)]
    },
    answer=lambda asked: _page(asked, YEARS),
    nothing=lambda asked: _page(asked, {}),
    failure=_wrong,
    failure_exit_code=3,
    base_path="/access/services/",
    settings=("resources.days.partitions.window.end=2022-01-01",),
)
