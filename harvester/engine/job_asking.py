"""Keeps in the journal that a job is asked for, before it is: line `job_asked`.

A run that ends between the request and the line that says which job was made leaves a job at the
API that nobody knows of; the next run finds the line without an answer, and says so. Where an
answer says that none was made, a line `job_not_made` takes the suspicion away.
"""

from typing import Any, Final

from harvester.engine.page_result import PageResult
from harvester.engine.turns import Turns
from harvester.errors import AttemptFailed, RunStopped, Unreached
from harvester.store import JOB_ASKED, JOB_MADE, JOB_NOT_MADE, Checkpoint, Entry

Failed = AttemptFailed | RunStopped
#: What something between us and the API answers, while the API may be at work.
_OF_GATEWAYS: Final = (502, 504)


class JobAsking:
    """What the journal says of the job that is asked for, until it says which was made."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._open: Entry | None = None  # a line without a word of what came of it
        self._failed: Failed | None = None  # why none was made, still to be raised

    def remember(self, entry: Entry) -> None:
        """Take in a line of the journal."""
        if entry.reason == JOB_ASKED:
            self._open = entry
        elif entry.reason in (JOB_MADE, JOB_NOT_MADE) or entry.done:
            self._open = None

    def left_open(self) -> str | None:
        """What a person should know of a run that ended in between; said once."""
        if self._open is None:
            return None
        since, self._open = self._open.fetched_at, None
        return (
            f"a run ended after it had asked for a job ({since}) and before it knew which: one may "
            "be running at the API that nobody uses; another is made"
        )

    def line(self, at: Checkpoint, cursor: Any) -> PageResult | None:
        """The line that must be written before a job is asked for; None once it is.

        Raises what the answer was that made none, once the journal says as much.
        """
        if self._failed is not None:
            error, self._failed = self._failed, None
            raise error
        if self._open is None:
            return self._turns.line(at, JOB_ASKED, cursor=cursor, following=cursor)
        return None

    def not_made(self, at: Checkpoint, cursor: Any, error: Failed) -> PageResult | None:
        """The line that says that none was made; None where the error leaves it open."""
        if not _says_that_none_was_made(error):
            return None
        self._failed = error
        status = getattr(error, "status", None) or 0
        return self._turns.line(at, JOB_NOT_MADE, cursor=cursor, following=cursor, status=status)


def _says_that_none_was_made(error: Failed) -> bool:
    """Whether there was an answer, or no way to the API, by which no job was made."""
    if isinstance(error, AttemptFailed):
        return isinstance(error, Unreached) or error.status not in (None, *_OF_GATEWAYS)
    return type(error) is RunStopped  # by a rule; its kinds are about the disk
