"""Exchanges one request and its response with a server; rate limits, backoff, certificates."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harvester.http.connection import Watch as Watch
    from harvester.http.cookies import Cookies as Cookies
    from harvester.http.ratelimit import RateLimit as RateLimit
    from harvester.http.reachability import Reach as Reach
    from harvester.http.reachability import origin_in as origin_in
    from harvester.http.recent_requests import SHARED as SHARED
    from harvester.http.recent_requests import Elsewhere as Elsewhere
    from harvester.http.recent_requests import Recent as Recent
    from harvester.http.request import Credentials as Credentials
    from harvester.http.request import Request as Request
    from harvester.http.request import Signature as Signature
    from harvester.http.retry import Backoff as Backoff
    from harvester.http.retry_budget import RetryBudget as RetryBudget
    from harvester.http.server_waits import exhausted as exhausted
    from harvester.http.server_waits import longest as longest
    from harvester.http.server_waits import server_wait as server_wait
    from harvester.http.server_waits import wait_of as wait_of
    from harvester.http.server_waits import window_reset as window_reset
    from harvester.http.thread_transports import ThreadTransports as ThreadTransports
    from harvester.http.transport import Response as Response
    from harvester.http.transport import Transport as Transport
    from harvester.http.waiting import PACED as PACED
    from harvester.http.waiting import USED_UP as USED_UP
    from harvester.http.waiting import Limit as Limit
    from harvester.http.waiting import Wait as Wait
    from harvester.http.waiting import at_host as at_host
    from harvester.http.waiting import host_scope as host_scope
    from harvester.http.waiting import resource_of as resource_of

#: Where each name lives: who only reads a harvest waits for no library that sends requests.
_HOMES = {
    "Watch": "connection",
    "Cookies": "cookies",
    "Limit": "waiting",
    "RateLimit": "ratelimit",
    "PACED": "waiting",
    "USED_UP": "waiting",
    "Wait": "waiting",
    "at_host": "waiting",
    "host_scope": "waiting",
    "exhausted": "server_waits",
    "longest": "server_waits",
    "resource_of": "waiting",
    "server_wait": "server_waits",
    "wait_of": "server_waits",
    "window_reset": "server_waits",
    "Reach": "reachability",
    "origin_in": "reachability",
    "Elsewhere": "recent_requests",
    "Recent": "recent_requests",
    "SHARED": "recent_requests",
    "Credentials": "request",
    "Request": "request",
    "Signature": "request",
    "Backoff": "retry",
    "RetryBudget": "retry_budget",
    "ThreadTransports": "thread_transports",
    "Response": "transport",
    "Transport": "transport",
}
__all__ = [
    "PACED",
    "SHARED",
    "USED_UP",
    "Backoff",
    "Cookies",
    "Credentials",
    "Elsewhere",
    "Limit",
    "RateLimit",
    "Reach",
    "Recent",
    "Request",
    "Response",
    "RetryBudget",
    "Signature",
    "ThreadTransports",
    "Transport",
    "Wait",
    "Watch",
    "at_host",
    "exhausted",
    "host_scope",
    "longest",
    "origin_in",
    "resource_of",
    "server_wait",
    "wait_of",
    "window_reset",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
