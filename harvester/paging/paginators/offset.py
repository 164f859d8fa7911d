"""Pages by offset: so many records are skipped, by those received or by the limit."""

from collections.abc import Iterator
from typing import Any, Final

from harvester.config import Offset
from harvester.errors import PageRefused
from harvester.model import Doubt
from harvester.paging.paginator import Done, Page
from harvester.paging.paginators.counting import Counting, place_of_value
from harvester.paging.request_parts import CursorPlaces
from harvester.paging.totals import page_size, reached
from harvester.store import Checkpoint

_USUAL: Final = 5  # the pages of servers that have a limit of their own are multiples of it


class Offsets(Counting[Offset], options=Offset):
    """`type: offset`."""

    counts_records = True

    def first_cursor(self) -> Any:
        """The offset of the first record."""
        return self.options.base_offset

    def following(self, cursor: Any, page: Page, more: bool | None, at: Checkpoint) -> Any | Done:
        """The offset moves on by the records received or the limit, until the total is reached."""
        if not more and reached(self, at, at.live_pages):
            return Done("total_reached")
        size = page_size(self, at)
        if not page.records and not size:
            raise PageRefused(
                "the page has no records and the API says that there are more, but not how far the "
                "offset moves on: say limit"
            )
        by_records = page.records and self.options.step == "records"
        return cursor + (page.records if by_records else size)

    def moved_on(self, cursor: int, size: int) -> int:
        """As many records on as a full page has."""
        return cursor + size

    def places(self) -> CursorPlaces:
        """A parameter or a place in the body; the limit goes with it."""
        limit, name = self.options.limit, self.options.limit_param
        always = {name: limit} if name and limit else {}
        return CursorPlaces(self.options.offset_param, self.options.offset_body_path, always=always)

    def asked_before(self, cursor: Any, at: Checkpoint, size: int) -> tuple[int, int] | None:
        """The pages that have come, and the records that the offset skips."""
        return at.live_pages, max(at.records, cursor - self.options.base_offset)

    def reach(self, cursor: Any, at: Checkpoint, size: int) -> int:
        """The offset behind the last page that had records."""
        ahead = at.last_page if not at.empty_pages else -(at.empty_pages - 1) * size
        return int(cursor - self.options.base_offset + ahead)

    def doubts_at_end(self, at: Checkpoint) -> Iterator[Doubt]:
        """Pages that were short and not the last: the offset may have moved on by too little."""
        least, most, limit = at.smallest_page, at.largest_page, self.options.limit
        if self.options.step != "records" or not least:
            return
        odd = limit is not None and most < limit and most % _USUAL
        if least < most or odd:
            few = f"{least:,}" if least == most else f"{least:,} to {most:,}"
            asked = f" of {limit:,} asked for" if limit else ""
            yield Doubt(
                "short_pages",
                f"pages before the last had {few} records{asked}: if the server takes some out "
                "after it has counted them, others have come twice; then say step: limit",
            )

    def ignored(self) -> str:
        """The offset."""
        options = self.options
        sent = place_of_value(
            options.offset_param, "offset_param", options.offset_body_path, "offset_body_path"
        )
        return f"the server seems to ignore {sent}"
