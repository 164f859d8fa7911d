"""The emulator over real HTTP: what Twitter documents, and the faults it was asked for."""

import gzip
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import pairwise
from typing import Any

import pytest
import requests

from harvester.emulator import UNLIMITED, Emulator, Fault, Faults, RateLimit
from harvester.emulator.faults import SOME_FAULTS, Fates

ALL = "2/tweets/search/all"
RECENT = "2/tweets/search/recent"
COUNTS = "2/tweets/counts/all"
V1 = "1.1/search/tweets.json"
PREMIUM = "1.1/tweets/search/fullarchive/dev.json"
AUTH = {"Authorization": "Bearer demo"}
INVALID_REQUEST = "https://api.twitter.com/2/problems/invalid-request"
DECEMBER = {"start_time": "2021-12-01T00:00:00Z", "end_time": "2022-01-01T00:00:00Z"}


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """Run a well-behaved emulator without rate limits: 12,000 tweets in 2021."""
    with Emulator(tweets=12_000, rate_limit=UNLIMITED) as running:
        yield running


def get(emulator: Emulator, path: str, **params: Any) -> requests.Response:
    """GET with the right bearer; an underscore in `tweet_fields` stands for the dot."""
    named = {name.replace("_fields", ".fields"): value for name, value in params.items()}
    return requests.get(f"{emulator.origin}/{path}", params=named, headers=AUTH, timeout=10)


def pages(emulator: Emulator, path: str, **params: Any) -> list[dict[str, Any]]:
    """Follow `next_token` to the end; every page must be a 200."""
    found: list[dict[str, Any]] = []
    with requests.Session() as session:
        session.headers.update(AUTH)
        while True:
            answer = session.get(f"{emulator.origin}/{path}", params=params, timeout=10)
            assert answer.status_code == 200, answer.text
            found.append(answer.json())
            if "next_token" not in found[-1]["meta"]:
                return found
            params["next_token"] = found[-1]["meta"]["next_token"]


def ids(found: list[dict[str, Any]]) -> list[int]:
    """Return the ids of all pages, in order."""
    return [int(tweet["id"]) for page in found for tweet in page.get("data", [])]


def usual(status: int, phrase: str) -> dict[str, Any]:
    """Return v2's usual body of an error."""
    return {"title": phrase, "detail": phrase, "type": "about:blank", "status": status}


