"""Keeps the cookies of a session: each goes back to the server that set it, nowhere else.

For servers that keep a reader's place in a session. Each partition has a session of its own, in
memory, for one run: cookies are never written down, and their values are redacted as secrets are.
A cookie goes back to exactly the origin that set it, which is narrower than RFC 6265 (no other
port, no sub-domains), and only where the YAML itself names that origin.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

from harvester.security import Origin, origin_of
from harvester.values import dataclass

_MOST: Final = 50  # cookies of one session, as RFC 6265 section 6.1 has it for a domain
_MOST_CHARS: Final = 4096
_UNSENDABLE: Final = {chr(code) for code in (*range(32), 127)}


@dataclass(frozen=True, slots=True)
class _Cookie:
    value: str
    path: str


class Cookies:
    """The cookies of one session. Any thread may use it.

    `origins` are those that may set cookies; `hide` is called with each value, once; `clock` is
    the epoch.
    """

    def __init__(
        self,
        origins: Iterable[Origin],
        hide: Callable[[str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._origins = frozenset(origins)
        self._hide = hide
        self._clock = clock
        self._lock = threading.Lock()
        self._held: dict[tuple[Origin, str, str], _Cookie] = {}

    def take(self, url: str, lines: Iterable[str]) -> None:
        """Take in the Set-Cookie lines of an answer from `url`."""
        origin = origin_of(url)
        if origin not in self._origins:
            return
        for line in lines:
            self._take(origin, url, line)

    def _take(self, origin: Origin, url: str, line: str) -> None:
        first, *rest = line.split(";")
        name, equals, value = (part.strip() for part in first.partition("="))
        if not name or not equals or len(line) > _MOST_CHARS or _UNSENDABLE & {*first}:
            return
        attributes = {
            key.strip().lower(): text.strip()
            for key, _, text in (each.partition("=") for each in rest)
        }
        path = attributes.get("path", "")
        path = path if path.startswith("/") else _own_path(url)
        key = (origin, name, path)
        with self._lock:
            before = self._held.pop(key, None)
            if _is_over(attributes, self._clock()):
                return
            self._held[key] = _Cookie(value, path)
            if len(self._held) > _MOST:
                del self._held[next(iter(self._held))]
        if before is None or before.value != value:
            self._hide(value)

    def sent_to(self, url: str, headers: Mapping[str, str]) -> Mapping[str, str]:
        """`headers` of a request to `url`, with the cookies that belong there."""
        origin, path = origin_of(url), urlsplit(url).path or "/"
        with self._lock:
            held = [
                (len(cookie.path), name, cookie.value)
                for (owner, name, _), cookie in self._held.items()
                if owner == origin and _is_within(path, cookie.path)
            ]
        if not held:
            return headers
        names = {name for _, name, _ in held}
        written = [text for key, text in headers.items() if key.lower() == "cookie"]
        kept = [
            pair.strip()
            for pair in "; ".join(written).split(";")
            if pair.strip() and pair.partition("=")[0].strip() not in names
        ]
        held.sort(key=lambda item: -item[0])  # the longest path first (section 5.4)
        pairs = [*kept, *(f"{name}={value}" for _, name, value in held)]
        others = {key: text for key, text in headers.items() if key.lower() != "cookie"}
        return {**others, "Cookie": "; ".join(pairs)}


def _is_over(attributes: Mapping[str, str], now: float) -> bool:
    """Whether a server takes a cookie back by setting it; Max-Age counts more than Expires."""
    age = attributes.get("max-age", "")
    if age.removeprefix("-").isdecimal() and len(age) < 20:
        return int(age) <= 0
    try:
        return parsedate_to_datetime(attributes["expires"].replace("-", " ")).timestamp() <= now
    except (KeyError, ValueError, TypeError, OverflowError):
        return False


def _own_path(url: str) -> str:
    """The path that a cookie without one belongs to: the folder of what was asked for."""
    return urlsplit(url).path.rpartition("/")[0] or "/"


def _is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
