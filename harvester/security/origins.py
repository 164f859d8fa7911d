"""Decides where a request may go, and where credentials may go with it.

A next link comes from the server, so it is compared with the configured origins, never with the
page it stood on: a link chain cannot walk away from where the user pointed the harvest.
"""

from functools import lru_cache
from typing import Final
from urllib.parse import urljoin, urlsplit

from harvester.errors import PageRefused
from harvester.patterns import pattern
from harvester.values import dataclass

#: Nearly all pages of a partition are asked for at one URL, but for its query.
_REMEMBERED: Final = 64
_PORTS = {"http": 80, "https": 443}
_CONTROL_OR_SPACE = pattern(r"[\x00-\x20\x7f\\]")
_AUTHORITY = pattern(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:]+)(:[0-9]*)?")
_RELATIVE_PATH = pattern(r"(?![A-Za-z][A-Za-z0-9+.-]*:)[^/?#]")
_UNSENDABLE = pattern(r"[\x00-\x1f\x7f\\\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port (RFC 6454), in lower case."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


@lru_cache(_REMEMBERED)
def origin_of(url: str) -> Origin:
    """The origin of an absolute http(s) URL; `PageRefused` for any other kind of URL."""
    if _CONTROL_OR_SPACE.search(url):
        raise PageRefused("the URL holds white space, a backslash or a control character")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # which quotes what it takes for a port: it may be half of a password
        raise PageRefused("the URL is malformed: its host or port is none") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise PageRefused("the URL is not an absolute http or https URL")
    if "@" in parts.netloc:
        raise PageRefused("the URL holds user information before its host")
    if not _AUTHORITY.fullmatch(parts.netloc):
        raise PageRefused("the URL's host is malformed")
    return Origin(parts.scheme, parts.hostname, _PORTS[parts.scheme] if port is None else port)


@lru_cache(_REMEMBERED)
def resolve(base: str, link: str) -> str:
    """`link` as an absolute URL, seen from `base` (RFC 3986 section 5.2).

    Blanks are encoded, as browsers do. `PageRefused` for what no URL may hold: urllib would take
    some of it out in silence, and another URL would be asked for than was checked.
    """
    if _UNSENDABLE.search(link):
        raise PageRefused("the URL holds a backslash or a control character")
    link = link.strip(" ").replace(" ", "%20")
    try:
        if _RELATIVE_PATH.match(link):
            # From the root: on a relative path urljoin would make one slash of `works/https://…`.
            # The dot keeps a base path that begins with `//` from being taken for a host.
            link = f"/.{urlsplit(base).path.rpartition('/')[0]}/{link}"
        return urljoin(base, link)
    except ValueError as error:
        raise PageRefused(f"the URL is malformed: {error}") from error


@dataclass(frozen=True, slots=True)
class Origins:
    """The origins of a harvest.

    `configured` are those the user wrote into the YAML: they get the credentials. `allowed` maps
    further hosts, as `host` or `host:port`, to whether they get credentials too. `anywhere`: all
    others may be asked, without any, but never over http where the API is asked over https.
    """

    configured: frozenset[Origin]
    allowed: dict[str, bool]
    anywhere: bool = False

    def check(self, url: str) -> bool:
        """Whether a request to `url` may carry credentials; `PageRefused` if it may not leave."""
        origin = origin_of(url)
        if origin in self.configured:
            return True
        for name in (f"{origin.host}:{origin.port}", origin.host):
            if name not in self.allowed:
                continue
            if ":" not in name and origin.port != _PORTS[origin.scheme]:
                continue  # a host without a port means its standard one
            if origin.scheme == "http" and self._only_https():
                raise PageRefused(f"the link leads down from https to {origin}")
            return self.allowed[name]
        if self.anywhere:
            if origin.scheme == "http" and self._only_https():
                raise PageRefused(f"the link leads down from https to {origin}")
            return False
        raise PageRefused(
            f"the link leads to {origin}, which is neither base_url's origin "
            f"({', '.join(sorted(map(str, self.configured)))}) nor in allowed_hosts"
        )

    def _only_https(self) -> bool:
        return all(origin.scheme == "https" for origin in self.configured)
