"""What the bench's server sends: search results of the emulator, gzipped before anybody asks.

A search result of 100 posts with their authors is 78 KB of JSON, a sixth of that as gzip (zlib's
level 6, as servers do it). `RESULTS` of them differ; longer chains of pages go through them in
turn. A large page is all their posts in one array, again and again: deflate sees no further back
than 32 KB, so what comes again after megabytes is compressed, inflated and parsed like new.

No body is put together from more than memory views at the time of asking: the deflated posts are
ready, in pieces that end on a byte (Z_FULL_FLUSH), and any pieces put together are one deflate
stream. So a page of 4 GB is served from a few megabytes, as one gzip member with a right CRC.
"""

import json
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Final

from harvester.emulator.shapes import TWEET_FIELDS, v2_tweets, v2_users
from harvester.emulator.tweets import Tweets

RESULTS: Final = 64
_SHAPES: Final = 300
_LEVELS: Final = 80
POSTS: Final = 100
"""Posts of one search result."""
_FIELDS: Final = TWEET_FIELDS - {"context_annotations"}
_USER_FIELDS: Final = ("created_at",)
_GZIP_HEAD: Final = b"\x1f\x8b\x08\0\0\0\0\0\0\x03"
_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of JSON, and the same deflated, to be put behind any others."""

    plain: bytes
    deflated: bytes

    @classmethod
    def of(cls, plain: bytes, *, last: bool = False) -> "Piece":
        """Deflate; the `last` one of a stream ends it."""
        deflater = zlib.compressobj(6, wbits=-15)
        deflated = deflater.compress(plain)
        return cls(plain, deflated + deflater.flush(zlib.Z_FINISH if last else zlib.Z_FULL_FLUSH))


@dataclass(frozen=True, slots=True)
class Body:
    """An answer's body as `(piece, how often)`; `gzip`: as it is sent, else identity."""

    pieces: tuple[tuple[bytes, int], ...]
    gzip: bool

    @property
    def size(self) -> int:
        """Bytes on the wire."""
        return sum(len(piece) * times for piece, times in self.pieces)

    def __iter__(self) -> Iterator[bytes]:
        for piece, times in self.pieces:
            for _ in range(times):
                yield piece


@dataclass(frozen=True, slots=True)
class Large:
    """A page of `repeats` times the posts of so many `results`."""

    repeats: int
    results: int = RESULTS

    @classmethod
    def near(cls, size: int) -> "Large":
        """The page whose size is nearest to `size` bytes of JSON."""
        all_of_them = len(_posts(RESULTS).plain)
        if size < all_of_them:
            return cls(1, max(1, round(size / all_of_them * RESULTS)))
        repeats = math.ceil(size / all_of_them)
        return cls(repeats, round(size / repeats / all_of_them * RESULTS))

    @property
    def records(self) -> int:
        """The posts in it, one of them in front of the repeated ones."""
        return 1 + self.repeats * self.results * POSTS

    def body(self, *, gzip: bool) -> Body:
        """The page; it has no next token."""
        one = _to_json(_found(0)["data"][0]).encode()
        head = Piece.of(b'{"data":[' + one)
        tail = Piece.of(b'],"meta":{"result_count":%d}}' % self.records, last=True)
        return _assembled(((head, 1), (_posts(self.results), self.repeats), (tail, 1)), gzip=gzip)

    @property
    def size(self) -> int:
        """Bytes of JSON."""
        return self.body(gzip=False).size


@dataclass(frozen=True, slots=True)
class Shaped:
    """A page of `repeats` times some records of another kind: see `_shape`."""

    kind: str
    repeats: int

    @classmethod
    def near(cls, kind: str, size: int) -> "Shaped":
        """The page whose size is nearest to `size` bytes of JSON."""
        return cls(kind, max(1, round(size / len(_shapes(kind).plain))))

    @property
    def records(self) -> int:
        """The records in it, one of them in front of the repeated ones."""
        return 1 + self.repeats * _SHAPES

    def body(self, *, gzip: bool) -> Body:
        """The page; nothing follows it."""
        selector = b"features" if self.kind == "geojson" else b"data"
        head = Piece.of(b'{"type":"page","%b":[' % selector + _shape(self.kind, 0))
        pieces = ((head, 1), (_shapes(self.kind), self.repeats), (Piece.of(b"]}", last=True), 1))
        return _assembled(pieces, gzip=gzip)


@cache
def _shapes(kind: str) -> Piece:
    return Piece.of(b"".join(b"," + _shape(kind, number) for number in range(_SHAPES)))


