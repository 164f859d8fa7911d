"""Writes the lines by which the chain of a partition's cursors begins again, or goes on otherwise.

Pages that were kept before such a line stay on disk; whether they count, the line says.
"""

from typing import Any, Final

from harvester.config import Resource
from harvester.engine.attempts import Attempts, Run
from harvester.engine.events import Warned
from harvester.engine.page_result import PageResult
from harvester.engine.turns import Turns
from harvester.errors import ChainExpired, PageRefused
from harvester.model import Partition
from harvester.security import Secrets
from harvester.store import ACCEPTED, REDONE, RESTARTED, Checkpoint

MOVED_ON: Final = (
    "the run before ended in the middle, and what it asked for last may be lost (idempotent: false)"
)
KEPT_EARLY: Final = "it was asked for before its window had closed, by the server's Date"
OFFSETS_MOVED: Final = "its offsets are now told in another way than those that it was asked with"
_MOST_RESTARTS: Final = 5  # of a partition's chain, in one run
_MOST_JOBS: Final = 3  # of a partition, in one run


class Restarting:
    """The new beginnings of one partition, in one run."""

    def __init__(
        self,
        run: Run,
        partition: Partition,
        resource: Resource,
        turns: Turns,
        secrets: Secrets,
        first_cursor: Any,
    ) -> None:
        self._run = run
        self._partition = partition
        self._resource = resource
        self._has_job = resource.job is not None
        self._turns = turns
        self._secrets = secrets
        self._first_cursor = first_cursor  # no delta link: one that has expired leads nowhere
        self._count = 0

    def has_lost_its_place(self, at: Checkpoint) -> bool:
        """Whether a partition that is resumed has to begin again: where asking moves the server
        on (`idempotent: false`), an answer may have been sent that nobody has kept.
        """
        following = self._resource.next_request
        methods = (self._resource.method, following and following.method)
        moves_on = not self._resource.idempotent and "POST" in methods
        return moves_on and not at.done and at.live_pages > 0

    def restarted(
        self, at: Checkpoint, why: str, status: int | None = None, attempts: int = 0
    ) -> PageResult:
        """The line by which the chain of cursors begins again; says so."""
        why = self._secrets.redact(why)
        kept = "count until then" if at.done else "do not count"
        anew = "begins a new job" if self._has_job else "begins again from its first page"
        message = f"{anew} ({at.live_pages:,} pages {kept}): {why}"
        self._run.emit(Warned(self._partition, message))
        return self._turns.line(
            at,
            REDONE if at.done else RESTARTED,
            cursor=at.next,
            following=self._first_cursor,
            status=status or 0,
            attempts=attempts,
        )

    def expired(self, at: Checkpoint, error: ChainExpired, tries: Attempts) -> PageResult:
        """The line by which the chain begins again; raises where it has too often."""
        most = _MOST_JOBS - 1 if self._has_job else _MOST_RESTARTS
        if self._count == most:
            often = f"the partition was begun again {most} times"
            if self._has_job:
                often = f"that was the last of {_MOST_JOBS} jobs in this run"
            raise PageRefused(
                f"{error}; {often}, and never came to its end",
                status=error.status,
                hint_s=error.hint_s,
            ) from error
        self._count += 1
        if error.hint_s:
            if error.hint_s > self._run.config.client.retry.deadline:
                raise error
            tries.pause(tries.count, error.hint_s, error)
        return self.restarted(at, str(error), error.status, tries.count)

    def next_generation(self, at: Checkpoint) -> PageResult:
        """The line by which a complete partition is asked for again."""
        return self._turns.line(at, REDONE, cursor=at.next, following=self._first_cursor)

    def asks_otherwise(self, at: Checkpoint, cursor: Any, fingerprint: str) -> PageResult:
        """The line that says that another question is asked from here on; it was accepted."""
        asked = {"fingerprint": fingerprint}
        return self._turns.line(at, ACCEPTED, cursor=cursor, following=cursor, request=asked)
