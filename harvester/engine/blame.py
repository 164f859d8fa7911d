"""Says where a failure happened (partition, page, cursor, URL), and what is kept."""

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from harvester.engine.turns import iso, short
from harvester.errors import (
    AttemptFailed,
    DataRefused,
    DiskError,
    HarvesterError,
    PartitionFailed,
    RunStopped,
)
from harvester.model import Partition, as_text
from harvester.security import Secrets
from harvester.store import Checkpoint

CURSOR_CHARS: Final = 80
_URL_CHARS: Final = 300


class Blame:
    """The failures of one partition, put into words."""

    def __init__(
        self,
        partition: Partition,
        secrets: Secrets,
        now: Callable[[], datetime],
        look: Callable[[], None],
    ) -> None:
        """`look` raises `FolderLost` where the folder is no longer that of the run."""
        self._partition = partition
        self._secrets = secrets
        self._now = now
        self._look = look

    @contextlib.contextmanager
    def of_page(self, cursor: Any, at: Checkpoint) -> Iterator[None]:
        """Say of a failure that it happened at the page of `cursor`, which follows `at`."""
        try:
            yield
        except AttemptFailed as error:
            message = self._described(error, cursor, at)
            raise PartitionFailed(message, cursor=self._shown(cursor)) from error
        except RunStopped as error:
            if isinstance(error, DiskError):  # whose folder was taken away, say
                self._look()
            raise type(error)(self._described(error, cursor, at)) from error

    def _described(self, error: HarvesterError, cursor: Any, at: Checkpoint) -> str:
        shown = as_text(self._shown(cursor))
        where = f"page {at.live_pages + 1}" + (
            f" (cursor {short(shown, CURSOR_CHARS)})" if cursor is not None else ""
        )
        hint = getattr(error, "hint_s", None)
        until = f"; the server asks to wait {_until(self._now(), hint)}" if hint else ""
        asked = error.asked or getattr(error.__cause__, "asked", "")
        asked = f"; asked: {short(asked, _URL_CHARS)}" if asked else ""
        kept = f"{at.live_pages:,} pages before it are kept"
        if at.live_pages < 2:
            kept = "1 page before it is kept" if at.live_pages else "no page was kept before it"
        message = self._secrets.redact(str(error))
        return f"{self._partition.title}, {where}: {message}{until}{asked}; {kept}"

    def _shown(self, cursor: Any) -> Any:
        """A concealed cursor for people."""
        with contextlib.suppress(DataRefused):  # else the name of a secret stands in for it
            cursor = self._secrets.reveal(cursor)
        return self._secrets.redact_tree(cursor)


def _until(now: datetime, seconds: float) -> str:
    try:
        return f"until {iso(now + timedelta(seconds=seconds))}"
    except OverflowError:
        return f"{seconds:g} s"
