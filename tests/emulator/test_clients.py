"""The clients that people use harvest the emulator whole, and get what harvester gets."""

import json
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from harvester import harvest, iter_records
from harvester.emulator import UNLIMITED, Emulator, Faults
from tests.support import config

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    tweepy: Any = pytest.importorskip("tweepy")
    twarc_client: Any = pytest.importorskip("twarc.client2")

QUERY = "moon"
START = datetime(2021, 1, 1, tzinfo=UTC)
END = datetime(2021, 7, 1, tzinfo=UTC)
YAML = """
version: 1
name: same
client:
  base_url: http://127.0.0.1:1/
  auth: {type: bearer, token: demo}
resources:
  - name: tweets
    path: tweets/search/all
    params: {query: moon, start_time: "2021-01-01T00:00:00Z", end_time: "2021-07-01T00:00:00Z"}
    data_selector: data
    allow_missing: true
    paginator: {type: cursor, cursor_path: meta.next_token, cursor_param: next_token}
"""


class ToLoopback(HTTPAdapter):
    """Leads what is meant for Twitter to an emulator."""

    def __init__(self, origin: str) -> None:
        super().__init__()
        self._origin = origin

    def send(self, request: requests.PreparedRequest, **options: Any) -> Any:  # type: ignore[override]
        """Send it to the emulator."""
        _, _, path = (request.url or "").partition("//")
        request.url = f"{self._origin}/{path.partition('/')[2]}"
        return super().send(request, **options)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """One without limits, whose pages are now and then short or empty."""
    faults = Faults(short=0.2, empty=0.1)
    with Emulator(tweets=6_000, seed=3, rate_limit=UNLIMITED, faults=faults) as running:
        yield running


@pytest.fixture
def expected(emulator: Emulator, tmp_path: Path) -> list[str]:
    """The ids that harvester gets."""
    asked = config(tmp_path, YAML, emulator.base_url)
    assert harvest(asked, out=tmp_path / "out").complete
    ids = [json.loads(record)["id"] for record in iter_records(tmp_path / "out")]
    assert len(ids) > 100
    return ids


def origin(emulator: Emulator) -> str:
    """Where it listens, without a path."""
    return emulator.base_url.rsplit("/", 2)[0]


def led(session: requests.Session, emulator: Emulator) -> requests.Session:
    """The session of a client, led to the emulator."""
    session.mount("https://", ToLoopback(origin(emulator)))
    return session


@pytest.fixture
def twarc(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Any:
    """twarc2, which otherwise waits a second between pages."""
    monkeypatch.setattr(twarc_client.time, "sleep", lambda seconds: None)
    client = twarc_client.Twarc2(bearer_token="demo", metadata=False)
    client.connect()
    led(client.client, emulator)
    return client


def test_twarc_gets_what_harvester_gets(twarc: Any, expected: list[str]) -> None:
    """With all the fields and expansions that it asks for by itself."""
    pages = list(twarc.search_all(QUERY, start_time=START, end_time=END, max_results=100))
    tweets = [tweet for page in pages for tweet in page["data"]]
    assert [tweet["id"] for tweet in tweets] == expected
    assert all(tweet["edit_history_tweet_ids"] == [tweet["id"]] for tweet in tweets)
    users = [user for page in pages for user in page["includes"]["users"]]
    assert {user["verified_type"] for user in users} <= {"none", "blue"}


def test_twarc_counts_the_same(twarc: Any, expected: list[str]) -> None:
    """Over all pages of the counts."""
    pages = twarc.counts_all(QUERY, start_time=START, end_time=END, granularity="day")
    assert sum(bucket["tweet_count"] for page in pages for bucket in page["data"]) == len(expected)


def test_twarc_searches_the_last_days(twarc: Any) -> None:
    """Recent search and recent counts agree."""
    found = [tweet for page in twarc.search_recent(QUERY) for tweet in page["data"]]
    pages = twarc.counts_recent(QUERY, granularity="hour")
    assert sum(bucket["tweet_count"] for page in pages for bucket in page["data"]) == len(found)


def test_tweepy_gets_what_harvester_gets(emulator: Emulator, expected: list[str]) -> None:
    """By its paginators for v2, and by its cursor for v1.1."""
    client = tweepy.Client("demo")
    led(client.session, emulator)
    search = tweepy.Paginator(
        client.search_all_tweets, QUERY, start_time=START, end_time=END, max_results=100
    )
    tweets = list(search.flatten())
    assert [str(tweet.id) for tweet in tweets] == expected
    assert [tweet.edit_history_tweet_ids for tweet in tweets] == [[tweet.id] for tweet in tweets]
    counts = tweepy.Paginator(
        client.get_all_tweets_count, QUERY, start_time=START, end_time=END, granularity="day"
    )
    assert sum(page.meta["total_tweet_count"] for page in counts) == len(expected)


def test_tweepy_goes_through_version_1(emulator: Emulator) -> None:
    """The last days, by `max_id`."""
    api = tweepy.API(tweepy.OAuth2BearerHandler("demo"))
    led(api.session, emulator)
    found = [each.id for each in tweepy.Cursor(api.search_tweets, q=QUERY, count=50).items()]
    client = tweepy.Client("demo")
    led(client.session, emulator)
    recent = tweepy.Paginator(client.search_recent_tweets, QUERY, max_results=100).flatten()
    assert found
    assert set(found) >= {tweet.id for tweet in recent}


def test_twarc_bears_servers_that_fail(
    expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It asks again after a 503, and gets the same."""
    monkeypatch.setattr(twarc_client.time, "sleep", lambda seconds: None)
    faults = Faults(unavailable=0.2)
    with Emulator(tweets=6_000, seed=3, rate_limit=UNLIMITED, faults=faults) as running:
        client = twarc_client.Twarc2(bearer_token="demo", metadata=False)
        client.connect()
        led(client.client, running)
        pages = client.search_all(QUERY, start_time=START, end_time=END, max_results=100)
        ids = [tweet["id"] for page in pages for tweet in page["data"]]
        assert running.counts["503"]
    assert ids == expected


@pytest.mark.parametrize(
    "time", ["2021-01-01T00:00:00+00:00", "2021-01-01T01:00:00+01:00", "2021-01-01T00:00:00.000Z"]
)
def test_times_may_have_any_zone(time: str, emulator: Emulator, expected: list[str]) -> None:
    """RFC 3339 allows them; a 400 for what is none."""
    url = f"{emulator.base_url}tweets/counts/all"
    asked = {"query": QUERY, "start_time": time, "end_time": "2021-02-01T00:00:00Z"}
    plain = {**asked, "start_time": "2021-01-01T00:00:00Z"}
    headers = {"Authorization": "Bearer demo"}
    answers = [requests.get(url, each, headers=headers, timeout=10) for each in (asked, plain)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json()["data"] == answers[1].json()["data"]
    wrong = requests.get(url, {**asked, "start_time": time[:-1]}, headers=headers, timeout=10)
    assert wrong.status_code == 400
