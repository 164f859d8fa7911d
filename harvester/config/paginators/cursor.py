"""Options of `cursor`."""

from typing import Literal

from harvester.config.options import PagePath
from harvester.config.paginators.cursors import TokenOptions


class Cursor(TokenOptions):
    """A token from the page. Ends where there is none (`null`, absent, `""`, `"null"`); an empty
    page that has one goes on.
    """

    type: Literal["cursor"]
    cursor_path: PagePath
    """Path to the next cursor in the page."""
    cursor_may_repeat: bool = False
    """Whether the same cursor may come again: then "same as sent" means the end (Solr) or is
    simply how the API works (Elasticsearch's scroll). Otherwise a repeated cursor is an error."""
