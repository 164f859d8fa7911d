"""Options of paging by a link to the next page."""

from typing import ClassVar

from harvester.config.paginators.paging_options import SizedOptions


class LinkOptions(SizedOptions):
    """Paging by the next URL, which the server gives."""

    has_cursor: ClassVar[bool] = False
    follows_links: ClassVar[bool] = True

    cursor_may_repeat: bool = False
    """Whether the last page has a link to itself, which then means the end and is otherwise an
    error."""