def test_paging_gives_the_stream_once_newest_first(emulator: Emulator) -> None:
    """Windows of search/all, paged to the end, are exactly the tweets the emulator foretells."""
    found = pages(emulator, ALL, query="moon", max_results=100, **DECEMBER)
    start, end = datetime(2021, 12, 1, tzinfo=UTC), datetime(2022, 1, 1, tzinfo=UTC)
    expected = [*emulator.tweets.between("moon", start, end)]
    assert ids(found) == [tweet.id for tweet in expected]
    texts = [tweet["text"] for page in found for tweet in page["data"]]
    assert texts == [tweet.text for tweet in expected]
    for page in found:
        listed = ids([page])
        assert page["meta"]["result_count"] == len(listed)
        assert page["meta"]["newest_id"] == str(listed[0])
        assert page["meta"]["oldest_id"] == str(listed[-1])
    assert len(found) == -(-len(expected) // 100)


def test_relevancy_gives_the_same_tweets_in_another_order(emulator: Emulator) -> None:
    """`sort_order=relevancy` is a permutation, and its meta still names newest and oldest."""
    found = pages(emulator, ALL, query="moon", sort_order="relevancy", max_results=500, **DECEMBER)
    recency = ids(pages(emulator, ALL, query="moon", max_results=500, **DECEMBER))
    assert ids(found) != recency
    assert sorted(ids(found), reverse=True) == recency
    assert found[0]["meta"]["newest_id"] == str(max(ids(found[:1])))


def test_without_times_the_last_thirty_days(emulator: Emulator) -> None:
    """search/all reaches back 30 days from the end of the stream, recent search seven."""
    end = datetime(2022, 1, 1, tzinfo=UTC)
    for path, days in ((ALL, 30), (RECENT, 7)):
        found = ids(pages(emulator, path, query="moon", max_results=100))
        assert len(found) == emulator.tweets.count("moon", end - timedelta(days=days), end)


def test_a_tweet_has_id_and_text_until_more_is_asked_for(emulator: Emulator) -> None:
    """Fields and expansions come on request only; an expansion brings its field along."""
    plain = get(emulator, ALL, query="moon").json()
    always = {"id", "text", "edit_history_tweet_ids"}
    assert all(tweet.keys() == always for tweet in plain["data"])
    assert "includes" not in plain
    assert len(plain["data"]) == 10
    rich = get(
        emulator,
        ALL,
        query="moon",
        expansions="author_id",
        tweet_fields="created_at,public_metrics,lang,context_annotations,entities",
        user_fields="public_metrics",
    ).json()
    for tweet in rich["data"]:
        assert tweet["author_id"] in {user["id"] for user in rich["includes"]["users"]}
        assert re.fullmatch(r"2021-12-31T\d\d:\d\d:\d\d\.\d{3}Z", tweet["created_at"])
        assert tweet["public_metrics"].keys() >= {"like_count", "retweet_count"}
        assert tweet["context_annotations"][0]["entity"]["name"]
        for tag in tweet.get("entities", {}).get("hashtags", []):
            assert tweet["text"][tag["start"] : tag["end"]] == "#" + tag["tag"]
    users = rich["includes"]["users"]
    assert len({user["id"] for user in users}) == len(users)
    assert users[0].keys() == {"id", "name", "username", "public_metrics"}


def test_since_id_and_until_id_are_exclusive(emulator: Emulator) -> None:
    """Neither of the two tweets named is in the result."""
    some = ids(pages(emulator, ALL, query="moon", max_results=100, **DECEMBER))[:50]
    found = pages(emulator, ALL, query="moon", since_id=some[40], until_id=some[5])
    assert ids(found) == some[6:40]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"query": ""}, "`query` can not be empty"),
        ({"query": "x" * 1025}, "shorter than or equal to 1024"),
        ({"max_results": 9}, "[9] is not between 10 and 500"),
        ({"max_results": 501}, "[501] is not between 10 and 500"),
        ({"max_results": "many"}, "[many] is not between 10 and 500"),
        ({"start_time": "2021-01-01"}, "is not a valid RFC 3339"),
        ({"start_time": "2006-01-01T00:00:00Z"}, "must be on or after 2006-03-21T00:00Z"),
        ({"end_time": "2999-01-01T00:00:00Z"}, "minimum of 10 seconds prior"),
        (
            {"start_time": "2021-02-01T00:00:00Z", "end_time": "2021-01-01T00:00:00Z"},
            "must be before 'end_time'",
        ),
        ({"since_id": "1", "start_time": "2021-01-01T00:00:00Z"}, "Invalid use of 'since_id'"),
        ({"since_id": "abc"}, "does not match ^[0-9]{1,19}$"),
        ({"sort_order": "age"}, "is not one of [recency,relevancy]"),
        ({"tweet_fields": "text,colour"}, "[colour] is not one of ["),
        ({"expansions": "author"}, "[author] is not one of ["),
        ({"previous_token": "x"}, "[previous_token] is not one of [query,"),
        ({"next_token": "b26v89c19zqg8o3f"}, "is not a valid token"),
        ({"next_token": "Ünsinn"}, "is not a valid token"),
        (
            {"max_results": 101, "tweet_fields": "context_annotations"},
            "`max_results` must be less than or equal to `100`",
        ),
    ],
)
def test_a_wrong_parameter_is_a_400(
    emulator: Emulator, params: dict[str, Any], message: str
) -> None:
    """Each is refused with the parameter as it came and a message, in the documented body."""
    answer = get(emulator, ALL, **{"query": "moon", **params})
    assert answer.status_code == 400
    body = answer.json()
    assert body["title"] == "Invalid Request"
    assert body["type"] == INVALID_REQUEST
    assert body["detail"] == "One or more parameters to your request was invalid."
    assert message in body["errors"][0]["message"]
    name = next(iter(params)).replace("_fields", ".fields")
    assert name in {name for error in body["errors"] for name in error["parameters"]}


