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
from types import FrameType
from typing import TYPE_CHECKING, Final, Protocol

from harvester.config import Config
from harvester.engine import Event, RunOptions, harvest
from harvester.results import Summary
from harvester.security import Secrets
from harvester.terminal.calling import program as program
from harvester.terminal.plain import PlainDisplay
from harvester.terminal.progress import Progress

if TYPE_CHECKING:
    from harvester.terminal.json_lines import JsonLines
    from harvester.terminal.live import LiveDisplay

_INTERRUPTED: Final = 130
_BELOW_THE_LINES: Final = b"\r\n"
_ENDING: Final = b"ending after the current chunk; Ctrl-C again ends at once\n"
_ENDING_JSON: Final = (
    b'{"event": "message", "text": "ending after the current chunk; Ctrl-C again ends at once"}\n'
)
_LOOK_S: Final = 1.0
_HIDDEN: Final = ("--notify",)  # options whose values are not shown


class Watcher(Protocol):
    """Hears of a run beside the display. Nothing that it does *may* raise, or take long."""

    def take(self, event: Event) -> None:
        """An event; called by workers, one at a time."""

    def look(self, progress: Progress) -> None:
        """Called once a second, in a thread of its own."""

    def ended(self, progress: Progress, summary: Summary) -> None:
        """The run has ended, well or not."""

    def broken(self, progress: Progress, error: BaseException) -> None:
        """The run ended in an error that left no summary."""


def harvest_watched(
    config: Config,
    options: RunOptions,
    *,
    live: bool,
    quiet: bool = False,
    as_json: bool = False,
    watchers: Sequence[Watcher] = (),
) -> tuple[Summary, Progress]:
    """`harvest` with a display on stderr, ended by SIGINT and SIGTERM. Raises as `harvest`.

    `live` redraws lines, for a terminal only; otherwise plain lines are written, or (`quiet`)
    nothing but failures and warnings; `as_json` writes an object for each event instead.
    `watchers` hear of everything too.
    """
    stop = threading.Event()
    progress = Progress(config)
    display = _display(progress, live=live, quiet=quiet, as_json=as_json)

    def end() -> None:
        stop.set()
        display.interrupted()
        if not live:
            os.write(2, _ENDING_JSON if as_json else _ENDING)

    def take(event: Event) -> None:
        display.take(event)
        for watcher in watchers:
            watcher.take(event)

    with _signals(end, live=live), display, watched(watchers, progress):
        summary = harvest(config, options, on_event=take, stop=stop)
        for watcher in watchers:
            watcher.ended(progress, summary)
    return summary, progress


def _display(
    progress: Progress, *, live: bool, quiet: bool, as_json: bool
) -> "LiveDisplay | PlainDisplay | JsonLines":
    if as_json:
        from harvester.terminal.json_lines import JsonLines

        return JsonLines(progress)
    if live:
        from harvester.terminal.live import LiveDisplay

        return LiveDisplay(progress)
    return PlainDisplay(progress, quiet=quiet)


@contextlib.contextmanager
def watched(watchers: Sequence[Watcher], progress: Progress) -> Iterator[None]:
    """Let watchers look once a second, and hear of an error that ends the run."""
    if not watchers:
        yield
        return
    over = threading.Event()

    def look() -> None:
        while not over.wait(_LOOK_S):
            for watcher in watchers:
                watcher.look(progress)

    looking = threading.Thread(target=look, name="watchers", daemon=True)
    looking.start()
    try:
        yield
    except BaseException as error:
        over.set()
        looking.join()
        for watcher in watchers:
            watcher.broken(progress, error)
        raise
    finally:
        over.set()
        looking.join()


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
    words, hidden = [], False
    for word in sys.argv[1:]:
        option, equals, _ = word.partition("=")
        if hidden and "{env." not in word:
            word = "***"  # an address for notifications is a secret, as a rule
        elif equals and option in _HIDDEN and "{env." not in word:
            word = f"{option}=***"
        hidden = word in _HIDDEN
        words.append(shlex.quote(secrets.redact(word)))
    return " ".join([program(), *words])
