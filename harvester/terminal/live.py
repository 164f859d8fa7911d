"""Live display: a few calm lines at the bottom of a terminal, redrawn several times a second.

What they say is decided in `frame`; drawing is rich's, in a thread of its own that reads from
`Progress`. Lines that must stay (failures, warnings) are printed above them.
"""

import contextlib
import sys
from types import TracebackType
from typing import Final, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from harvester.engine import Event, PartitionLost, Warned
from harvester.terminal.charset import as_ascii, shown, speaks_unicode
from harvester.terminal.frame import Columns, frame
from harvester.terminal.progress import Progress

_FRAMES_A_SECOND: Final = 4


class _Console(Console):
    """A console whose cursor stays: `kill -9` would leave a terminal without one."""

    def show_cursor(self, show: bool = True) -> bool:
        """Neither hide nor show it."""
        return False


class LiveDisplay:
    """Shows a run on a terminal, for the length of a `with` block; `console` may take its place."""

    def __init__(self, progress: Progress, console: Console | None = None) -> None:
        self._progress = progress
        self._columns = Columns()
        self._width = 0  # of the terminal, at the last frame
        self._drawn: list[int] = []  # the widths of the lines that stand on the screen
        self._broken = False
        self._unicode = speaks_unicode(sys.stderr.encoding)
        self._console = console or _Console(
            file=sys.stderr, force_terminal=True, highlight=False, markup=False, emoji=False
        )
        self._live = Live(
            console=self._console,
            get_renderable=self.lines,
            refresh_per_second=_FRAMES_A_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError):
            self._live.stop()

    def take(self, event: Event) -> None:
        """Show an event. A terminal that is gone does no harm to the harvest."""
        self._progress.take(event)
        if not isinstance(event, PartitionLost | Warned):
            return
        line = self._progress.notice(event)
        if line and not self._broken:
            style = "red" if isinstance(event, PartitionLost) else "yellow"
            try:
                if self._console.size.width != self._width:
                    self._live.refresh()  # rich would print below lines that are folded by now
                self._console.print(Text(shown(line, sys.stderr), style=style), soft_wrap=True)
            except OSError:
                self._broken = True

    def interrupted(self) -> None:
        """Say with the next frame that the run is about to end; safe in a signal handler."""
        self._progress.ending = True

    def lines(self) -> RenderableType:
        """The lines of now."""
        columns, rows = self._console.size
        lines = frame(self._progress, self._columns, columns - 1, rows)
        self._forget_wrapped(columns)
        self._width = columns
        self._drawn = [line.cell_len for line in lines]
        if not self._unicode:
            lines = [in_ascii(line) for line in lines]
        return Group(*lines)

    def _forget_wrapped(self, columns: int) -> None:
        """Erase the rows that the last frame's lines were folded into when the terminal became
        narrower: rich will go up by as many rows as it has drawn lines.
        """
        extra = sum(max(0, -(-cells // columns) - 1) for cells in self._drawn)
        if extra:
            self._console.file.write("\r\x1b[2K\x1b[1A" * extra)


def in_ascii(line: Text) -> Text:
    """The line for a terminal that shows ASCII only, its colours where they were."""
    return Text(as_ascii(line.plain), style=line.style, spans=list(line.spans))
