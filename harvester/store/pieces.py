"""A file that is put piece by piece, and asks before each whether there should be another."""

from collections.abc import Callable
from typing import BinaryIO


class Pieces:
    """A file as the library of object stores reads it. What `go_on` raises ends the put."""

    def __init__(self, file: BinaryIO, go_on: Callable[[], None]) -> None:
        self._file, self._go_on = file, go_on
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        """The next piece."""
        self._go_on()
        return self._file.read(size)
