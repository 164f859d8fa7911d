"""Guards the standard streams of a process, which may be a pipe, a full disk, or closed.

A daemon may be started with stdout or stderr closed. The next file that is opened would get its
number, and a message to the user would be written into it: so a free low number *must* be taken
before any file is opened.

What a command does comes first: an answer that nobody can have ends no command. It is noted
here, and `leave` makes an exit code of it. A reader that has enough (`head`) is nothing wrong.
"""

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from typing import IO, Final

#: That the answer is lost: the exit code of a run that a full disk ended.
LOST: Final = 4
_STREAMS: Final = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


class _Lost:
    """Why stdout took no more; None while it takes all."""

    why: OSError | None = None


def open_missing() -> None:
    """Take the numbers 0, 1 and 2 where they are free, and give Python streams on them.

    What stands for stdout cannot be written to: that an answer is lost must be told.
    """
    for number, (name, mode) in enumerate(_STREAMS):
        if not _is_open(number):
            flags = os.O_WRONLY if name == "stderr" else os.O_RDONLY
            with contextlib.suppress(OSError):
                os.open(os.devnull, flags)  # the lowest free number, which is this one
        if getattr(sys, name) is None:
            setattr(sys, name, _stream(number, mode))
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):  # what a test puts here has none
            reconfigure(errors="backslashreplace")


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _stream(number: int, mode: str) -> IO[str]:
    return open(number, mode, encoding="utf-8", closefd=False)  # for good


def write(text: str) -> bool:
    """Write to stdout, unless it has refused before; whether it takes more."""
    if _Lost.why is None:
        with noting():
            sys.stdout.write(text)
    return _Lost.why is None


def takes_more() -> bool:
    """Whether stdout still takes what is written."""
    flush()
    return _Lost.why is None


def flush() -> None:
    """What was written to stdout is out, or known to be lost."""
    if _Lost.why is None:
        with noting():
            sys.stdout.flush()


@contextlib.contextmanager
def noting() -> Iterator[None]:
    """Note an error of the block, which only writes to stdout, and go on behind it."""
    try:
        yield
    except OSError as error:
        lose(error)


def lose(why: OSError) -> None:
    """Note that stdout takes no more; what is still written goes nowhere."""
    _Lost.why = _Lost.why or why
    _silence(1)


def leave(code: int) -> tuple[int, str]:
    """The exit code of a command that came to `code`, and what is to be said of its answer."""
    flush()
    why = _Lost.why
    if why is None or isinstance(why, BrokenPipeError):
        return code, ""
    reason = "it is closed" if why.errno == errno.EBADF else why.strerror or str(why)
    return code or LOST, (
        f"error: stdout: {reason}; the answer is not whole there. What is on disk is untouched: "
        "the same command answers again"
    )


def still() -> None:
    """Let nothing be left for Python to write at its end, which would change the exit code."""
    try:
        sys.stderr.flush()
    except (OSError, ValueError):
        _silence(2)


def _silence(number: int) -> None:
    """Let what is written to that number go nowhere."""
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        if nowhere != number:
            os.close(nowhere)
