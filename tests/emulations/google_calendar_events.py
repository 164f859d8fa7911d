"""Google Calendar: https://developers.google.com/workspace/calendar/api/guides/sync."""

from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation, google

SCOPE, PERSON = "https://www.googleapis.com/auth/calendar.readonly", "ann@example.org"


def _event(n: int, status: str = "confirmed") -> dict[str, Any]:
    return {
        "kind": "calendar#event",
        "id": f"e{n:05d}",
        "status": status,
        "summary": f"Besprechung № {n} ☕",
        "updated": "2026-01-01T08:00:00.000Z",
        "start": {"dateTime": "2026-01-05T10:00:00+01:00", "timeZone": "Europe/Berlin"},
    }


EVENTS = [_event(n) for n in range(230)]
CHANGED = [_event(n, "cancelled") for n in range(3)] + [_event(230)]


def _page(asked: Asked, events: list[Any]) -> Answer:
    if asked.path == "/token":
        return google.token(asked, SCOPE, PERSON)
    if refused := google.let_in(asked):
        return refused
    params = asked.params
    assert (asked.method, asked.path) == ("GET", "/calendar/v3/calendars/primary/events")
    most = int(params.pop("maxResults"))
    assert 1 <= most <= 2500
    start = int(params.pop("pageToken", "CkE0").removeprefix("CkE"))
    if token := params.pop("syncToken", None):
        assert token == "CPDAlvWDx70CEPDAlvWDx70CGAU="
        events = CHANGED
    assert params == {}, "refused together with a sync token"
    page = {"kind": "calendar#events", "items": events[start : start + most]}
    if start + most < len(events):
        return Answer({**page, "nextPageToken": f"CkE{start + most}"})
    return Answer({**page, "nextSyncToken": "CPDAlvWDx70CEPDAlvWDx70CGAU="})


EMULATION = Emulation(
    records={"events": EVENTS},
    answer=lambda asked: _page(asked, EVENTS),
    nothing=lambda asked: _page(asked, []),
    failure=lambda asked: (
        google.token(asked, SCOPE, PERSON)
        if asked.path == "/token"
        else google.error(404, "notFound", "Not Found")
    ),
    failure_exit_code=3,
    env={"GOOGLE_SERVICE_ACCOUNT": google.ACCOUNT, "GOOGLE_USER": PERSON},
    base_path="/calendar/v3/",
    settings=(*google.SETTINGS, "resources.events.params.maxResults=100"),
    again=1,  # a token
    later={"events": CHANGED},
)
