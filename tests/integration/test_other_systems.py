"""What other systems lack is done without: calls that only Linux or only POSIX has, and `/proc`.

They are taken away from a program of its own before it harvests. No test runs on macOS itself but
the release's, and none on Windows.
"""

import os
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import harvester
from harvester import Harvest, descriptors
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


#: What Python has on POSIX and not on Windows, of the same.
POSIX_ONLY = (
    *LINUX_ONLY, "O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_DIRECTORY", "pread", "pwrite",
    "fchmod", "getuid", "geteuid", "getgid", "fork", "forkpty", "killpg", "setsid", "sync",
    "statvfs", "mkfifo", "getloadavg", "wait4", "waitid", "pathconf", "sysconf",
    "posix_spawn", "chown", "nice",
)  # fmt: skip
MODULES = ("fcntl", "grp", "pwd", "resource", "termios", "tty", "pty", "readline", "syslog")
#: Python's own modules were made for the system that they run on; so they come first (and `uname`
#: stays, which numpy asks for). A folder
#: cannot be opened, nor a name looked up in one that is. Locks go through portalocker, which is
#: imported before flock is hidden.
WINDOWS = f"""
import asyncio, concurrent.futures.process, getpass, multiprocessing.popen_fork, os, random
import select, shutil, signal, sqlite3, ssl, subprocess, sys, tempfile, portalocker
shutil._use_fd_functions = False
for name in {POSIX_ONLY}:
    if hasattr(os, name):
        delattr(os, name)
for name in ("SIGHUP", "SIGWINCH", "SIGKILL", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGCHLD",
             "SIGSTOP", "SIGCONT", "SIGTSTP", "SIGPIPE", "setitimer", "alarm", "pthread_sigmask"):
    delattr(signal, name)
opened, looked = os.open, os.stat
def open_(path, *arguments, dir_fd=None, **more):
    if dir_fd is not None or isinstance(path, (str, os.PathLike)) and os.path.isdir(path):
        raise PermissionError(13, "Permission denied", str(path))
    return opened(path, *arguments, **more)
def stat_(path, *, dir_fd=None, follow_symlinks=True):
    if dir_fd is not None:
        raise NotImplementedError("dir_fd unavailable on this platform")
    return looked(path, follow_symlinks=follow_symlinks)
os.open, os.stat = open_, stat_
for name in {MODULES}:
    sys.modules[name] = None
"""
COMMAND = """
from harvester.cli import main
sys.argv[0] = "harvester"
main()
"""


def without(folder: Path, *arguments: str, program: str = PROGRAM, code: int = 0) -> str:
    """A command on a system that has none of these; it must end as it does elsewhere."""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    return done.stderr


def test_a_harvest_and_an_export_without_what_only_linux_has(tmp_path: Path) -> None:
    """Harvested, verified, exported."""
    with Scripted(chain(3)) as server:
        config = write_config(tmp_path, ITEMS)
        without(tmp_path, "run", str(config), "--base-url", server.base_url, "--out", "out")
    without(tmp_path, "verify", "out", "--deep")
    without(tmp_path, "export", "out", "items.parquet")
    assert Harvest(tmp_path / "out").verify().ok
    assert (tmp_path / "items.parquet").exists()


def test_a_harvest_where_there_is_no_posix(tmp_path: Path) -> None:
    """Harvested, resumed, exported; and a second run is refused meanwhile."""

    def there(*arguments: str, code: int = 0) -> str:
        return without(tmp_path, *arguments, program=WINDOWS + COMMAND, code=code)

    with Scripted(chain(3)) as server:
        config = str(write_config(tmp_path, ITEMS))
        server_is = ("--base-url", server.base_url, "--out", "out")
        there("run", config, *server_is, "--max-pages", "1", code=4)
        with locked(tmp_path / "out" / ".lock"):
            said = there("run", config, *server_is, code=6)
            assert f"another run (process {os.getpid()}) is harvesting into this folder" in said
        there("run", config, *server_is)
    there("export", "out", "items.csv")
    assert Harvest(tmp_path / "out").verify().ok
    assert len((tmp_path / "items.csv").read_text().splitlines()) > 1


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """The lock of a folder, held as a run of this process would hold it."""
    path.write_text(f"{os.getpid()}\n")
    with path.open("rb") as file:
        descriptors.lock(file.fileno())
        yield


def test_every_module_can_be_imported_where_there_is_no_posix() -> None:
    """No import of what only POSIX has stands at the top of a module."""
    names = [each.name for each in pkgutil.walk_packages(harvester.__path__, "harvester.")]
    own = [name for name in names if not name.endswith("__main__") and "dask" not in name]  # slow
    assert len(own) > 200
    code = f"{WINDOWS}\nimport importlib\nfor name in {own!r}:\n    importlib.import_module(name)\n"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("elsewhere", [False, True])
def test_both_kinds_of_lock_are_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, elsewhere: bool
) -> None:
    """Who holds one by flock is seen by portalocker, shared or alone, until the file is closed."""
    path = tmp_path / "lock"
    path.touch()
    with path.open("rb") as first, path.open("rb") as second:
        descriptors.lock(first.fileno(), shared=True)
        if elsewhere:
            monkeypatch.setattr(descriptors, "fcntl", None)
        descriptors.lock(second.fileno(), shared=True)
        with pytest.raises(BlockingIOError):
            descriptors.lock(second.fileno())
        first.close()
        descriptors.lock(second.fileno())


def test_a_link_is_refused_where_no_flag_refuses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a look before the file is opened."""
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "file").touch()
    monkeypatch.delattr(os, "O_NOFOLLOW")
    os.close(descriptors.open_file(tmp_path / "file", os.O_RDONLY))
    with pytest.raises(OSError, match="symbolic links"):
        descriptors.open_file(tmp_path / "link", os.O_RDONLY)
