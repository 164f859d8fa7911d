"""Options of `cursor`."""

from typing import Literal

from harvester.config.options import PagePath, Regex
from harvester.config.paginators.cursors import CursorSent, pattern_faults
from harvester.config.wording import KeyPath


class Cursor(CursorSent):
    """A token from the page. Ends where there is none (`null`, absent, `""`, `"null"`); an empty
    page that has one goes on.
    """

    type: Literal["cursor"]
    cursor_path: PagePath
    """Path to the next cursor in the page."""
    cursor_pattern: Regex | None = None
    """A regular expression whose first group is the cursor, cut out of the value found."""
    cursor_encoded: Literal["decode", "keep"] = "decode"
    """Whether a cursor that `cursor_pattern` cuts out of a URL is percent-decoded before it is
    sent; `keep` is for the server that wants it back as it stands there."""
    cursor_may_repeat: bool = False
    """Whether the same cursor may come again: then "same as sent" means the end (Solr) or is
    simply how the API works (Elasticsearch's scroll). Otherwise a repeated cursor is an error."""

    def faults(self) -> list[tuple[KeyPath, str]]:
        """Say what contradicts itself, as (path, message)."""
        return super().faults() + pattern_faults(self.cursor_pattern)
