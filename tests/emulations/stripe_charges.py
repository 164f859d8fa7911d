"""Stripe: https://docs.stripe.com/api/charges/list and https://docs.stripe.com/api/pagination."""

from base64 import b64encode
from itertools import groupby
from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

KEY = "rk_live_51Example"
JANUARY, FEBRUARY, MARCH = 1704067200, 1706745600, 1709251200
EVERY_S = 3 * 3600


def _charge(n: int) -> dict[str, Any]:
    created = JANUARY + n * EVERY_S
    return {
        "id": f"ch_3{n:023d}",
        "object": "charge",
        "amount": 100 + n,
        "amount_refunded": 0,
        "balance_transaction": None if n % 5 == 0 else f"txn_3{n:023d}",
        "billing_details": {"email": None, "name": "Jürgen Groß", "phone": None},
        "created": created,
        "currency": "jpy" if n % 4 == 0 else "eur",
        "failure_code": "card_declined" if n % 5 == 0 else None,
        "livemode": True,
        "metadata": {"order.id": f"№ {n}"},
        "paid": n % 5 != 0,
        "status": "failed" if n % 5 == 0 else "succeeded",
    }


CHARGES = [_charge(n) for n in reversed(range(420))]  # newest first; the last is of 22 February


def _page(asked: Asked, charges: list[dict[str, Any]]) -> Answer:
    if asked.headers.get("authorization") != f"Basic {b64encode(f'{KEY}:'.encode()).decode()}":
        return _expired_key(asked)
    assert (asked.method, asked.path) == ("GET", "/v1/charges")
    assert asked.headers["stripe-version"] == "2024-06-20"
    params = asked.params
    assert params.keys() - {"starting_after"} == {"created[gte]", "created[lt]", "limit"}
    assert 1 <= int(params["limit"]) <= 100
    first, end = int(params["created[gte]"]), int(params["created[lt]"])
    found = [charge for charge in charges if first <= charge["created"] < end]
    start = 0
    if after := params.get("starting_after"):
        start = [charge["id"] for charge in found].index(after) + 1
        assert start < len(found), "asked on after has_more: false"
    page = found[start : start + int(params["limit"])]
    more = start + len(page) < len(found)
    body = {"object": "list", "data": page, "has_more": more, "url": "/v1/charges"}
    headers = {"request-id": "req_Example", "stripe-version": "2024-06-20"}
    return Answer(body, headers=headers)


def _expired_key(asked: Asked) -> Answer:
    error = {
        "code": "api_key_expired",
        "message": "Expired API Key provided: rk_live_*********mple",
        "type": "invalid_request_error",
    }
    return Answer({"error": error}, 401, {"www-authenticate": 'Basic realm="Stripe"'})


EMULATION = Emulation(
    records={
        "charges": [  # the months forward, each backward
            charge
            for _, month in groupby(
                reversed(CHARGES), key=lambda charge: charge["created"] < FEBRUARY
            )
            for charge in reversed(list(month))
        ]
    },
    answer=lambda asked: _page(asked, CHARGES),
    nothing=lambda asked: _page(asked, []),
    failure=_expired_key,
    failure_exit_code=3,
    env={"STRIPE_API_KEY": KEY},
    base_path="/v1/",
)
