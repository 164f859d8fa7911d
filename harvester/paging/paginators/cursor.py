"""Pages by a token that stands in the page."""

from typing import Any

from harvester.config import Cursor, Resource, references_in
from harvester.model import parse
from harvester.page import Field
from harvester.paging.page_fields import CURSOR
from harvester.paging.paginator import Done, Page
from harvester.paging.paginators.sent_cursor import Tokens
from harvester.store import Checkpoint


class BodyCursors(Tokens[Cursor], options=Cursor):
    """`type: cursor`."""

    def cursor_fields(self) -> list[Field]:
        """The token."""
        return [Field(CURSOR, parse(self.options.cursor_path))]

    def following(self, cursor: Any, page: Page, more: bool | None, at: Checkpoint) -> Any | Done:
        """The token of the page; the end where it has none."""
        return self.token(cursor, page.fields.get(CURSOR))

    def link_for_replay(self, following: Any, resource: Resource) -> Any:
        """The value that the token is cut out of, or that is the whole path of the next request."""
        is_link = self.options.cursor_pattern or _leads_the_path(resource)
        return following if is_link else None

    def own_end(self) -> str | None:
        """No token."""
        return f"a page without a cursor at {self.options.cursor_path}"

    def never_led(self) -> str | None:
        """The path may be mistyped."""
        return f"no page has anything at {self.options.cursor_path} (cursor_path)"


def _leads_the_path(resource: Resource) -> bool:
    following = resource.next_request.path if resource.next_request else None
    path = resource.path if following is None else following
    return path.strip() == "{cursor}" and any(True for _ in references_in(path))
