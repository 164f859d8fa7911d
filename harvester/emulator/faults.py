"""Injects faults: what the emulator does to its clients on purpose, and when.

Each request that got past the rate limit has a number, and (seed, number) decides its fate: equal
seeds and equal orders of requests meet equal faults. A page that was hit `in_a_row` times
running is let through, so that a harvest which tries again always finishes.

Two things look like faults and are the API's documented ways: pages with a few tweets less than
asked for, and pages with none and a token all the same. They hang on the place in the result,
not on the request: asking again gives the same page.
"""

from dataclasses import dataclass, fields
from enum import StrEnum
from hashlib import blake2b
from struct import Struct

_CHANCES = Struct(">QQQ")


class Fault(StrEnum):
    """The kinds of fault that spoil an attempt; the values are keys of `Emulator.counts`."""

    UNAVAILABLE = "503"
    TOO_MANY = "429_fault"
    RESET = "reset"
    CUT_LENGTH = "cut_length"
    CUT_CHUNKED = "cut_chunked"
    CUT_GZIP = "cut_gzip"


@dataclass(frozen=True, slots=True)
class Faults:
    """How likely each fault is, from 0 to 1; at most one spoils a request.

    `unavailable`: a 503, three times as likely above 100 results. `too_many`: a 429 with requests
    remaining, out of the blue. `reset`: the connection is reset before a byte of the answer.
    `cut_length`, `cut_chunked`: the connection ends within the body, whose framing says so.
    `cut_gzip`: the framing is whole, the gzip stream in it is not (where the client takes no gzip:
    `cut_length`). `slow`: the page stops halfway for `slow_s` seconds, then goes on.
    `latency_s`: seconds before every answer. `short`, `empty`: see the module.
    """

    unavailable: float = 0.0
    too_many: float = 0.0
    reset: float = 0.0
    cut_length: float = 0.0
    cut_chunked: float = 0.0
    cut_gzip: float = 0.0
    slow: float = 0.0
    short: float = 0.0
    empty: float = 0.0
    slow_s: float = 1.0
    latency_s: float = 0.0
    in_a_row: int = 3

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value < 0 or (value > 1 and not field.name.endswith(("_s", "in_a_row"))):
                raise ValueError(f"{field.name} is {value}: not from 0 to 1")
        if sum(chance for _, chance in self.chances(results=500)) > 1 + 1e-9:
            raise ValueError("the chances of the faults (503 counts three times) exceed 1")

    def chances(self, results: int) -> tuple[tuple[Fault, float], ...]:
        """Return each fault with its chance for a page of that many results."""
        return (
            (Fault.UNAVAILABLE, self.unavailable * (3 if results > 100 else 1)),
            (Fault.TOO_MANY, self.too_many),
            (Fault.RESET, self.reset),
            (Fault.CUT_LENGTH, self.cut_length),
            (Fault.CUT_CHUNKED, self.cut_chunked),
            (Fault.CUT_GZIP, self.cut_gzip),
        )


SOME_FAULTS = Faults(
    unavailable=0.01,
    too_many=0.02,
    reset=0.03,
    cut_length=0.02,
    cut_chunked=0.02,
    cut_gzip=0.03,
    slow=0.03,
    short=0.2,
    empty=0.03,
    slow_s=0.5,
)
"""A bad day: of a hundred pages of 500 about fifteen fail once."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What happens to one request; `where` in [0, 1) says at which place of the body."""

    fault: Fault | None
    slow: bool
    where: float


UNHARMED = Fate(None, slow=False, where=0.0)


class Fates:
    """Deals fates in order. Not thread-safe: its owner holds a lock."""

    def __init__(self, faults: Faults, seed: int) -> None:
        self._faults = faults
        self._seed = seed
        self._number = 0
        self._rows: dict[bytes, int] = {}  # page -> faults in a row; only pages that are failing

    def deal(self, page: bytes, results: int) -> Fate:
        """Decide on the next request; `page` is the same for every try at one page."""
        self._number += 1
        digest = blake2b(f"fate\0{self._seed}\0{self._number}".encode(), digest_size=24).digest()
        dice, slow, where = ((number >> 11) / 2**53 for number in _CHANCES.unpack(digest))
        fault = self._pick(dice, results)
        row = self._rows.pop(page, 0)
        if fault and row < self._faults.in_a_row:
            if len(self._rows) >= 10_000:  # pages given up by their clients
                self._rows.clear()
            self._rows[page] = row + 1
        else:
            fault = None
        return Fate(fault, slow < self._faults.slow, where)

    def _pick(self, dice: float, results: int) -> Fault | None:
        for fault, chance in self._faults.chances(results):
            if dice < chance:
                return fault
            dice -= chance
        return None
