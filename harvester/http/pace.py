"""Pace that a server bears, found from its answers: additive up, multiplicative down.

Nobody is slowed down before a server asks for it. Once it does (429, or a wait in an answer that is
no page), requests leave at most at 85 % of what it bore: of the pace at which it refused, or, if
that is far more than what it let through, of that. From there the pace grows by a little with each
answer that is well, so that it comes back to where it was after a hundred requests, at least ten
seconds, and faster the longer nothing is refused. A pace that holds nobody back is forgotten.

A slow-down *must* count once, however many requests were under way when it came. Where a server
refuses whatever the pace (one answer in ten, by chance), going slower helps nobody: after three
slow-downs in a row below what it bore just before, the pace is given up for a while, each time for
longer. The declared budgets stay above it: this only ever delays.
"""

from collections import deque
from typing import Final

_DOWN: Final = 0.85
_MOST_AT_ONCE: Final = 0.25  # no slow-down takes more than three quarters away
_STRETCH: Final = 100  # requests in which the pace grows back,
_STRETCH_S: Final = 10.0  # and the least time for that
_SLACK_S: Final = 0.1  # what a late thread may catch up with
_LEAST: Final = 1 / 60  # requests a second; a server that bears fewer names its waits
_DEPARTURES: Final = 32  # that the pace of now is told by
_USELESS: Final = 3
_AS_BORNE: Final = 0.9
_PATIENCE: Final = 200  # requests without a pace, after it was of no use
_MOST_PATIENCE: Final = 1 << 20


class Pace:
    """The pace of one resource; times are seconds of one clock. Called under the budgets' lock."""

    def __init__(self) -> None:
        self.per_s: float | None = None
        self._next = 0.0  # when the next request may leave
        self._departures: deque[float] = deque(maxlen=_DEPARTURES)
        self._slowed_at = float("-inf")
        self._since: float | None = None  # of what is counted since the last slow-down,
        self._accepted = 0
        self._reference = 0.0  # the pace that was refused last,
        self._step = 0.0  # what each answer adds,
        self._stretch = self._in_stretch = 0
        self._binds = False  # whether anybody was held back in this stretch
        self._borne: deque[float] = deque(maxlen=2)
        self._useless = 0
        self._patience = _PATIENCE
        self._ignored = 0  # answers to come before a pace is tried again

    def wait_s(self, now: float) -> float:
        """How long to wait until a request may leave."""
        if self.per_s is None or self._next <= now:
            return 0.0
        self._binds = True
        return self._next - now

    def leave(self, now: float) -> None:
        """A request leaves."""
        if self._since is None:
            self._since = now
        self._departures.append(now)
        if self.per_s is not None:
            self._next = max(self._next, now - _SLACK_S) + 1 / self.per_s

    def accept(self) -> bool:
        """An answer was well; whether the pace is forgotten by that."""
        self._accepted += 1
        self._ignored = max(0, self._ignored - 1)
        if self.per_s is None:
            return False
        self.per_s += self._step
        self._in_stretch += 1
        if self._in_stretch < self._stretch:
            return False
        self._in_stretch = 0
        self._step *= 2
        if self._binds:
            self._binds = False
            return False
        self.per_s = None
        return True

    def slow_down(self, now: float, left_at: float, wait_s: float) -> bool:
        """A request that left at `left_at` was refused, until `wait_s` from now; whether there is
        another pace.
        """
        if left_at <= self._slowed_at or self._since is None:
            return False
        self._slowed_at = now
        if not self._accepted:  # not even one: waiting is all that helps
            return False
        sent = self._sent_per_s()
        borne = self._accepted / max(now + wait_s - self._since, 1e-3)
        self._since, self._accepted = now + wait_s, 0
        self._departures.clear()
        if self._ignored:
            return False
        before = self.per_s
        rate = min(sent or borne, before or float("inf"))
        if self._is_useless(before, borne):
            self._give_up()
        else:
            lowered = min(_DOWN * rate, max(_DOWN * borne, _MOST_AT_ONCE * rate))
            self._begin(max(_LEAST, lowered), rate, now)
        return self.per_s != before

    def _sent_per_s(self) -> float | None:
        if len(self._departures) < 2 or self._departures[-1] <= self._departures[0]:
            return None
        return (len(self._departures) - 1) / (self._departures[-1] - self._departures[0])

    def _is_useless(self, pace: float | None, borne: float) -> bool:
        """Whether slow-downs come again and again at a pace below what was borne."""
        below = pace is not None and pace < _AS_BORNE * max(self._borne, default=0.0)
        self._useless = self._useless + 1 if below else 0
        self._borne.append(borne)
        return self._useless >= _USELESS

    def _give_up(self) -> None:
        self.per_s = None
        self._ignored = self._patience
        self._patience = min(2 * self._patience, _MOST_PATIENCE)
        self._useless = 0
        self._borne.clear()

    def _begin(self, per_s: float, refused: float, now: float) -> None:
        self.per_s = per_s
        self._reference = max(refused, per_s)
        self._stretch = max(_STRETCH, round(_STRETCH_S * self._reference))
        self._step = (1 - _DOWN) * self._reference / self._stretch
        self._in_stretch = 0
        self._binds = True
        self._next = now + 1 / per_s
