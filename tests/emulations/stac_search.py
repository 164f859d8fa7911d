"""STAC: https://github.com/radiantearth/stac-api-spec/tree/main/item-search, as stac-fastapi."""

from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

PAGE = 20
COLLECTIONS = ("sentinel-2-l2a", "landsat-c2-l2")
GEOJSON = {"Content-Type": "application/geo+json"}
ROOT = "/api/stac/v1"


def _item(collection: str, month: int, n: int) -> dict[str, Any]:
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": f"{collection}_2024{month:02d}_{n:04d}",
        "collection": collection,
        "bbox": [6.0 + n / 64, 46.125, 7.25, 47.5],
        "geometry": {"type": "Point", "coordinates": [6.0 + n / 64, 46.125]},
        "properties": {
            "datetime": f"2024-{month:02d}-{1 + n % 28:02d}T10:30:21.024000Z",
            "eo:cloud_cover": 1e-06 * n,
            "title": "Zürich, Genève",
            "s2:tile": None,
        },
        "links": [{"rel": "collection", "href": f"https://example.org/{collection}"}],
        "assets": {"B04": {"href": f"https://example.org/{n}.tif", "type": "image/tiff"}},
    }


ITEMS = {
    (collection, month): [_item(collection, month, n) for n in range(count)]
    for collection, counts in zip(COLLECTIONS, ((50, 20), (10, 0)), strict=True)
    for month, count in zip((1, 2), counts, strict=True)
}


def _page(asked: Asked, items: dict[tuple[str, int], list[dict[str, Any]]]) -> Answer:
    assert (asked.method, asked.path, asked.query) == ("POST", f"{ROOT}/search", ())
    json = asked.json
    assert json.keys() - {"token"} == {"collections", "bbox", "datetime", "limit"}
    assert 1 <= json["limit"] <= 1000
    assert len(json["bbox"]) == 4
    start_time, end_time = json["datetime"].split("/")
    assert (len(start_time), end_time[:8]) == (20, start_time[:8]), "within a month"
    assert end_time[10:] == "T23:59:59.999999Z"
    [collection] = json["collections"]
    found = items[collection, int(start_time[5:7])]
    start = 0
    if "token" in json:  # `next:` and the last item before
        name = json["token"].removeprefix(f"next:{collection}:")
        start = 1 + [item["id"] for item in found].index(name)
    shown = found[start : start + json["limit"]]
    href = f"{asked.origin}{asked.path}"
    links: list[dict[str, Any]] = [{"rel": "self", "type": "application/geo+json", "href": href}]
    if start + len(shown) < len(found):
        body = {**json, "token": f"next:{collection}:{shown[-1]['id']}"}
        following = {"rel": "next", "type": "application/geo+json", "method": "POST"}
        links.append({**following, "href": href, "body": body})
    page = {"type": "FeatureCollection", "features": shown, "links": links}
    return Answer({**page, "numberReturned": len(shown)}, headers=GEOJSON)


EMULATION = Emulation(
    records={"items": [item for found in ITEMS.values() for item in found]},
    answer=lambda asked: _page(asked, ITEMS),
    nothing=lambda asked: _page(asked, {key: [] for key in ITEMS}),
    failure=lambda asked: Answer({"code": "ValidationError", "description": "bad bbox"}, 400),
    failure_exit_code=3,
    base_path=f"{ROOT}/",
    settings=(f"resources.items.json.limit={PAGE}",),
)
