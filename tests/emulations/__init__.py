"""One emulation for each file in configs/, named after it: the vendor's documented responses.

An emulation answers as the documentation of the vendor says, over records of its own, and checks
what it is asked as strictly as the vendor would: credentials, parameters, their ranges. It knows
nothing of the config but what a vendor knows: the requests.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.api_server import Answer, Asked


@dataclass(frozen=True)
class Emulation:
    """An API in a test.

    `answer` serves the records, `nothing` the same API when there are none, and `failure` gives
    the documented error that a harvest meets (a rate limit, a spent quota, an expired cursor).
    `records` are those of each resource, in the order of the harvest; `env` the variables that
    the config names. `base_path` is the path of the config's base_url. `settings` are `--set`
    options that a test needs besides those that take waits away; `{origin}` in them is the
    server's. `again` is how many requests a
    run that is resumed after its second page makes anew: for a token, or for pages that it may
    not trust to have kept their place. `later` is what a second run adds, where it asks only for
    what has changed since. `login` is the refresh token that a person's login has left behind.
    """

    records: Mapping[str, list[Any]]
    answer: Callable[[Asked], Answer]
    nothing: Callable[[Asked], Answer]
    failure: Callable[[Asked], Answer]
    failure_exit_code: int
    env: Mapping[str, str] = field(default_factory=dict)
    base_path: str = "/"
    settings: tuple[str, ...] = ()
    again: int = 0
    later: Mapping[str, list[Any]] = field(default_factory=dict)
    login: str = ""
