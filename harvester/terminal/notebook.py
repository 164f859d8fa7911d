"""Shows a run in a notebook: one line that is redrawn below the cell, for `on_event`."""

import time
from collections.abc import Callable
from html import escape
from importlib import import_module
from typing import Any, Final

from harvester.config import Config
from harvester.engine import Event, PartitionLost, RunStarted, Warned
from harvester.model import number, one_line, roughly, size
from harvester.terminal.progress import Progress

_EVERY_S: Final = 0.5
_WIDTH: Final = 300  # pixels


class ProgressBar:
    """Give it to `harvest`, and nothing else is needed: no extension, no event loop.

        harvest(config, on_event=ProgressBar(config))

    Outside of a notebook it shows nothing. `show` may take the place of IPython's display.
    """

    def __init__(self, config: Config, show: Callable[[str], None] | None = None) -> None:
        self._progress = Progress(config)
        self._show = show or _displayed()
        self._shown = float("-inf")
        self._notices: list[str] = []

    def __call__(self, event: Event) -> None:
        """Count an event in, and redraw the line if it is time to."""
        self._progress.take(event)
        if isinstance(event, PartitionLost | Warned) and (line := self._progress.notice(event)):
            self._notices.append(line)
        ended = self._progress.done + self._progress.lost + self._progress.paused
        over = not self._progress.more and ended == self._progress.partitions
        now = time.monotonic()
        if over or isinstance(event, RunStarted) or now - self._shown >= _EVERY_S:
            self._shown = now
            self._show(self.html())

    def html(self) -> str:
        """The line, and what a person must see below it."""
        progress = self._progress
        share, left = progress.share(), progress.left_s()
        told = [
            progress.standing(),
            number(progress.pages, "page"),
            number(progress.records, "record"),
            f"{size(progress.rate())}/s",
            f"about {roughly(left)} left" if left is not None and left >= 1 else "",
        ]
        value = "" if share is None else f' value="{share:.3f}"'
        bar = f'<progress max="1"{value} style="width:{_WIDTH}px"></progress>'
        lines = "".join(f"<br>{escape(one_line(line))}" for line in self._notices)
        words = escape(", ".join(filter(None, told)))
        return f"<div><b>{escape(progress.name)}</b> {bar} {words}{lines}</div>"


def _displayed() -> Callable[[str], None]:
    """A display below the cell that each call redraws; nothing where there is no notebook."""
    try:
        core: Any = import_module("IPython.core.getipython")
        shown: Any = import_module("IPython.display")
    except ImportError:
        return lambda html: None
    if core.get_ipython() is None:
        return lambda html: None
    handle: list[Any] = []

    def show(html: str) -> None:
        if handle:
            handle[0].update(shown.HTML(html))
        else:
            handle.append(shown.display(shown.HTML(html), display_id=True))

    return show
