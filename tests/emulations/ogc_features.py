"""OGC API Features: https://docs.ogc.org/is/17-069r4/17-069r4.html, as pygeoapi answers."""

from typing import Any
from urllib.parse import urlencode

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

PAGE = 20
ITEMS = "/collections/climate-daily/items"
COUNTS = {("PE", 2022): 50, ("PE", 2023): 20, ("YT", 2024): 7}
PARTITIONS = [(province, year) for province in ("PE", "YT") for year in (2022, 2023, 2024)]


def _feature(province: str, year: int, n: int) -> dict[str, Any]:
    return {
        "type": "Feature",
        "id": f"8300{province}.{year}.1.{n}",
        "geometry": {"type": "Point", "coordinates": [-63.125 - n / 8, 46.25]},
        "properties": {
            "STATION_NAME": "ÎLE-DU-PRINCE-ÉDOUARD",
            "PROVINCE_CODE": province,
            "LOCAL_YEAR": year,
            "MEAN_TEMPERATURE": None if n % 6 == 0 else -n / 10,
            "TOTAL_PRECIPITATION": 0.0,
        },
    }


FEATURES = {key: [_feature(*key, n) for n in range(COUNTS.get(key, 0))] for key in PARTITIONS}


def _page(asked: Asked, features: dict[tuple[str, int], list[dict[str, Any]]]) -> Answer:
    assert (asked.method, asked.path) == ("GET", ITEMS)
    params = asked.params
    assert params.keys() - {"offset"} == {"f", "limit", "datetime", "PROVINCE_CODE"}
    limit, offset = int(params["limit"]), int(params.get("offset", 0))
    assert params["f"] == "json"
    assert 1 <= limit <= 10_000
    year = params["datetime"][:4]
    assert params["datetime"] == f"{year}-01-01/{year}-12-31"
    found = features[params["PROVINCE_CODE"], int(year)]
    assert offset == 0 or (offset % limit == 0 and offset < len(found)), "no link led here"

    def link(rel: str, kind: str, **more: str | int) -> dict[str, str]:
        query = urlencode({**more, **{name: params[name] for name in params if name != "offset"}})
        return {"type": kind, "rel": rel, "title": rel, "href": f"{asked.origin}{ITEMS}?{query}"}

    links = [link("self", "application/geo+json"), link("alternate", "text/html")]
    if offset:
        links.append(link("prev", "application/geo+json", offset=offset - limit))
    if offset + limit < len(found):
        links.append(link("next", "application/geo+json", offset=offset + limit))
    shown = found[offset : offset + limit]
    body = {
        "type": "FeatureCollection",
        "features": shown,
        "numberMatched": len(found),
        "numberReturned": len(shown),
        "links": links,
        "timeStamp": "2024-06-01T12:00:00.000000Z",
    }
    return Answer(body, headers={"Content-Type": "application/geo+json", "Content-Language": "en"})


EMULATION = Emulation(
    records={"climate_daily": [feature for found in FEATURES.values() for feature in found]},
    answer=lambda asked: _page(asked, FEATURES),
    nothing=lambda asked: _page(asked, {key: [] for key in FEATURES}),
    failure=lambda asked: Answer(
        {"code": "NoApplicableCode", "description": "generic error (check logs)"}, 500
    ),
    failure_exit_code=3,
    settings=(f"resources.climate_daily.params.limit={PAGE}",),
)
