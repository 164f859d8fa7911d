"""Options of `header_cursor`."""

from typing import Literal

from harvester.config.paginators.cursors import TokenOptions
from harvester.config.request_options import HeaderName


class HeaderCursor(TokenOptions):
    """A token from a response header; with no place for it, the value is the next URL. Ends where
    the header is absent.
    """

    type: Literal["header_cursor"]
    cursor_header_name: HeaderName
    """The response header that holds the next cursor."""

    @property
    def lacks_place(self) -> bool:
        """No: without a place, the cursor is the next URL."""
        return False
