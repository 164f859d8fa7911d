"""Zendesk: https://developer.zendesk.com/api-reference/introduction/pagination/.

The last page has a next link too, which is what `has_more` is documented for.
"""

from base64 import b64decode, b64encode
from typing import Any
from urllib.parse import urlencode

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

ENV = {"ZENDESK_EMAIL": "agent@example.org", "ZENDESK_API_TOKEN": "6wiIBWbGkBMo1mRDMuVwkw1EPs"}
BASIC = b64encode(f"{ENV['ZENDESK_EMAIL']}/token:{ENV['ZENDESK_API_TOKEN']}".encode()).decode()


def _ticket(n: int) -> dict[str, Any]:
    return {
        "url": f"https://your-subdomain.zendesk.com/api/v2/tickets/{n}.json",
        "id": n,
        "external_id": None,
        "via": {"channel": "web", "source": {"from": {}, "to": {}, "rel": None}},
        "created_at": "2024-01-01T00:00:00Z",
        "subject": f"Hilfe № {n} 😟",
        "description": "Línea 1\n\nLínea 2",
        "priority": None if n % 3 else "urgent",
        "status": "open",
        "requester_id": 20_978_392_000_000 + n,
        "organization_id": None,
        "custom_fields": [{"id": 27642, "value": None}],
        "satisfaction_rating": {"score": "unoffered"},
    }


TICKETS = [_ticket(n) for n in range(1, 251)]


def _page(asked: Asked, tickets: list[dict[str, Any]]) -> Answer:
    if asked.headers.get("authorization") != f"Basic {BASIC}":
        return _refused(asked)
    assert (asked.method, asked.path) == ("GET", "/api/v2/tickets")
    params = asked.params
    assert params.keys() <= {"page[size]", "page[after]"}
    assert params["page[size]"] == "100"
    start = 0
    if after := params.get("page[after]"):
        start = int(b64decode(after).removeprefix(b"nice_id,"))
        assert after == _cursor(start)
        assert start < len(tickets), "asked on after has_more: false"
    page = tickets[start : start + 100]
    meta: dict[str, Any] = {"has_more": start + 100 < len(tickets)}
    links: dict[str, Any] = {"prev": None, "next": None}
    for name, rel, place in (("after", "next", start + len(page)), ("before", "prev", start + 1)):
        meta[f"{name}_cursor"] = _cursor(place) if page else None
        if page:
            query = urlencode({f"page[{name}]": _cursor(place), "page[size]": 100})
            links[rel] = f"{asked.origin}{asked.path}?{query}"
    headers = {
        "content-type": "application/json; charset=utf-8",
        "x-rate-limit": "700",
        "x-rate-limit-remaining": "699",
        "ratelimit-limit": "700",
        "ratelimit-remaining": "699",
        "ratelimit-reset": "41",
    }
    return Answer({"tickets": page, "meta": meta, "links": links}, headers=headers)


def _cursor(place: int) -> str:
    return b64encode(b"nice_id,%d" % place).decode()


def _refused(asked: Asked) -> Answer:
    return Answer({"error": "Couldn't authenticate you"}, 401)


EMULATION = Emulation(
    records={"tickets": TICKETS},
    answer=lambda asked: _page(asked, TICKETS),
    nothing=lambda asked: _page(asked, []),
    failure=_refused,
    failure_exit_code=3,
    env=ENV,
    base_path="/api/v2/",
)