def test_all_problems_are_reported_at_once(emulator: Emulator) -> None:
    """A request with three mistakes is told of three."""
    answer = get(emulator, RECENT, query="moon", max_results=101, since_id="x", foo="1")
    assert len(answer.json()["errors"]) == 3


def test_recent_search_reaches_back_seven_days(emulator: Emulator) -> None:
    """An older start_time is a 400 there, and fine for search/all."""
    start = "2021-12-20T00:00:00Z"
    assert get(emulator, RECENT, query="moon", start_time=start).status_code == 400
    assert get(emulator, ALL, query="moon", start_time=start).status_code == 200


def test_a_token_belongs_to_its_request(emulator: Emulator) -> None:
    """With another query, window or endpoint it is a 400; with another page size it is good."""
    token = get(emulator, ALL, query="moon", **DECEMBER).json()["meta"]["next_token"]
    asked = {"query": "moon", "next_token": token, **DECEMBER}
    assert get(emulator, ALL, **asked, max_results=50).status_code == 200
    alias = {"query": "moon", "pagination_token": token, **DECEMBER}
    assert get(emulator, ALL, **alias).json() == get(emulator, ALL, **asked).json()
    for change in ({"query": "sun"}, {"end_time": "2021-12-31T00:00:00Z"}):
        assert get(emulator, ALL, **{**asked, **change}).status_code == 400
    assert get(emulator, COUNTS, **asked).status_code == 400


def test_a_restarted_emulator_goes_on_with_a_token() -> None:
    """Tokens need no memory: another emulator with the same tweets takes them, others do not."""
    with Emulator(tweets=500, seed=4, rate_limit=UNLIMITED) as first:
        page = get(first, ALL, query="moon").json()
        token = page["meta"]["next_token"]
        expected = get(first, ALL, query="moon", next_token=token).content
    with Emulator(tweets=500, seed=4, rate_limit=UNLIMITED) as second:
        assert get(second, ALL, query="moon", next_token=token).content == expected
    with Emulator(tweets=500, seed=5, rate_limit=UNLIMITED) as other:
        assert get(other, ALL, query="moon", next_token=token).status_code == 400


def test_a_window_without_tweets_is_a_page_without_data(emulator: Emulator) -> None:
    """No `data` key, a count of 0 and no token."""
    times = {"start_time": "2012-01-01T00:00:00Z", "end_time": "2013-01-01T00:00:00Z"}
    assert get(emulator, ALL, query="moon", **times).json() == {"meta": {"result_count": 0}}


def test_short_and_empty_pages_lose_nothing() -> None:
    """Pages with fewer tweets, or none but a token, come the same each time and lose nothing."""
    odd = Faults(short=0.5, empty=0.4)
    with Emulator(tweets=12_000, rate_limit=UNLIMITED, faults=odd) as emulator:
        found = pages(emulator, ALL, query="moon", max_results=50, **DECEMBER)
        again = pages(emulator, ALL, query="moon", max_results=50, **DECEMBER)
        start, end = datetime(2021, 12, 1, tzinfo=UTC), datetime(2022, 1, 1, tzinfo=UTC)
        expected = [tweet.id for tweet in emulator.tweets.between("moon", start, end)]
    assert found == again
    assert ids(found) == expected
    empty = [page for page in found if "data" not in page]
    assert empty
    assert all("next_token" in page["meta"] for page in empty)
    assert any(0 < page["meta"]["result_count"] < 50 for page in found[:-1])
    tokens = [page["meta"].get("next_token") for page in found]
    assert len({*tokens}) == len(tokens)


