"""WooCommerce: https://woocommerce.github.io/woocommerce-rest-api-docs/."""

from base64 import b64encode
from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

KEY, SECRET = "ck_0123456789example", "cs_9876543210example"
BASIC = b64encode(f"{KEY}:{SECRET}".encode()).decode()


def _order(n: int, at: str) -> dict[str, Any]:
    lines = [{"id": n, "name": "Grüner Tee", "quantity": 1 + n % 3}]
    return {"id": 700 + n, "status": "processing", "date_modified_gmt": at, "line_items": lines}


ORDERS = [_order(n, f"2025-01-02T{n // 60:02d}:{n % 60:02d}:00") for n in range(230)]
CHANGED = [_order(230, "2025-02-02T00:00:00"), _order(231, "2025-02-03T00:00:00")]


def _refused(asked: Asked) -> Answer:
    told = {"code": "woocommerce_rest_cannot_view", "message": "Sorry, you cannot list resources."}
    return Answer({**told, "data": {"status": 401}}, 401)


class Shop:
    """The orders of a shop; some come once a list has been read to its end."""

    def __init__(self, orders: list[Any], changed: list[Any]) -> None:
        self.orders, self.changed = orders, changed

    def answer(self, asked: Asked) -> Answer:
        """A page."""
        if asked.headers.get("authorization") != f"Basic {BASIC}":
            return _refused(asked)
        assert (asked.method, asked.path) == ("GET", "/wp-json/wc/v3/orders")
        params = asked.params
        assert params["dates_are_gmt"] == "true"
        since, page, most = params["modified_after"], int(params["page"]), int(params["per_page"])
        assert most <= 100
        known = self.orders + (self.changed if since > "2025" else [])
        found = [one for one in known if one["date_modified_gmt"] >= since]
        headers = {"X-WP-Total": str(len(found)), "X-WP-TotalPages": str(-(-len(found) // most))}
        return Answer(found[(page - 1) * most : page * most], headers=headers)


EMULATION = Emulation(
    records={"orders": ORDERS},
    answer=Shop(ORDERS, CHANGED).answer,
    nothing=Shop([], []).answer,
    failure=_refused,
    failure_exit_code=3,
    env={"WOO_KEY": KEY, "WOO_SECRET": SECRET},
    base_path="/wp-json/wc/v3/",
    later={"orders": [ORDERS[-1], *CHANGED]},  # the end of the run before is included
)
