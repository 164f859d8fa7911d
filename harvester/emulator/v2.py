"""Endpoints of v2: full-archive and recent search, and counts.

Source: https://developer.twitter.com/en/docs/twitter-api/tweets/search/api-reference and
…/tweets/counts/api-reference. Newest first. An absent `start_time` means 30 days (recent search:
seven) before the end. `sort_order=relevancy` is a fixed shuffle.
"""

import json
from itertools import pairwise
from typing import Any

from harvester.emulator.endpoints import COUNTS_RECENT, SEARCH_RECENT, Answer, Request
from harvester.emulator.paging import Archive, Place
from harvester.emulator.parameters import Parameters, minute
from harvester.emulator.shapes import TWEET_FIELDS, USER_FIELDS, iso, v2_tweets, v2_users
from harvester.emulator.tweets import EPOCH_MS, Tweet, snowflake

_DAY_MS = 86_400_000
_FIRST_TWEET_MS = 1_142_899_200_000  # 2006-03-21T00:00Z
_TIMES = ("start_time", "end_time", "since_id", "until_id")
_TOKENS = ("next_token", "pagination_token")
_SEARCH = (
    *("query", *_TIMES, "max_results", *_TOKENS, "sort_order", "expansions"),
    *("tweet.fields", "media.fields", "poll.fields", "place.fields", "user.fields"),
)
_COUNTS = ("query", *_TIMES, *_TOKENS, "granularity", "search_count.fields")
_GRANULARITY_MS = {"hour": 3_600_000, "day": _DAY_MS, "minute": 60_000}
_EXPANSIONS = (
    *("article.cover_media", "article.media_entities", "attachments.media_keys"),
    *("attachments.media_source_tweet", "attachments.poll_ids", "author_id"),
    *("edit_history_tweet_ids", "entities.mentions.username", "entities.note.mentions.username"),
    *("geo.place_id", "in_reply_to_user_id", "referenced_tweets.id"),
    *("referenced_tweets.id.attachments.media_keys", "referenced_tweets.id.author_id"),
)
_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def max_results(request: Request) -> int:
    """Return how many results a request asks for, as far as that can be told unchecked."""
    value = request.parameters.get("max_results", ["10"])[0]
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 5 else 10


def search(archive: Archive, request: Request) -> Answer:
    """Answer `/2/tweets/search/all` or `/2/tweets/search/recent`; raise Refused for a 400."""
    recent = request.endpoint is SEARCH_RECENT
    given = Parameters(request.parameters, _SEARCH)
    query = given.query(512 if recent else 1024)
    size = given.size("max_results", 10, 100 if recent else 500)
    relevancy = given.one_of("sort_order", ("recency", "relevancy")) == "relevancy"
    fields = given.names("tweet.fields", TWEET_FIELDS)
    user_fields = given.names("user.fields", USER_FIELDS)
    expansions = given.names("expansions", _EXPANSIONS)
    if size > 100 and "context_annotations" in fields:
        given.wrong(
            "when requesting `tweet.fields=context_annotations` `max_results` must be less than "
            "or equal to `100`",
            *("tweet.fields", "max_results"),
        )
    low, high = _ids(archive, given, days=7 if recent else 30, recent=recent)
    sealed = _sealed(request, given)
    place = _token(archive, given, sealed)
    given.check()
    stream = archive.tweets.of(query)
    if place is None:
        first = stream.number_of(low)
        place = Place(0, first, max(first, stream.number_of(high)))
    numbers, following = archive.page(stream, place, size, shuffled=relevancy)
    tweets = [stream.tweet(number) for number in numbers]
    token = archive.seal(following, sealed) if following else None
    if "author_id" in expansions:
        fields |= {"author_id"}
    body: dict[str, Any] = {"data": v2_tweets(tweets, fields)} if tweets else {}
    if tweets and "author_id" in expansions:
        body["includes"] = {"users": v2_users((tweet.user for tweet in tweets), user_fields)}
    body["meta"] = _meta(tweets, token)
    return Answer(200, _to_json(body).encode(), len(tweets))


