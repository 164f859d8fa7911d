"""Salesforce: https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_query.htm.

Gives 250 records a page, though asked for 2,000: "There is no guarantee", says the documentation.
"""

import re
from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

TOKEN = "00D50000000IehZ!AQcAQH0dMHZfz972"
BASE = "/services/data/v62.0/"
BATCH = 250
YEARS = {2023: 600, 2024: 0, 2025: 250}
SOQL = re.compile(
    "SELECT Id, Name, Industry, AnnualRevenue, CreatedDate, SystemModstamp FROM Account "
    r"WHERE CreatedDate >= (\d{4})-01-01T00:00:00Z AND CreatedDate < (\d{4})-01-01T00:00:00Z "
    "ORDER BY CreatedDate, Id"
)
LOCATOR = re.compile(BASE + r"query/0r8(\d{4})000002HU6KIAW-(\d+)")


def _account(year: int, n: int) -> dict[str, Any]:
    account_id = f"001D0{year}{n:06d}AAA"
    return {
        "attributes": {"type": "Account", "url": f"{BASE}sobjects/Account/{account_id}"},
        "Id": account_id,
        "Name": f"Müller & Söhne № {n}",
        "Industry": None if n % 3 else "Énergie",
        "AnnualRevenue": None if n % 4 else n * 1e6,
        "CreatedDate": f"{year}-03-01T00:{n // 60:02d}:{n % 60:02d}.000+0000",
        "SystemModstamp": f"{year}-09-01T00:00:00.000+0000",
    }


def _page(asked: Asked, years: dict[int, int]) -> Answer:
    if asked.headers.get("authorization") != f"Bearer {TOKEN}":
        return _error(401, "INVALID_SESSION_ID", "Session expired or invalid")
    assert asked.method == "GET"
    assert asked.headers["sforce-query-options"] == "batchSize=2000"
    if asked.path == f"{BASE}query":
        soql = SOQL.fullmatch(asked.params["q"])
        assert soql
        assert len(asked.query) == 1
        assert int(soql[2]) == int(soql[1]) + 1
        year, start = int(soql[1]), 0
    else:
        locator = LOCATOR.fullmatch(asked.path)
        assert locator
        assert asked.query == (), "the locator stands alone"
        year, start = int(locator[1]), int(locator[2])
    end = min(start + BATCH, years[year])
    body: dict[str, Any] = {"totalSize": years[year], "done": end == years[year]}
    if not body["done"]:
        body["nextRecordsUrl"] = f"{BASE}query/0r8{year}000002HU6KIAW-{end}"
    body["records"] = [_account(year, n) for n in range(start, end)]
    headers = {
        "content-type": "application/json;charset=UTF-8",
        "sforce-limit-info": "api-usage=18/100000",
    }
    return Answer(body, headers=headers)


def _error(status: int, code: str, message: str) -> Answer:
    return Answer([{"message": message, "errorCode": code}], status)


EMULATION = Emulation(
    records={"accounts": [_account(year, n) for year in YEARS for n in range(YEARS[year])]},
    answer=lambda asked: _page(asked, YEARS),
    nothing=lambda asked: _page(asked, dict.fromkeys(YEARS, 0)),
    failure=lambda _: _error(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
    failure_exit_code=4,
    env={"SALESFORCE_ACCESS_TOKEN": TOKEN},
    base_path=BASE,
)
