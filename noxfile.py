"""Chores, each one command: `nox -l` lists them. They run in the environment that calls nox,
which needs `pip install -e '.[test]'` once.
"""

import sys

import nox

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
    """The fast half: all tests but faults, whole harvests and slow ones."""
    ignored = (f"--ignore=tests/{name}" for name in ("faults", "integration", "slow"))
    _run(session, "pytest", "-q", "-n", "auto", *ignored)


@nox.session
def faults(session: nox.Session) -> None:
    """Each row of the table of faults, and whole harvests."""
    _run(session, "pytest", "-q", "-n", "auto", "tests/faults", "tests/integration")


@nox.session
def slow(session: nox.Session) -> None:
    """What takes minutes."""
    _run(session, "pytest", "-q", "tests/slow")


@nox.session
def bench(session: nox.Session) -> None:
    """How fast, beside curl and others; `-- --quick` for a look."""
    _run(session, "tests.bench")


@nox.session
def docs(session: nox.Session) -> None:
    """The site, into build/site; a warning is an error."""
    _run(session, "mkdocs", "build", "--strict")
