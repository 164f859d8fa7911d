"""Synthetic tweets: endless, the same on every machine, and never held.

A query has a stream of `total` tweets over [start, end). Tweet `i` is computed from `i` alone:
one BLAKE2b digest of (seed, query, i) is its only source of chance, so equal arguments give equal
tweets on every machine and Python version, and 100 million tweets cost no more memory than ten.

The id is a snowflake, `(ms - EPOCH_MS) << 22 | …`: a count of ticks of 2^-22 ms. The span is cut
into `total` slots of equal length, tweet `i` lies in slot `i` at a place its digest chooses. So ids
rise strictly with `i` (two tweets may share a millisecond, never an id), and the place of an id
or a time in the stream is one division away, plus one look at a neighbour.

What the query says, the tweets follow where it is cheap: `from:` names their authors, `lang:`
their language, and plain words and hashtags appear in their texts. Other operators are taken as
given: the emulator's point is paging, not search.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from struct import Struct
from typing import NamedTuple

from harvester.emulator.texts import EMOJI, LANGUAGES, NAMES, PLACES, SENTENCES, TOPICS

EPOCH_MS = 1288834974657
"""Where snowflake ids begin: 2010-11-04T01:42:54.657Z."""

_TICK_BITS = 22
_USERS = 2000
_DIGEST = Struct(">Q28H")
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS = tuple(one + two for one in _BASE62 for two in _BASE62)


def snowflake(ms: int) -> int:
    """Return the smallest id of the Unix millisecond `ms`; negative before 2010-11-04."""
    return (ms - EPOCH_MS) << _TICK_BITS


def milliseconds(moment: datetime) -> int:
    """Return the Unix milliseconds of an aware datetime; a part of one is cut off."""
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000


class User(NamedTuple):
    """An author. Never part of a stream by itself: it comes with the tweets."""

    id: int
    username: str
    name: str
    created_ms: int
    location: str
    followers: int
    following: int
    tweets: int
    verified: bool


class Tweet(NamedTuple):
    """Tweet `number` of a query's stream; `topic` is a row of `texts.TOPICS`."""

    number: int
    id: int
    text: str
    lang: str
    user: User
    topic: int
    hashtags: tuple[str, ...]
    url: str
    reply_to: int | None
    retweets: int
    replies: int
    likes: int
    quotes: int

    @property
    def ms(self) -> int:
        """When it was written, in Unix milliseconds."""
        return (self.id >> _TICK_BITS) + EPOCH_MS

    @property
    def created_at(self) -> datetime:
        """When it was written, UTC."""
        seconds, ms = divmod(self.ms, 1000)
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=ms * 1000)


@dataclass(frozen=True, slots=True)
class Tweets:
    """The tweets of every query: `total` each, over [start, end), chosen by `seed`.

    ValueError where no such stream can be: naive or unordered times, a start before snowflake
    ids began, more tweets than ids.
    """

    total: int
    seed: int
    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("start and end must be aware datetimes")
        if self.start >= self.end:
            raise ValueError(f"start {self.start} is not before end {self.end}")
        if snowflake(milliseconds(self.start)) < 0:
            raise ValueError(f"start {self.start} is before snowflake ids began, 2010-11-04")
        ids = snowflake(milliseconds(self.end)) - snowflake(milliseconds(self.start))
        if not 0 <= self.total <= ids:
            raise ValueError(f"total {self.total} is negative or more than there are ids")

    def of(self, query: str) -> "Stream":
        """Return the stream of one query. Nothing is computed before it is asked for."""
        return Stream(self, query)

    def count(self, query: str, start: datetime, end: datetime) -> int:
        """Count the query's tweets in [start, end), without making them."""
        return len(self.of(query).numbers(start, end))

    def between(
        self, query: str, start: datetime, end: datetime, *, newest_first: bool = True
    ) -> Iterator[Tweet]:
        """Yield the query's tweets in [start, end), in the order in which the API serves them."""
        stream = self.of(query)
        numbers = stream.numbers(start, end)
        return map(stream.tweet, reversed(numbers) if newest_first else numbers)


