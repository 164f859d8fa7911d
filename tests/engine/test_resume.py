"""Killed at any instant and run again, a harvest ends as if nothing had happened.

Real processes, killed by SIGKILL: at random instants, and by strace right before chosen system
calls. `kill_matrix.py` beside this file goes through every one of those.
"""

import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harvester import iter_records, status, verify
from harvester.emulator import UNLIMITED, Emulator, Faults
from tests.support import ENVIRONMENT, SEARCH, command, kept, run, write_config

#: What the API does as documented: the same page every time, so the same journal.
_DOCUMENTED = Faults(short=0.2, empty=0.1, latency_s=0.002)
_BAD_DAY = Faults(
    unavailable=0.02,
    reset=0.04,
    cut_length=0.04,
    cut_chunked=0.04,
    cut_gzip=0.05,
    slow=0.05,
    slow_s=0.02,
    short=0.2,
    empty=0.1,
)
_WORKERS = 4


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """About 70 pages in four partitions, with the API's documented oddities."""
    with Emulator(tweets=1500, rate_limit=UNLIMITED, faults=_DOCUMENTED) as running:
        yield running


def _kill_until_complete(
    arguments: list[str], emulator: Emulator, seed: int, most_runs: int
) -> int:
    """Run and kill, again and again, each time after a few requests; the number of kills."""
    rng = random.Random(seed)
    for kills in range(most_runs):
        process = subprocess.Popen(
            arguments, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        goal = emulator.counts["requests"] + rng.randrange(1, 14)
        while process.poll() is None and emulator.counts["requests"] < goal:
            time.sleep(0.0005)
        time.sleep(rng.uniform(0, 0.008))
        process.kill()
        _, said = process.communicate()
        if process.returncode == 0:
            return kills
        assert process.returncode == -signal.SIGKILL, said.decode()
    raise AssertionError(f"not complete after {most_runs} runs")


def test_killed_at_random_instants(tmp_path: Path, emulator: Emulator) -> None:
    """Nothing is lost or doubled, and a kill costs at most one page of each active partition."""
    path = write_config(tmp_path, SEARCH)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert run(command(path, emulator.base_url, whole)).returncode == 0
    asked = emulator.counts["requests"]
    assert asked > 60

    kills = _kill_until_complete(
        command(path, emulator.base_url, killed), emulator, seed=1, most_runs=60
    )

    assert kills >= 8
    assert kept(killed) == kept(whole)
    assert emulator.counts["requests"] - asked <= asked + kills * _WORKERS
    assert verify(killed, deep=True).ok
    assert status(killed).complete
    assert list(iter_records(killed)) == list(iter_records(whole))
    assert sum(1 for _ in iter_records(killed)) == 2 * 1500


def test_killed_on_a_bad_day(tmp_path: Path) -> None:
    """The same while attempts fail: retries and kills together lose and double nothing."""
    path = write_config(tmp_path, SEARCH)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    with Emulator(tweets=1200, rate_limit=UNLIMITED, faults=_BAD_DAY) as emulator:
        assert run(command(path, emulator.base_url, whole)).returncode == 0
        once = emulator.counts["requests"]
        _kill_until_complete(
            command(path, emulator.base_url, killed), emulator, seed=2, most_runs=60
        )
        assert emulator.counts["requests"] > once  # it was asked again, after real kills
        assert emulator.counts["cut"] > 5
    assert kept(killed) == kept(whole)
    assert verify(killed, deep=True).ok
