"""Declares paging: one frozen model of options for each `paginator.type`, a file each.

The names are those of dlt's `rest_api`. What the options mean, page by page, is decided in the
package `paging`; here they are only read, and what contradicts itself is refused. The table of
types and the rules of when a harvest ends are in the documentation of each model.
"""

from typing import TYPE_CHECKING, Annotated, Any, Final

from harvester.config.deferred import EachElsewhere
from harvester.on_demand import names_of

if TYPE_CHECKING:
    from harvester.config.paginators.cursor import Cursor as Cursor
    from harvester.config.paginators.cursors import CursorOptions as CursorOptions
    from harvester.config.paginators.cursors import TokenOptions as TokenOptions
    from harvester.config.paginators.every import PAGINATORS as PAGINATORS
    from harvester.config.paginators.every import PaginatorConfig as PaginatorConfig
    from harvester.config.paginators.header_cursor import HeaderCursor as HeaderCursor
    from harvester.config.paginators.header_link import HeaderLink as HeaderLink
    from harvester.config.paginators.job_files import JobFiles as JobFiles
    from harvester.config.paginators.json_link import JsonLink as JsonLink
    from harvester.config.paginators.keyset import Keyset as Keyset
    from harvester.config.paginators.links import LinkOptions as LinkOptions
    from harvester.config.paginators.offset import Offset as Offset
    from harvester.config.paginators.page_number import PageNumber as PageNumber
    from harvester.config.paginators.paging_options import PagingOptions as PagingOptions
    from harvester.config.paginators.paging_options import RestartAfter as RestartAfter
    from harvester.config.paginators.single_page import SinglePage as SinglePage

#: The model of each type; its module has the name of the type.
_MODELS: Final = {
    "single_page": "SinglePage",
    "page_number": "PageNumber",
    "offset": "Offset",
    "cursor": "Cursor",
    "header_cursor": "HeaderCursor",
    "json_link": "JsonLink",
    "header_link": "HeaderLink",
    "keyset": "Keyset",
    "job_files": "JobFiles",
}

if not TYPE_CHECKING:
    PaginatorConfig = Annotated[Any, EachElsewhere(__name__, _MODELS, "every.PaginatorConfig")]
    """Any of them, told apart by `type`; its module is imported when there is one."""

__getattr__ = names_of(
    __name__,
    {
        **_MODELS,
        "cursors": "CursorOptions TokenOptions",
        "every": "PAGINATORS",
        "links": "LinkOptions",
        "paging_options": "PagingOptions RestartAfter",
    },
)
