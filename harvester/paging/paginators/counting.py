"""Counts pages or records: what paginators have in common whose cursors are numbers."""

from abc import abstractmethod
from typing import Any, TypeVar

from harvester.config import Offset, PageNumber
from harvester.page import Field
from harvester.paging.paginator import Paginator
from harvester.paging.request_parts import RequestParts
from harvester.paging.totals import below, beyond, page_size, passed
from harvester.store import Checkpoint

Counted = TypeVar("Counted", PageNumber, Offset)


class Counting(Paginator[Counted]):
    """Cursors that are counted, and so can be told before a page has come."""

    ends_on_empty_page = True

    @abstractmethod
    def moved_on(self, cursor: int, size: int) -> int:
        """The cursor after a page that was asked for with `cursor` and has `size` records."""

    def place_in(self, request: RequestParts, cursor: Any) -> RequestParts:
        """The count, which the first request may leave out."""
        return super().place_in(request, None if self.leaves_out(cursor) else cursor)

    def leaves_out(self, cursor: Any) -> bool:
        """As `send_first` says."""
        return not self.options.send_first and cursor == self.first_cursor()

    def cursor_fields(self) -> list[Field]:
        """None: nothing in the page leads on."""
        return []

    def own_end(self) -> str | None:
        """None but an empty page."""
        return None

    def foresees(self) -> bool:
        """Where the size of a page is known or does not matter."""
        return self.counts_pages or self.options.full_page is not None

    def foresee(self, cursor: Any, at: Checkpoint) -> Any | None:
        """By counting on, unless the total says that nothing is there."""
        options = self.options
        last = options.maximum_pages is not None and at.live_pages + 1 >= options.maximum_pages
        if last or not self.foresees() or self.is_maximum(cursor):
            return None
        following = self.moved_on(cursor, options.full_page or 0)
        return None if beyond(self, following, at) and not passed(self, at) else following

    def is_maximum(self, cursor: int) -> bool:
        """Whether the page of `cursor` is the last one that is wanted."""
        return False

    def empty_page_ends(self, cursor: Any, more: bool | None, at: Checkpoint) -> str | None:
        """An empty page is the last one unless the page or the total says that more follows."""
        following = self.moved_on(cursor, page_size(self, at))
        if more or below(self, following, at):
            return None
        if self.options.stop_after_empty_page is None:
            return "empty_page"
        return "total_reached" if beyond(self, following, at) else None


def place_of_value(param: str | None, param_key: str, place: str | None, place_key: str) -> str:
    """Where the count is sent, in the words of the YAML."""
    if param:
        return f"{param_key} {param!r}"
    return f"{place_key} {place!r}" if place else "what the request says of the page"
