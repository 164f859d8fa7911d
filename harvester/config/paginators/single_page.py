"""Options of `single_page`."""

from typing import ClassVar, Literal

from harvester.config.paginators.paging_options import SizedOptions


class SinglePage(SizedOptions):
    """No paging: the partition is done after one page."""

    has_cursor: ClassVar[bool] = False

    type: Literal["single_page"]
