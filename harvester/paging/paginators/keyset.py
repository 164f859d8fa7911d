"""Pages by a value of the page's records: the next page begins after it."""

from typing import Any, Final

from harvester.config import Keyset
from harvester.errors import PageRefused
from harvester.model import parse
from harvester.page import Field, Take, as_number
from harvester.paging.page_fields import CURSOR
from harvester.paging.paginator import NO_CURSOR, Done, Page
from harvester.paging.paginators.sent_cursor import SentCursors
from harvester.store import Checkpoint

_TAKES: Final = {"last": Take.LAST, "min": Take.MIN, "max": Take.MAX}


class Keysets(SentCursors[Keyset], options=Keyset):
    """`type: keyset`."""

    ends_on_empty_page = True
    follows_values = True

    def cursor_fields(self) -> list[Field]:
        """The last, smallest or largest of the records' values."""
        return [Field(CURSOR, parse(self.options.cursor_path), _TAKES[self.options.take])]

    def following(self, cursor: Any, page: Page, more: bool | None, at: Checkpoint) -> Any | Done:
        """The value, with `step` added."""
        found = page.fields.get(CURSOR)
        if found in NO_CURSOR:
            if page.records == 0:
                return Done("empty_page")
            path = self.options.cursor_path
            raise PageRefused(f"the page has records, but none with a value at {path}")
        step = self.options.step
        if step is None:
            return found
        number = as_number(found)
        if not isinstance(number, int):
            raise PageRefused(f"step needs whole numbers, the page has {found!r}")
        return str(number + step) if isinstance(found, str) else number + step

    def own_end(self) -> str | None:
        """None but an empty page."""
        return None
