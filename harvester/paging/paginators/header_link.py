"""Pages by the next URL, which stands in the Link header (RFC 8288)."""

from collections.abc import Iterator, Mapping
from typing import Any

from harvester.config import HeaderLink
from harvester.page import Field
from harvester.paging.link_header import link_with
from harvester.paging.paginator import Done, Page
from harvester.paging.paginators.next_link import NextLinks
from harvester.paging.signs import flag
from harvester.store import Checkpoint


class HeaderLinks(NextLinks[HeaderLink], options=HeaderLink):
    """`type: header_link`."""

    def cursor_fields(self) -> list[Field]:
        """None: it is not in the page."""
        return []

    def following(self, cursor: Any, page: Page, more: bool | None, at: Checkpoint) -> Any | Done:
        """The link of the relation; the end where there is none, or it says so (Sentry)."""
        link = link_with(page.headers.get("link", ""), self.options.rel)
        if link is not None and flag(link.results) is False:
            return Done("results_false")
        return self.link(link and link.target, cursor, page.url)

    def headers_for_replay(self, following: Any, link: str | None) -> Mapping[str, Any]:
        """The Link header."""
        return {} if link is None else {"Link": f'<{link}>; rel="{self.options.rel}"'}

    @property
    def leading_header(self) -> str:
        """Link."""
        return "link"

    def own_end(self) -> str | None:
        """No such link."""
        return f"an answer without a Link of rel {self.options.rel}"

    def ignored(self) -> str:
        """Nothing was sent: it is the link that leads nowhere."""
        return f"the Link header's rel={self.options.rel} leads to the page it is on"

    def never_led(self) -> str | None:
        """The header may have another form."""
        return "no answer has a Link header"

    def looked_at(self) -> Iterator[str]:
        """The header, too."""
        yield from super().looked_at()
        yield "the Link header"
