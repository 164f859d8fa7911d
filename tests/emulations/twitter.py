"""Twitter's search APIs, answered by `harvester.emulator`: what its four emulations share."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from harvester.emulator import Tweets
from harvester.emulator.endpoints import Answer as Body
from harvester.emulator.endpoints import Refused, Request, refusal, route
from harvester.emulator.paging import Archive
from tests.api_server import Answer, Asked

ENV = {"TWITTER_BEARER_TOKEN": "AAAA%2Fbearer%3Dtoken"}
START = datetime(2021, 1, 1, tzinfo=UTC)


def archive(total: int, days: int) -> Archive:
    """`total` tweets of each query over the first `days` of 2021; some pages are short or empty."""
    tweets = Tweets(total, 1, START, START + timedelta(days=days))
    return Archive(tweets, datetime(2022, 6, 1, tzinfo=UTC).timestamp, short=0.2, empty=0.2)


def answer(asked: Asked, find: Callable[[Archive, Request], Body], archive: Archive) -> Answer:
    """What the endpoint asked for says, where `find` is its function in the emulator."""
    endpoint = route(asked.path)
    assert endpoint is not None, asked.path
    assert (asked.method, asked.body) == (endpoint.method, b"")
    headers = {
        "content-type": "application/json; charset=utf-8",
        "x-rate-limit-limit": str(endpoint.requests),
        "x-rate-limit-remaining": str(endpoint.requests - 1),
        "x-rate-limit-reset": str(int(time.time()) + 900),
    }
    if asked.headers.get("authorization") != f"Bearer {ENV['TWITTER_BEARER_TOKEN']}":
        return Answer(refusal(endpoint.family, 401), 401, headers)
    parameters = {name: [value] for name, value in asked.params.items()}
    try:
        body = find(archive, Request(endpoint, parameters))
    except Refused as refused:
        return Answer(refused.body, refused.status, headers)
    return Answer(text=body.body.decode(), headers=headers)


def too_many(asked: Asked, remaining: int) -> Answer:
    """A 429: of the window where nothing remains, else of the second."""
    endpoint = route(asked.path)
    assert endpoint is not None, asked.path
    headers = {
        "x-rate-limit-limit": str(endpoint.requests),
        "x-rate-limit-remaining": str(remaining),
        "x-rate-limit-reset": str(int(time.time()) + 900),
    }
    return Answer(refusal(endpoint.family, 429), 429, headers)
