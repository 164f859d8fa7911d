"""Does work in a pool of threads, many pieces at a time, and gives what comes of it in order.

Who reads, copies, mends or checks a harvest in a store that is far away waits for trips to it, and
has many of them made at the same time.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor, Future
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_turn(
    pool: Executor, work: Callable[[Item], Result], items: Iterable[Item], ahead: int
) -> Generator[tuple[Item, Future[Result]], None, None]:
    """Each item with its work, in order, while that of so many behind it has begun.

    What `items` raises is raised behind the items before it. What was begun and is not wanted any
    more, since the iterator was closed, is cancelled; so close it before a pool that waits.
    """
    coming: deque[tuple[Item, Future[Result]]] = deque()
    source = iter(items)
    lost: Exception | None = None
    try:
        while True:
            try:
                item = next(source)
            except StopIteration:
                break
            except Exception as error:
                lost = error
                break
            coming.append((item, _begun(pool, work, item)))
            if len(coming) > ahead:
                yield coming.popleft()
        while coming:
            yield coming.popleft()
        if lost is not None:
            raise lost
    finally:
        for _, future in coming:
            future.cancel()


def _begun(pool: Executor, work: Callable[[Item], Result], item: Item) -> "Future[Result]":
    try:
        return pool.submit(work, item)
    except RuntimeError:  # where no thread is to be had, it is done in its turn
        now: Future[Result] = Future()
        try:
            now.set_result(work(item))
        except Exception as error:
            now.set_exception(error)
        return now
