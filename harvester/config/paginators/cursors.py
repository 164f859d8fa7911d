"""Options of paging by a cursor that goes into the next request."""

import re
from typing import Any

from harvester.config.options import BodyPath, Text
from harvester.config.paginators.paging_options import Sized
from harvester.config.request_options import HeaderName
from harvester.config.wording import KeyPath, listed


class CursorSent(Sized):
    """Paging by a cursor that goes into the next request, in at most one of three places."""

    cursor_param: Text | None = None
    """The query parameter that carries the cursor; `*` merges a cursor that is an object into
    the parameters."""
    cursor_body_path: BodyPath | None = None
    """The place in the JSON body that carries the cursor, such as `variables.after`."""
    cursor_header: HeaderName | None = None
    """The request header that carries the cursor."""
    initial_cursor: Any = None
    """The cursor of the first page, where the API wants one (`"*"`)."""

    @property
    def places(self) -> tuple[str, ...]:
        """The names of the three options above that were given."""
        names = ("cursor_param", "cursor_body_path", "cursor_header")
        return tuple(name for name in names if getattr(self, name) is not None)

    @property
    def lacks_place(self) -> bool:
        """Whether the cursor goes nowhere, unless the request names it."""
        return not self.places

    def faults(self) -> list[tuple[KeyPath, str]]:
        """Say what contradicts itself, as (path, message)."""
        found = super().faults()
        if len(self.places) > 1:
            found.append(((self.places[1],), f"only one of {listed(self.places, 'and')}"))
        return found


def pattern_faults(pattern: str | None) -> list[tuple[KeyPath, str]]:
    """What is wrong with a `cursor_pattern`, as (path, message)."""
    if pattern is not None and re.compile(pattern).groups != 1:
        return [(("cursor_pattern",), "needs one group (…), the part that is the cursor")]
    return []
