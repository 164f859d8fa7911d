"""Okta: https://developer.okta.com/docs/api/openapi/okta-management/management/tags/systemlog."""

from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

TOKEN = "00QCjAl4MlV-WPXM-example"
EVENTS: list[Any] = [
    {
        "uuid": f"dc9fd3c0-598c-11ef-8478-{n:012d}",
        "published": f"2026-09-01T{n // 60:02d}:{n % 60:02d}:00.000Z",
        "eventType": "user.session.start",
        "displayMessage": "Benutzer angemeldet ✓",
        "outcome": {"result": "SUCCESS", "reason": None},
    }
    for n in range(230)
]


def _page(asked: Asked, events: list[Any]) -> Answer:
    if asked.headers.get("authorization") != f"SSWS {TOKEN}":
        return _refused(asked)
    assert (asked.method, asked.path) == ("GET", "/api/v1/logs")
    params = asked.params
    assert params.keys() - {"after"} == {"since", "until", "sortOrder", "limit"}
    most, start = int(params["limit"]), int(params.get("after", "0_0").split("_")[0])
    assert most <= 1000
    since, until = params["since"][:19], params["until"][:19]
    found = [one for one in events if since <= one["published"][:19] < until]
    here = f"{asked.origin}{asked.target.partition('&after=')[0]}"
    links = [f'<{here}>; rel="self"']
    if start + most < len(found):
        links.append(f'<{here}&after={start + most}_1>; rel="next"')
    limits = {"x-rate-limit-limit": "120", "x-rate-limit-remaining": "119"}
    return Answer(found[start : start + most], headers={"link": ", ".join(links), **limits})


def _refused(asked: Asked) -> Answer:
    told = {"errorCode": "E0000011", "errorSummary": "Invalid token provided", "errorCauses": []}
    return Answer(told, 401)


EMULATION = Emulation(
    records={"events": EVENTS},
    answer=lambda asked: _page(asked, EVENTS),
    nothing=lambda asked: _page(asked, []),
    failure=_refused,
    failure_exit_code=3,
    env={"OKTA_TOKEN": TOKEN},
    base_path="/api/v1/",
    settings=("resources.events.params.limit=100",),
)
