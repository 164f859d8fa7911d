"""GBIF: https://techdocs.gbif.org/en/openapi/v1/occurrence."""

from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

COUNTS = {2021: 700, 2022: 300, 2023: 20}
CAP = 100_000


def _occurrence(year: int, n: int) -> dict[str, Any]:
    return {
        "key": 4_000_000_000 + 10_000 * (year - 2000) + n,
        "datasetKey": "50c9509d-22c7-4a22-a47d-8c48425ef4a7",
        "scientificName": "Puma concolor (Linnaeus, 1771)",
        "decimalLatitude": None if n % 8 == 0 else -33.456789 + n / 1000,
        "locality": "Ñuble, Chillán",
        "year": year,
        "issues": ["COORDINATE_ROUNDED"],
    }


FOUND = {year: [_occurrence(year, n) for n in range(count)] for year, count in COUNTS.items()}


def _page(asked: Asked, occurrences: dict[int, list[Any]], cap: int = CAP) -> Answer:
    assert (asked.method, asked.path) == ("GET", "/v1/occurrence/search")
    params = asked.params
    assert params.keys() == {"taxonKey", "year", "offset", "limit"}
    assert params["taxonKey"] == "2435099"
    limit, offset = int(params["limit"]), int(params["offset"])
    assert 0 <= limit <= 300
    if offset + limit > cap:
        return Answer(status=400, text=f"Max offset of {cap} exceeded: {offset} + {limit}",
                      headers={"Content-Type": "text/plain"})  # fmt: skip
    found = occurrences[int(params["year"])]
    body = {
        "offset": offset,
        "limit": limit,
        "endOfRecords": offset + limit >= len(found),
        "count": len(found),
        "results": found[offset : offset + limit],
        "facets": [],
    }
    return Answer(body)


EMULATION = Emulation(
    records={"occurrences": [item for found in FOUND.values() for item in found]},
    answer=lambda asked: _page(asked, FOUND),
    nothing=lambda asked: _page(asked, {key: [] for key in COUNTS}),
    failure=lambda asked: _page(asked, FOUND, cap=600),  # the cap is met, lower than GBIF's
    failure_exit_code=3,
    base_path="/v1/",
)
