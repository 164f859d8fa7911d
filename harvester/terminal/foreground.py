"""Runs a harvest in front of a person: signals, a display, and how to resume.

The first Ctrl-C (or SIGTERM) asks the run to end after its current chunks; the second ends the
process at once, which is safe: what is committed is durable, and nothing else counts.
"""

import contextlib
import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Final

from harvester.config import Config
from harvester.engine import harvest
from harvester.results import Summary
from harvester.security import Secrets
from harvester.terminal.calling import program as program
from harvester.terminal.plain import PlainDisplay
from harvester.terminal.progress import Progress

_INTERRUPTED: Final = 130
_BELOW_THE_LINES: Final = b"\r\n"
_ENDING: Final = b"ending after the current chunk; Ctrl-C again ends at once\n"


def harvest_watched(
    config: Config,
    *,
    live: bool,
    quiet: bool = False,
    out: Path | None = None,
    resources: Sequence[str] = (),
    concurrency: int | None = None,
    max_pages: int | None = None,
    accept_change: bool = False,
) -> tuple[Summary, Progress]:
    """`harvest` with a display on stderr, ended by SIGINT and SIGTERM. Raises as `harvest`.

    `live` redraws lines, for a terminal only; otherwise plain lines are written, or (`quiet`)
    nothing but failures and warnings.
    """
    stop = threading.Event()
    progress = Progress(config)
    if live:
        from harvester.terminal.live import LiveDisplay

        display: LiveDisplay | PlainDisplay = LiveDisplay(progress)
    else:
        display = PlainDisplay(progress, quiet=quiet)

    def end() -> None:
        stop.set()
        display.interrupted()
        if not live:
            os.write(2, _ENDING)

    with _signals(end, live=live), display:
        summary = harvest(
            config,
            out=out,
            resources=resources,
            concurrency=concurrency,
            max_pages=max_pages,
            accept_change=accept_change,
            on_event=display.take,
            stop=stop,
        )
    return summary, progress


@contextlib.contextmanager
def ended_by_signals() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C or SIGTERM sets; the second leaves the process at once."""
    stop = threading.Event()

    def end() -> None:
        stop.set()
        os.write(2, _ENDING)

    with _signals(end, live=False):
        yield stop


@contextlib.contextmanager
def _signals(end: Callable[[], None], *, live: bool) -> Iterator[None]:
    """Call `end` at the first SIGINT or SIGTERM, and leave the process at the second."""
    asked = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            if live:
                os.write(2, _BELOW_THE_LINES)
            os._exit(_INTERRUPTED)
        asked = True
        with contextlib.suppress(OSError):
            end()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stderr_is_terminal() -> bool:
    """Whether stderr is a terminal on which lines can be redrawn."""
    return sys.stderr.isatty() and os.environ.get("TERM", "") not in ("", "dumb", "unknown")


def stderr_columns() -> int | None:
    """The width of the terminal on stderr; None where there is none."""
    if not sys.stderr.isatty():
        return None
    with contextlib.suppress(OSError):
        return os.get_terminal_size(sys.stderr.fileno()).columns or None
    return None


def again(secrets: Secrets) -> str:
    """The command line of this process as it was typed, secrets masked."""
    return " ".join([program(), *(shlex.quote(secrets.redact(word)) for word in sys.argv[1:])])
