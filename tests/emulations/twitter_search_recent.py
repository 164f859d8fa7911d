"""Twitter: https://docs.x.com/x-api/posts/search/introduction.

The archive ends with 2021's tenth day, and a search sees its last seven days.
"""

from datetime import timedelta

from harvester.emulator import v2
from harvester.emulator.shapes import v2_tweets
from tests.api_server import Answer, Asked
from tests.emulations import Emulation
from tests.emulations.twitter import ENV, answer, archive, too_many

POSTS = archive(500, days=10)
END = POSTS.tweets.end
FIELDS = ("author_id", "conversation_id", "created_at", "lang", "public_metrics")


def _page(asked: Asked) -> Answer:
    page = answer(asked, v2.search, POSTS)
    assert asked.params["max_results"] == "100"
    return page


EMULATION = Emulation(
    records={
        "tweets": [
            post
            for query in ("from:nasa", "from:esa", "(moon OR lune) -is:retweet")
            for post in v2_tweets(POSTS.tweets.between(query, END - timedelta(days=7), END), FIELDS)
        ]
    },
    answer=_page,
    nothing=lambda asked: answer(asked, v2.search, archive(0, days=10)),
    failure=lambda asked: too_many(asked, remaining=0),
    failure_exit_code=3,
    env=ENV,
    base_path="/2/",
)
