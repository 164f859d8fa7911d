"""Options of paging by a cursor that goes into the next request."""

import re
from typing import Any, Literal

from harvester.config.options import BodyPath, Regex, Text
from harvester.config.paginators.paging_options import SizedOptions
from harvester.config.request_options import HeaderName
from harvester.config.wording import KeyPath, listed


class CursorOptions(SizedOptions):
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


class TokenOptions(CursorOptions):
    """Paging by a cursor that the server makes, to be sent back as it is."""

    cursor_pattern: Regex | None = None
    """A regular expression whose first group is the cursor, cut out of the value found."""
    cursor_encoded: Literal["decode", "keep"] = "decode"
    """Whether a cursor that `cursor_pattern` cuts out of a URL is percent-decoded before it is
    sent; `keep` is for the server that wants it back as it stands there."""
    cursor_may_repeat: bool = False
    """Whether the same cursor may come again, which is otherwise an error."""

    def faults(self) -> list[tuple[KeyPath, str]]:
        """Say what contradicts itself, as (path, message)."""
        found = super().faults()
        if self.cursor_pattern is not None and re.compile(self.cursor_pattern).groups != 1:
            message = "needs one group (…), the part that is the cursor"
            found.append((("cursor_pattern",), message))
        return found