@pytest.mark.parametrize("granularity", ["day", "hour", "minute"])
def test_counts_add_up(emulator: Emulator, granularity: str) -> None:
    """The buckets of all pages cover the window without gap and hold every tweet once."""
    times = {"start_time": "2021-09-10T12:30:30Z", "end_time": "2021-12-01T06:00:00Z"}
    found = pages(emulator, COUNTS, query="moon", granularity=granularity, **times)
    assert len(found) == 3
    buckets = [bucket for page in reversed(found) for bucket in page["data"]]
    assert buckets[0]["start"] == "2021-09-10T12:30:30.000Z"
    assert buckets[-1]["end"] == "2021-12-01T06:00:00.000Z"
    assert all(before["end"] == after["start"] for before, after in pairwise(buckets))
    start = datetime(2021, 9, 10, 12, 30, 30, tzinfo=UTC)
    end = datetime(2021, 12, 1, 6, tzinfo=UTC)
    total = sum(bucket["tweet_count"] for bucket in buckets)
    assert total == emulator.tweets.count("moon", start, end)
    assert total == sum(page["meta"]["total_tweet_count"] for page in found)


def test_counts_respect_ids(emulator: Emulator) -> None:
    """since_id and until_id are exclusive in counts, too."""
    some = ids(pages(emulator, ALL, query="moon", max_results=100, **DECEMBER))
    found = pages(emulator, COUNTS, query="moon", since_id=some[40], until_id=some[5])
    assert sum(page["meta"]["total_tweet_count"] for page in found) == 34


def test_standard_search_pages_by_max_id(emulator: Emulator) -> None:
    """`max_id` is inclusive: `min(id) - 1` goes on without gap or overlap, to the last tweet."""
    newest = get(emulator, V1, q="moon", count=100).json()
    seen: list[int] = []
    params: dict[str, Any] = {"q": "moon", "count": 100}
    since = newest["statuses"][0]["id"] - (20 * 86_400_000 << 22)
    while statuses := get(emulator, V1, **params, since_id=since).json()["statuses"]:
        seen += [status["id"] for status in statuses]
        params["max_id"] = seen[-1] - 1
    expected = [
        tweet.id
        for tweet in emulator.tweets.between(
            "moon", datetime(2021, 12, 1, tzinfo=UTC), datetime(2022, 1, 1, tzinfo=UTC)
        )
        if tweet.id > since
    ]
    assert seen == expected
    assert (
        get(emulator, V1, q="moon", max_id=seen[3], count=1).json()["statuses"][0]["id"]
        == (seen[3])
    )
    assert min(seen) > 2**53


def test_next_results_is_a_query_string_that_forgets_since_id() -> None:
    """It is absent on the last page, and who follows it loses `since_id`."""
    with Emulator(tweets=40, rate_limit=UNLIMITED) as emulator:
        page = get(emulator, V1, q="moon shot", since_id=1, result_type="recent").json()
        assert len(page["statuses"]) == 15
        found = [status["id"] for status in page["statuses"]]
        while following := page["search_metadata"].get("next_results"):
            assert following.startswith("?max_id=")
            assert "since_id" not in following
            assert "result_type=recent" in following
            page = get(emulator, V1 + following).json()
            found += [status["id"] for status in page["statuses"]]
        assert found == [t.id for t in emulator.tweets.between("moon shot", *SPAN)]


