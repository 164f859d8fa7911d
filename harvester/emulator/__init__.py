"""Twitter-style search APIs on a loopback port, for `harvester demo`, for tests, and for people.

    with Emulator(tweets=10_000, seed=1, rate_limit=UNLIMITED) as emulator:
        get(emulator.base_url + "tweets/search/all?query=moon", "Bearer demo")
        expected = emulator.tweets.between("moon", start, end)

Standard library only. Its modules, in the order in which they may import each other: `texts`,
`tweets` (what there is to find), `shapes` (tweets as JSON), `endpoints`, `parameters`, `paging`,
`v2`, `v1` (requests to answers, pure), `limits`, `faults`, `wire` (HTTP), `server`.
From a shell: `python -m harvester.emulator --help`.
"""

from harvester.emulator.faults import (
    SOME_FAULTS,
    Fault,
    Faults,
)
from harvester.emulator.limits import (
    UNLIMITED,
    RateLimit,
)
from harvester.emulator.server import (
    END,
    NO_FAULTS,
    START,
    Emulator,
)
from harvester.emulator.tweets import (
    Tweet,
    Tweets,
    User,
)

__all__ = [
    "END",
    "NO_FAULTS",
    "SOME_FAULTS",
    "START",
    "UNLIMITED",
    "Emulator",
    "Fault",
    "Faults",
    "RateLimit",
    "Tweet",
    "Tweets",
    "User",
]
