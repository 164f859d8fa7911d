"""Follows links: what paginators have in common whose cursor is the next URL."""

from collections.abc import Mapping
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from harvester.config import LinkOptions, Resource
from harvester.errors import PageRefused
from harvester.paging.paginator import NO_CURSOR, Done, Paginator
from harvester.patterns import pattern
from harvester.security import resolve

_SCHEME: Final = pattern("[A-Za-z][A-Za-z0-9+.-]*:")

Linked = TypeVar("Linked", bound=LinkOptions)


class NextLinks(Paginator[Linked]):
    """Cursors that are the URL of the next page, or an object that has one as `href`."""

    may_expire = True

    def first_cursor(self) -> Any:
        """None: the first page is asked for as the resource says."""
        return None

    def link_in(self, cursor: Any, resource: Resource) -> Mapping[str, Any] | None:
        """The cursor itself."""
        if cursor is None:
            return None
        return cursor if isinstance(cursor, Mapping) else {"href": cursor}

    def link_for_replay(self, following: Any, resource: Resource) -> Any:
        """The cursor's URL."""
        return href_of(following)

    def link(self, found: Any, cursor: Any, url: str) -> Any | Done:
        """A next link as a cursor: a URL, or an object that holds one as `href`.

        What is relative to the page's path becomes relative to the host, because a resumed harvest
        does not know the page that the link stood on (RFC 3986 section 5). On a page that was asked
        for by an absolute link, which may have led to another host, it becomes absolute.
        """
        if isinstance(found, Mapping) and "href" in found:
            href = _url(found["href"], cursor, url)
            return href if isinstance(href, Done) else {**found, "href": href}
        following = _url(found, cursor, url)
        if self.options.cursor_may_repeat and not isinstance(following, Done):
            leads_here = following == cursor or resolve(url, following) == url
            return Done("cursor_repeated") if leads_here else following
        return following

    def circle_advice(self, place: str) -> str:
        """The option for servers whose last page links to itself."""
        return f"if the last page links to itself, say cursor_may_repeat: true in {place}"


def href_of(link: Any) -> Any:
    """Where a link leads: its `href`, or the link itself."""
    return link.get("href") if isinstance(link, dict) else link


def _url(found: Any, cursor: Any, url: str) -> str | Done:
    if found in NO_CURSOR or found is False:
        return Done("no_next_cursor")
    if not isinstance(found, str):
        raise PageRefused(f"the next link is {found!r}, neither a URL nor an object with href")
    asked = cursor.get("href") if isinstance(cursor, Mapping) else cursor
    if _SCHEME.match(found):
        return found
    if isinstance(asked, str) and _SCHEME.match(asked):
        return resolve(url, found)
    if found.startswith("/"):
        return found
    joined = urlsplit(resolve(url, found))
    return f"{joined.path}?{joined.query}" if joined.query else joined.path
