"""Endpoints of v1.1: standard search, and Premium full-archive search in the same shape.

Source: https://developer.twitter.com/en/docs/twitter-api/v1/tweets/search/api-reference and
…/twitter-api/premium/search-api/api-reference. The real standard search reaches back seven days;
here it reaches as far as the stream does, so that keyset paging has something to page through.
"""

import json
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus, urlencode

from harvester.emulator.endpoints import Answer, Refused, Request, premium_error, v1_error
from harvester.emulator.paging import Archive, Place
from harvester.emulator.shapes import v1_tweet
from harvester.emulator.tweets import Tweet, milliseconds, snowflake

_NUMBER = re.compile(r"[0-9]{1,19}", re.ASCII)
_REPEATED = ("until", "lang", "result_type")  # not since_id: `next_results` forgets it
_to_json = json.JSONEncoder(separators=(",", ":")).encode  # escapes all beyond ASCII, as v1.1 does


def standard(archive: Archive, request: Request) -> Answer:
    """Answer `/1.1/search/tweets.json`; raise Refused for a 4xx.

    `max_id` is inclusive, `since_id` exclusive; `count` above 100 means 100. `next_results` leads
    to `max_id` = the smallest id, less 1, and, as on the real thing, forgets `since_id`.
    """
    given = {name: values[0] for name, values in request.parameters.items()}
    query = given.get("q", "")
    if not query.strip():
        raise Refused(400, v1_error(25, "Query parameters are missing."))
    if len(query) > 500:
        raise Refused(403, v1_error(195, "Missing or invalid url parameter."))
    count = min(_number(given, "count", 15) or 15, 100)
    since_id = _number(given, "since_id", 0)
    kind = given.get("result_type", "mixed")
    until_ms = _until(given["until"]) if "until" in given else archive.latest_ms
    if kind not in ("mixed", "recent", "popular"):
        raise Refused(403, v1_error(195, "Missing or invalid url parameter."))
    stream = archive.tweets.of(query)
    beyond = min(snowflake(until_ms), _number(given, "max_id", 1 << 63) + 1)
    low, high = stream.number_of(since_id + 1), stream.number_of(beyond)
    numbers = range(high - 1, max(low, high - count) - 1, -1)
    tweets = [stream.tweet(number) for number in numbers]
    metadata = _metadata(given, query, count, since_id, tweets)
    if tweets and high - len(tweets) > low:
        following: dict[str, object] = {"max_id": tweets[-1].id - 1, "q": query, "count": count}
        following["include_entities"] = 1
        following |= {name: given[name] for name in _REPEATED if name in given}
        metadata["next_results"] = "?" + urlencode(following)
    statuses = [
        {**v1_tweet(tweet), "metadata": {"iso_language_code": tweet.lang, "result_type": "recent"}}
        for tweet in tweets
    ]
    body = _to_json({"statuses": statuses, "search_metadata": metadata})
    return Answer(200, body.encode(), len(tweets))


def _metadata(
    given: dict[str, str], query: str, count: int, since_id: int, tweets: list[Tweet]
) -> dict[str, Any]:
    newest = tweets[0].id if tweets else _number(given, "max_id", 0)
    return {
        "completed_in": 0.021,
        "max_id": newest,
        "max_id_str": str(newest),
        "query": quote_plus(query),
        "refresh_url": "?" + urlencode({"since_id": newest, "q": query, "include_entities": 1}),
        "count": count,
        "since_id": since_id,
        "since_id_str": str(since_id),
    }


def _number(given: dict[str, str], name: str, absent: int) -> int:
    value = given.get(name)
    if value is None:
        return absent
    if not _NUMBER.fullmatch(value):
        raise Refused(403, v1_error(195, "Missing or invalid url parameter."))
    return int(value)


def _until(text: str) -> int:
    try:
        return milliseconds(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC))
    except ValueError:
        raise Refused(403, v1_error(195, "Missing or invalid url parameter.")) from None


def premium(archive: Archive, request: Request) -> Answer:
    """Answer POST `/1.1/tweets/search/fullarchive/{env}.json`; raise Refused for a 422.

    The body is `{query, maxResults, fromDate, toDate, next}` with dates `YYYYMMDDHHMM`, the first
    inclusive, the second exclusive; without dates, the last 30 days.
    """
    asked = _asked(request.body)
    query = asked.get("query")
    if not isinstance(query, str) or not query.strip() or len(query) > 1024:
        raise _premium_refusal("query must be a string of 1 to 1024 characters")
    size = str(asked.get("maxResults", 100))
    if not _NUMBER.fullmatch(size) or not 10 <= int(size) <= 500:
        raise _premium_refusal("maxResults must be between 10 and 500")
    end = _minute(asked, "toDate", archive.latest_ms)
    start = _minute(asked, "fromDate", end - 30 * 86_400_000)
    if start >= end:
        raise _premium_refusal("fromDate must be before toDate")
    stream = archive.tweets.of(query)
    sealed = json.dumps(["premium", query, asked.get("fromDate"), asked.get("toDate")])
    first = stream.number_of(snowflake(start))
    place: Place | None = Place(0, first, max(first, stream.number_of(snowflake(end))))
    if "next" in asked:
        place = archive.unseal(str(asked["next"]), sealed)
    if place is None:
        raise _premium_refusal("next is not a token of this request")
    numbers, following = archive.page(stream, place, int(size))
    body: dict[str, Any] = {"results": [v1_tweet(stream.tweet(number)) for number in numbers]}
    if following:
        body["next"] = archive.seal(following, sealed)
    body["requestParameters"] = {
        "maxResults": int(size),
        "fromDate": f"{datetime.fromtimestamp(start // 1000, UTC):%Y%m%d%H%M}",
        "toDate": f"{datetime.fromtimestamp(end // 1000, UTC):%Y%m%d%H%M}",
    }
    return Answer(200, _to_json(body).encode(), len(numbers))


def _asked(body: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(body)
    except ValueError:
        asked = None
    if not isinstance(asked, dict):
        raise _premium_refusal("the body is not a JSON object")
    unknown = asked.keys() - {"query", "maxResults", "fromDate", "toDate", "next", "tag"}
    if unknown:
        raise _premium_refusal(f"unknown parameter {min(unknown)}")
    return asked


def _minute(asked: dict[str, Any], name: str, absent: int) -> int:
    if name not in asked:
        return absent
    try:
        moment = datetime.strptime(str(asked[name]), "%Y%m%d%H%M").replace(tzinfo=UTC)
    except ValueError:
        raise _premium_refusal(f"{name} must be YYYYMMDDHHMM") from None
    return milliseconds(moment)


def _premium_refusal(why: str) -> Refused:
    return Refused(422, premium_error(f"There were errors processing your request: {why}"))
