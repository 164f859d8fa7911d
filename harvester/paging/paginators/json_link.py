"""Pages by the next URL, which stands in the page."""

from typing import Any

from harvester.config import JsonLink
from harvester.model import parse
from harvester.page import Field
from harvester.paging.page_fields import CURSOR
from harvester.paging.paginator import Done, Page
from harvester.paging.paginators.next_link import NextLinks
from harvester.store import Checkpoint


class JsonLinks(NextLinks[JsonLink], options=JsonLink):
    """`type: json_link`."""

    def cursor_fields(self) -> list[Field]:
        """The link."""
        return [Field(CURSOR, parse(self.options.next_url_path))]

    def following(self, cursor: Any, page: Page, more: bool | None, at: Checkpoint) -> Any | Done:
        """The link of the page; the end where it has none."""
        return self.link(page.fields.get(CURSOR), cursor, page.url)

    def own_end(self) -> str | None:
        """No link."""
        return f"a page without a link at {self.options.next_url_path}"

    def ignored(self) -> str:
        """Nothing was sent: it is the link that leads nowhere."""
        path = self.options.next_url_path
        return f"the link at next_url_path {path!r} leads to the page it is on"

    def never_led(self) -> str | None:
        """The path may be mistyped."""
        return f"no page has anything at {self.options.next_url_path} (next_url_path)"
