"""The command line. A command parses, calls one library function, and renders what it gives.

Answers go to stdout; progress, messages and errors to stderr. Nothing heavy is imported before a
command needs it: `--version`, `--help` and completion must answer at once.
"""

import gc
import os
import sys
from typing import Final, NoReturn

from harvester import __version__
from harvester.cli import declaring, harvesting, mending, using
from harvester.cli.app import app
from harvester.cli.completing import for_shell
from harvester.errors import ConfigError, HarvesterError
from harvester.terminal.phrases import number, one_line
from harvester.terminal.rendering import NobodyReads, say

__all__ = ["app", "declaring", "harvesting", "main", "mending", "using"]

_DAMAGED: Final = 5
_INTERRUPTED: Final = 130
_USUAL: Final = gc.get_threshold()
_IMPORTED: Final = 100_000  # objects; the imports of a run make 88,000 that stay


def main() -> NoReturn:
    """Run the command line of this process, and leave it with the exit code."""
    code: int | str | None
    _put_off_collection()
    if sys.argv[1:2] == ["help"]:  # as people type it who come from git
        sys.argv[1:] = [*sys.argv[2:3], "--help"]
    try:
        try:
            with for_shell(os.environ):
                app()
            code = 0
        except SystemExit as leaving:
            code = leaving.code
        sys.stdout.flush()
    except HarvesterError as error:
        code = _tell(error)
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except (NobodyReads, BrokenPipeError):  # as `head` does; nothing is wrong
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except OSError as error:
        from harvester.secrets import redact_all

        told = f"error: {error.filename or 'stdout'}: {error.strerror or error}"
        say(redact_all(told, os.environ))
        code = _DAMAGED if error.filename else 1
    except Exception:
        code = _tell_bug()
    sys.exit(code)


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

    from harvester.secrets import redact_all

    say(redact_all(traceback.format_exc(), os.environ))
    say(
        f"This is a bug in harvester {__version__}; please report the lines above. What was "
        "committed is kept."
    )
    return HarvesterError.exit_code
