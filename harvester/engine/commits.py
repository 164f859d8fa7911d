"""Commits, in order: at once, or behind the fetches of the pages after them.

At once is what `concurrency.pages: 1` says: a page is asked for when the one before is part of the
harvest, and a kill costs one page at most. With more, the next page is asked for as soon as its
cursor is known, and pages become durable behind it: whatever has come by the time that the disk is
free goes there as one group, the parts side by side, with one fsync of the folder and one of the
journal for all of its lines. Forcing one page after the other to the disk took 2.2 to 5.5 ms each,
groups of eight 0.6 to 0.9 (ext4, measured).

The write order of a page, in `parts` and `journal`, is the same either way: the lines of a group
are written when all of its parts are durable under their names.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, wait
from dataclasses import replace
from threading import Condition
from types import TracebackType
from typing import Self

from harvester.engine.page_result import PageResult
from harvester.store import Checkpoint, Entry, Writer


class Commits:
    """The commits of one partition. Leaving the `with` block waits for the last.

    `committed` is called with each entry that has become part of the harvest, and what it led to.
    Where `under_way` is above 1, so many pages may be fetched and not yet committed, the one that
    is being fetched included; `executor` then does the work, in no more threads than that. `look`
    raises where the folder is no longer the run's: nothing may be named or written there then.
    """

    def __init__(
        self,
        writer: Writer,
        under_way: int,
        executor: Executor,
        committed: Callable[[Entry, Checkpoint], None],
        look: Callable[[], None] = lambda: None,
    ) -> None:
        self._writer = writer
        self._most = under_way - 1
        self._executor = executor
        self._committed = committed
        self._look = look
        self._changed = Condition()
        self._waiting: list[PageResult] = []
        self._uncommitted = 0
        self._working = False
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """What a commit raised counts more than what the fetch next to it did."""
        self._until(0)

    def add(self, page: PageResult) -> None:
        """Commit a page, behind those before it; raises what committing any of them raised."""
        if self._most == 0:
            self._commit([page])
            return
        try:
            self._until(self._most - 1)
            with self._changed:
                if not self._working:
                    self._executor.submit(self._work_off)
                    self._working = True
                self._waiting.append(page)
                self._uncommitted += 1
        except BaseException:
            page.discard()
            raise
        if page.entry.done:
            self._until(0)

    def settle(self) -> None:
        """Wait until every page is committed; raises what committing any of them raised."""
        self._until(0)

    def _until(self, uncommitted: int) -> None:
        """Wait until there are no more pages than that to commit; raises what committing raised."""
        with self._changed:
            self._changed.wait_for(lambda: self._uncommitted <= uncommitted)
            if self._error is not None:
                raise self._error

    def _work_off(self) -> None:
        """Commit what waits, in groups, until nothing does."""
        while group := self._next_group():
            try:
                self._commit(group)
            except BaseException as error:  # for whoever adds the next page, or waits for the last
                self._error = error
            with self._changed:
                self._uncommitted -= len(group)
                self._changed.notify_all()

    def _next_group(self) -> list[PageResult]:
        with self._changed:
            group, self._waiting = self._waiting, []
            self._working = bool(group)
        return group

    def _commit(self, group: Sequence[PageResult]) -> None:
        first, *others = group
        synced: list[Future[None]] = []
        at = replace(self._writer.checkpoint)
        try:
            if self._error is not None:  # behind a page that is not committed, none may be
                raise self._error
            synced.extend(self._executor.submit(page.sync) for page in others)
            first.sync()
            for future in synced:
                future.result()
            self._look()
            self._writer.commit([(page.entry, page.part) for page in group], most=self._most)
        except BaseException:
            wait(synced)
            for page in group:
                page.discard()
            raise
        for page in group:
            at = at.after(page.entry)
            self._committed(page.entry, at)
