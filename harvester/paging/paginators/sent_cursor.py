"""Sends cursors: what paginators have in common whose cursor goes into the next request."""

from typing import Any, TypeVar

from harvester.config import CursorOptions, TokenOptions
from harvester.errors import PageRefused
from harvester.model import as_text
from harvester.paging.cursor_pattern import cut_out
from harvester.paging.paginator import NO_CURSOR, Done, Paginator
from harvester.paging.request_parts import CursorPlaces

Sent = TypeVar("Sent", bound=CursorOptions)
Token = TypeVar("Token", bound=TokenOptions)


class SentCursors(Paginator[Sent]):
    """Cursors that go into a parameter, a place in the body, or a header."""

    def first_cursor(self) -> Any:
        """What the YAML says, if the API wants one."""
        return self.options.initial_cursor

    def places(self) -> CursorPlaces:
        """As configured."""
        options = self.options
        return CursorPlaces(options.cursor_param, options.cursor_body_path, options.cursor_header)

    def ignored(self) -> str:
        """The cursor, by the option that says where it is sent."""
        if not self.options.places:
            return "the server seems to ignore the cursor"
        key = self.options.places[0]
        return f"the server seems to ignore {key} {getattr(self.options, key)!r}"


class Tokens(SentCursors[Token]):
    """Cursors that the server makes, to be sent back as they are."""

    may_expire = True

    @property
    def may_repeat(self) -> bool:
        """As `cursor_may_repeat` says."""
        return self.options.cursor_may_repeat

    def circle_advice(self, place: str) -> str:
        """The option for servers that keep one cursor for all pages."""
        return f"if the API works so, say cursor_may_repeat: true in {place}"

    def token(self, cursor: Any, found: Any) -> Any | Done:
        """The cursor in the value that was found, or the end. `cursor` is the one that was sent."""
        options = self.options
        if options.cursor_pattern is not None and found not in NO_CURSOR:
            keep = options.cursor_encoded == "keep"
            found = cut_out(options.cursor_pattern, as_text(found), encoded=keep)
        if found in NO_CURSOR or found is False:
            return Done("no_next_cursor")
        if found is True:
            raise PageRefused("the value at the cursor's place is true, which is no cursor")
        # Solr and Europe PMC say "the end" by the cursor that was sent; Elasticsearch's scroll
        # keeps one id for all pages and ends on an empty one.
        if self.may_repeat and found == cursor and not options.stop_after_empty_page:
            return Done("cursor_repeated")
        return found
