"""OpenAlex: https://developers.openalex.org/guides/page-through-results."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

KEY = "openalex-example-key"
PAGE = 100
COUNTRY = ",authorships.institutions.country_code:is"
WORKS = {
    year: [
        {
            "id": f"https://openalex.org/W{year}{n:06d}",
            "doi": None if n % 5 == 0 else f"https://doi.org/10.5555/{year}.{n}",
            "title": None if n % 9 == 0 else f"Þorskur № {n}",
            "publication_year": year,
            "cited_by_count": n % 40,
            "open_access": {"is_oa": n % 2 == 0, "oa_url": None},
            "abstract_inverted_index": {"Íslenska": [0, 2], "og": [1]},
        }
        for n in range(size)
    ]
    for year, size in ((2023, 250), (2024, 100))
}


def _page(asked: Asked, works: dict[int, list[Any]]) -> Answer:
    params = asked.params
    if params.pop("api_key", None) != KEY:
        return Answer({"error": "Invalid API key", "message": "The key is not known."}, 401)
    assert (asked.method, asked.path) == ("GET", "/works")
    assert params.keys() == {"filter", "per_page", "cursor"}
    assert 1 <= int(params["per_page"]) <= PAGE
    assert params["filter"].endswith(COUNTRY)
    year = int(params["filter"].removesuffix(COUNTRY).removeprefix("publication_year:"))
    start = 0
    if (cursor := params["cursor"]) != "*":
        sealed, _, place = urlsafe_b64decode(cursor).decode().partition(":")
        assert int(sealed) == year
        start = int(place)
    results = works[year][start : start + PAGE]
    following = urlsafe_b64encode(f"{year}:{start + PAGE}".encode()).decode()
    meta = {
        "count": len(works[year]),
        "db_response_time_ms": 21,
        "page": None,
        "per_page": PAGE,
        "groups_count": None,
        "next_cursor": following if results else None,  # null comes with an empty page
    }
    headers = {"x-ratelimit-limit": "10000", "x-ratelimit-remaining": "9990"}
    return Answer({"meta": meta, "results": results, "group_by": []}, headers=headers)


def _day_spent(asked: Asked) -> Answer:
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "40000"}
    return Answer({"error": "Rate limit exceeded", "message": "Try tomorrow."}, 429, headers)


EMULATION = Emulation(
    records={"works": WORKS[2023] + WORKS[2024]},
    answer=lambda asked: _page(asked, WORKS),
    nothing=lambda asked: _page(asked, {year: [] for year in WORKS}),
    failure=_day_spent,
    failure_exit_code=3,
    env={"OPENALEX_API_KEY": KEY},
)
