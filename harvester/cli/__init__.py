"""The command line: each command parses, calls one library function, and renders what it gives.

Answers go to stdout; progress, messages and errors to stderr. Nothing heavy is imported before a
command needs it: `--version`, `--help` and completion must answer at once.
"""

import errno
import gc
import io
import os
import sys
from pathlib import Path
from typing import Any, Final, NoReturn

import typer

from harvester import __version__
from harvester.cli.app import app
from harvester.cli.completing import for_shell
from harvester.errors import (
    ConfigError,
    HarvesterError,
    RunStopped,
    is_want_of_threads,
    no_more_threads,
)
from harvester.model import number, one_line
from harvester.terminal import leave, lose, open_missing, say, still

__all__ = ["app", "main"]

_DAMAGED: Final = 5
_INTERRUPTED: Final = 130
#: The root of what typer raises for a command line that is wrong; not public under a name.
_WRONG_USAGE: Final[Any] = typer.BadParameter.__mro__[2]
#: What a machine has too little of: later, or elsewhere, the same command may go through.
_IN_WANT: Final = (
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE,
    errno.ENOMEM, errno.EAGAIN, errno.ENOLCK,
)  # fmt: skip
_USUAL: Final = gc.get_threshold()
_IMPORTED: Final = 150_000  # objects; a run of one page makes 105,000 that stay


def main() -> NoReturn:
    """Run the command line of this process, and leave it with the exit code."""
    open_missing()  # before any file is opened
    _put_off_collection()
    if sys.argv[1:2] == ["help"]:  # as people type it who come from git
        sys.argv[1:] = [*sys.argv[2:3], "--help"]
    code, lost = leave(_code())
    if lost:
        say(lost)
    still()
    sys.exit(code)


def _code() -> int:
    """Run the command, and say what went wrong."""
    try:
        with for_shell(os.environ):
            return int(app(standalone_mode=False) or 0)
    except HarvesterError as error:
        return _tell(error)
    except _WRONG_USAGE as error:
        message = io.StringIO()
        error.show(message)  # what was typed, and names of files: not as it is onto a terminal
        say(message.getvalue().rstrip("\n"))
        return ConfigError.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return _INTERRUPTED
    except SystemExit as leaving:
        return _of_typer(leaving)
    except OSError as error:
        return _tell_system(error)
    except MemoryError:
        say("error: out of memory; what was committed is kept, and the same command goes on")
        return RunStopped.exit_code
    except Exception as error:
        return _tell(no_more_threads()) if is_want_of_threads(error) else _tell_bug()


def _of_typer(leaving: SystemExit) -> int:
    """Typer leaves so after an answer to a shell, and with 1 where nobody reads its help."""
    if isinstance(leaving.__context__, BrokenPipeError):
        lose(leaving.__context__)
        return 0
    return ConfigError.exit_code if leaving.code else 0


def _tell_system(error: OSError) -> int:
    """What the machine refused: for want of something, or for good."""
    from harvester.security import redact_all

    if error.errno == errno.ENOENT and _is_nowhere():
        say(
            "error: the folder that this was called from has been deleted, or was made anew since; "
            'cd "$PWD", or into another one, and call it again'
        )
        return ConfigError.exit_code
    name = f"{error.filename}: " if error.filename else ""
    say(redact_all(f"error: {name}{error.strerror or error}", os.environ))
    return RunStopped.exit_code if error.errno in _IN_WANT or not name else _DAMAGED


def _is_nowhere() -> bool:
    try:
        Path.cwd()
    except OSError:
        return True
    return False


def _put_off_collection() -> None:
    """Let the garbage collector wait until the imports are over: they drop next to nothing, and
    looking through them takes 8 % of a run's start. From its first look on it works as always.
    """

    def restore(*_: object) -> None:
        gc.callbacks.remove(restore)
        gc.set_threshold(*_USUAL)

    gc.callbacks.append(restore)
    gc.set_threshold(_IMPORTED)


def _tell(error: HarvesterError) -> int:
    if isinstance(error, ConfigError) and error.problems:
        for problem in error.problems:
            say(one_line(str(problem)))
        say(f"{number(len(error.problems), 'problem')}; nothing was done")
    else:
        say(f"error: {error}")
    return error.exit_code


def _tell_bug() -> int:
    import traceback

    from harvester.security import redact_all

    say(redact_all(traceback.format_exc(), os.environ))
    say(
        f"This is a bug in harvester {__version__}; please report the lines above. What was "
        "committed is kept."
    )
    return HarvesterError.exit_code
