"""Asks for one page only: a partition without paging."""

from typing import Any

from harvester.config import SinglePage
from harvester.page import Field
from harvester.paging.paginator import Done, Page, Paginator
from harvester.store import Checkpoint


class OnePage(Paginator[SinglePage], options=SinglePage):
    """`type: single_page`."""

    has_one_page = True

    def first_cursor(self) -> Any:
        """None."""
        return None

    def cursor_fields(self) -> list[Field]:
        """None."""
        return []

    def following(self, cursor: Any, page: Page, more: bool | None, at: Checkpoint) -> Any | Done:
        """The end."""
        return Done("single_page")

    def own_end(self) -> str | None:
        """The page itself."""
        return "the first page"

    def ignored(self) -> str:
        """Never asked: there is no second page."""
        return "the server seems to ignore the cursor"
