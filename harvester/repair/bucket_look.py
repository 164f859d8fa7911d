"""Looks over partitions in an object store before any is mended: most are sound.

A look reads all that mending would, many requests at a time, and changes nothing. It *must* call
sound only what mending would leave as it is; whatever else it finds, a partition that is large or a
store that fails among it, is left to mending, which looks again, part by part, in its turn.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import closing
from types import TracebackType
from typing import Final, Self, TypeVar

from harvester.errors import HarvesterError, Interrupted
from harvester.model import Partition
from harvester.results import PartCheck, Told
from harvester.store import (
    Entry,
    FoundPart,
    Header,
    ObjectMending,
    ObjectStore,
    Span,
    folder_of,
    in_turn,
    span_of,
)

_PARTITIONS: Final = 16  # looked at at a time
_PARTS: Final = 32  # of them and of those that are mended
_AHEAD: Final = 64
_PATIENCE_S: Final = 0.2  # between two looks whether the repair is to end

Asked = TypeVar("Asked")
Got = TypeVar("Got")
Lines = tuple[Header | Entry, ...]


#: A part as it is found, and what is wrong with its page, if that counts and its lines are there.
LookedAt = tuple[FoundPart | None, str | None]


def page_among(lines: Lines) -> Entry | None:
    """The line of the page that a part holds; None where it has none."""
    return next((one for one in lines if isinstance(one, Entry) and one.part), None)


class Looks:
    """The requests of a repair to its store, many at a time. Raises `Interrupted` once `stop` is
    set.
    """

    def __init__(
        self, store: ObjectStore, checks: Mapping[str, PartCheck], stop: threading.Event
    ) -> None:
        self._store, self._checks, self._stop = store, checks, stop
        self._partitions = ThreadPoolExecutor(_PARTITIONS, thread_name_prefix="partitions")
        self._parts = ThreadPoolExecutor(_PARTS, thread_name_prefix="parts")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for pool in (self._partitions, self._parts):
            pool.shutdown(wait=False, cancel_futures=True)

    def sound(
        self, partitions: Iterable[Partition], *, ahead: bool
    ) -> Iterator[tuple[Partition, int | None]]:
        """Each partition, in order, and how many pages of it count where nothing has to be mended;
        None where something may have to be. `ahead`: others behind it are looked at meanwhile.
        """
        most = 2 * _PARTITIONS if ahead else 0
        return self._each(self._partitions, self._sound, partitions, most)

    def parts(
        self, folder: str, check: PartCheck, found: ObjectMending, counts: Span
    ) -> Iterator[tuple[int, LookedAt]]:
        """The parts of a partition by their numbers, in order, each as it was at some moment since
        this was begun; the pages among them are checked that `counts` has.
        """

        def look(number: int) -> LookedAt:
            there = found.part(number)
            paged = page_among(there.lines) if there and there.lines is not None else None
            if paged is None or not counts.counts(paged.seq):
                return there, None
            return there, next(check.problems(self._store, folder, paged), None)

        return self._each(self._parts, look, range(1, found.last + 1), _AHEAD)

    def _sound(self, partition: Partition) -> int | None:
        try:
            folder = folder_of(self._store, partition)
            found = self._store.looked_at(folder)
            pages = _Pages(partition)
            if found is None or not self._follow(found, pages):
                return None
            check = self._checks[partition.resource]
            counting = pages.counting()
            problems = self._each(
                self._parts,
                lambda told: next(check.problems(self._store, folder, told), None),
                counting,
                _AHEAD,
            )
            is_sound = all(problem is None for _, problem in problems) and found.agrees()
            return len(counting) if is_sound else None
        except HarvesterError:
            return None

    def _follow(self, found: ObjectMending, pages: "_Pages") -> bool:
        """Whether all parts are there, each with lines that follow from those before."""
        for number, there in self._each(self._parts, found.part, range(1, found.last + 1), _AHEAD):
            if there is None or there.lines is None or not pages.add(there.lines):
                return False
            found.passed(number, there)
        return True

    def _each(
        self,
        pool: ThreadPoolExecutor,
        look: Callable[[Asked], Got],
        asked: Iterable[Asked],
        ahead: int,
    ) -> Iterator[tuple[Asked, Got]]:
        with closing(in_turn(pool, look, asked, ahead)) as looks:
            for one, future in looks:
                yield self._came(one, future)

    def _came(self, asked: Asked, future: Future[Got]) -> tuple[Asked, Got]:
        while not future.done():
            if self._stop.is_set():
                raise Interrupted("interrupted")
            wait_for([future], _PATIENCE_S)
        if self._stop.is_set():
            raise Interrupted("interrupted")
        return asked, future.result()


class _Pages:
    """The lines of a partition, as far as they were added: whether they follow, and which count."""

    def __init__(self, partition: Partition) -> None:
        self._partition = partition
        self._seq = 0
        self._restarts = False
        self._marks: list[Entry] = []  # lines that begin again, or end
        self._pages: list[tuple[int, Told]] = []

    def add(self, lines: Lines) -> bool:
        """Add those of the next part; False where they do not follow from those before."""
        labels = dict(self._partition.labels)
        for line in lines:
            if isinstance(line, Header):
                if (line.resource, dict(line.partition)) != (self._partition.resource, labels):
                    return False
                continue
            self._seq += 1
            if line.seq != self._seq:
                return False
            self._restarts |= line.restarts
            if line.restarts or line.done:
                self._marks.append(line)
        if paged := page_among(lines):
            self._pages.append((paged.seq, Told.by(paged)))
        return True

    def counting(self) -> list[Told]:
        """What the lines say of the pages that count."""
        counts = span_of(self._marks) if self._restarts else Span()
        return [told for seq, told in self._pages if counts.counts(seq)]
