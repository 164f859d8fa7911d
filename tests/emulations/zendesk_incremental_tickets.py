"""Zendesk's incremental exports, by cursor.

https://developer.zendesk.com/api-reference/ticketing/ticket-management/incremental_exports/
"""

from base64 import b64decode, b64encode
from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation
from tests.emulations.zendesk_tickets import BASIC, ENV, _refused, _ticket

TICKETS = [_ticket(n) for n in range(230)]
CHANGED = [{**_ticket(3), "status": "deleted"}, _ticket(230)]
SIZE = 100


def _page(asked: Asked, tickets: list[dict[str, Any]], changed: list[dict[str, Any]]) -> Answer:
    if asked.headers.get("authorization") != f"Basic {BASIC}":
        return _refused(asked)
    params = asked.params
    assert (asked.method, asked.path) == ("GET", "/api/v2/incremental/tickets/cursor.json")
    assert (params.pop("per_page"), params.pop("exclude_deleted")) == ("1000", "false")
    if cursor := params.pop("cursor", ""):
        start = int(b64decode(cursor).removeprefix(b"1576613539.0||"))
    else:
        start = 0
        assert int(params.pop("start_time")) >= 0
    assert params == {}, "either a start or a cursor"
    every = tickets + changed if start >= len(tickets) else tickets
    end = min(start + SIZE, len(every))
    after = b64encode(b"1576613539.0||%d" % end).decode()
    link = f"{asked.origin}{asked.path}?cursor={after}&per_page=1000&exclude_deleted=false"
    page = {"tickets": every[start:end], "after_url": link, "after_cursor": after}
    return Answer({**page, "before_url": None, "end_of_stream": end == len(every)})


EMULATION = Emulation(
    records={"tickets": TICKETS},
    answer=lambda asked: _page(asked, TICKETS, CHANGED),
    nothing=lambda asked: _page(asked, [], []),
    failure=_refused,
    failure_exit_code=3,
    env=ENV,
    base_path="/api/v2/",
    later={"tickets": CHANGED},
)
