"""Commits, in order: at once, or each behind the fetch of the page after it.

At once is what `concurrency.pages: 1` says: a page is asked for when the one before is part of the
harvest, and a kill costs one page at most. With two or more, the next page is asked for as soon as
its cursor is known, while the one before becomes durable: a millisecond or some, most of it
waiting for the disk. The write order of a page, in `parts` and `journal`, is the same either way;
and a page *must* be committed before the commit of the next begins.
"""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from harvester.journal import Entry, Journal
from harvester.parts import Part


@dataclass(frozen=True, slots=True)
class Fetched:
    """A page that is whole and checked, and the line that the journal will have of it.

    `part` is None where the line says that there is no page.
    """

    entry: Entry
    part: Part | None

    def discard(self) -> None:
        """Leave nothing of it."""
        if self.part is not None:
            self.part.discard()


class Commits:
    """The commits of one partition. Leaving the `with` block waits for the last.

    `behind` does the work beside the next fetch; None does it at once. `told` hears of each entry
    that has become part of the harvest.
    """

    def __init__(
        self, journal: Journal, behind: Executor | None, told: Callable[[Entry], None]
    ) -> None:
        self._journal = journal
        self._behind = behind
        self._told = told
        self._pending: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """What a commit raised counts more than what the fetch beside it did."""
        self._settle()

    def add(self, fetched: Fetched) -> None:
        """Commit a page, once the one before it is; raises what either raised."""
        try:
            self._settle()
        except BaseException:
            fetched.discard()
            raise
        if self._behind is None or fetched.entry.done:
            self._commit(fetched)
        else:
            self._pending = self._behind.submit(self._commit, fetched)

    def _settle(self) -> None:
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def _commit(self, fetched: Fetched) -> None:
        if fetched.part is not None:
            with fetched.part as part:
                part.store()
        self._journal.append(fetched.entry)
        self._told(fetched.entry)
