"""Small parts of a store that is far away are fetched ahead of their turns, in order."""

import threading
from collections.abc import Iterator

import pytest

from harvester.errors import DataRefused
from harvester.store import MemoryStore, fetched_ahead

MB = 1 << 20


class Parts(MemoryStore):
    """Parts by their names; those of `gone` are not there. Notes when each was asked for."""

    def __init__(self, *, is_far: bool, gone: str = "") -> None:
        super().__init__()
        self.is_far = is_far
        self.gone = gone
        self.asked: list[str] = []
        self.first = threading.Event()

    def chunks(self, folder: str, part: str, stored_bytes: int) -> Iterator[bytes]:
        """The name of the part, twice."""
        self.asked.append(part)
        if part == self.gone:
            raise FileNotFoundError(2, "no such object", part)
        if part == "0" and self.is_far:
            assert self.first.wait(60), "nothing was asked for beside the first"
        elif part == "5":
            self.first.set()
        yield from (part.encode(), part.encode())


def stored(number: int, size: int = 100) -> tuple[str, str, int]:
    """Where page `number` lies."""
    return "items", str(number), size


def test_others_are_fetched_while_one_is_waited_for() -> None:
    """The first answers only once the sixth was asked for; the order is that of the pages."""
    parts = Parts(is_far=True)
    found = [(n, b"".join(chunks)) for n, chunks in fetched_ahead(parts, range(40), stored)]
    assert found == [(n, f"{n}{n}".encode()) for n in range(40)]
    assert sorted(parts.asked, key=int) == [str(n) for n in range(40)]


@pytest.mark.parametrize(("is_far", "size"), [(False, 100), (True, MB + 1)])
def test_each_in_its_turn(is_far: bool, size: int) -> None:
    """A store that is near is asked for one after another, and so is a large part."""
    parts = Parts(is_far=is_far)
    parts.first.set()
    for n, chunks in fetched_ahead(parts, range(5), lambda n: stored(n, size)):
        assert b"".join(chunks) == f"{n}{n}".encode()
        assert parts.asked == [str(each) for each in range(n + 1)]


def test_no_more_than_sixteen() -> None:
    """Whoever reads slowly, or stops, holds sixteen small parts."""
    parts = Parts(is_far=True)
    parts.first.set()
    pages = iter(range(1000))
    reader = fetched_ahead(parts, pages, stored)
    next(reader)
    reader.close()
    assert next(pages) <= 17
    assert len(parts.asked) <= 17


def test_errors_come_in_their_turns() -> None:
    """A part that is gone is told by who reads it, a damaged journal behind the pages before."""

    def pages() -> Iterator[int]:
        yield from range(8)
        raise DataRefused("the journal is damaged")

    parts = Parts(is_far=True, gone="3")
    parts.first.set()
    read, lost = [], []

    def look() -> None:
        for n, chunks in fetched_ahead(parts, pages(), stored):
            try:
                assert b"".join(chunks)
                read.append(n)
            except FileNotFoundError:
                lost.append(n)

    with pytest.raises(DataRefused, match="the journal is damaged"):
        look()
    assert (read, lost) == ([0, 1, 2, 4, 5, 6, 7], [3])
