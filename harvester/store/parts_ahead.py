"""Fetches parts ahead of their turns, from a store where each request is a trip.

Pages are read one after another, and most are small: what is waited for is the trip. So some are
fetched while others are read. Only small ones, whole, so that memory has a bound and no stream is
left open for as long as whoever reads takes; with a large one the trip is the smallest part.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Final, TypeVar

from harvester.store.contract import Store

_AHEAD: Final = 16
_MOST_BYTES: Final = 1 << 20

Page = TypeVar("Page")
Stored = tuple[str, str, int]  # the folder, the part, its stored bytes
#: Of a page in turn: what it is and how to get its bytes; None and the error where there is none.
_InTurn = tuple[Page, Callable[[], Iterator[bytes]]] | Exception


def fetched_ahead(
    store: Store,
    pages: Iterable[Page],
    stored: Callable[[Page], Stored | None],
    ahead: int = _AHEAD,
) -> Iterator[tuple[Page, Iterator[bytes]]]:
    """Each page with the bytes of its part; `stored` says where those are, None: it has no part.
    So many pages are held at a time.

    What `pages` raises is raised behind the pages before it; what the bytes raise, by the iterator
    that should give them.
    """
    if not store.is_far:
        for page in pages:
            place = stored(page)
            yield page, store.chunks(*place) if place else iter(())
        return
    pool = ThreadPoolExecutor(ahead, thread_name_prefix="fetched")
    try:
        for found in _in_turn(store, iter(pages), stored, pool, ahead):
            if isinstance(found, Exception):
                raise found
            yield found[0], found[1]()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _in_turn(
    store: Store,
    pages: Iterator[Page],
    stored: Callable[[Page], Stored | None],
    pool: ThreadPoolExecutor,
    ahead: int,
) -> Iterator[_InTurn[Page]]:
    waiting: deque[_InTurn[Page]] = deque()
    is_over = False
    while waiting or not is_over:
        while not is_over and len(waiting) < ahead:
            try:
                page = next(pages)
                waiting.append((page, _begun(store, stored(page), pool)))
            except StopIteration:
                is_over = True
            except Exception as error:
                waiting.append(error)
                is_over = True
        if waiting:
            yield waiting.popleft()


def _begun(
    store: Store, place: Stored | None, pool: ThreadPoolExecutor
) -> Callable[[], Iterator[bytes]]:
    """Begin to fetch a part, if it is a small one; what gives its bytes."""
    if place is None:
        return lambda: iter(())

    def read() -> Iterator[bytes]:
        return store.chunks(*place)

    if place[2] > _MOST_BYTES:
        return read
    coming: Future[list[bytes]]
    with suppress(RuntimeError):  # where no thread is to be had, it is read in its turn
        coming = pool.submit(lambda: [*read()])
        return partial(_when_there, coming)
    return read


def _when_there(coming: Future[list[bytes]]) -> Iterator[bytes]:
    yield from coming.result()
