"""Twitter: https://developer.x.com/en/docs/x-api/v1/tweets/search/api-reference/get-search-tweets.

The emulator's archive is not cut off after seven days, so that there is something to page through.
"""

import json
from typing import Any

from harvester.emulator import v1
from harvester.emulator.shapes import v1_tweet
from tests.api_server import Answer, Asked
from tests.emulations import Emulation
from tests.emulations.twitter import ENV, answer, archive, too_many

TWEETS = archive(240, days=7)


def _statuses(query: str) -> list[dict[str, Any]]:
    tweets = TWEETS.tweets
    statuses = [
        {**v1_tweet(tweet), "metadata": {"iso_language_code": tweet.lang, "result_type": "recent"}}
        for tweet in tweets.between(query, tweets.start, tweets.end)
    ]
    found: list[dict[str, Any]] = json.loads(json.dumps(statuses))  # its tuples as lists
    return found


def _page(asked: Asked, total: int) -> Answer:
    params = asked.params
    assert params.keys() - {"max_id"} == {"q", "count", "result_type"}
    assert (params["count"], params["result_type"]) == ("100", "recent")
    return answer(asked, v1.standard, TWEETS if total else archive(0, days=7))


STATUSES = _statuses("from:nasa") + _statuses("#moon -filter:retweets")
assert all(status["id"] > 2**53 for status in STATUSES)

EMULATION = Emulation(
    records={"statuses": STATUSES},
    answer=lambda asked: _page(asked, 240),
    nothing=lambda asked: _page(asked, 0),
    failure=lambda asked: too_many(asked, remaining=0),
    failure_exit_code=3,
    env=ENV,
    base_path="/1.1/",
)
