"""States the messages between the workers of a run and who drives it: one protocol for all engines.

A worker asks for moments to send at and for tokens, tells what happened, and hears of waits that
bind everybody and of the wish to end.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import field
from datetime import timedelta
from typing import Any, Protocol

from harvester.auth import Lent
from harvester.engine.events import Event
from harvester.errors import CredentialsRefused
from harvester.http import Wait
from harvester.values import dataclass

#: How far ahead a request's moment is promised: a server's wish to wait binds all others at once.
HORIZON_S = 1.0
#: Added to each period of a budget: requests of several processes arrive less evenly than they are
#: let go. With none, 31 of 240 were refused.
MARGIN_S = 0.05
#: Of the margin, what a thread may come late for its moment; the rest is the way to the server.
KEPT_S = 0.02


@dataclass(frozen=True, slots=True)
class Told:
    """An event of a worker's thread, and how long ago it was when it was sent."""

    thread: int
    age_s: float
    event: Event


@dataclass(frozen=True, slots=True)
class Left:
    """Requests of a resource that left unasked; how long ago the first and the last one did."""

    requests: int
    first_s: float
    last_s: float


@dataclass(frozen=True, slots=True)
class Batch:
    """What happened in a worker since it told last: events, requests and retries by resource, those
    that left unasked and those that were answered well, what it found of the server's clock, and
    what `-v` shows.
    """

    told: tuple[Told, ...] = ()
    requests: Mapping[str, int] = field(default_factory=dict)
    retries: Mapping[str, int] = field(default_factory=dict)
    left: Mapping[str, Left] = field(default_factory=dict)
    answered: Mapping[str, int] = field(default_factory=dict)
    ahead: timedelta | None = None
    exchanges: tuple[str, ...] = ()


class Line(Protocol):
    """A worker's way to who drives the run. Every method may be called by any thread."""

    def take(self, scope: str, late_s: float, missed: int) -> Wait:
        """A moment for the next request of a resource that has budgets, which may be `late_s`
        late for it; `missed` is the ticket of the moment that it was too late for, or 0.
        """

    def hold(self, scope: str, wait: Wait) -> None:
        """Let no request of a resource leave, of any worker, before the wait is over."""

    def slow_down(self, scope: str, age_s: float, wait_s: float) -> tuple[bool, float | None]:
        """A request that left so long ago met a wish for fewer; whether the pace changes, and the
        pace.
        """

    def lend(self, refused: int, refusal: CredentialsRefused | None) -> Lent:
        """The token in use, or another one."""

    def accepted(self, number: int) -> None:
        """The API took the token of this number."""

    def tell(self, batch: Batch) -> None:
        """What happened. Returns once it is on its way."""


class Questions(ABC):
    """The questions of a `Line`, for one that sends each to whoever answers it by its name."""

    @abstractmethod
    def _ask(self, what: str, *given: Any) -> Any:
        """What the method of that name gives there; raises what it raises."""

    def take(self, scope: str, late_s: float, missed: int) -> Wait:
        """See `Line`."""
        found: Wait = self._ask("take", scope, late_s, missed)
        return found

    def slow_down(self, scope: str, age_s: float, wait_s: float) -> tuple[bool, float | None]:
        """See `Line`."""
        found: tuple[bool, float | None] = self._ask("slow_down", scope, age_s, wait_s)
        return found

    def lend(self, refused: int, refusal: CredentialsRefused | None) -> Lent:
        """See `Line`."""
        found: Lent = self._ask("lend", refused, refusal)
        return found

    def accepted(self, number: int) -> None:
        """See `Line`."""
        self._ask("accepted", number)
