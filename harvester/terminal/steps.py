"""Shows how far an export has come, on stderr: one line, redrawn on a terminal."""

import contextlib
import shutil
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from harvester.model import duration, fit, number, one_line
from harvester.terminal.charset import shown

if TYPE_CHECKING:
    from harvester.export import Step

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
        now = self._clock()
        began = self._began.setdefault((step.phase, step.resource), now)
        if self._quiet or now - self._shown_at < (_REDRAWN_S if self._live else _TOLD_S):
            return
        self._shown_at = now
        line = one_line(step_text(step, now - began))
        if self._live:
            self._write(_CLEAR + fit(line, shutil.get_terminal_size().columns - 1))
        else:
            self._write(line + "\n")

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError):  # nobody looks; the export goes on
            sys.stderr.write(shown(text, sys.stderr))
            sys.stderr.flush()


def step_text(step: "Step", elapsed_s: float) -> str:
    """A step in words: the pass, the resource, the share of its records, and what is left."""
    share = step.records / step.of_records if step.of_records else 1.0
    left = elapsed_s / share - elapsed_s if share else 0.0
    of = f"{step.records:,} of {number(step.of_records, 'record')}"
    text = f"{step.phase} {step.resource}  {share:4.0%}  {of}"
    return f"{text}  {duration(left)} left" if left >= 1 else text
