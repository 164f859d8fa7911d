"""Wait before a request, and the scope that it is for: what all limits of the rate speak in."""

from typing import Final, Protocol

from harvester.values import dataclass

USED_UP: Final = "the server's rate limit is used up"
#: Why requests wait that the server did not refuse, but would.
PACED: Final = "the pace that the server bears"
_AT: Final = "\t"  # no resource's name has it


@dataclass(frozen=True, slots=True)
class Wait:
    """How long to wait from now, in seconds, and why; `asked` by the server, or a budget's.

    `promised`: the request has its place in every budget, at the end of the wait; by its `ticket`
    the place is given back.
    """

    seconds: float
    reason: str
    asked: bool = True
    promised: bool = False
    ticket: int = 0


def at_host(scope: str, host: str) -> str:
    """The scope of a resource's requests to one host."""
    return f"{scope}{_AT}{host}"


def resource_of(scope: str) -> str:
    """The resource whose requests a scope is of."""
    return scope.partition(_AT)[0]


def scope_and_host(scope: str) -> tuple[str, str]:
    """The resource of a scope, and the host that its requests go to, or nothing."""
    resource, _, host = scope.partition(_AT)
    return resource, host


def host_scope(host: str) -> str:
    """The name of a host's budgets among those that are remembered."""
    return f"{_AT}{host}"


class Limit(Protocol):
    """What says when the next request may leave."""

    def take(self, scope: str) -> Wait | None:
        """None: now. A wait is followed by asking again."""

    def sent(self) -> None:
        """The request that this thread was let go with has been written."""

    def answered(self) -> None:
        """The head of its answer has come, or there will be none."""

    def hold(self, scope: str, wait: Wait) -> None:
        """Let no request of `scope` leave before the wait is over."""

    def accept(self, scope: str) -> bool:
        """A request was answered with what it asked for; whether a pace ends by that."""

    def slow_down(self, scope: str, left_at: float, wait_s: float) -> bool:
        """A request that left at `left_at` was answered with a wish for fewer; whether another
        pace follows.
        """

    def pace(self, scope: str) -> float | None:
        """Requests a second that the server bears; None where nobody is held back."""