SPAN = (datetime(2021, 1, 1, tzinfo=UTC), datetime(2022, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [({}, 400, 25), ({"q": "x", "max_id": "a"}, 403, 195), ({"q": "x", "until": "now"}, 403, 195)],
)
def test_standard_search_refuses(
    emulator: Emulator, params: dict[str, Any], status: int, code: int
) -> None:
    """v1.1 has its own statuses, codes and shape for errors."""
    answer = get(emulator, V1, **params)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (status, code)


def test_standard_search_until_is_exclusive(emulator: Emulator) -> None:
    """`until=2021-06-01` gives tweets of May at the latest, escaped as ASCII."""
    answer = get(emulator, V1, q="moon", until="2021-06-01", count=100)
    answer.content.decode("ascii")
    assert answer.json()["statuses"][0]["created_at"].startswith("Mon May 31")


def premium(emulator: Emulator, **body: Any) -> requests.Response:
    """POST a Premium search."""
    return requests.post(f"{emulator.origin}/{PREMIUM}", json=body, headers=AUTH, timeout=10)


def test_premium_pages_by_next_in_the_body(emulator: Emulator) -> None:
    """`next` leads through the window to its end and is bound to its query."""
    asked: dict[str, Any] = {
        "query": "moon",
        "maxResults": "100",
        "fromDate": "202103010000",
        "toDate": "202103111200",
    }
    found: list[int] = []
    while True:
        page = premium(emulator, **asked).json()
        found += [tweet["id"] for tweet in page["results"]]
        if "next" not in page:
            break
        asked["next"] = page["next"]
    start, end = datetime(2021, 3, 1, tzinfo=UTC), datetime(2021, 3, 11, 12, tzinfo=UTC)
    assert found == [tweet.id for tweet in emulator.tweets.between("moon", start, end)]
    assert premium(emulator, **{**asked, "query": "sun"}).status_code == 422


@pytest.mark.parametrize(
    "wrong",
    [
        {"maxResults": 9},
        {"fromDate": "2021-01-01"},
        {"fromDate": "202202010000"},
        {"query": ""},
        {"next": "x"},
        {"page": 2},
    ],
)
def test_premium_refuses(emulator: Emulator, wrong: dict[str, Any]) -> None:
    """What it does not understand is a 422 that says why."""
    answer = premium(emulator, **{"query": "moon", **wrong})
    assert answer.status_code == 422
    assert "errors processing your request" in answer.json()["error"]["message"]


def test_only_the_right_bearer_is_let_in(emulator: Emulator) -> None:
    """Without, or with another, it is a 401 of the family's shape."""
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic demo"}):
        v2 = requests.get(f"{emulator.origin}/{ALL}?query=x", headers=headers, timeout=10)
        assert v2.status_code == 401
        assert v2.json() == usual(401, "Unauthorized")
        v1 = requests.get(f"{emulator.origin}/{V1}?q=x", headers=headers, timeout=10)
        assert v1.json()["errors"][0]["code"] == 89


def test_unknown_paths_and_methods(emulator: Emulator) -> None:
    """404 for what is not there, 405 for POST where GET belongs."""
    assert get(emulator, "2/users/me").status_code == 404
    assert get(emulator, "1.1/tweets/search/fullarchive/.json").status_code == 404
    posted = requests.post(f"{emulator.origin}/{ALL}", json={}, headers=AUTH, timeout=10)
    assert posted.status_code == 405


def test_the_window_of_requests() -> None:
    """Remaining counts down to a 429 with 0 left; at reset the endpoint opens again."""
    clock = [1_700_000_000.25]
    rate_limit = RateLimit(requests=3, window_s=60)
    with Emulator(rate_limit=rate_limit, now=lambda: clock[0]) as emulator:
        left = [get(emulator, ALL, query="x").headers["x-rate-limit-remaining"] for _ in range(3)]
        assert left == ["2", "1", "0"]
        refused = get(emulator, ALL, query="x")
        assert refused.status_code == 429
        assert refused.json() == usual(429, "Too Many Requests")
        assert refused.headers["x-rate-limit-limit"] == "3"
        assert refused.headers["x-rate-limit-remaining"] == "0"
        assert refused.headers["x-rate-limit-reset"] == "1700000061"
        assert parsedate_to_datetime(refused.headers["date"]).timestamp() == 1_700_000_000
        assert get(emulator, RECENT, query="x").status_code == 200
        assert get(emulator, V1, q="x").status_code == 200
        clock[0] = float(refused.headers["x-rate-limit-reset"])
        assert get(emulator, ALL, query="x").status_code == 200
        assert emulator.counts["429"] == emulator.counts["429_window"] == 1


def test_the_pace_within_a_second() -> None:
    """A second request in one second is a 429 with requests left; it costs none."""
    clock = [1_700_000_000.0]
    with Emulator(now=lambda: clock[0]) as emulator:
        assert get(emulator, ALL, query="x").headers["x-rate-limit-limit"] == "300"
        refused = get(emulator, ALL, query="x")
        assert refused.status_code == 429
        assert refused.headers["x-rate-limit-remaining"] == "299"
        clock[0] += 1
        answer = get(emulator, ALL, query="x")
        assert (answer.status_code, answer.headers["x-rate-limit-remaining"]) == (200, "298")
        assert get(emulator, RECENT, query="x").headers["x-rate-limit-limit"] == "450"
        assert emulator.counts["429_second"] == 1


def test_the_monthly_cap() -> None:
    """After so many tweets only UsageCapExceeded, with requests remaining; v1.1 goes on."""
    with Emulator(rate_limit=UNLIMITED, monthly_cap=25) as emulator:
        assert [get(emulator, ALL, query="x").status_code for _ in range(3)] == [200] * 3
        capped = get(emulator, ALL, query="x")
        assert capped.status_code == 429
        assert capped.json()["title"] == "UsageCapExceeded"
        assert capped.json()["type"] == "https://api.twitter.com/2/problems/usage-capped"
        assert int(capped.headers["x-rate-limit-remaining"]) > 0
        assert get(emulator, V1, q="x").status_code == 200
        assert get(emulator, COUNTS, query="x").status_code == 200
        assert emulator.counts["429_cap"] == 1


def raw(emulator: Emulator, *, encoding: str = "gzip", target: str = "") -> tuple[Any, bytes]:
    """GET a page with http.client: the response, and its body as it was on the wire."""
    connection = http.client.HTTPConnection("127.0.0.1", int(emulator.origin.rpartition(":")[2]))
    try:
        path = target or f"/{ALL}?query=moon&max_results=500"
        connection.request("GET", path, headers={**AUTH, "Accept-Encoding": encoding})
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize("chunked", [False, True])
def test_gzip_and_chunks(*, chunked: bool) -> None:
    """The same page plain, gzipped, with a length and in chunks."""
    with Emulator(rate_limit=UNLIMITED, chunked=chunked) as emulator:
        zipped, body = raw(emulator)
        plain, text = raw(emulator, encoding="identity, gzip;q=0")
    assert zipped.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert gzip.decompress(body) == text
    assert json.loads(text)["meta"]["result_count"] == 500
    assert text == json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":")).encode()
    for response in (zipped, plain):
        assert response.headers["content-type"] == "application/json; charset=utf-8"
        assert ("transfer-encoding" in response.headers) is chunked
        assert ("content-length" in response.headers) is not chunked


