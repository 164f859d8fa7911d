"""Shapes of tweets and users in Twitter's two generations of JSON.

v2 gives a tweet as a flat object of just the fields that were asked for; v1.1 (and Premium, which
uses its shape) gives everything, with the author inside. Pure: a tweet in, a dict out. The shapes
follow Twitter's data dictionaries; fields that a synthetic tweet has no value for are left out.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from typing import Any

from harvester.emulator.texts import TOPICS
from harvester.emulator.tweets import Tweet, User

_SOURCE = "Twitter Web App"
_V1_TIME = "%a %b %d %H:%M:%S +0000 %Y"


def iso(ms: int) -> str:
    """Write Unix milliseconds as v2 does: `2021-01-01T00:00:00.000Z`."""
    seconds, rest = divmod(ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:19]}.{rest:03d}Z"


def _v1_time(ms: int) -> str:
    return datetime.fromtimestamp(ms // 1000, UTC).strftime(_V1_TIME)


def _places(tweet: Tweet, part: str) -> tuple[int, int]:
    """Return where a part of the text begins and ends, in code points."""
    begin = tweet.text.index(part)
    return begin, begin + len(part)


def _v2_entities(tweet: Tweet) -> dict[str, Any] | None:
    found: dict[str, Any] = {}
    for tag in tweet.hashtags:
        begin, end = _places(tweet, "#" + tag)
        found.setdefault("hashtags", []).append({"start": begin, "end": end, "tag": tag})
    if tweet.url:
        begin, end = _places(tweet, tweet.url)
        found["urls"] = [{"start": begin, "end": end, "url": tweet.url, **_link(tweet)}]
    return found or None


def _link(tweet: Tweet) -> dict[str, str]:
    page = f"example.com/{tweet.hashtags[0] if tweet.hashtags else 'news'}/{tweet.number}"
    return {"expanded_url": f"https://{page}", "display_url": page}


def _annotations(tweet: Tweet) -> list[dict[str, Any]]:
    name, tag = TOPICS[tweet.topic]
    domain = {"id": "65", "name": "Interests and Hobbies Vertical", "description": "A vertical"}
    other = {"id": "131", "name": "Unified Twitter Taxonomy", "description": "A taxonomy of topics"}
    return [
        {"domain": domain, "entity": {"id": str(847868745150119936 + tweet.topic), "name": name}},
        {"domain": other, "entity": {"id": str(852262932607926273 + tweet.topic), "name": tag}},
    ]


def _metrics(tweet: Tweet) -> dict[str, int]:
    return {
        "retweet_count": tweet.retweets,
        "reply_count": tweet.replies,
        "like_count": tweet.likes,
        "quote_count": tweet.quotes,
    }


def _edit_controls(tweet: Tweet) -> dict[str, Any]:
    half_an_hour_ms = 1_800_000
    return {
        "edits_remaining": 5,
        "is_edit_eligible": tweet.reply_to is None,
        "editable_until": iso(tweet.ms + half_an_hour_ms),
    }


def _references(tweet: Tweet) -> list[dict[str, str]] | None:
    if tweet.reply_to is None:
        return None
    return [{"type": "replied_to", "id": str(tweet.reply_to)}]


_ALWAYS: dict[str, Callable[[Tweet], Any]] = {
    "id": lambda tweet: str(tweet.id),
    "text": lambda tweet: tweet.text,
    "edit_history_tweet_ids": lambda tweet: [str(tweet.id)],
}
_ON_REQUEST: dict[str, Callable[[Tweet], Any]] = {
    "author_id": lambda tweet: str(tweet.user.id),
    "context_annotations": _annotations,
    "conversation_id": lambda tweet: str(tweet.reply_to or tweet.id),
    "created_at": lambda tweet: iso(tweet.ms),
    "edit_controls": _edit_controls,
    "entities": _v2_entities,
    "lang": lambda tweet: tweet.lang,
    "possibly_sensitive": lambda tweet: False,
    "public_metrics": _metrics,
    "referenced_tweets": _references,
    "reply_settings": lambda tweet: "everyone",
    "source": lambda tweet: _SOURCE,
}

_TWEET_VALUES_ABSENT = (
    *("article", "attachments", "card_uri", "community_id", "display_text_range", "geo"),
    *("in_reply_to_user_id", "media_metadata", "non_public_metrics", "note_tweet"),
    *("organic_metrics", "promoted_metrics", "scopes", "suggested_source_links", "withheld"),
)
TWEET_FIELDS = frozenset({*_ALWAYS, *_ON_REQUEST, *_TWEET_VALUES_ABSENT})
"""What `tweet.fields` may name. Fields without a value here are allowed, and left out."""

_USER_FIELDS: dict[str, Callable[[User], Any]] = {
    "id": lambda user: str(user.id),
    "name": lambda user: user.name,
    "username": lambda user: user.username,
    "created_at": lambda user: iso(user.created_ms),
    "location": lambda user: user.location,
    "protected": lambda user: False,
    "public_metrics": lambda user: {
        "followers_count": user.followers,
        "following_count": user.following,
        "tweet_count": user.tweets,
        "listed_count": user.followers >> 9,
    },
    "verified": lambda user: user.verified,
    "verified_type": lambda user: "blue" if user.verified else "none",
}

_USER_VALUES_ABSENT = (
    *("affiliation", "connection_status", "description", "entities", "is_identity_verified"),
    *("most_recent_tweet_id", "parody", "pinned_tweet_id", "profile_banner_url"),
    *("profile_image_url", "receives_your_dm", "subscription", "subscription_type", "url"),
    "withheld",
)
USER_FIELDS = frozenset({*_USER_FIELDS, *_USER_VALUES_ABSENT})
"""What `user.fields` may name."""


def v2_tweets(tweets: Iterable[Tweet], requested: Collection[str]) -> list[dict[str, Any]]:
    """Give each tweet `id`, `text`, its history and those of the requested fields that it has."""
    chosen = [*_ALWAYS.items(), *((n, f) for n, f in _ON_REQUEST.items() if n in requested)]
    optional = not {"entities", "referenced_tweets"}.isdisjoint(requested)
    found = [{name: field(tweet) for name, field in chosen} for tweet in tweets]
    if optional:
        return [{n: v for n, v in tweet.items() if v is not None} for tweet in found]
    return found


def v2_users(users: Iterable[User], requested: Collection[str]) -> list[dict[str, Any]]:
    """Give each user, once, `id`, `name`, `username` and those of the requested fields."""
    names = {"id", "name", "username", *requested}
    chosen = [(name, field) for name, field in _USER_FIELDS.items() if name in names]
    once = {user.id: user for user in users}.values()
    return [{name: field(user) for name, field in chosen} for user in once]


def v1_tweet(tweet: Tweet) -> dict[str, Any]:
    """Give a tweet as v1.1 and Premium do: ids as 64-bit numbers and as strings."""
    hashtags = [{"text": tag, "indices": _places(tweet, "#" + tag)} for tag in tweet.hashtags]
    urls = [{"url": tweet.url, "indices": _places(tweet, tweet.url), **_link(tweet)}]
    return {
        "created_at": _v1_time(tweet.ms),
        "id": tweet.id,
        "id_str": str(tweet.id),
        "text": tweet.text,
        "truncated": False,
        "entities": {
            "hashtags": hashtags,
            "symbols": [],
            "user_mentions": [],
            "urls": urls if tweet.url else [],
        },
        "source": f'<a href="https://mobile.twitter.com" rel="nofollow">{_SOURCE}</a>',
        "in_reply_to_status_id": tweet.reply_to,
        "in_reply_to_status_id_str": None if tweet.reply_to is None else str(tweet.reply_to),
        "user": _v1_user(tweet.user),
        "geo": None,
        "coordinates": None,
        "place": None,
        "is_quote_status": False,
        "retweet_count": tweet.retweets,
        "favorite_count": tweet.likes,
        "favorited": False,
        "retweeted": False,
        "lang": tweet.lang,
    }


def _v1_user(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "id_str": str(user.id),
        "name": user.name,
        "screen_name": user.username,
        "location": user.location,
        "protected": False,
        "followers_count": user.followers,
        "friends_count": user.following,
        "listed_count": user.followers >> 9,
        "created_at": _v1_time(user.created_ms),
        "verified": user.verified,
        "statuses_count": user.tweets,
    }
