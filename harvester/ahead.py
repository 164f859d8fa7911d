"""Ahead: a large page is received and unpacked beside the parser that reads it.

Receiving, inflating and compressing are C code that lets other threads run; the lexical pass and
the parser are not. In a thread of its own, a step or two ahead, the former costs little more than
the time of handing over, where there is a second core. A small page is not worth a thread.
"""

from collections.abc import Callable, Generator, Iterator
from itertools import islice
from queue import SimpleQueue
from threading import Thread
from typing import Final, TypeVar

Item = TypeVar("Item")

#: So many items may be ready or under way. With one, a step would begin when the interpreter's
#: lock is free, which is when the item before has been used: nothing would go on side by side.
_STEPS: Final = 2
_END: Final = object()


def ahead(
    items: Iterator[Item], after: int, abandon: Callable[[], None]
) -> Generator[Item, None, None]:
    """The same items, and what making one raises; all but the first `after` are made in another
    thread, while those before are used.

    Close it when no more are wanted: that calls `abandon`, which *must* let a step that is under
    way end soon, and waits for it. Only then may what the items are made of be closed.
    """
    yield from islice(items, after)
    wanted: SimpleQueue[bool] = SimpleQueue()
    made: SimpleQueue[tuple[Item | object, BaseException | None]] = SimpleQueue()

    def make() -> None:
        while wanted.get():
            try:
                made.put((next(items, _END), None))
            except BaseException as error:  # raised where the item is asked for
                made.put((_END, error))

    maker = Thread(target=make, name="ahead", daemon=True)
    maker.start()
    for _ in range(_STEPS):
        wanted.put(True)
    ended = False
    try:
        while not ended:
            item, error = made.get()
            if item is _END:
                ended = True
                if error is not None:
                    raise error
                return
            wanted.put(True)
            yield item  # type: ignore[misc]  # it is not the end
    finally:
        if not ended:
            abandon()
        wanted.put(False)
        maker.join()
