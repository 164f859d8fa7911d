"""Exchanges one request and its response with a server; rate limits, backoff, certificates."""

from harvester.http.connection import (
    Watch,
)
from harvester.http.cookies import (
    Cookies,
)
from harvester.http.ratelimit import (
    USED_UP,
    RateLimit,
    Wait,
    exhausted,
    longest,
    server_wait,
    wait_of,
    window_reset,
)
from harvester.http.reachability import (
    Reach,
    origin_in,
)
from harvester.http.recent_requests import (
    SHARED,
    Recent,
)
from harvester.http.request import (
    Credentials,
    Request,
    Signature,
)
from harvester.http.retry import (
    Backoff,
)
from harvester.http.transport import (
    Response,
    Transport,
)

__all__ = [
    "SHARED",
    "USED_UP",
    "Backoff",
    "Cookies",
    "Credentials",
    "RateLimit",
    "Reach",
    "Recent",
    "Request",
    "Response",
    "Signature",
    "Transport",
    "Wait",
    "Watch",
    "exhausted",
    "longest",
    "origin_in",
    "server_wait",
    "wait_of",
    "window_reset",
]
