"""Begins a list anew behind the records that an API shows of it: `restart_after`. Pure.

The cursor of a page is then `{"restart_after": VALUE, "at": NUMBER}`: the value at which the list
was begun anew, and the page's number or offset in that list. Of the first list it is a plain
number. Records with the value that the list is begun anew at come twice, since others with the same
value may lie behind the end of what is shown; readers leave them out by their `key`.

Where a whole list has one value, beginning anew leads nowhere: the partition ends as a gap.
"""

from collections.abc import Mapping
from typing import Any, Final

from harvester.config import RestartAfter
from harvester.errors import PageRefused
from harvester.model import Doubt, as_text
from harvester.paging.page_fields import RESTART
from harvester.paging.paginator import Done, Page
from harvester.paging.request_parts import CursorPlaces, RequestParts
from harvester.store import CAPPED, LIST_FROM

_AT: Final = "at"


def number_in(cursor: Any) -> Any:
    """The number or offset of a cursor."""
    return cursor[_AT] if isinstance(cursor, Mapping) else cursor


def with_number(cursor: Any, number: int) -> Any:
    """The cursor of another page of the same list."""
    return {**cursor, _AT: number} if isinstance(cursor, Mapping) else number


def value_in(cursor: Any) -> Any:
    """The value at which the list of a cursor was begun anew; None for the first list."""
    return cursor[LIST_FROM] if isinstance(cursor, Mapping) else None


def placed(request: RequestParts, cursor: Any, restart: RestartAfter) -> RequestParts:
    """The request with the value in its place."""
    return CursorPlaces(restart.into, restart.into_body_path).filled(request, value_in(cursor))


def anew(cursor: Any, page: Page, first: int, restart: RestartAfter) -> Any | Done:
    """The cursor of the list that begins behind `page`, the last that the API shows of this one; or
    the end, where all of it had one value. Raises `PageRefused` where the page has no value.
    """
    value = page.fields.get(RESTART)
    if value is None or isinstance(value, bool | Mapping | list):
        raise PageRefused(
            f"restart_after: the list is to begin anew at {restart.from_path}, where the page has "
            f"{'nothing' if value is None else 'neither a text nor a number'}"
        )
    if as_text(value) != as_text(value_in(cursor)):
        return {LIST_FROM: value, _AT: first}
    place = restart.into or restart.into_body_path
    return Done(
        CAPPED,
        (
            Doubt(
                CAPPED,
                f"more than {restart.records:,} records (restart_after) have {restart.from_path} = "
                f"{as_text(value)[:100]}, or the server ignores {place}: what lies behind them is "
                "missing; partition by another key too",
            ),
        ),
    )
