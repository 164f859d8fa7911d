"""Options of `header_link`."""

from typing import ClassVar, Literal

from harvester.config.options import Text
from harvester.config.paginators.paging_options import Sized


class HeaderLink(Sized):
    """The next URL stands in the Link header (RFC 8288). Ends where there is none."""

    has_cursor: ClassVar[bool] = False
    follows_links: ClassVar[bool] = True

    type: Literal["header_link"]
    rel: Text = "next"
    """The relation of the link to follow."""
    cursor_may_repeat: bool = False
    """Whether the last page has a link to itself, which then means the end and is otherwise an
    error."""
