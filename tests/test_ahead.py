"""Ahead: the same items in the same order, and no thread outlives their use."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from harvester.ahead import ahead


def none_under_way() -> None:
    """Abandon a step where none waits for anything."""


@pytest.mark.parametrize("after", [0, 1, 3, 4, 9])
def test_the_same_items(after: int) -> None:
    """Wherever the thread begins, and also if it never does."""
    threads = set()

    def items() -> Iterator[int]:
        for number in range(4):
            threads.add(threading.current_thread())
            yield number

    assert [*ahead(items(), after, none_under_way)] == [0, 1, 2, 3]
    assert (threading.current_thread() in threads) == (after > 0)
    assert len(threads) == (2 if 0 < after < 4 else 1)
    assert not [thread for thread in threading.enumerate() if thread.name == "ahead"]


def test_what_making_one_raises() -> None:
    """Comes out in its place, as it was raised."""

    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise ZeroDivisionError("three")

    items_ahead = ahead(items(), 1, none_under_way)
    assert next(items_ahead) == 1
    assert next(items_ahead) == 2
    with pytest.raises(ZeroDivisionError, match="three"):
        next(items_ahead)


def test_two_steps_and_no_more() -> None:
    """While an item is used the next two are made, and none behind them."""
    made: list[int] = []
    third = threading.Event()

    def items() -> Iterator[int]:
        for number in range(9):
            made.append(number)
            if number == 2:
                third.set()
            yield number

    with closing(ahead(items(), 0, none_under_way)) as items_ahead:
        assert next(items_ahead) == 0
        assert third.wait(10)
        time.sleep(0.05)
        assert made == [0, 1, 2]


def test_closing_abandons_the_step_under_way() -> None:
    """It is told to end, and waited for: what it reads from may be closed next."""
    abandoned, ended = threading.Event(), threading.Event()

    def items() -> Iterator[int]:
        yield 1
        assert abandoned.wait(10)
        time.sleep(0.05)
        ended.set()
        yield 2

    with closing(ahead(items(), 0, abandoned.set)) as items_ahead:
        assert next(items_ahead) == 1
    assert ended.is_set()
    assert not [thread for thread in threading.enumerate() if thread.name == "ahead"]
