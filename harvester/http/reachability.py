"""Remembers whether a server has been reached in this run: if never, it is not tried for long.

A server that answered an hour ago and is gone now comes back: it is waited for as long as the
policy of retries says. One that has never answered is more often a wrong address, a missing proxy
or a network that is down; whoever sits before the screen should know within half a minute, and not
once for each of a thousand partitions.
"""

import threading
from collections.abc import Callable
from typing import Final

from harvester.errors import PageRefused

#: How long a first connection is tried for. The last try may take `timeout.connect` more.
PATIENCE_S: Final = 18.0


class Reach:
    """Of each origin, as in its URLs: `True` once it answered, else when it was first missed."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, bool | float] = {}

    def answered(self, origin: str) -> None:
        """An answer came, whatever it says."""
        if self._known.get(origin) is not True:
            with self._lock:
                self._known[origin] = True

    def missed(self, origin: str) -> float | None:
        """No connection could be made: for how many more seconds that is worth trying; None: as
        long as any other failure.
        """
        with self._lock:
            since = self._known.setdefault(origin, self._clock())
        return None if since is True else PATIENCE_S - (self._clock() - since)

    def refuse_lost(self, origin: str) -> None:
        """Raise `PageRefused` where an origin was tried for long enough, and never reached: no
        further page is begun there. (Who tries already gives up before its next wait, which may be
        long, would end.)
        """
        since = self._known.get(origin)
        if since is None or since is True or self._clock() - since <= PATIENCE_S / 3:
            return
        raise PageRefused(
            f"no connection to {origin} could be made since this run began, so it is not tried "
            "again: is the address right (base_url), is the network up, is a proxy needed "
            "(client.proxy)?"
        )


def origin_in(url: str) -> str:
    """The beginning of an absolute URL, up to its path: enough to tell servers apart."""
    return "/".join(url.split("/", 3)[:3])