def test_connections_are_kept(emulator: Emulator) -> None:
    """Pages, errors and POSTs of one client go over one connection."""
    host = emulator.origin.removeprefix("http://")
    connection = http.client.HTTPConnection(host)
    connection.connect()
    kept = connection.sock
    for method, path, body in (
        ("GET", f"/{ALL}?query=x", None),
        ("GET", f"/{ALL}", None),
        ("POST", f"/{PREMIUM}", '{"query":"x"}'),
        ("POST", "/nowhere", "some body"),
        ("GET", f"/{V1}?q=x", None),
    ):
        connection.request(method, path, body=body, headers=AUTH)
        connection.getresponse().read()
        assert connection.sock is kept
    connection.close()


def test_a_503_and_a_429_out_of_the_blue() -> None:
    """They look like the real ones, hit a page at most `in_a_row` times, and are counted."""
    for faults, status in ((Faults(unavailable=0.3), 503), (Faults(too_many=1.0), 429)):
        with Emulator(rate_limit=UNLIMITED, faults=faults) as emulator:
            answers = [get(emulator, ALL, query="x", max_results=500) for _ in range(40)]
            codes = [answer.status_code for answer in answers]
            assert emulator.counts[str(status)] == codes.count(status) > 10
            assert [status] * 4 not in [codes[i : i + 4] for i in range(37)]
            refused = answers[codes.index(status)]
            assert refused.json()["status"] == status
            assert int(refused.headers["x-rate-limit-remaining"]) > 0


def test_503_is_likelier_above_100_results() -> None:
    """Three times as likely."""
    fates = [Fates(Faults(unavailable=0.2, in_a_row=1000), 1) for _ in range(2)]
    few, many = (
        sum(fate.deal(b"p", results).fault is not None for _ in range(2000))
        for fate, results in zip(fates, (100, 101), strict=True)
    )
    assert few == pytest.approx(400, abs=60)
    assert many == pytest.approx(1200, abs=80)


