"""Plays a harvest back as the HTTP API that it came from, for work without a network.

What was asked (`asking`) finds what was answered (`index`), in whose body the next link is led
back here (`links`), and whose rules and logins are met (`answers`); `server` speaks HTTP.
"""

from harvester.replay.server import (
    Replay,
)

__all__ = [
    "Replay",
]
