"""Twitter: https://developer.x.com/en/docs/x-api/tweets/search/api-reference/get-tweets-search-all.

All posts lie in January and February; the searches of the other months find nothing. A token that
comes with another query or other times is a 400.
"""

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from harvester.emulator import v2
from harvester.emulator.endpoints import USAGE_CAP_EXCEEDED
from harvester.emulator.shapes import v2_tweets
from tests.api_server import Answer, Asked
from tests.emulations import Emulation
from tests.emulations.twitter import ENV, answer, archive

POSTS = archive(2400, days=59)
MONTHS = [datetime(2021, month, 1, tzinfo=UTC) for month in (1, 2, 3)]


def _harvest() -> list[Any]:
    return [
        post
        for query in ("from:nasa", "from:esa")
        for start, end in pairwise(MONTHS)
        for post in v2_tweets(POSTS.tweets.between(query, start, end), ())
    ]


def _cap_exceeded(asked: Asked) -> Answer:
    return Answer(USAGE_CAP_EXCEEDED, 429, {"x-rate-limit-remaining": "298"})


EMULATION = Emulation(
    records={"tweets": _harvest()},
    answer=lambda asked: answer(asked, v2.search, POSTS),
    nothing=lambda asked: answer(asked, v2.search, archive(0, days=59)),
    failure=_cap_exceeded,
    failure_exit_code=4,
    env=ENV,
    base_path="/2/",
)
