"""HubSpot: https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/guide."""

from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

TOKEN = "pat-eu1-example"
SIZES = {"false": 230, "true": 100}
PROPERTIES = "email,firstname,lastname,createdate,lastmodifieddate,lifecyclestage"


def _contact(archived: str, n: int) -> dict[str, Any]:
    contact_id = str(151 + 50 * n)
    times = {"createdAt": "2024-01-01T00:00:00.000Z", "updatedAt": "2024-06-01T10:00:00.513Z"}
    gone = {"archivedAt": "2024-07-01T00:00:00.000Z"} if archived == "true" else {}
    return {
        "id": contact_id,
        "properties": {
            "createdate": times["createdAt"],
            "email": None if n % 6 == 0 else f"søren+{n}@example.org",
            "firstname": "Søren",
            "hs_object_id": contact_id,
            "lastmodifieddate": times["updatedAt"],
            "lastname": None if n % 4 == 0 else f"№ {n}",
            "lifecyclestage": "lead",
        },
        **times,
        "archived": archived == "true",
        **gone,
    }


def _page(asked: Asked, sizes: dict[str, int]) -> Answer:
    if asked.headers.get("authorization") != f"Bearer {TOKEN}":
        message = "Authentication credentials not found."
        error = {"status": "error", "message": message, "category": "INVALID_AUTHENTICATION"}
        return Answer(error, 401)
    assert (asked.method, asked.path) == ("GET", "/crm/v3/objects/contacts")
    params = asked.params
    assert params.keys() - {"after"} == {"limit", "properties", "archived"}
    assert params["properties"] == PROPERTIES
    archived, limit = params["archived"], int(params["limit"])
    assert 1 <= limit <= 100
    contacts = [_contact(archived, n) for n in range(sizes[archived])]
    start = 0
    if after := params.get("after"):  # the id that the last page ended with, plus 1
        start = [int(contact["id"]) for contact in contacts].index(int(after) - 1) + 1
    body: dict[str, Any] = {"results": contacts[start : start + limit]}
    if start + limit < len(contacts):
        after = str(int(contacts[start + limit - 1]["id"]) + 1)
        link = f"https://api.hubapi.com{asked.path}?limit={limit}&archived={archived}&after={after}"
        body["paging"] = {"next": {"after": after, "link": link}}
    headers = {
        "content-type": "application/json;charset=utf-8",
        "x-hubspot-ratelimit-interval-milliseconds": "10000",
        "x-hubspot-ratelimit-max": "100",
        "x-hubspot-ratelimit-remaining": "99",
    }
    return Answer(body, headers=headers)


def _day_spent(asked: Asked) -> Answer:
    body = {
        "status": "error",
        "message": "You have reached your daily limit.",
        "errorType": "RATE_LIMIT",
        "correlationId": "019a0000-0000-7000-8000-00000000c0de",
        "policyName": "DAILY",
        "requestId": "019a0000-0000-7000-8000-00000000ca11",
    }
    return Answer(body, 429)


EMULATION = Emulation(
    records={
        "contacts": [_contact(archived, n) for archived in SIZES for n in range(SIZES[archived])]
    },
    answer=lambda asked: _page(asked, SIZES),
    nothing=lambda asked: _page(asked, dict.fromkeys(SIZES, 0)),
    failure=_day_spent,
    failure_exit_code=4,
    env={"HUBSPOT_TOKEN": TOKEN},
    base_path="/crm/v3/",
)
