"""Shopify: https://shopify.dev/docs/api/admin-rest/usage/pagination."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

TOKEN = "shpat_example"
MONTHS = {"2025-01-01T00:00:00Z": 600, "2025-02-01T00:00:00Z": 40}


def _order(month: str, n: int) -> dict[str, Any]:
    order_id = 5_500_000_000_000 + int(month[5:7]) * 100_000 + n
    return {
        "id": order_id,
        "admin_graphql_api_id": f"gid://shopify/Order/{order_id}",
        "cancelled_at": None,
        "created_at": f"{month[:8]}{1 + n // 24:02d}T{n % 24:02d}:30:00-05:00",
        "currency": "CAD",
        "email": "" if n % 4 == 0 else f"client{n}@example.org",
        "note": None if n % 3 else "Livrer après 18 h 🎁",
        "order_number": 1001 + n,
        "total_price": f"{n}.00",
        "line_items": [{"id": order_id * 2, "quantity": 1, "sku": None, "title": "Thé"}],
    }


def _page_info(month: str, start: int, direction: str) -> str:
    place = {"direction": direction, "created_at_min": month, "start": start}
    return urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def _page(asked: Asked, sizes: dict[str, int]) -> Answer:
    if asked.headers.get("x-shopify-access-token") != TOKEN:
        message = "[API] Invalid API key or access token (unrecognized login or wrong password)"
        return Answer({"errors": message}, 401)
    path = "/admin/api/2026-10/orders.json"
    assert (asked.method, asked.path) == ("GET", path)
    params = asked.params
    assert 1 <= int(params["limit"]) <= 250
    start = 0
    if info := params.get("page_info"):
        assert params.keys() == {"limit", "page_info"}, "page_info stands alone"
        place = json.loads(urlsafe_b64decode(info + "=" * (-len(info) % 4)))
        month, start = place["created_at_min"], place["start"]
        assert info == _page_info(month, start, "next")
    else:
        assert params.keys() == {"limit", "status", "created_at_min", "created_at_max"}
        assert params["status"] == "any"
        assert params["created_at_min"] < params["created_at_max"] < "2026-01-01T00:00:00Z"
        assert params["created_at_max"].endswith("T23:59:59Z"), "an order comes with one month"
        month = params["created_at_min"]
    size, end = sizes.get(month, 0), start + int(params["limit"])
    links = []
    for rel, place, there in (("previous", start - 250, start), ("next", end, end < size)):
        if there:
            query = f"limit=250&page_info={_page_info(month, place, rel)}"
            links.append(f'<{asked.origin}{path}?{query}>; rel="{rel}"')
    headers = {
        "content-type": "application/json; charset=utf-8",
        "x-shopify-api-version": "2026-10",
        "x-shopify-shop-api-call-limit": "1/40",
        **({"link": ", ".join(links)} if links else {}),
    }
    orders = [_order(month, n) for n in range(start, min(end, size))]
    return Answer({"orders": orders}, headers=headers)


def _too_fast(asked: Asked) -> Answer:
    message = "Exceeded 2 calls per second for api client. Reduce request rates to resume."
    headers = {"retry-after": "2.0", "x-shopify-shop-api-call-limit": "40/40"}
    return Answer({"errors": message}, 429, headers)


EMULATION = Emulation(
    records={"orders": [_order(month, n) for month in MONTHS for n in range(MONTHS[month])]},
    answer=lambda asked: _page(asked, MONTHS),
    nothing=lambda asked: _page(asked, {}),
    failure=_too_fast,
    failure_exit_code=3,
    env={"SHOPIFY_ACCESS_TOKEN": TOKEN},
    base_path="/admin/api/2026-10/",
)
