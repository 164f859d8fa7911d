"""Stripe: https://docs.stripe.com/api/invoices/list, whose invoices hold their first lines."""

from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation, stripe_charges

SHOWN = 10


def _line(invoice: int, n: int) -> dict[str, Any]:
    return {"id": f"il_{invoice:04d}_{n:03d}", "object": "line_item", "amount": 100 * n}


LINES = {n: [_line(n, each) for each in range(120 if n % 60 == 0 else n % 4)] for n in range(130)}


def _listed(url: str, found: list[Any], *, more: bool) -> dict[str, Any]:
    return {"object": "list", "data": found, "has_more": more, "url": url}


def _invoice(n: int) -> dict[str, Any]:
    identity, lines = f"in_{n:04d}", LINES[n]
    shown = _listed(f"/v1/invoices/{identity}/lines", lines[:SHOWN], more=len(lines) > SHOWN)
    return {"id": identity, "object": "invoice", "currency": "eur", "lines": shown}


INVOICES = [_invoice(n) for n in range(130)]


def _page(asked: Asked, invoices: list[dict[str, Any]]) -> Answer:
    if "authorization" not in asked.headers:
        return stripe_charges.EMULATION.failure(asked)
    assert asked.method == "GET"
    _, version, kind, *rest = asked.path.split("/")
    assert (version, kind) == ("v1", "invoices")
    every = LINES[int(rest[0].removeprefix("in_"))] if rest else invoices
    assert rest[1:] in ([], ["lines"])
    start = 0
    if after := asked.params.get("starting_after"):
        start = [each["id"] for each in every].index(after) + 1
        assert start < len(every), "asked on after has_more: false"
    found = every[start : start + int(asked.params["limit"])]
    return Answer(_listed(asked.path, found, more=start + len(found) < len(every)))


EMULATION = Emulation(
    records={
        "invoices": INVOICES,
        "invoice_lines": [
            {"invoice_id": invoice["id"], **line}
            for invoice in INVOICES
            for line in invoice["lines"]["data"]
        ],
        "further_lines": [line for n in (0, 60, 120) for line in LINES[n][SHOWN:]],
    },
    answer=lambda asked: _page(asked, INVOICES),
    nothing=lambda asked: _page(asked, []),
    failure=stripe_charges.EMULATION.failure,
    failure_exit_code=3,
    env={"STRIPE_API_KEY": stripe_charges.KEY},
    base_path="/v1/",
)
