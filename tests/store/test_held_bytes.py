"""Parts that are large wait for each other where they would take too much memory; others do not."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from harvester.store.held_bytes import HeldBytes

MB = 1 << 20


class Puts:
    """Puts of so many bytes, each in a thread, which end when they are told to."""

    def __init__(self) -> None:
        self.held = HeldBytes(10 * MB)
        self.pool = ThreadPoolExecutor(8)
        self.begun: list[str] = []
        self.changed = threading.Condition()

    def put(self, name: str, megabytes: int) -> tuple[threading.Event, "Future[None]"]:
        """Begin one."""
        ends = threading.Event()

        def put() -> None:
            with self.held.of(megabytes * MB):
                with self.changed:
                    self.begun.append(name)
                    self.changed.notify_all()
                assert ends.wait(60)

        return ends, self.pool.submit(put)

    def wait_for(self, *names: str) -> None:
        """Until these are under way, and no others have been."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.begun) >= len(names), 60)
            assert self.begun == [*names]


@pytest.fixture
def puts() -> Iterator[Puts]:
    """All of them end."""
    found = Puts()
    yield found
    found.pool.shutdown()


def test_in_their_order(puts: Puts) -> None:
    """One that would fit comes behind one that waits; a small one, and one too large, come too."""
    first, _ = puts.put("first", 6)
    puts.wait_for("first")
    second, waiting = puts.put("second", 8)
    while not puts.held._waiting:
        threading.Event().wait(0.01)
    third, _ = puts.put("third", 2)
    while len(puts.held._waiting) < 2:
        threading.Event().wait(0.01)
    small, _ = puts.put("small", 1)
    puts.wait_for("first", "small")
    assert not waiting.done()
    first.set()
    puts.wait_for("first", "small", "second", "third")
    large, _ = puts.put("large", 99)
    for each in (small, second, third, large):
        each.set()
    with puts.changed:
        assert puts.changed.wait_for(lambda: "large" in puts.begun, 60)


def test_what_fails_lets_go(puts: Puts) -> None:
    """A put that raises holds nothing."""
    with pytest.raises(ValueError, match="away"), puts.held.of(9 * MB):
        raise ValueError("away")
    with puts.held.of(9 * MB):
        pass
