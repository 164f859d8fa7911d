"""Formats one frame of the live display as lines.

A line for each partition at work, and the totals. Nothing ever wraps: what does not fit the width
loses columns first and letters last, what does not fit the height is summed up, and however many
partitions work at once, no more than sixteen are shown.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from rich.text import Text

from harvester.model import (
    duration,
    fit,
    fit_ends,
    number,
    pad,
    percent,
    roughly,
    size,
    width,
)
from harvester.terminal.active import Active
from harvester.terminal.progress import Progress
from harvester.values import dataclass

_GAP: Final = "  "
_LEAST_ROWS: Final = 1
_MOST_ROWS: Final = 16  # of partitions: more would push away what was on the screen
_STYLES: Final = {"waiting": "yellow", "retrying": "yellow", "receiving": "cyan", "asking": "dim"}
_WORDS: Final = 26  # cells for what a partition does: as many as tell the reason of a wait,
_BRIEF: Final = 10  # or only that it waits
_BAR: Final = "cyan"
_EMPTY: Final = "─"
_WHOLE_BAR: Final = "green"


class Columns:
    """The widths of the columns so far. They only grow, so that nothing jumps to and fro."""

    def __init__(self) -> None:
        self.title = self.short_title = len("partition")
        self.pages = len("pages")
        self.records = len("records")
        self.shares = False

    def see(self, actives: Sequence[Active]) -> None:
        """Make room for what these show."""
        for active in actives:
            self.title = max(self.title, width(active.title))
            self.short_title = max(self.short_title, width(active.short_title))
            self.pages = max(self.pages, len(f"{active.pages:,}"))
            self.records = max(self.records, len(f"{active.records:,}"))
            self.shares = self.shares or active.share is not None


@dataclass(frozen=True, slots=True)
class Layout:
    """The widths of the columns that fit; 0 for one that is left out."""

    title: int
    short: bool  # whether titles are short ones
    bar: int
    share: int
    pages: int
    records: int
    stored: int
    doing: int

    @classmethod
    def fitting(cls, seen: Columns, columns: int) -> "Layout":
        """On so many cells. The first to go are bytes, records and bars, then whole titles."""
        share = len("100%") if seen.shares and columns >= 30 else 0
        bar = (20 if columns >= 120 else 10) if share and columns >= 72 else 0
        pages = seen.pages if columns >= 56 or not share else 0
        records = seen.records if columns >= 92 else 0
        stored = len("12.3 MB") + 1 if columns >= 100 else 0
        others = [cells for cells in (bar, share, pages, records, stored) if cells]
        left = columns - sum(others) - len(_GAP) * (len(others) + 1)
        room = max(12, left - (_WORDS if columns >= 60 else _BRIEF))
        short = seen.title > room
        title = min(room, seen.short_title if short else seen.title)
        doing = max(0, left - title)
        return cls(title, short, bar, share, pages, records, stored, doing)

    def row(self, cells: Sequence[tuple[str, str]]) -> Text:
        """One line: the title, the bar, its share, pages, records, bytes and what is being done,
        each with its style.
        """
        line = Text()
        widths = (self.title, self.bar, self.share, self.pages, self.records, self.stored)
        for place, ((text, style), cells_wide) in enumerate(zip(cells, widths, strict=False)):
            if cells_wide:
                line.append(_GAP if place else "")
                line.append(pad(text, cells_wide, right=place > 1), style)
        text, style = cells[-1]
        line.append(_GAP)
        line.append(fit(text, self.doing), style)
        line.rstrip()
        return line


def frame(progress: Progress, seen: Columns, columns: int, rows: int) -> list[Text]:
    """The lines of one frame, none wider than `columns`, fewer than `rows` of them."""
    actives = progress.active()
    seen.see(actives)
    now = progress.now
    totals = _totals(progress, columns)
    room = min(_MOST_ROWS, max(_LEAST_ROWS, rows - len(totals) - 3))
    lines = [_header(progress, columns)]
    layout = Layout.fitting(seen, columns)
    if actives:
        heads = ("partition", "", "", "pages", "records", "stored", "")
        lines.append(layout.row([(head, "dim") for head in heads]))
    shown = actives if len(actives) <= room else actives[: room - 1]
    lines += [_active(active, now, layout) for active in shown]
    if rest := actives[len(shown) :]:
        lines.append(Text(fit(_rest(rest, now), columns), style="dim"))
    return [*lines, *totals]


def _header(progress: Progress, columns: int) -> Text:
    if progress.ending:
        text = "ending after the current chunk; Ctrl-C again ends at once"
        return Text(fit(text, columns), style="bold yellow")
    name = fit(progress.name, columns)
    rest = f" → {progress.out}" if progress.out else ""
    return Text.assemble((name, "bold"), (fit_ends(rest, columns - width(name)), "dim"))


def _active(active: Active, now: float, layout: Layout) -> Text:
    doing = active.doing(now)
    style = _STYLES[doing.split()[0]]
    if width(doing) > layout.doing and (not active.waits(now) or layout.doing < 24):
        doing = active.doing_briefly(now)
    share = active.share
    title = active.short_title if layout.short else active.title
    cells = (
        (fit_ends(title, layout.title), ""),
        ("" if share is None else bar(share, layout.bar), _BAR),
        ("" if share is None else percent(share), ""),
        (f"{active.pages:,}", ""),
        (f"{active.records:,}", ""),
        (size(active.stored_bytes), ""),
        (doing, style),
    )
    return _with_dim_rest(layout.row(cells))


def _with_dim_rest(line: Text) -> Text:
    """A line, with what is left of its bar dimmed."""
    if (start := line.plain.find(_EMPTY)) >= 0:
        line.stylize("bright_black", start, line.plain.rfind(_EMPTY) + 1)
    return line


def _rest(actives: Sequence[Active], now: float) -> str:
    """Those for which there is no line, by what they do."""
    kinds = Counter(active.doing(now).split()[0] for active in actives)
    summed = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common())
    return f"and {len(actives):,} more at work: {summed}"


def bar(share: float, cells: int) -> str:
    """So much of a bar, to half a cell."""
    halves = int(share * cells * 2)
    drawn = "━" * (halves // 2) + "╸" * (halves % 2)
    return drawn + _EMPTY * (cells - len(drawn))


def _totals(progress: Progress, columns: int) -> list[Text]:
    """The lines below: how far the whole run is, and what came of it."""
    share = progress.share()
    head = progress.standing()
    if progress.lost:
        head += f", {progress.lost:,} failed"
    whole = Text(fit(head, columns), style="bold")
    if share is not None and columns >= width(head) + 20:
        whole.append(" " + bar(share, min(30, columns - width(head) - 7)), _WHOLE_BAR)
        whole.append(f" {percent(share):>4}")
    waited, left = progress.waiting_s(), progress.left_s()
    came = [
        number(progress.pages, "page"),
        number(progress.records, "record"),
        f"{size(progress.bytes)} of JSON",
        f"{size(progress.rate())}/s",
        progress.pace(),
    ]
    time = [
        f"{duration(progress.elapsed_s)} so far",
        f"{duration(waited)} of it waiting: {progress.most_waited_for}" if waited >= 1 else "",
        f"about {roughly(left)} left"
        if left is not None and left >= 1 and not progress.ending
        else "",
    ]
    flowed = [
        line for pieces in (came, time) for line in _flow(list(filter(None, pieces)), columns)
    ]
    return [_with_dim_rest(whole), *(Text(line) for line in flowed)]


def _flow(pieces: Sequence[str], columns: int) -> list[str]:
    """Pieces side by side, on as many lines as they need."""
    lines: list[str] = []
    for piece in pieces:
        if lines and width(lines[-1]) + 3 + width(piece) <= columns:
            lines[-1] += f" · {piece}"
        else:
            lines.append(fit(piece, columns))
    return lines
