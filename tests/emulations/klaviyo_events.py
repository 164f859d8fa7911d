"""Klaviyo: https://developers.klaviyo.com/en/reference/get_events."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

KEY = "pk_0123456789abcdef0123456789example"
FIRST = datetime(2025, 6, 1, 8, tzinfo=UTC)
PAGE = 200


def _event(n: int) -> dict[str, Any]:
    at = FIRST + timedelta(hours=n)
    return {
        "type": "event",
        "id": f"4vRpB{n:06d}",
        "attributes": {
            "timestamp": int(at.timestamp()),
            "event_properties": {"Items": ["Crème brûlée"], "$value": n / 4},
            "datetime": at.isoformat(sep=" "),
            "uuid": f"b5a5b180-2ed1-11ef-8001-{n:012d}",
        },
        "links": {"self": f"https://a.klaviyo.com/api/events/4vRpB{n:06d}/"},
    }


EVENTS = [_event(n) for n in range(450)]
LATER = [_event(n) for n in range(450, 453)]


def _refused(asked: Asked) -> Answer:
    error = {"status": 401, "code": "not_authenticated", "title": "Authentication failed."}
    return Answer({"errors": [error]}, 401)


class Account:
    """The events of an account; some come once a list has been read to its end."""

    def __init__(self, events: list[Any], later: list[Any]) -> None:
        self.events, self.later = events, later

    def answer(self, asked: Asked) -> Answer:
        """A page."""
        if asked.headers.get("authorization") != f"Klaviyo-API-Key {KEY}":
            return _refused(asked)
        assert (asked.method, asked.path) == ("GET", "/api/events/")
        assert asked.headers["revision"] == "2025-07-15"
        params = asked.params
        start = int(params.pop("page[cursor]", "0"))
        assert params.keys() == {"filter", "sort", "page[size]"}, "each once"
        found = re.fullmatch(r"greater-or-equal\(datetime,(\S+Z)\)", params["filter"])
        assert found is not None
        since = datetime.fromisoformat(found[1]).timestamp()
        known = self.events + (self.later if since > FIRST.timestamp() else [])
        events = [one for one in known if one["attributes"]["timestamp"] >= since]
        here = f"{asked.origin}{asked.target.partition('&page%5Bcursor')[0]}"
        end = start + PAGE
        more = f"{here}&page%5Bcursor%5D={end}" if end < len(events) else None
        links = {"self": here, "next": more, "prev": None}
        return Answer({"data": events[start:end], "links": links})


EMULATION = Emulation(
    records={"events": EVENTS},
    answer=Account(EVENTS, LATER).answer,
    nothing=Account([], []).answer,
    failure=_refused,
    failure_exit_code=3,
    env={"KLAVIYO_API_KEY": KEY},
    base_path="/api/",
    later={"events": [*EVENTS[-25:], *LATER]},  # those of the day before the last come again
)
