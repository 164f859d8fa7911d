"""What other systems lack is done without: calls that only Linux has, and `/proc`.

They are taken away from a program of its own before it harvests. No test runs on macOS itself but
the release's.
"""

import subprocess
import sys
from pathlib import Path

from harvester import Harvest
from tests.support import ENVIRONMENT, ITEMS, Scripted, chain, write_config

#: What Python has under Linux and not on macOS, of what a program like this could use.
LINUX_ONLY = (
    "fdatasync", "memfd_create", "posix_fadvise", "posix_fallocate", "sched_getaffinity",
    "pipe2", "copy_file_range", "eventfd", "pidfd_open", "splice", "O_DIRECT", "O_PATH",
    "O_TMPFILE",
)  # fmt: skip
PROGRAM = f"""
import os, sys
for name in {LINUX_ONLY}:
    if hasattr(os, name):
        delattr(os, name)
from harvester.cli import main
sys.argv[0] = "harvester"
main()
"""


def without(folder: Path, *arguments: str) -> None:
    """A command on a system that has none of these; it must end well."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_harvest_and_an_export_without_what_only_linux_has(tmp_path: Path) -> None:
    """Harvested, verified, exported."""
    with Scripted(chain(3)) as server:
        config = write_config(tmp_path, ITEMS)
        without(tmp_path, "run", str(config), "--base-url", server.base_url, "--out", "out")
    without(tmp_path, "verify", "out", "--deep")
    without(tmp_path, "export", "out", "items.parquet")
    assert Harvest(tmp_path / "out").verify().ok
    assert (tmp_path / "items.parquet").exists()
