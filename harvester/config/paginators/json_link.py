"""Options of `json_link`."""

from typing import ClassVar, Literal

from harvester.config.options import PagePath
from harvester.config.paginators.paging_options import Sized


class JsonLink(Sized):
    """The next URL stands in the page: absolute, relative, a bare query string, or an object with
    `href`, `method` and `body` (STAC). Ends where there is none.
    """

    has_cursor: ClassVar[bool] = False
    follows_links: ClassVar[bool] = True

    type: Literal["json_link"]
    next_url_path: PagePath = "next"
    """Path to the next link in the page."""
    cursor_may_repeat: bool = False
    """Whether the last page has a link to itself, which then means the end and is otherwise an
    error."""
