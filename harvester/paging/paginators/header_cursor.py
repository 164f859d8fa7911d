"""Pages by a token, or the next URL, in a response header."""

from collections.abc import Iterator, Mapping
from typing import Any

from harvester.config import HeaderCursor, Resource, references_in
from harvester.errors import PageRefused
from harvester.page import Field
from harvester.paging.paginator import Done, Page
from harvester.paging.paginators.next_link import href_of
from harvester.paging.paginators.sent_cursor import Tokens
from harvester.store import Checkpoint


class HeaderCursors(Tokens[HeaderCursor], options=HeaderCursor):
    """`type: header_cursor`."""

    def cursor_fields(self) -> list[Field]:
        """None: it is not in the page."""
        return []

    def following(self, cursor: Any, page: Page, more: bool | None, at: Checkpoint) -> Any | Done:
        """The token of the header; the end where there is none."""
        name = self.leading_header
        # A proxy may double a header, but two values are no cursor: to join them by a comma would
        # ask for a page that the server never named.
        if name in page.several:
            raise PageRefused(
                f"the header {self.options.cursor_header_name} came more than once, with different "
                f"values: {page.headers[name]!r}, so the next cursor is not known"
            )
        return self.token(cursor, page.headers.get(name))

    def link_in(self, cursor: Any, resource: Resource) -> Mapping[str, Any] | None:
        """The cursor itself, where the request has no place for it."""
        if cursor is None or self.options.places:
            return None
        named = any(ref.kind == "cursor" for _, ref in references_in(resource.request_parts))
        return None if named else {"href": cursor}

    def link_for_replay(self, following: Any, resource: Resource) -> Any:
        """The value of the header, where no option says where to send it."""
        return None if self.options.places else href_of(following)

    def headers_for_replay(self, following: Any, link: str | None) -> Mapping[str, Any]:
        """The header."""
        return {self.options.cursor_header_name: following if link is None else link}

    @property
    def leading_header(self) -> str:
        """The header that has the token."""
        return self.options.cursor_header_name.lower()

    def own_end(self) -> str | None:
        """No such header."""
        return f"an answer without the header {self.options.cursor_header_name}"

    def never_led(self) -> str | None:
        """The name may be mistyped."""
        name = self.options.cursor_header_name
        return f"no answer has the header {name} (cursor_header_name)"

    def looked_at(self) -> Iterator[str]:
        """The header, too."""
        yield from super().looked_at()
        yield self.leading_header
