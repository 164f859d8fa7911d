"""Runs one test with one bug planted, over and over, in forks of a process that has all imported.

`Planting` starts that process (`python -m tests.planting`) and asks it. Each question is answered
by a fork, so that no bug outlives its test, and what takes longest, the imports, is done once.
"""

import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import hypothesis
import pytest

from tests import planted_bugs

ROOT: Final = Path(__file__).parents[1]
#: After how long a test with a bug is killed, and what it has started.
_PATIENCE_S: Final = 300.0
_ARGUMENTS: Final = (
    "-x", "-q", "--tb=line", "-rfE", "-p", "no:cacheprovider",
    "-W", "ignore::pytest.PytestAssertRewriteWarning",  # plugins were imported before the fork
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ended:
    """How one run of pytest ended, and what it printed."""

    code: int
    output: str


class Planting:
    """The process that plants bugs, as the tests see it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.planting"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, bug: str, test: str) -> Ended:
        """Run a test, stopping at its first case that fails; no bug if its name is empty."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([bug, test]) + "\n")
        self._process.stdin.flush()
        code, output = json.loads(self._process.stdout.readline())
        return Ended(code, output)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def main() -> None:
    """Answer each line of standard input, `["BUG", "TEST"]`, by `[exit code, "output"]`."""
    for plugin in entry_points(group="pytest11"):
        plugin.load()
    gc.freeze()
    for line in sys.stdin:
        bug, test = json.loads(line)
        with tempfile.TemporaryFile() as said:
            process = os.fork()
            if process == 0:
                _run(bug, test, said.fileno())
            code = _ended(process)
            said.seek(0)
            output = said.read().decode(errors="replace")
        sys.stdout.write(json.dumps([code, output]) + "\n")
        sys.stdout.flush()


def _run(bug: str, test: str, said: int) -> None:
    """In the fork: nothing is read, and all that is printed goes to a file."""
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.environ[planted_bugs.VARIABLE] = bug
    code = 70
    try:
        code = pytest.main([*_ARGUMENTS, test], plugins=[_Found(), planted_bugs])
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


class _Found:
    """A pytest plugin: one example that fails is enough, however large it is."""

    def pytest_configure(self) -> None:
        """After the settings of the suite, before a test is made with them."""
        phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
        hypothesis.settings.register_profile("found", deadline=None, phases=phases, database=None)
        hypothesis.settings.load_profile("found")


def _ended(process: int) -> int:
    """The exit code of a fork; what takes too long is killed."""
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.killpg(process, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


if __name__ == "__main__":
    main()
