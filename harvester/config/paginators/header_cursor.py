"""Options of `header_cursor`."""

from typing import Literal

from harvester.config.options import Regex
from harvester.config.paginators.cursors import CursorSent, pattern_faults
from harvester.config.request_options import HeaderName
from harvester.config.wording import KeyPath


class HeaderCursor(CursorSent):
    """A token from a response header; with no place for it, the value is the next URL. Ends where
    the header is absent.
    """

    type: Literal["header_cursor"]
    cursor_header_name: HeaderName
    """The response header that holds the next cursor."""
    cursor_pattern: Regex | None = None
    """A regular expression whose first group is the cursor, cut out of the value found."""
    cursor_encoded: Literal["decode", "keep"] = "decode"
    """Whether a cursor that `cursor_pattern` cuts out of a URL is percent-decoded before it is
    sent; `keep` is for the server that wants it back as it stands there."""
    cursor_may_repeat: bool = False
    """Whether the same cursor may come again, which is otherwise an error."""

    @property
    def lacks_place(self) -> bool:
        """No: without a place, the cursor is the next URL."""
        return False

    def faults(self) -> list[tuple[KeyPath, str]]:
        """Say what contradicts itself, as (path, message)."""
        return super().faults() + pattern_faults(self.cursor_pattern)
