"""Fetches parts ahead of their turns, from a store where each request is a trip.

Pages are read one after another, and most are small: what is waited for is the trip. So some are
fetched while others are read. Only small ones, whole, so that memory has a bound and no stream is
left open for as long as whoever reads takes; with a large one the trip is the smallest part.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Final, TypeVar

from harvester.store.contract import Store
from harvester.store.many_at_once import in_turn

_AHEAD: Final = 16
_MOST_BYTES: Final = 1 << 20

Page = TypeVar("Page")
Stored = tuple[str, str, int]  # the folder, the part, its stored bytes


def fetched_ahead(
    store: Store,
    pages: Iterable[Page],
    stored: Callable[[Page], Stored | None],
    ahead: int = _AHEAD,
) -> Generator[tuple[Page, Iterator[bytes]], None, None]:
    """Each page with the bytes of its part; `stored` says where those are, None: it has no part.
    So many pages are held at a time.

    What `pages` raises is raised behind the pages before it; what the bytes raise, by the iterator
    that should give them.
    """
    if not store.is_far:
        for page in pages:
            yield page, _chunks(store, stored, page)
        return

    def fetch(page: Page) -> list[bytes] | None:
        place = stored(page)
        if place is None or place[2] > _MOST_BYTES:
            return [] if place is None else None
        return [*store.chunks(*place)]

    pool = ThreadPoolExecutor(ahead, thread_name_prefix="fetched")
    try:
        for page, coming in in_turn(pool, fetch, pages, ahead - 1):
            yield page, _when_there(coming, partial(_chunks, store, stored, page))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _when_there(
    coming: Future[list[bytes] | None], read: Callable[[], Iterator[bytes]]
) -> Iterator[bytes]:
    """What was fetched; a part that is too large for that is read now."""
    fetched = coming.result()
    yield from read() if fetched is None else fetched


def _chunks(store: Store, stored: Callable[[Page], Stored | None], page: Page) -> Iterator[bytes]:
    place = stored(page)
    return store.chunks(*place) if place else iter(())