def _shape(kind: str, number: int) -> bytes:
    """A record that is 80 levels deep; a feature of GeoJSON; an issue of a tracker, as it comes, or
    pretty-printed; one of 40 or 100 bytes, or of 100 KB; one of escapes, of numbers, or of text in
    other scripts.
    """
    if kind == "deep":
        tree: object = {"name": f"leaf {number}"}
        for level in range(_LEVELS // 2):
            tree = {"child": [tree], "level": level}
        return _to_json({"id": number, "tree": tree}).encode()
    if kind == "small":
        text = "x" * (17 + number % 5)
        return _to_json({"id": 10**9 + number, "at": _moment(number), "text": text}).encode()
    if kind == "tiny":
        return _to_json({"id": 10**9 + number, "n": number % 900}).encode()
    if kind == "numbers":
        return _to_json({"id": number, "of": [number / 7, number * 3, -number, 1e-9]}).encode()
    if kind == "escapes":
        text = f'"{number}"\\n\\t\n' * 20
        return json.dumps(
            {"id": number, "at": _moment(number), "text": text + "\u00e9" * 20}
        ).encode()
    if kind == "scripts":
        text = f"\u65e5\u672c\u8a9e {number} \u0627\u0644\u0639\u0631\u0628 \U0001f680 " * 20
        return _to_json({"id": number, "at": _moment(number), "text": text}).encode()
    if kind == "issues":
        return _to_json(_issue(number, 400)).encode()
    if kind == "pretty":
        return json.dumps(_issue(number, 400), indent=2).encode()
    if kind == "huge":
        return _to_json(_issue(number, 100_000)).encode()
    ring = [[number + at / 7, at / 3] for at in range(40)]
    geometry = {"type": "Polygon", "coordinates": [ring]}
    properties = {"name": f"place {number}", "area": number / 9}
    feature = {"type": "Feature", "properties": properties, "geometry": geometry}
    return _to_json({"id": number, **feature}).encode()


def _issue(number: int, body: int) -> dict[str, object]:
    user = None if number % 5 == 0 else {"id": number % 31, "login": f"user-{number % 31}"}
    labels = [{"id": number % 7, "name": "bug"}, {"id": number % 11, "name": "good first issue"}]
    words = f'Issue {number} says "no" to {number % 17} of these.\n'
    return {
        "id": 10**15 + number, "user": user, "labels": labels, "assignees": [],
        "title": f"Something of {number} does not work", "updated_at": _moment(number),
        "seen": 1_609_459_200 + number, "seen_ms": (1_609_459_200 + number) * (1, 1000)[number % 2],
        "sort": [1_609_459_200 + number, f"id-{number}"],
        "body": (words * (body // len(words) + 1))[:body],
    }  # fmt: skip


def _moment(number: int) -> str:
    zone = ("Z", "+02:00", "-07:00", ".250Z")[number % 4]
    return f"2021-01-{1 + number % 28:02d}T{number % 24:02d}:00:{number % 60:02d}{zone}"


def token(number: int) -> str:
    """The token that leads to page `number` of a chain; as long as Twitter's."""
    return f"b26v89c19zqg8o3fpdg7rvcq{number:08d}"


def number_of(text: str) -> int:
    """The page that a token leads to; 0 for the first one, which has none."""
    return int(text[-8:] or 0)


@cache
def search_page(number: int, of: int) -> Body:
    """Page `number`, counted from 0, of a chain of `of` pages."""
    meta = {"result_count": POSTS}
    if number + 1 < of:
        meta["next_token"] = token(number + 1)  # type: ignore[assignment]
    tail = Piece.of(b',"meta":' + _to_json(meta).encode() + b"}", last=True)
    return _assembled(((_result(number % RESULTS), 1), (tail, 1)), gzip=True)


@cache
def record_lines(result: int) -> bytes:
    """The posts of a search result as JSON Lines."""
    return b"".join(_to_json(post).encode() + b"\n" for post in _found(result)["data"])


@cache
def empty_page() -> Body:
    """What comes behind the last numbered page."""
    return _assembled(((Piece.of(b'{"data":[]}', last=True), 1),), gzip=True)


def _assembled(pieces: tuple[tuple[Piece, int], ...], *, gzip: bool) -> Body:
    if not gzip:
        return Body(tuple((piece.plain, times) for piece, times in pieces), gzip=False)
    crc = size = 0
    for piece, times in pieces:
        for _ in range(times):
            crc = zlib.crc32(piece.plain, crc)
        size += times * len(piece.plain)
    end = crc.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")
    deflated = tuple((piece.deflated, times) for piece, times in pieces)
    return Body(((_GZIP_HEAD, 1), *deflated, (end, 1)), gzip=True)


@cache
def _found(result: int) -> dict[str, list[dict[str, object]]]:
    start, end = datetime(2021, 1, 1, tzinfo=UTC), datetime(2022, 1, 1, tzinfo=UTC)
    stream = Tweets(RESULTS * POSTS, 1, start, end).of("space")
    tweets = [stream.tweet(result * POSTS + place) for place in range(POSTS)]
    users = v2_users((tweet.user for tweet in tweets), _USER_FIELDS)
    return {"data": v2_tweets(tweets, _FIELDS), "includes": {"users": users}}  # type: ignore[dict-item]


@cache
def _result(result: int) -> Piece:
    """A search result without its meta and its last brace."""
    return Piece.of(_to_json(_found(result)).encode()[:-1])


@cache
def _posts(results: int) -> Piece:
    """The posts of so many results, each behind a comma."""
    posts = (_to_json(post) for result in range(results) for post in _found(result)["data"])
    return Piece.of(("," + ",".join(posts)).encode())
