"""Chores, each one command: `nox -l` lists them. They run in the environment that calls nox,
which needs `pip install -e '.[test]'` once.
"""

import sys

import nox

from tests.faults.test_planted_bugs import CAUGHT_BY

nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "types", "unit"]


def _run(session: nox.Session, *command: str) -> None:
    session.run(sys.executable, "-m", *command, *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Style and formatting; changes nothing."""
    session.run(sys.executable, "-m", "ruff", "check", ".")
    session.run(sys.executable, "-m", "ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Every type, strictly."""
    _run(session, "mypy")


@nox.session
def unit(session: nox.Session) -> None:
    """The fast half: all tests but faults and slow ones, with fewer random examples."""
    _run(session, "pytest", "-q", "-n", "auto", "-m", "not slow and not faults")


@nox.session
def faults(session: nox.Session) -> None:
    """Each row of the table of faults: servers, disks and processes that misbehave."""
    _run(session, "pytest", "-q", "-n", "auto", "-m", "faults and not slow")


@nox.session
def bugs(session: nox.Session) -> None:
    """That the table of faults can fail: its rows without a bug, then with each that is planted."""
    rows = sorted({name for names in CAUGHT_BY.values() for name in names})
    _run(session, "pytest", "-q", "-n", "auto", *rows)
    _run(session, "pytest", "-q", "-n", "auto", "tests/faults/test_planted_bugs.py")


@nox.session
def slow(session: nox.Session) -> None:
    """What takes long, or holds time or memory to a bound: one test at a time."""
    _run(session, "pytest", "-q", "-m", "slow")


@nox.session
def chores(session: nox.Session) -> None:
    """What a test of every change would wait for too long: the whole bench at small sizes, the
    wheel on every Python of this machine, very wide tables.
    """
    _run(session, "pytest", "-q", "--chores", "-m", "chore")


@nox.session
def bench(session: nox.Session) -> None:
    """How fast, beside curl and others; `-- --quick` for a look."""
    _run(session, "tests.bench")


@nox.session
def docs(session: nox.Session) -> None:
    """The site, into build/site; a warning is an error."""
    _run(session, "mkdocs", "build", "--strict")
