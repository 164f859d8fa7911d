"""Shows how far an export or a copy has come, on stderr: one line, redrawn on a terminal."""

import contextlib
import shutil
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from harvester.model import duration, fit, number, one_line, size
from harvester.terminal.charset import shown

if TYPE_CHECKING:
    from harvester.export import Copied, Step

_REDRAWN_S: Final = 0.2
_TOLD_S: Final = 10.0
_CLEAR: Final = "\r\x1b[2K"


class Steps:
    """Shows the steps of an export, for the length of a `with` block."""

    def __init__(
        self, *, live: bool, quiet: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._live = live
        self._quiet = quiet
        self._clock = clock
        self._shown_at = clock()
        self._began: dict[tuple[str, str], float] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._live and not self._quiet:
            self._write(_CLEAR)

    def take(self, step: "Step") -> None:
        """Show a step, unless one was shown just now."""
        began = self._began.setdefault((step.phase, step.resource), self._clock())
        self._show(lambda now: step_text(step, now - began))

    def take_copied(self, copied: "Copied") -> None:
        """The same of a copy, of which nobody knows how much is to come."""
        self._show(lambda now: copied_so_far(copied))

    def _show(self, text: Callable[[float], str]) -> None:
        now = self._clock()
        if self._quiet or now - self._shown_at < (_REDRAWN_S if self._live else _TOLD_S):
            return
        self._shown_at = now
        line = one_line(text(now))
        if self._live:
            self._write(_CLEAR + fit(line, shutil.get_terminal_size().columns - 1))
        else:
            self._write(line + "\n")

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError):  # nobody looks; the export goes on
            sys.stderr.write(shown(text, sys.stderr))
            sys.stderr.flush()


def copied_so_far(copied: "Copied") -> str:
    """How much of a harvest is copied, in words."""
    there = f", {copied.there:,} of them before" if copied.there else ""
    pages, partitions = number(copied.pages, "page"), number(copied.partitions, "partition")
    return f"copying  {pages} of {partitions}{there}, {size(copied.stored_bytes)}"


def step_text(step: "Step", elapsed_s: float) -> str:
    """A step in words: the pass, the resource, the share of its records, and what is left."""
    share = step.records / step.of_records if step.of_records else 1.0
    left = elapsed_s / share - elapsed_s if share else 0.0
    of = f"{step.records:,} of {number(step.of_records, 'record')}"
    text = f"{step.phase} {step.resource}  {share:4.0%}  {of}"
    return f"{text}  {duration(left)} left" if left >= 1 else text
