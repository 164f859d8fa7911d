"""Prefetches the pages of one partition whose cursors are known beforehand.

Where the cursor of the next page can be told from that of this one (numbers and offsets), up to
`concurrency.pages` are asked for at once. They are taken in order, and each only if the page
before it does lead there; on another way, or at the end, the others are dropped. So at most the
window less one is asked for in vain beyond the end, and none ahead beyond what the server's total
or `maximum_page` says, unless more has come than that. The first page of a chain is fetched alone:
it may be the only one.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future, wait
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from harvester.engine.page_result import PageResult
from harvester.store import Checkpoint

#: Fetches the page after a checkpoint, or gives the line that stands in its place; gives up once
#: the event is set.
Fetch = Callable[[Checkpoint, threading.Event], PageResult]
#: The cursor that a full page asked for with this one leads to; None where there is no telling.
Foresee = Callable[[Any, Checkpoint], Any]


class Window:
    """The pages of one partition that are asked for ahead. Leaving the `with` block drops them."""

    def __init__(self, size: int, fetch: Fetch, foresee: Foresee, executor: Executor) -> None:
        self._size = size
        self._fetch = fetch
        self._foresee = foresee
        self._executor = executor
        self._ahead: deque[tuple[Checkpoint, Future[PageResult]]] = deque()
        self._dropped = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._drop()

    def page(self, at: Checkpoint, most: int | None = None) -> PageResult:
        """The page after `at`, asking for others behind it, up to `most` in all.

        Raises what fetching this one raised.
        """
        if self._ahead and _place(self._ahead[0][0]) != _place(at):
            self._drop()
            self._size = 1  # the server's pages are not of the size that was declared
        if self._size == 1 or not at.live_pages:
            return self._fetch(at, self._dropped)
        if not self._ahead:
            self._ask(at)
        while len(self._ahead) < min(self._size, most or self._size):
            last = self._ahead[-1][0]
            cursor = self._foresee(last.next, last)
            if cursor is None:
                break
            self._ask(replace(last, seq=last.seq + 1, pages=last.pages + 1, next=cursor))
        return self._ahead.popleft()[1].result()

    def give_up(self) -> None:
        """Let what is asked for now end in `Interrupted`: nobody will want it."""
        self._dropped.set()

    def _ask(self, at: Checkpoint) -> None:
        self._ahead.append((at, self._executor.submit(self._fetch, at, self._dropped)))

    def _drop(self) -> None:
        """End what was asked for, if anything, and leave nothing of it."""
        if not self._ahead:
            return
        self._dropped.set()
        begun = [future for _, future in self._ahead if not future.cancel()]
        wait(begun)
        for future in begun:
            if future.exception() is None:
                future.result().discard()
        self._ahead.clear()
        self._dropped = threading.Event()


def _place(at: Checkpoint) -> tuple[int, Any]:
    return at.seq, at.next
