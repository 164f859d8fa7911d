"""The synthetic tweets: the same everywhere, in order, unique, and found without a search."""

import json
import tracemalloc
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.emulator.shapes import TWEET_FIELDS, v1_tweet, v2_tweets
from harvester.emulator.tweets import EPOCH_MS, Tweets, snowflake
from tests.examples import examples

START = datetime(2021, 1, 1, tzinfo=UTC)
END = datetime(2022, 1, 1, tzinfo=UTC)


def test_the_stream_never_changes() -> None:
    """Known answers: another machine or version of Python gives these very tweets."""
    tweet = Tweets(1000, 1, START, END).of("moon lang:en").tweet(500)
    assert tweet.id == 1411019000356489393
    assert tweet.text == (
        "RT @margaret: street art in Zürich, live in 803 minutes! "
        'They said "street art will never work". Well, Zürich just proved them wrong. '
        "moon #streetart https://t.co/KsvuiTqjUB"
    )
    assert tweet.user.username == "grace_0061"


@given(
    total=st.integers(1, 10**9),
    seed=st.integers(0, 2**32),
    query=st.text(max_size=20),
    place=st.floats(0, 1, exclude_max=True),
    span_s=st.integers(1, 10**9),
)
@examples(300)
def test_ids_rise_and_lead_back(
    total: int, seed: int, query: str, place: float, span_s: int
) -> None:
    """Ids rise with the number, and `number_of` is their inverse, in dense and sparse streams."""
    end = START + timedelta(seconds=span_s)
    if total > span_s * 1000 << 22:
        total = span_s * 1000 << 22
    stream = Tweets(total, seed, START, end).of(query)
    number = int(place * total)
    tweet_id = stream.id(number)
    assert stream.number_of(tweet_id) == number
    assert stream.number_of(tweet_id + 1) == number + 1
    if number + 1 < total:
        assert stream.id(number + 1) > tweet_id


def test_two_tweets_may_share_a_millisecond_never_an_id() -> None:
    """At ten tweets a millisecond, times repeat and ids do not."""
    tweets = [
        *Tweets(10_000, 3, START, START + timedelta(seconds=1)).between(
            "q", START, END, newest_first=False
        )
    ]
    assert len({tweet.id for tweet in tweets}) == 10_000
    assert len({tweet.ms for tweet in tweets}) <= 1000
    assert all(before.ms <= after.ms for before, after in pairwise(tweets))


def test_windows_cut_the_stream_without_gap_or_overlap() -> None:
    """The tweets of adjoining windows are those of the whole, and lie within their times."""
    tweets = Tweets(5000, 9, START, END)
    cuts = [START + timedelta(days=days) for days in (0, 1, 33, 34, 200, 365)]
    found = []
    for start, end in pairwise(cuts):
        window = [*tweets.between("q", start, end, newest_first=False)]
        assert all(start <= tweet.created_at < end for tweet in window)
        assert len(window) == tweets.count("q", start, end)
        found += window
    assert [tweet.number for tweet in found] == [*range(5000)]
    backwards = [tweet.number for tweet in tweets.between("q", START, END)]
    assert backwards == [*reversed(range(5000))]


def test_the_time_is_in_the_id() -> None:
    """An id is Twitter's snowflake: its time is `(id >> 22) + 1288834974657`."""
    tweet = Tweets(10, 1, START, END).of("q").tweet(4)
    assert tweet.created_at.timestamp() * 1000 == pytest.approx((tweet.id >> 22) + EPOCH_MS)
    assert snowflake(tweet.ms) <= tweet.id < snowflake(tweet.ms + 1)


def test_a_hundred_million_tweets_cost_no_memory() -> None:
    """Reading here and there in a stream of 10^8 holds a few hundred kilobytes."""
    tracemalloc.start()
    stream = Tweets(10**8, 1, START, END).of("q")
    for number in range(0, 10**8, 10**5):
        stream.tweet(number)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_queries_and_seeds_have_streams_of_their_own() -> None:
    """Another query or seed gives other tweets."""
    one, two = Tweets(100, 1, START, END), Tweets(100, 2, START, END)
    ids = {stream.id(50) for stream in (one.of("a"), one.of("b"), two.of("a"), two.of("b"))}
    assert len(ids) == 4


def test_what_the_query_says_the_tweets_follow() -> None:
    """`from:` names the authors, `lang:` the language, words are in the text."""
    stream = Tweets(200, 1, START, END).of("(from:nasa OR from:esa) lang:ja #Moon water -ice")
    tweets = [stream.tweet(number) for number in range(200)]
    assert {tweet.user.username for tweet in tweets} == {"nasa", "esa"}
    assert {tweet.lang for tweet in tweets} == {"ja"}
    assert all("#Moon water" in tweet.text and "-ice" not in tweet.text for tweet in tweets)


def test_texts_hold_what_breaks_careless_readers() -> None:
    """Emoji, right-to-left, quotes, backslashes and line feeds all occur, and survive JSON."""
    stream = Tweets(3000, 1, START, END).of("q")
    tweets = [stream.tweet(number) for number in range(3000)]
    texts = "".join(tweet.text for tweet in tweets)
    for trap in (
        '"',
        "\\",
        "\n",
        "\u2028",
        "&amp;",
        "👩🏽\u200d🚀",
        "א",
        "ع",
        "日",
        "https://t.co/",
        "#",
    ):
        assert trap in texts
    shapes = [v2_tweets(tweets, TWEET_FIELDS), [v1_tweet(tweet) for tweet in tweets]]
    for shape in shapes:
        assert [tweet["text"] for tweet in json.loads(json.dumps(shape))] == [
            tweet.text for tweet in tweets
        ]


@pytest.mark.parametrize(
    ("total", "start", "end"),
    [
        (1, datetime(2021, 1, 1), END),
        (1, END, START),
        (1, datetime(2006, 1, 1, tzinfo=UTC), END),
        (-1, START, END),
        (10**10, START, START + timedelta(milliseconds=1)),
    ],
)
def test_streams_that_cannot_be_are_refused(total: int, start: datetime, end: datetime) -> None:
    """Naive or unordered times, times before snowflakes, and too many tweets are ValueErrors."""
    with pytest.raises(ValueError, match=r"start|total"):
        Tweets(total, 1, start, end)


def test_no_tweets_at_all() -> None:
    """An empty stream is empty everywhere."""
    tweets = Tweets(0, 1, START, END)
    assert tweets.count("q", START, END) == 0
    assert [*tweets.between("q", START, END)] == []