def test_a_reset_comes_before_the_answer() -> None:
    """The client sees a reset connection, then, after three, its page."""
    with Emulator(rate_limit=UNLIMITED, faults=Faults(reset=1.0)) as emulator:
        for _ in range(3):
            with pytest.raises(ConnectionResetError):
                raw(emulator)
        assert raw(emulator)[0].status == 200
        assert emulator.counts["reset"] == 3
        assert emulator.counts["pages"] == 1


ALWAYS = {
    Fault.CUT_LENGTH: Faults(cut_length=1.0),
    Fault.CUT_CHUNKED: Faults(cut_chunked=1.0),
}


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("fault", [Fault.CUT_LENGTH, Fault.CUT_CHUNKED])
def test_a_body_cut_by_its_framing(fault: Fault, *, chunked: bool) -> None:
    """The connection ends before the body does, and the framing shows it."""
    faults = ALWAYS[fault]
    with Emulator(rate_limit=UNLIMITED, faults=faults, chunked=chunked) as emulator:
        for _ in range(3):
            with pytest.raises(http.client.IncompleteRead):
                raw(emulator)
        response, body = raw(emulator)
        assert response.status == 200
        assert json.loads(gzip.decompress(body))
        assert emulator.counts[fault] == emulator.counts["cut"] == 3


@pytest.mark.parametrize("chunked", [False, True])
def test_a_gzip_stream_cut_in_whole_framing(*, chunked: bool) -> None:
    """HTTP is satisfied, the gzip stream is not; a client without gzip gets a cut length."""
    faults = Faults(cut_gzip=1.0)
    with Emulator(rate_limit=UNLIMITED, faults=faults, chunked=chunked) as emulator:
        for _ in range(3):
            inflate = zlib.decompressobj(31)
            inflate.decompress(raw(emulator)[1])
            assert not inflate.eof
        assert json.loads(gzip.decompress(raw(emulator)[1]))
        assert emulator.counts["cut_gzip"] == 3
        with pytest.raises(http.client.IncompleteRead):
            raw(emulator, encoding="identity")


def test_slow_pages_and_latency() -> None:
    """A slow page pauses halfway and is whole; latency comes before the headers."""
    faults = Faults(slow=1.0, slow_s=0.01, latency_s=0.005)
    with Emulator(rate_limit=UNLIMITED, faults=faults) as emulator:
        response, body = raw(emulator)
        assert json.loads(gzip.decompress(body))["meta"]["result_count"] == 500
        assert response.status == 200
        assert emulator.counts["slow"] == 1


def test_stopping_wakes_a_slow_page() -> None:
    """An hour's pause does not hold up the end of the block, and leaves no thread."""
    before = threading.active_count()
    with Emulator(rate_limit=UNLIMITED, faults=Faults(latency_s=3600)) as emulator:
        connection = http.client.HTTPConnection(emulator.origin.removeprefix("http://"))
        connection.request("GET", f"/{ALL}?query=x", headers=AUTH)
        while not emulator.counts["requests"]:
            time.sleep(0.001)
    connection.close()
    assert threading.active_count() == before


def test_a_bad_day_is_the_same_bad_day_again() -> None:
    """Equal seeds and equal requests meet equal faults; trying again gets every page."""
    served = []
    for _ in range(2):
        with Emulator(tweets=12_000, rate_limit=UNLIMITED, faults=HARSH) as emulator:
            found = list(persistent_pages(emulator))
            counts = +emulator.counts
            served.append((found, counts))
            start, end = datetime(2021, 12, 1, tzinfo=UTC), datetime(2022, 1, 1, tzinfo=UTC)
            expected = [tweet.id for tweet in emulator.tweets.between("moon", start, end)]
    assert served[0] == served[1]
    assert ids(served[0][0]) == expected
    assert all(served[0][1][fault] for fault in Fault)


