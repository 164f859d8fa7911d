"""Pages of a result, found from the token alone: nothing is remembered of a client.

A result is a range of a stream's numbers, a place in it is how many of them were served.
`next_token` is such a place, sealed with a digest over it, the stream and the parameters that
chose the result. So an emulator that was restarted goes on where an earlier one stopped, and a
token that comes with another query is refused.

Times that a request leaves open count back from the end of the stream, not from today, so that a
request has the same answer on every day. What lies in the future is for the wall clock to say.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from math import gcd
from struct import Struct

from harvester.emulator.tweets import Stream, Tweets, milliseconds

_LAYOUT = Struct(">QQQ?")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Place:
    """`position` items of [low, high) are served; `after_empty`: the last page had none."""

    position: int
    low: int
    high: int
    after_empty: bool = False


class Archive:
    """The tweets, the clock, and the pages that are cut from them.

    `now` returns Unix seconds. `short` and `empty` are the shares of pages that hold a few
    tweets less than asked for, and none but a token all the same.
    """

    def __init__(
        self, tweets: Tweets, now: Callable[[], float], *, short: float = 0.0, empty: float = 0.0
    ) -> None:
        self.tweets = tweets
        self.now = now
        self._short = short
        self._empty = empty
        self._key = blake2b(repr(tweets).encode()).digest()

    @property
    def latest_ms(self) -> int:
        """The end that is meant where a request names none, in Unix milliseconds."""
        return min(milliseconds(self.tweets.end), int(self.now() * 1000) - 30_000)

    def page(
        self, stream: Stream, place: Place, size: int, *, shuffled: bool = False
    ) -> tuple[list[int], Place | None]:
        """Return the numbers of the tweets on a page, and the next place if there is one.

        Newest first, or in a fixed order that has nothing to do with time.
        """
        total = place.high - place.low
        left = total - place.position
        if left > 0 and not place.after_empty and self._dice(stream, place, 1) < self._empty:
            return [], Place(place.position, place.low, place.high, after_empty=True)
        if self._dice(stream, place, 2) < self._short:
            size -= 1 + place.position % (size // 8 or 1)
        end = place.position + min(size, left)
        numbers = [place.high - 1 - position for position in range(place.position, end)]
        if shuffled:
            numbers = [place.low + _shuffled(number - place.low, total) for number in numbers]
        return numbers, Place(end, place.low, place.high) if end < total else None

    def seal(self, place: Place, request: str) -> str:
        """Write a place as a token that is good for that request only."""
        payload = _LAYOUT.pack(place.position, place.low, place.high, place.after_empty)
        number = int.from_bytes(b"\1" + self._digest(payload, request) + payload, "big")
        digits = []
        while number:
            number, digit = divmod(number, 36)
            digits.append(_DIGITS[digit])
        return "".join(reversed(digits))

    def unseal(self, token: str, request: str) -> Place | None:
        """Read a token; None if it is not ours, or another request's."""
        if len(token) > 100 or not token or not set(token) <= set(_DIGITS):
            return None
        number = int(token, 36)
        raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
        payload = raw[9:]
        if len(payload) != _LAYOUT.size or raw[:9] != b"\1" + self._digest(payload, request):
            return None
        return Place(*_LAYOUT.unpack(payload))

    def _digest(self, payload: bytes, request: str) -> bytes:
        seal = blake2b(payload, key=self._key, digest_size=8)
        seal.update(request.encode("utf-8", "surrogatepass"))
        return seal.digest()

    def _dice(self, stream: Stream, place: Place, which: int) -> float:
        text = f"{which}\0{stream.query}\0{place.high - place.position}"
        dice = blake2b(text.encode("utf-8", "surrogatepass"), key=self._key, digest_size=6)
        return int.from_bytes(dice.digest(), "big") / 2**48


def _shuffled(number: int, total: int) -> int:
    """Return the number at that place of a fixed shuffle of range(total)."""
    step = total * 5 // 8 + 1
    while gcd(step, total) != 1:
        step += 1
    return number * step % total
