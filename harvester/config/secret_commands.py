"""Runs the commands that print secrets, as a YAML names them: `{command.pass show api/token}`.

Each is run once for as long as the process lives, without a shell: its words are those that a shell
would make of the line. It may ask whoever sits at the terminal.
"""

import shlex
import subprocess
from typing import Final

_PATIENCE_S: Final = 60.0
_MOST_BYTES: Final = 64 * 1024


_results: Final[dict[str, str | OSError]] = {}


def printed(command: str) -> str | None:
    """What a command prints, without the line break at its end; None where it fails."""
    if command not in _results:
        _results[command] = _run(command)
    found = _results[command]
    return found if isinstance(found, str) else None


def why_not(command: str) -> str:
    """Why there is nothing that it prints. Does not run it."""
    found = _results.get(command)
    if isinstance(found, OSError):
        return str(found)
    return "was not run: a command is run for the YAML that names it; give the YAML"


def _run(command: str) -> str | OSError:
    """Its text, or what is wrong with it."""
    try:
        words = shlex.split(command)
        done = subprocess.run(  # noqa: S603 - the YAML says so
            words, stdout=subprocess.PIPE, timeout=_PATIENCE_S, check=False
        )
    except subprocess.TimeoutExpired:
        return OSError(f"took more than {_PATIENCE_S:g} s")
    except (OSError, ValueError) as error:
        return OSError(f"cannot be run: {getattr(error, 'strerror', None) or error}")
    if done.returncode:
        return OSError(f"ended with exit code {done.returncode}")
    if len(done.stdout) > _MOST_BYTES:
        return OSError(f"printed more than {_MOST_BYTES:,} bytes")
    return done.stdout.decode(errors="surrogateescape").removesuffix("\n").removesuffix("\r")
