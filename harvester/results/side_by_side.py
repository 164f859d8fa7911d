"""Checks the parts of a harvest in several processes, and tells of them in their order.

Journals are read by one process, which hands out parts in batches; no more batches are under way
than keep all cores busy, so that memory stays flat. Processes are forked, and only by a program of
one thread: a copy of a lock that another thread holds would never be let go. They end with the
program, however it ends, and a batch whose process was killed is checked by the program itself.
"""

import ctypes
import gc
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager, suppress
from typing import Final

from harvester.results.part_checks import PartCheck, StoredPart, StoredProblem, Told
from harvester.store import LocalStore, ObjectStore, Store, in_turn

Item = StoredProblem | StoredPart
_Slim = tuple[str, str, str, int, str | None, int, int]
_MOST_ITEMS: Final = 512  # of a batch
_MOST_BYTES: Final = 16 << 20
_MOST_PROCESSES: Final = 64
_AT_ONCE: Final = 16
_DEATH_SIGNAL: Final = 1  # PR_SET_PDEATHSIG
_work: "tuple[Store, Mapping[str, PartCheck]] | None" = None  # of a process that was forked


def side_by_side(
    store: Store,
    checks: Mapping[str, PartCheck],
    items: Iterator[Item],
    processes: int | None = None,
) -> Iterator[StoredProblem]:
    """The problems among `items`, and those of the parts among them, in their order."""
    if isinstance(store, ObjectStore):
        yield from _checked_far_away(store, checks, items)
        return
    count = _cores() if processes is None else processes
    batches = _batches(items)
    first = next(batches, [])
    following = next(batches, None)
    if following is None or count < 2 or not _may_fork(store):
        yield from _checked(store, checks, first)
        while following is not None:
            yield from _checked(store, checks, following)
            following = next(batches, None)
        return
    with _forked(store, checks, count) as pool:
        waiting: deque[tuple[list[Item], Future[list[StoredProblem]]]] = deque()

        def oldest() -> list[StoredProblem]:
            batch, future = waiting.popleft()
            try:
                return future.result()
            except BrokenProcessPool:  # one was killed, for its memory perhaps
                return _checked(store, checks, batch)

        for batch in _chained(first, following, batches):
            try:
                waiting.append((batch, pool.submit(_checked_here, [*map(_slim, batch)])))
            except BrokenProcessPool:
                while waiting:
                    yield from oldest()
                yield from _checked(store, checks, batch)
            while len(waiting) > 2 * count:
                yield from oldest()
        while waiting:
            yield from oldest()


@contextmanager
def _forked(
    store: Store, checks: Mapping[str, PartCheck], count: int
) -> Iterator[ProcessPoolExecutor]:
    """A pool of so many copies of this process."""
    with ExitStack() as stack:
        if not gc.get_freeze_count():  # else each look at what is old copies it in each process
            gc.freeze()
            stack.callback(gc.unfreeze)
        pool = ProcessPoolExecutor(
            min(count, _MOST_PROCESSES),
            multiprocessing.get_context("fork"),
            _begin,
            (store, checks, os.getpid()),
        )
        stack.enter_context(_ended(pool))
        yield pool


def _chained(
    first: list[Item], second: list[Item], others: Iterator[list[Item]]
) -> Iterator[list[Item]]:
    yield first
    yield second
    yield from others


def _batches(items: Iterator[Item]) -> Iterator[list[Item]]:
    batch: list[Item] = []
    size = 0
    for item in items:
        batch.append(item)
        size += item.part.stored_bytes if isinstance(item, StoredPart) else 0
        if len(batch) >= _MOST_ITEMS or size >= _MOST_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _checked(
    store: Store, checks: Mapping[str, PartCheck], batch: list[Item]
) -> list[StoredProblem]:
    found = []
    for item in batch:
        if isinstance(item, StoredProblem):
            found.append(item)
            continue
        path = f"{item.folder}/{item.part.part}"
        problems = checks[item.resource].problems(store, item.folder, item.part)
        found += [StoredProblem(path, problem) for problem in problems]
    return found


def _checked_far_away(
    store: Store, checks: Mapping[str, PartCheck], items: Iterator[Item]
) -> Iterator[StoredProblem]:
    """The same of an object store, which answers many at a time: most of a look is waiting."""
    pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="verify")
    try:
        work = in_turn(pool, lambda item: _checked(store, checks, [item]), items, 2 * _AT_ONCE)
        for _, problems in work:
            yield from problems.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def _may_fork(store: Store) -> bool:
    """Whether this program may be copied: by Linux, from its only thread, and without the sockets
    of an object store.
    """
    is_main = threading.current_thread() is threading.main_thread()
    return (
        isinstance(store, LocalStore)
        and is_main
        and threading.active_count() == 1
        and os.path.isdir("/proc/self")  # noqa: PTH112
    )


def _begin(store: Store, checks: Mapping[str, PartCheck], parent: int) -> None:
    """In each process: leave Ctrl-C to the program, and do not outlive it."""
    global _work
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    _work = store, checks


def _slim(item: Item) -> StoredProblem | _Slim:
    """What a process needs of a part: a whole line would cost as much as a look at the part."""
    if isinstance(item, StoredProblem):
        return item
    part = item.part
    return (
        item.resource, item.folder, part.part, part.stored_bytes, part.sha256, part.bytes,
        part.records,
    )  # fmt: skip


def _checked_here(batch: list[StoredProblem | _Slim]) -> list[StoredProblem]:
    if _work is None:
        raise RuntimeError("this process was not begun to check parts")
    items = [
        each if isinstance(each, StoredProblem) else StoredPart(*each[:2], Told(*each[2:]))
        for each in batch
    ]
    return _checked(*_work, items)


@contextmanager
def _ended(pool: ProcessPoolExecutor) -> Iterator[None]:
    """End a pool behind the block: at once where the program is interrupted, whatever is being
    looked at.
    """
    others = set(multiprocessing.active_children())
    try:
        yield
    except BaseException:
        for process in set(multiprocessing.active_children()) - others:
            process.kill()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
