"""Rewrites the link to the next page in a page, so that it leads back to the replay.

Everything else is played back as it was stored, byte for byte. But a next link names the API's own
host, and whoever followed it would ask there. So it gets the origin that the replay is served on,
wherever it stands in the body as a whole string, and keeps its path, query and spelling.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from harvester.config import Resource
from harvester.paging import paginator_of
from harvester.patterns import pattern

_ABSOLUTE: Final = pattern(r"https?://", re.IGNORECASE)
_QUOTE_HTTP: Final = b'"http'
_LITERAL: Final = pattern(rb'"http[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL | re.IGNORECASE)
_ORIGIN: Final = pattern(rb'"https?:(?:\\?/){2}[^/?#"\\]*', re.IGNORECASE)
_SECRET: Final = pattern(r"\{secret\.[^{}]*\}")
#: How many bytes one character of a link may be spelled with.
_SPELLED: Final = len(rb"\u0026")


def next_link(resource: Resource, following: Any) -> str | None:
    """The link in what a page says of the next one, where such a link is how the resource pages,
    or holds the cursor; else None.
    """
    href = paginator_of(resource.paginator).link_for_replay(following, resource)
    return href if isinstance(href, str) else None


def moved(link: str, origin: str) -> str:
    """A link with another origin; a relative one as it is."""
    if not _ABSOLUTE.match(link):
        return link
    parts = urlsplit(link)
    return origin + parts._replace(scheme="", netloc="").geturl()


def is_absolute(link: str) -> bool:
    """Whether a link names a host."""
    return _ABSOLUTE.match(link) is not None


def led_back(chunks: Iterable[bytes], link: str, origin: str) -> Iterator[bytes]:
    """A page's decoded bytes, in which each string that is `link` leads to `origin`.

    `link` is as the journal has it: a secret in it is a reference there, and any text in the page.
    Memory holds a chunk and a string as long as the link.
    """
    wanted = re.compile(".+".join(map(re.escape, _SECRET.split(link))), re.DOTALL)
    longest = len(link) * _SPELLED + 2 * len(_QUOTE_HTTP) + 64 * link.count("{secret.")

    def ours(found: re.Match[bytes]) -> bytes:
        written = origin.replace("/", "\\/") if b"\\/" in found[0] else origin
        return b'"' + written.encode()

    def replaced(found: re.Match[bytes]) -> bytes:
        literal = found[0]
        if len(literal) > longest or not _is(wanted, literal):
            return literal
        return _ORIGIN.sub(ours, literal, count=1)

    held = b""
    for chunk in chunks:
        data = held + chunk
        end = _complete(data, longest)
        yield _LITERAL.sub(replaced, data[:end])
        held = data[end:]
    yield _LITERAL.sub(replaced, held)


def _is(wanted: re.Pattern[str], literal: bytes) -> bool:
    try:
        return wanted.fullmatch(json.loads(literal)) is not None
    except ValueError:
        return False


def _complete(data: bytes, longest: int) -> int:
    """Up to where `data` can be looked through now: not into a string that may be the link, and
    goes on in the next chunk.
    """
    # Only the last such string can be open; where others follow it, it is closed or no link.
    start = max(0, len(data) - longest)
    lower = data[start:].lower()
    closed = 0
    while (at := lower.find(_QUOTE_HTTP, closed)) >= 0:
        found = _LITERAL.match(lower, at)
        if found is None:
            return start + at
        closed = found.end()
    for size in range(len(_QUOTE_HTTP) - 1, 0, -1):  # one that only just begins
        if lower.endswith(_QUOTE_HTTP[:size], closed):
            return len(data) - size
    return len(data)
