"""Twitter: https://docs.x.com/x-api/posts/counts/introduction.

The real API has counts of 0 where there are no posts; `nothing` has none at all.
"""

from datetime import timedelta

from harvester.emulator import Tweets, v2
from tests.api_server import Answer, Asked
from tests.emulations import Emulation
from tests.emulations.twitter import ENV, START, answer, archive, too_many

POSTS = archive(50_000, days=300)  # and 65 days of none


def _count(tweets: Tweets, query: str, day: int) -> dict[str, object]:
    start, end = (START + timedelta(days=days) for days in (day, day + 1))
    number = tweets.count(query, start, end)
    return {"end": f"{end:%FT%T}.000Z", "start": f"{start:%FT%T}.000Z", "tweet_count": number}


def _none(asked: Asked) -> Answer:
    assert answer(asked, v2.counts, POSTS).status == 200
    return Answer({"data": [], "meta": {"total_tweet_count": 0}})


EMULATION = Emulation(
    records={
        "counts": [
            _count(POSTS.tweets, query, day)
            for query in ("from:nasa", "from:esa")
            for page_end in range(365, 0, -31)  # the newest page first, its oldest day first
            for day in range(max(0, page_end - 31), page_end)
        ]
    },
    answer=lambda asked: answer(asked, v2.counts, POSTS),
    nothing=_none,
    failure=lambda asked: too_many(asked, remaining=212),
    failure_exit_code=3,
    env=ENV,
    base_path="/2/",
)