def counts(archive: Archive, request: Request) -> Answer:
    """Answer `/2/tweets/counts/all` or `/2/tweets/counts/recent`; raise Refused for a 400.

    A page covers 31 days, the newest first; within it time runs forward. Buckets begin and end at
    whole minutes, hours or days of UTC, the outermost at the times asked for.
    """
    given = Parameters(request.parameters, _COUNTS)
    recent = request.endpoint is COUNTS_RECENT
    stream = archive.tweets.of(given.query(512 if recent else 1024))
    granularity = given.one_of("granularity", tuple(_GRANULARITY_MS))
    given.names("search_count.fields", ("end", "start", "tweet_count"))
    low, high = _ids(archive, given, days=7 if recent else 30, recent=recent)
    sealed = _sealed(request, given)
    place = _token(archive, given, sealed)
    given.check()
    if place is None:
        last_ms = _ms(high) + (high > snowflake(_ms(high)))
        place = Place(0, min(_ms(low), last_ms), last_ms)
    page_end = -(-place.high // _DAY_MS) * _DAY_MS - place.position * 31 * _DAY_MS
    page_start = page_end - 31 * _DAY_MS
    edges = _edges(
        max(place.low, page_start), min(place.high, page_end), _GRANULARITY_MS[granularity]
    )
    until_id, since_id = given.tweet_id("until_id"), given.tweet_id("since_id")
    ids = [snowflake(edge) for edge in edges]
    if until_id is not None:
        ids = [min(edge, until_id) for edge in ids]
    if since_id is not None:
        ids = [max(edge, since_id + 1) for edge in ids]
    numbers = [stream.number_of(edge) for edge in ids]
    meta: dict[str, Any] = {"total_tweet_count": numbers[-1] - numbers[0] if numbers else 0}
    if page_start > place.low:
        following = Place(place.position + 1, place.low, place.high)
        meta["next_token"] = archive.seal(following, sealed)
    times = [iso(edge) for edge in edges]
    data = [
        {"end": end, "start": start, "tweet_count": after - before}
        for (start, end), (before, after) in zip(pairwise(times), pairwise(numbers), strict=True)
    ]
    return Answer(200, _to_json({"data": data, "meta": meta}).encode())


def _ids(archive: Archive, given: Parameters, *, days: int, recent: bool) -> tuple[int, int]:
    """Return the ids from which (inclusive) and to which (exclusive) the request asks."""
    start, end = given.time("start_time"), given.time("end_time")
    since_id, until_id = given.tweet_id("since_id"), given.tweet_id("until_id")
    named = [name for name in _TIMES if given.text(name) is not None]
    if {"start_time", "end_time"} & {*named} and {"since_id", "until_id"} & {*named}:
        given.wrong(
            "Invalid use of 'since_id' or 'until_id' in conjunction with 'start_time' or "
            "'end_time'.",
            *named,
        )
    latest = archive.latest_ms
    earliest = latest - 7 * _DAY_MS - 60_000 if recent else _FIRST_TWEET_MS
    for name, moment in (("start_time", start), ("end_time", end)):
        if moment is not None and moment < earliest:
            _wrong_time(given, name, moment, f"must be on or after {minute(earliest)}")
    if end is not None and end > archive.now() * 1000 - 10_000:
        why = "must be a minimum of 10 seconds prior to the request time."
        _wrong_time(given, "end_time", end, why)
    high = snowflake(latest if end is None else end) if until_id is None else until_id
    last = _ms(high) - days * _DAY_MS
    low = snowflake(last if start is None else start) if since_id is None else since_id + 1
    if start is not None and low >= high:
        _wrong_time(given, "start_time", start, "must be before 'end_time'")
    return low, high


def _wrong_time(given: Parameters, name: str, moment: int, why: str) -> None:
    given.wrong(f"Invalid '{name}':'{minute(moment)}'. '{name}' {why}", name)


def _ms(tweet_id: int) -> int:
    return (tweet_id >> 22) + EPOCH_MS


def _sealed(request: Request, given: Parameters) -> str:
    """Return what a token of this request is bound to; the page size is free to change."""
    names = ("query", *_TIMES, "sort_order", "granularity")
    return json.dumps([request.endpoint.name, *(given.text(name) for name in names)])


def _token(archive: Archive, given: Parameters, sealed: str) -> Place | None:
    for name in _TOKENS:
        token = given.text(name)
        if token is not None:
            place = archive.unseal(token, sealed)
            if place is None:
                given.wrong(
                    f"The `{name}` query parameter value [{token}] is not a valid token", name
                )
            return place
    return None


def _meta(tweets: list[Tweet], token: str | None) -> dict[str, Any]:
    meta: dict[str, Any] = {}
    if tweets:
        meta["newest_id"] = str(max(tweet.id for tweet in tweets))
        meta["oldest_id"] = str(min(tweet.id for tweet in tweets))
    meta["result_count"] = len(tweets)
    if token is not None:
        meta["next_token"] = token
    return meta


def _edges(low: int, high: int, step: int) -> list[int]:
    """Return where the buckets of [low, high) begin and end; nothing if it is empty."""
    if low >= high:
        return []
    return [low, *range(low - low % step + step, high, step), high]
