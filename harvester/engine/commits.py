"""Commits the pages of one partition, in order, each with the line that the journal has of it.

A page is committed before the next is asked for: its part gets its name, and its line is written.
Making it safe from a power cut is the store's affair, behind the fetches; but where that must not
wait, or nothing comes behind it, it is done at once.

Where a commit is a trip to a store, and several pages may be on their way, the next page is asked
for meanwhile. It is committed only once the one before is: one at a time, in order, as always.
"""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from types import TracebackType
from typing import Self

from harvester.engine.page_result import PageResult
from harvester.store import Checkpoint, Entry, Writer


class Commits:
    """The commits of one partition. `on_commit` is called with each entry that has become part of
    the harvest, and what it led to. `each_at_once`: every page is safe before the next is asked
    for; else the last one, and the one that brings the partition to `stop_at` pages. `meanwhile`:
    pages that lead on are committed there, and `on_failure` is called where that fails.

    Leaving its `with` block waits for the last one, and raises what that raised.
    """

    def __init__(
        self,
        writer: Writer,
        on_commit: Callable[[Entry, Checkpoint], None],
        *,
        each_at_once: bool = False,
        meanwhile: Executor | None = None,
        on_failure: Callable[[], None] = lambda: None,
    ) -> None:
        self._writer = writer
        self._on_commit = on_commit
        self._each_at_once = each_at_once
        self._meanwhile, self._on_failure = meanwhile, on_failure
        self._coming: Future[None] | None = None
        self.stop_at: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.settle()

    def add(self, page: PageResult) -> None:
        """Commit a page, behind those before it; raises `DiskError`, `DataRefused`, `FolderLost`,
        what `on_commit` does.
        """
        self.settle(page)
        if self._meanwhile is None or page.part is None or self._is_last(page.entry):
            self._commit(page)
        else:
            self._coming = self._meanwhile.submit(self._commit_meanwhile, page)

    def settle(self, following: PageResult | None = None) -> None:
        """Wait for the page that is being committed. Where that fails, its error is raised, and
        nothing is left of the one `following`.
        """
        coming, self._coming = self._coming, None
        if coming is None:
            return
        try:
            coming.result()
        except BaseException:
            if following is not None:
                following.discard()
            raise

    def _commit_meanwhile(self, page: PageResult) -> None:
        try:
            self._commit(page)
        except BaseException:
            self._on_failure()
            raise

    def _commit(self, page: PageResult) -> None:
        try:
            self._writer.look()
            self._writer.commit(page.entry, page.part, at_once=self._is_last(page.entry))
        except BaseException:
            page.discard()
            raise
        self._on_commit(page.entry, self._writer.checkpoint.copy())

    def _is_last(self, entry: Entry) -> bool:
        pages = self._writer.checkpoint.pages + (entry.part is not None)
        at_once = self._each_at_once or entry.done or entry.is_of_job
        return at_once or pages == self.stop_at
