"""Retries one whole page, body included, with waits that grow or that the server names (tenacity).

The wait before the next try is min(cap, max(server's hint, jittered backoff)), and working it out
cannot raise: an exception in a wait function would replace the real error. A server that asks for
more than what is left of the deadline ends the partition, resumably, instead of being cut short.
"""

import random
import time
from collections.abc import Callable
from dataclasses import field
from typing import TYPE_CHECKING, Final, TypeVar

from harvester.config import Retry
from harvester.errors import AttemptFailed, PageRejected
from harvester.values import dataclass

if TYPE_CHECKING:
    from tenacity import RetryCallState

Result = TypeVar("Result")

_FIRST_WAIT_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """How to retry. `sleep(attempt, seconds, error)` waits; `clock` is monotonic seconds."""

    policy: Retry
    sleep: Callable[[int, float, AttemptFailed], None]
    clock: Callable[[], float] = time.monotonic
    rng: random.Random = field(default_factory=random.Random)

    def call(self, attempt: Callable[[int], Result]) -> Result:
        """`attempt(n)`, n from 1, until it returns, or gives up: then its last error is raised.

        Only `PageRejected` is tried again. Whoever calls this vouches that the request may be
        repeated.
        """
        began = self.clock()
        try:
            return attempt(1)  # nearly always: what there is to set up for the others is not
        except PageRejected as error:
            first = error
        return self._again(attempt, first, began)

    def _again(self, attempt: Callable[[int], Result], first: PageRejected, began: float) -> Result:
        """The tries behind the first, which came to nothing in `first`."""
        import tenacity  # asyncio with it: 20 ms, where a try fails

        def wait(state: "RetryCallState") -> float:
            return self._wait_s(state.attempt_number, _error(state))

        def stop(state: "RetryCallState") -> bool:
            error = _error(state)
            longest = max(state.upcoming_sleep, getattr(error, "hint_s", None) or 0.0)
            patience_s = getattr(error, "patience_s", None)
            return (
                state.attempt_number >= self.policy.attempts
                or (patience_s is not None and state.upcoming_sleep > patience_s)
                or self.clock() - began + longest > self.policy.deadline
            )

        def pause(state: "RetryCallState") -> None:
            error = _error(state)
            assert isinstance(error, AttemptFailed)  # noqa: S101  # narrows for the type checker
            self.sleep(state.attempt_number, state.upcoming_sleep, error)

        for tried in tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(PageRejected),
            wait=wait,
            stop=stop,
            before_sleep=pause,
            sleep=lambda seconds: None,  # `pause` has waited: it knows the reason to show
            reraise=True,
        ):
            with tried:
                number = tried.retry_state.attempt_number
                if number == 1:
                    raise first
                result = attempt(number)
        return result

    def _wait_s(self, tries: int, error: BaseException | None) -> float:
        """How long to wait after so many tries, of which the last one ended in `error`."""
        longest: float = min(_FIRST_WAIT_S * 2 ** min(tries - 1, 30), self.policy.max_wait)
        # Full jitter above a half: workers that failed together do not come back together.
        backoff = longest * self.rng.uniform(0.5, 1.0)
        hint = getattr(error, "hint_s", None) or 0.0
        wait_s: float = min(self.policy.max_wait, max(hint, backoff))
        return wait_s


def _error(state: "RetryCallState") -> BaseException | None:
    return state.outcome.exception() if state.outcome else None
