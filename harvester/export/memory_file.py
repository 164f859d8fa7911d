"""A file in memory that a path leads to: hands bytes to a library that only opens paths."""

import os
import tempfile
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from harvester.descriptors import write_at


class MemoryFile:
    """A file for this process alone, gone with the block. In the folder for temporary files where
    the system has none in memory.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        if hasattr(os, "memfd_create"):
            self._descriptor = os.memfd_create("records")
            self._stack.callback(os.close, self._descriptor)
            self.path = f"/proc/self/fd/{self._descriptor}"
        else:
            file = self._stack.enter_context(tempfile.NamedTemporaryFile())  # noqa: SIM115  # it is
            self._descriptor, self.path = file.fileno(), file.name

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def hold(self, data: bytes) -> None:
        """Let the file hold `data`, and nothing else. Raises OSError where there is no space."""
        left, at = memoryview(data), 0
        while left:
            count = write_at(self._descriptor, left, at)
            left, at = left[count:], at + count
        os.ftruncate(self._descriptor, at)  # only now: its memory is used again
