"""Kill a harvest right before every system call that changes the disk, one after the other.

    python -m tests.kill_matrix

For each kind of call and N = 1, 2, …: a harvest in a process of its own is killed by strace
(SIGKILL) before its N-th call of that kind, then run again undisturbed; the folder must end as if
nothing had happened, and the kill must cost at most one page. Three sweeps: the calls on the
partition's files, those on the run's own files, and those of a run that cleans up after another
kill. N goes on to the first that the harvest does not reach. Takes about a minute; needs strace.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harvester import harvest, load_config
from tests.support import ITEMS, Respond, Scripted, chain, command, kept, run, strace, write_config

PAGES = 3
CALLS = ("write", "pwrite64", "fsync", "fdatasync", "rename", "unlink", "ftruncate", "mkdir")
#: Not called today, but a Python or C library to come might.
OTHER_CALLS = ("renameat", "renameat2", "unlinkat", "mkdirat", "truncate", "writev", "pwritev")
_FOLDER = Path("items", "shard=a")
ENDS = ("", ".tmp")
SWEEPS = ("partition", "run", "recovery")


@dataclass(frozen=True, slots=True)
class Matrix:
    """A harvest of `PAGES` pages from `server` and what it must end as."""

    server: Scripted
    folder: Path  # for scratch
    expected: object

    def arguments(self, out: Path) -> list[str]:
        """The command line of the harvest, into `out`."""
        return command(self.folder / "config.yaml", self.server.base_url, out)

    def completes(self, out: Path, step: str) -> None:
        """Run again, undisturbed: `out` ends as it would have without any disturbance."""
        again = load_config(self.folder / "config.yaml", base_url=self.server.base_url, env={})
        assert harvest(again, out=out).exit_code == 0, step
        assert kept(out) == self.expected, f"{step}: the folder differs"

    def step(self, sweep: str, call: str, number: int) -> bool:
        """Kill before the `number`-th call of a kind and run again; False if it made no such."""
        step = f"{sweep}-{call}-{number}"
        out = self.folder / step
        if sweep == "recovery":
            leave_interrupted(self.folder / "whole", out)
        before = len(self.server.asked)
        inject = f"inject={call}:signal=SIGKILL:when={number}"
        killed = run([*strace(*_paths(sweep, out), "-e", inject), *self.arguments(out)])
        self.completes(out, step)
        pages = PAGES - 1 if sweep == "recovery" else PAGES
        asked = len(self.server.asked) - before
        assert pages <= asked <= pages + 1, f"{step}: {asked} requests"
        shutil.rmtree(out)
        if killed.returncode == 0:
            return False
        assert killed.returncode == -9, f"{step}: {killed.stderr}"
        return True


@contextmanager
def matrix(folder: Path, respond: Respond) -> Iterator[Matrix]:
    """An undisturbed harvest, for comparison, in `folder / "whole"`."""
    with Scripted(respond) as server:
        path = write_config(folder, ITEMS)
        harvest(load_config(path, base_url=server.base_url, env={}), out=folder / "whole")
        yield Matrix(server, folder, kept(folder / "whole"))


def leave_interrupted(whole: Path, out: Path) -> None:
    """A copy of a whole harvest, as a kill after page 1 could have left it: a torn line, the next
    part, the temporary file of another.
    """
    shutil.copytree(whole, out)
    folder = out / _FOLDER
    lines = (folder / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "journal.jsonl").write_bytes(b"".join(lines[:2]) + lines[2][:40])
    (folder / "part-000003.json.gz").rename(folder / "part-000003.json.gz.tmp")


def _paths(sweep: str, out: Path) -> Iterator[str]:
    """Options that make strace look at these files only."""
    if sweep == "run":
        names = ["harvest.json", "last_run.json"]
        paths = [out, out / ".lock", *(out / f"{name}{end}" for name in names for end in ENDS)]
    else:
        parts = [f"part-{n:06d}.json.gz{end}" for n in range(1, PAGES + 1) for end in ENDS]
        folder = out / _FOLDER
        paths = [folder.parent, folder, *(folder / name for name in ["journal.jsonl", *parts])]
    for path in paths:
        yield from ("-P", str(path))


def main() -> int:
    """Run all sweeps to their ends."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        matrix(Path(scratch), chain(PAGES)) as steps,
    ):
        for sweep in SWEEPS:
            for call in (*CALLS, ",".join(OTHER_CALLS)):
                number = 1
                while steps.step(sweep, call, number):
                    number += 1
                sys.stdout.write(f"{sweep}: killed before each of {number - 1} {call}\n")
                sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
