"""Union of all paginators' options, for the schema and for messages, which must know each."""

from typing import Annotated, get_args

from harvester.config.deferred import ByType
from harvester.config.paginators.cursor import Cursor
from harvester.config.paginators.header_cursor import HeaderCursor
from harvester.config.paginators.header_link import HeaderLink
from harvester.config.paginators.job_files import JobFiles
from harvester.config.paginators.json_link import JsonLink
from harvester.config.paginators.keyset import Keyset
from harvester.config.paginators.offset import Offset
from harvester.config.paginators.page_number import PageNumber
from harvester.config.paginators.paging_options import PagingOptions
from harvester.config.paginators.single_page import SinglePage

PaginatorConfig = Annotated[
    SinglePage
    | PageNumber
    | Offset
    | Cursor
    | HeaderCursor
    | JsonLink
    | HeaderLink
    | Keyset
    | JobFiles,
    ByType(),
]
"""Any of them, told apart by `type`."""

PAGINATORS: tuple[type[PagingOptions], ...] = get_args(get_args(PaginatorConfig)[0])
"""The options of each type."""