class Stream:
    """One query's tweets, numbered from 0 (the oldest) to `total - 1`."""

    def __init__(self, tweets: Tweets, query: str) -> None:
        self.total = tweets.total
        self.query = query
        self._base = snowflake(milliseconds(tweets.start))
        self._ticks = snowflake(milliseconds(tweets.end)) - self._base
        self._slot = self._ticks // self.total if self.total else 0
        self._digest = blake2b(f"{tweets.seed}\0{query}\0".encode("utf-8", "surrogatepass"))
        self._seed = tweets.seed
        terms = query.replace("(", " ").replace(")", " ").split()
        self._authors = [term[5:] for term in terms if term.startswith("from:") and term[5:]]
        languages = [term[5:] for term in terms if term.startswith("lang:")]
        self._languages = tuple(lang for lang in languages if lang in SENTENCES) or LANGUAGES
        words = [t.strip('"') for t in terms if ":" not in t and t[0] != "-" and t != "OR"]
        self._words = " ".join(word for word in words if word)

    def numbers(self, start: datetime, end: datetime) -> range:
        """Return the numbers of the tweets in [start, end)."""
        low = self.number_of(snowflake(milliseconds(start)))
        return range(low, max(low, self.number_of(snowflake(milliseconds(end)))))

    def number_of(self, tweet_id: int) -> int:
        """Return the number of the first tweet with that id or a larger one, else `total`."""
        tick = tweet_id - self._base
        if tick <= 0 or not self.total:
            return 0
        if tick >= self._ticks:
            return self.total
        number = tick * self.total // self._ticks  # the slot of that tick: its tweet or the next
        return number if self.id(number) >= tweet_id else number + 1

    def id(self, number: int) -> int:
        """Return the snowflake id of a tweet."""
        return self._place(number, self._chance(number)[0])

    def tweet(self, number: int) -> Tweet:
        """Compute the tweet with that number."""
        c = self._chance(number)
        lang = self._languages[c[1] % len(self._languages)]
        topic = c[2] % len(TOPICS)
        name, tag = TOPICS[topic]
        pairs, n = _PAIRS, len(_PAIRS)
        code = pairs[c[3] % n] + pairs[c[4] % n] + pairs[c[5] % n] + pairs[c[6] % n]
        url = f"https://t.co/{code}{pairs[c[7] % n]}"
        text, hashtags = self._text(c, lang, name, tag, url)
        reply_to = self.id(number - 1 - c[16] % 50) if c[17] % 5 == 0 and number > 50 else None
        reach = c[14] * c[14] * c[15] >> 34  # skewed, as on the real thing: most near 0
        return Tweet(  # by place: keywords would cost a third more
            number,
            self._place(number, c[0]),
            text,
            lang,
            self._author(c),
            topic,
            hashtags,
            url if url in text else "",
            reply_to,
            reach >> 3,
            reach >> 5,
            reach,
            reach >> 7,
        )

    def _chance(self, number: int) -> tuple[int, ...]:
        """[0]: 64 random bits; [1] to [28]: 16 each."""
        digest = self._digest.copy()
        digest.update(number.to_bytes(8, "big"))
        return _DIGEST.unpack(digest.digest())

    def _place(self, number: int, bits: int) -> int:
        return self._base + number * self._ticks // self.total + (bits * self._slot >> 64)

    def _text(
        self, c: tuple[int, ...], lang: str, topic: str, tag: str, url: str
    ) -> tuple[str, tuple[str, ...]]:
        """Return the text of a tweet, and its hashtags."""
        sentences = SENTENCES[lang]
        place, mention = PLACES[c[18] % len(PLACES)], NAMES[c[27] % len(NAMES)]
        first = c[19] % len(sentences)
        parts = [sentences[first].format(topic, place, c[20] % 1000, mention)]
        if c[21] & 1 and len(sentences) > 1:
            second = (first + 1 + c[22] % (len(sentences) - 1)) % len(sentences)
            parts.append(sentences[second].format(topic, place, c[23] % 1000, mention))
        if self._words:
            parts.append(self._words)
        hashtags: tuple[str, ...] = ()
        if c[21] & 6 != 6:
            hashtags = (tag,)
            parts.append("#" + tag)
        if c[21] & 8:
            parts.append(EMOJI[c[24] % len(EMOJI)])
        if c[21] & 48:
            parts.append(url)
        return " ".join(parts), hashtags

    def _author(self, c: tuple[int, ...]) -> User:
        if self._authors:
            username = self._authors[c[25] % len(self._authors)]
        else:
            number = (c[25] * c[26] >> 16) * _USERS >> 16  # skewed: few write much
            username = f"{NAMES[number % len(NAMES)]}_{number:04d}"
        return make_user(self._seed, username)


@lru_cache(maxsize=2 * _USERS)
def make_user(seed: int, username: str) -> User:
    """Return the user of that name, the same in every query's stream."""
    digest = blake2b(f"user\0{seed}\0{username}".encode("utf-8", "surrogatepass")).digest()
    c = _DIGEST.unpack(digest)
    reach = c[1] * c[2] >> 12
    return User(
        id=c[0] >> 32,
        username=username,
        name=username.rstrip("0123456789_").capitalize() + " " + EMOJI[c[3] % len(EMOJI)],
        created_ms=1_200_000_000_000 + c[4] * 5_000_000,
        location=PLACES[c[5] % len(PLACES)],
        followers=reach,
        following=c[6] >> 5,
        tweets=c[7],
        verified=c[8] % 50 == 0,
    )