HARSH = Faults(
    unavailable=0.1,
    too_many=0.1,
    reset=0.1,
    cut_length=0.1,
    cut_chunked=0.1,
    cut_gzip=0.1,
    short=0.3,
    empty=0.2,
)


def persistent_pages(emulator: Emulator) -> Iterator[dict[str, Any]]:
    """Page through December, trying each page until it is whole."""
    token = ""
    while True:
        times = "&".join(f"{name}={value}" for name, value in DECEMBER.items())
        target = f"/{ALL}?query=moon&max_results=20&{times}{token}"
        try:
            response, body = raw(emulator, target=target)
            page = json.loads(gzip.decompress(body)) if response.status == 200 else None
        except (ConnectionError, http.client.IncompleteRead, EOFError, zlib.error):
            page = None
        if page:
            yield page
            if "next_token" not in page["meta"]:
                return
            token = "&next_token=" + page["meta"]["next_token"]


def test_many_clients_at_once() -> None:
    """Eight threads get right pages, and the counts add up."""
    with Emulator(tweets=12_000, rate_limit=UNLIMITED) as emulator:
        found: dict[str, list[int]] = {}

        def harvest(query: str) -> None:
            found[query] = ids(pages(emulator, ALL, query=query, max_results=100, **DECEMBER))

        threads = [threading.Thread(target=harvest, args=(f"q{n}",)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for query, got in found.items():
            start, end = datetime(2021, 12, 1, tzinfo=UTC), datetime(2022, 1, 1, tzinfo=UTC)
            assert got == [tweet.id for tweet in emulator.tweets.between(query, start, end)]
        assert len(found) == 8
        assert emulator.counts["tweets"] == sum(map(len, found.values()))
        assert emulator.counts["requests"] == emulator.counts["pages"]


def test_density_and_addresses() -> None:
    """`per_day` sets the total; base_url and origin are loopback, and gone when stopped."""
    emulator = Emulator(per_day=10, start=datetime(2021, 1, 1, tzinfo=UTC))
    assert emulator.tweets.total == 3650
    with emulator:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", emulator.origin)
        assert emulator.base_url == emulator.origin + "/2/"
    with pytest.raises(RuntimeError, match="not running"):
        _ = emulator.base_url


@pytest.mark.parametrize(
    ("reset", "slow", "unavailable"), [(-0.1, 0, 0), (0, 1.5, 0), (0.5, 0, 0.2)]
)
def test_faults_that_cannot_be_are_refused(reset: float, slow: float, unavailable: float) -> None:
    """Chances below 0, above 1, or that sum to more than 1 are ValueErrors."""
    with pytest.raises(ValueError, match=r"not from 0 to 1|exceed 1"):
        Faults(reset=reset, slow=slow, unavailable=unavailable)


def test_the_preset_is_a_bad_day_not_a_hopeless_one() -> None:
    """Between a tenth and a fifth of large pages fail at first."""
    assert 0.1 < sum(chance for _, chance in SOME_FAULTS.chances(500)) < 0.2


def test_a_failure_of_its_own_is_not_hidden() -> None:
    """What goes wrong inside the emulator is raised where its block ends."""

    def broken() -> float:
        raise ZeroDivisionError

    with (
        pytest.raises(RuntimeError, match="failed inside"),
        Emulator(now=broken) as emulator,
        pytest.raises(requests.ConnectionError),
    ):
        get(emulator, ALL, query="x")


def test_from_a_shell() -> None:
    """`python -m harvester.emulator` prints its URL, serves, is quiet on stderr, ends on Ctrl-C."""
    command = [sys.executable, "-m", "harvester.emulator", "--tweets", "100", "--per-second", "5"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ}
    ) as process:
        assert process.stdout is not None
        base_url = process.stdout.readline().strip()
        assert process.stdout.readline().startswith("Try:  curl ")
        url = base_url + "tweets/search/all"
        answer = requests.get(url, params={"query": "moon"}, headers=AUTH, timeout=10)
        assert answer.json()["meta"]["result_count"]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    assert (process.returncode, err) == (0, "")
    assert "Served: pages 1, requests 1" in out
