"""Endpoints of the emulator: what may be asked of each, and how each says no.

v2, v1.1 and Premium were written years apart: the same refusal has three shapes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal

Family = Literal["v2", "v1", "premium"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path of the API, and the rates its documentation allows: `requests` per `window_s`
    seconds, and `per_second` (None: no such limit).
    """

    name: str
    method: Literal["GET", "POST"]
    family: Family
    requests: int
    window_s: float
    per_second: int | None = None


SEARCH_ALL = Endpoint("search_all", "GET", "v2", 300, 900, 1)
SEARCH_RECENT = Endpoint("search_recent", "GET", "v2", 450, 900)
COUNTS_ALL = Endpoint("counts_all", "GET", "v2", 300, 900, 1)
COUNTS_RECENT = Endpoint("counts_recent", "GET", "v2", 300, 900)
SEARCH_V1 = Endpoint("search_v1", "GET", "v1", 450, 900)
PREMIUM = Endpoint("premium", "POST", "premium", 60, 60, 10)
ENDPOINTS = (SEARCH_ALL, SEARCH_RECENT, COUNTS_ALL, COUNTS_RECENT, SEARCH_V1, PREMIUM)

_PATHS = {
    "/2/tweets/search/all": SEARCH_ALL,
    "/2/tweets/search/recent": SEARCH_RECENT,
    "/2/tweets/counts/all": COUNTS_ALL,
    "/2/tweets/counts/recent": COUNTS_RECENT,
    "/1.1/search/tweets.json": SEARCH_V1,
}


def route(path: str) -> Endpoint | None:
    """Return the endpoint at a path; Premium's ends in the name of one's environment."""
    folder, _, label = path.rpartition("/")
    if folder == "/1.1/tweets/search/fullarchive" and label.endswith(".json") and label != ".json":
        return PREMIUM
    return _PATHS.get(path)


def family(path: str) -> Family:
    """Return the family whose shapes even an unknown path is answered in."""
    endpoint = route(path)
    return endpoint.family if endpoint else "v1" if path.startswith("/1.1/") else "v2"


@dataclass(frozen=True, slots=True)
class Request:
    """What an endpoint is asked: query parameters, or a body for Premium."""

    endpoint: Endpoint
    parameters: Mapping[str, list[str]]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a JSON body; `tweets` is how many tweets it holds."""

    status: int
    body: bytes
    tweets: int = 0


class Refused(Exception):
    """The answer is not a page: its status, and the body to send."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


_V1_ERRORS = {
    401: (89, "Invalid or expired token."),
    404: (34, "Sorry, that page does not exist."),
    405: (86, "This method requires another HTTP method."),
    429: (88, "Rate limit exceeded"),
    500: (131, "Internal error"),
    503: (130, "Over capacity"),
}
_PREMIUM_ERRORS = {
    429: (
        "Request exceeds account\u2019s current package request limits. Please upgrade your "
        "package and retry or contact Twitter about enterprise access."
    ),
}

USAGE_CAP_EXCEEDED: Mapping[str, Any] = {
    "account_id": 1234567890123456789,
    "product_name": "academic-research",
    "title": "UsageCapExceeded",
    "period": "Monthly",
    "scope": "Product",
    "detail": "Usage cap exceeded: Monthly product cap",
    "type": "https://api.twitter.com/2/problems/usage-capped",
}
"""The 429 of a month whose tweets are used up: no wait within reason helps."""


def refusal(family: Family, status: int) -> dict[str, Any]:
    """Return the usual body of a 401, 404, 405, 429, 500 or 503."""
    phrase = HTTPStatus(status).phrase
    if family == "v1":
        return v1_error(*_V1_ERRORS[status])
    if family == "premium":
        return premium_error(_PREMIUM_ERRORS.get(status, phrase))
    return {"title": phrase, "detail": phrase, "type": "about:blank", "status": status}


def v1_error(code: int, message: str) -> dict[str, Any]:
    """Return an error as v1.1 gives it, with one of its documented codes."""
    return {"errors": [{"code": code, "message": message}]}


def premium_error(message: str) -> dict[str, Any]:
    """Return an error as Premium gives it; the real one also says when, which is left out."""
    return {"error": {"message": message, "transactionId": "0000000000000000"}}
