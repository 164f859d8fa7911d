"""Counts pages or records: what paginators have in common whose cursors are numbers."""

from abc import abstractmethod
from typing import Any, Final, TypeVar

from harvester.config import Offset, PageNumber
from harvester.page import Field
from harvester.paging.paginator import Done, Page, Paginator
from harvester.paging.request_parts import RequestParts
from harvester.paging.restarting import anew, number_in, placed, with_number
from harvester.paging.totals import below, beyond, page_size, passed
from harvester.store import Checkpoint

_NOTHING_CAME: Final = Checkpoint()

Counted = TypeVar("Counted", PageNumber, Offset)


class Counting(Paginator[Counted]):
    """Cursors that are counted, and so can be told before a page has come."""

    ends_on_empty_page = True

    @abstractmethod
    def moved_on(self, cursor: int, size: int) -> int:
        """The cursor after a page that was asked for with `cursor` and has `size` records."""

    def place_in(self, request: RequestParts, cursor: Any) -> RequestParts:
        """The count, which the first request may leave out, and where the list begins."""
        number = None if self.leaves_out(cursor) else number_in(cursor)
        request = super().place_in(request, number)
        restart = self.options.restart_after
        return placed(request, cursor, restart) if restart else request

    def counted(self, cursor: Any) -> Any:
        """The number, whatever list it counts in."""
        return number_in(cursor)

    def next_cursor(self, cursor: Any, page: Page, past: Checkpoint = _NOTHING_CAME) -> Any | Done:
        """As always, in the list that the page is of; where the API shows no more of it, the first
        page of the next.
        """
        following = super().next_cursor(number_in(cursor), page, past.this_list)
        restart = self.options.restart_after
        if restart is None or isinstance(following, Done):
            return following
        if page.records and self._is_behind(following, past.with_page(page.records, {})):
            return anew(cursor, page, self.first_cursor(), restart)
        return with_number(cursor, following)

    def _is_behind(self, number: int, at: Checkpoint) -> bool:
        """Whether the page of `number` is not whole among the records that the API shows."""
        restart = self.options.restart_after
        size = page_size(self, at)
        before = self.asked_before(number, _NOTHING_CAME, size)
        return restart is not None and before is not None and before[1] + size > restart.records

    def leaves_out(self, cursor: Any) -> bool:
        """As `send_first` says."""
        return not self.options.send_first and number_in(cursor) == self.first_cursor()

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
        number = number_in(cursor)
        if last or not self.foresees() or self.is_maximum(number):
            return None
        following = self.moved_on(number, options.full_page or 0)
        if options.restart_after and self._is_behind(following, at):
            return None
        following = with_number(cursor, following)
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
