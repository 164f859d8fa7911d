"""`harvester demo`: from nothing to a verified harvest, also through kill -9."""

import json
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harvester import status, verify
from harvester.cli.demo import FAST, USUAL, as_it_began, config_path, emulated
from harvester.store.manifest import prepare
from tests.support import ENVIRONMENT

DEMO = (sys.executable, "-m", "harvester", "demo", "--fast", "--out", "harvester-demo")


def demo(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the short demo to its end in `folder`."""
    return subprocess.run(
        DEMO, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False
    )


def test_demo_harvests_verifies_and_says_what_to_type_next(tmp_path: Path) -> None:
    """Exit code 0, everything on stderr, and the commands it names work as they stand."""
    done = demo(tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    out = tmp_path / "harvester-demo"
    assert f"Complete: 24 partitions, {verify(out).parts} pages, 48,000 records." in done.stderr
    typed = [line.strip() for line in done.stderr.splitlines() if line.startswith("  zcat ")]
    page = subprocess.run(
        ["bash", "-c", typed[0]], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert page.stdout.startswith('{"data":[{"id":"')
    again = demo(tmp_path)
    assert again.returncode == 0
    assert "is complete already" in again.stderr


def test_a_demo_that_was_killed_goes_on(tmp_path: Path) -> None:
    """SIGKILL in the middle, again and again; then nothing is missing and nothing doubled."""
    out = tmp_path / "harvester-demo"
    pages = 0
    for _ in range(3):
        process = subprocess.Popen(
            DEMO, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        deadline = time.monotonic() + 30
        while len(list(out.glob("tweets/*/*/part-*.json.gz"))) < pages + 10:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert not status(out).complete
        pages = status(out).resources[0].pages
    done = demo(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Going on with harvester-demo" in done.stderr
    assert verify(out, deep=True).ok
    ids = [
        json.loads(line)["id"]
        for line in subprocess.run(
            [sys.executable, "-m", "harvester", "records", str(out)],
            env=ENVIRONMENT, capture_output=True, check=True,
        ).stdout.splitlines()
    ]  # fmt: skip
    assert len(ids) == 48_000
    assert len(set(ids[:24_000])) == len(set(ids[24_000:])) == 24_000


def test_the_demo_uses_the_file_of_real_users() -> None:
    """The file lies where it is looked for, and only what must be is overridden."""
    assert config_path().read_text().startswith("# yaml-language-server:")
    with emulated(USUAL) as (emulator, config):
        assert config.base_url == emulator.base_url
        assert {change.partition("=")[0] for change in USUAL.set} <= {
            "client.rate_limit", "client.retry.max_wait",
        }  # fmt: skip


def test_a_demo_goes_on_as_it_began(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its cursors lead nowhere among fewer tweets: the size is the folder's, and a line says so."""
    for began, other, said in ((USUAL, FAST, "without --fast"), (FAST, USUAL, "with --fast")):
        out = tmp_path / said
        assert as_it_began(out, other) is other
        with emulated(began) as (_, config):
            out.mkdir()
            prepare(out, config, datetime.now(UTC))
        assert as_it_began(out, began) is began
        assert capsys.readouterr().err == ""
        assert as_it_began(out, other) is began
        assert capsys.readouterr().err == f"Going on as it began: {said}.\n"
