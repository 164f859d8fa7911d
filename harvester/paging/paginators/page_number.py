"""Pages by number: 1, 2, 3, until an empty page, the total, or what the page says."""

from collections.abc import Iterator
from typing import Any

from harvester.config import PageNumber
from harvester.paging.paginator import Done, Page
from harvester.paging.paginators.counting import Counting, place_of_value
from harvester.paging.request_parts import CursorPlaces
from harvester.paging.totals import reached
from harvester.store import Checkpoint


class PageNumbers(Counting[PageNumber], options=PageNumber):
    """`type: page_number`."""

    counts_pages = True

    def first_cursor(self) -> Any:
        """The number of the first page."""
        return self.options.base_page

    def following(self, cursor: Any, page: Page, more: bool | None, at: Checkpoint) -> Any | Done:
        """The next number, unless the total is reached or the page is the last that is wanted."""
        if not more and reached(self, at, cursor - self.options.base_page + 1):
            return Done("total_reached")
        return Done("maximum_reached") if self.is_maximum(cursor) else cursor + 1

    def moved_on(self, cursor: int, size: int) -> int:
        """The next number."""
        return cursor + 1

    def is_maximum(self, cursor: int) -> bool:
        """Whether `maximum_page` is reached."""
        maximum = self.options.maximum_page
        return maximum is not None and cursor >= maximum

    def capped(self, at: Checkpoint) -> bool:
        """By `maximum_page`, too."""
        last = self.options.maximum_page
        reached_last = last is not None and at.live_pages + self.options.base_page > last
        return reached_last or super().capped(at)

    def places(self) -> CursorPlaces:
        """A parameter or a place in the body; the page's size goes with it."""
        size, name = self.options.page_size, self.options.page_size_param
        always = {name: size} if name else {}
        return CursorPlaces(self.options.page_param, self.options.page_body_path, always=always)

    def asked_before(self, cursor: Any, at: Checkpoint, size: int) -> tuple[int, int] | None:
        """The pages of lower numbers, and their records if they were full."""
        pages = cursor - self.options.base_page
        return pages, max(at.records, pages * size)

    def reach(self, cursor: Any, at: Checkpoint, size: int) -> int:
        """The records of the pages up to this one, but for empty ones, if they were full."""
        return int((cursor - self.options.base_page + 1 - at.empty_pages) * size)

    def ignored(self) -> str:
        """The number, or it is one beyond the last page."""
        options = self.options
        sent = place_of_value(
            options.page_param, "page_param", options.page_body_path, "page_body_path"
        )
        return f"the server seems to ignore {sent}, or gives its last page again"

    def maximum_ends(self) -> Iterator[str]:
        """The last page that is wanted, too."""
        if self.options.maximum_page is not None:
            yield f"page {self.options.maximum_page:,}"
        yield from super().maximum_ends()
