"""The live display: a few calm lines at the bottom of a terminal, redrawn several times a second.

A line for each partition at work, and the totals. Nothing ever wraps: what does not fit the width
loses columns first and letters last, what does not fit the height is summed up. Lines that must
stay (failures, warnings) are printed above. Drawing is rich's; what the lines say is decided
here, and read from `Progress` by rich's own thread.
"""

import contextlib
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from harvester.events import Event, PartitionLost
from harvester.terminal.phrases import duration, fit, fit_ends, number, pad, size, width
from harvester.terminal.progress import Active, Progress

_FRAMES_A_SECOND: Final = 5
_GAP: Final = "  "
_BAR_CELLS: Final = 10
_LEAST_ROWS: Final = 1


class LiveDisplay:
    """Shows a run on a terminal, for the length of a `with` block."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._columns = Columns()
        self._drawn: list[int] = []  # the widths of the lines that stand on the screen
        self._broken = False
        self._console = Console(
            file=sys.stderr, force_terminal=True, highlight=False, markup=False, emoji=False
        )
        self._live = Live(
            console=self._console,
            get_renderable=self._frame,
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
        line = self._progress.notice(event)
        if line and not self._broken:
            style = "red" if isinstance(event, PartitionLost) else "yellow"
            try:
                self._console.print(Text(line, style=style), soft_wrap=True)
            except OSError:
                self._broken = True

    def interrupted(self) -> None:
        """Say with the next frame that the run is about to end; safe in a signal handler."""
        self._progress.ending = True

    def _frame(self) -> RenderableType:
        columns, rows = self._console.size
        lines = frame(self._progress, self._columns, columns - 1, rows)
        self._forget_wrapped(columns)
        self._drawn = [line.cell_len for line in lines]
        return Group(*lines)

    def _forget_wrapped(self, columns: int) -> None:
        """Erase the rows that the last frame's lines were folded into when the terminal became
        narrower: rich will go up by as many rows as it has drawn lines.
        """
        extra = sum(max(0, -(-cells // columns) - 1) for cells in self._drawn)
        if extra:
            self._console.file.write("\r\x1b[2K\x1b[1A" * extra)


class Columns:
    """The widths of the columns so far. They only grow, so that nothing jumps to and fro."""

    def __init__(self) -> None:
        self.title = len("partition")
        self.pages = len("pages")
        self.records = len("records")
        self.shares = False

    def see(self, actives: Sequence[Active]) -> None:
        """Make room for what these show."""
        for active in actives:
            self.title = max(self.title, width(active.title))
            self.pages = max(self.pages, len(f"{active.pages:,}"))
            self.records = max(self.records, len(f"{active.records:,}"))
            self.shares = self.shares or active.share is not None


def frame(progress: Progress, seen: Columns, columns: int, rows: int) -> list[Text]:
    """The lines of one frame, none wider than `columns`, fewer than `rows` of them."""
    actives = progress.active()
    seen.see(actives)
    closing = _totals(progress, columns)
    room = max(_LEAST_ROWS, rows - len(closing) - 3)
    lines = [_header(progress, columns)]
    if actives:
        lines.append(Text(_row(seen, columns, _HEADINGS, ""), style="dim"))
    shown = actives if len(actives) <= room else actives[: room - 1]
    lines += [_active(active, progress.now, seen, columns) for active in shown]
    if len(shown) < len(actives):
        lines.append(Text(fit(f"… and {len(actives) - len(shown)} more at work", columns), "dim"))
    return [*lines, *closing]


def _header(progress: Progress, columns: int) -> Text:
    if progress.ending:
        text = "ending after the current chunk; Ctrl-C again ends at once"
        return Text(fit(text, columns), style="bold yellow")
    name = fit(progress.name, columns)
    rest = f" → {progress.out}" if progress.out else ""
    return Text.assemble((name, "bold"), (fit_ends(rest, columns - width(name)), "dim"))


_HEADINGS: Final = ("partition", "pages", "records", "stored", "")


def _row(seen: Columns, columns: int, cells: Sequence[str], doing: str) -> str:
    """One line of the table. Narrow terminals lose the columns on the right of it first."""
    title, pages, records, stored, bar = cells
    title_cells = min(seen.title, max(12, columns * 2 // 5))
    line = pad(fit_ends(title, title_cells), title_cells)
    line += _GAP + pad(pages, seen.pages, right=True)
    if columns >= 86:
        line += _GAP + pad(records, seen.records, right=True)
    if columns >= 98:
        line += _GAP + pad(stored, 8, right=True)
    if seen.shares and columns >= 74:
        line += _GAP + pad(bar, _BAR_CELLS + 5)
    return fit(line + _GAP + doing, columns).rstrip()


def _active(active: Active, now: float, seen: Columns, columns: int) -> Text:
    bar = "" if active.share is None else f"{_bar(active.share, _BAR_CELLS)} {active.share:4.0%}"
    cells = (
        active.title,
        f"{active.pages:,}",
        f"{active.records:,}",
        size(active.stored_bytes),
        bar,
    )
    doing = active.doing(now)
    line = Text(_row(seen, columns, cells, doing))
    start = len(_row(seen, columns, cells, ""))
    style = {"w": "yellow", "r": "cyan", "a": "dim"}[doing[0]]
    line.stylize("yellow" if doing.startswith("retrying") else style, start)
    return line


def _bar(share: float, cells: int) -> str:
    full = int(share * cells)
    return "━" * full + "─" * (cells - full)


def _totals(progress: Progress, columns: int) -> list[Text]:
    """The lines below: how far the whole run is, and what came of it."""
    share = progress.share()
    head = progress.standing()
    if progress.lost:
        head += f", {progress.lost:,} failed"
    if share is not None and columns >= width(head) + 20:
        cells = min(30, columns - width(head) - 7)
        head += f" {_bar(share, cells)} {share:4.0%}"
    waited, left = progress.waiting_s(), progress.left_s()
    came = [
        number(progress.pages, "page"),
        number(progress.records, "record"),
        f"{size(progress.bytes)} of JSON",
        f"{size(progress.rate())}/s",
    ]
    time = [
        f"{duration(progress.elapsed_s)} so far",
        f"{duration(waited)} of it waiting" if waited >= 1 else "",
        f"about {duration(left)} left"
        if left is not None and left >= 1 and not progress.ending
        else "",
    ]
    flowed = [*_flow(came, columns), *_flow([piece for piece in time if piece], columns)]
    return [Text(fit(head, columns), style="bold"), *(Text(line) for line in flowed)]


def _flow(pieces: Sequence[str], columns: int) -> list[str]:
    """Pieces side by side, on as many lines as they need."""
    lines: list[str] = []
    for piece in pieces:
        if lines and width(lines[-1]) + 3 + width(piece) <= columns:
            lines[-1] += f" · {piece}"
        else:
            lines.append(fit(piece, columns))
    return lines
