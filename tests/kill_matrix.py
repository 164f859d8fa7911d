"""Rows 37 and 40: kill a harvest, or fail it, at every system call that changes the disk.

    python -m tests.kill_matrix [--jobs N] [--durability WHEN]… [--seconds S]

A step is one harvest in a process of its own, behind strace, which kills it (SIGKILL) right before
the N-th call of a kind on a file, or makes that call fail; then the same harvest again,
undisturbed. The folder must end as if nothing had happened, and a kill may cost one page at most:
once where pages become safe in groups, behind the fetches, and once where each is safe before the
next is asked for. The steps are those of five states:
nothing on disk yet, one page and two pages there, the rubbish that another kill has left, and a
harvest that is done. What calls there are to disturb is found by watching each state undisturbed; N
counts within a thread, and so does strace. Short writes are made by a limit on the size of files,
one for each 32 bytes.

Takes some minutes with two jobs (`--seconds` ends it sooner, with a sample); needs strace. Ends
with 0 when every step did, 1 when one did not, 3 when there was no time for all.
"""

import argparse
import random
import re
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from harvester import harvest, load_config
from tests.support import ITEMS, Respond, Scripted, chain, command, kept, run, strace, write_config

PAGES = 3
KILL = "SIGKILL"
#: The calls that change the disk, and what may befall each of them.
CALLS = {
    "openat": (KILL, "EMFILE", "EIO"),
    "write": (KILL, "ENOSPC", "EIO"),
    "pwrite64": (KILL, "ENOSPC", "EIO"),
    "fsync": (KILL, "EIO", "ENOSPC"),
    "fdatasync": (KILL, "EIO", "ENOSPC"),
    "rename": (KILL, "ENOSPC", "EIO"),
    "link": (KILL, "ENOSPC", "EIO"),
    "unlink": (KILL, "EIO"),
    "ftruncate": (KILL, "EIO"),
    "close": (KILL, "EIO"),
    "mkdir": (KILL, "ENOSPC"),
}
#: Not called today, but a Python or C library to come might.
OTHER_CALLS = (
    "renameat",
    "renameat2",
    "linkat",
    "unlinkat",
    "mkdirat",
    "truncate",
    "writev",
    "pwritev",
)
#: What a run may do without: files that it only reads, or that it has already made durable.
DISPENSABLE = ("openat", "close", "unlink")
FOLDER = Path("items", "shard=a")
STATES = ("fresh", "page 2", "page 3", "recovery", "done")
#: What is on disk, by the name that a step calls it. A part is also known by its temporary name.
FILES = {
    "out": ["."],
    "lock": [".lock"],
    "harvest.json": ["harvest.json", "harvest.json.tmp"],
    "last_run.json": ["last_run.json", "last_run.json.tmp"],
    "resource": [str(FOLDER.parent)],
    "folder": [str(FOLDER)],
    "journal": [str(FOLDER / "journal.jsonl")],
    **{
        f"part {number}": [str(FOLDER / f"part-{number:06d}.json.gz{end}") for end in ("", ".tmp")]
        for number in range(1, PAGES + 1)
    },
}
_COMMITTED = {"fresh": 0, "page 2": 1, "page 3": 2, "recovery": 1, "done": PAGES}


@dataclass(frozen=True, slots=True)
class Step:
    """What befalls the `number`-th `call` on a file, in a run that finds the disk in a state."""

    state: str
    file: str
    call: str
    number: int
    deed: str

    def __str__(self) -> str:
        return f"{self.state}: {self.deed} at {self.call} {self.number} of {self.file}"


@dataclass(frozen=True, slots=True)
class Matrix:
    """A harvest of `PAGES` pages from `server` and what it must end as."""

    server: Scripted
    folder: Path  # for scratch
    expected: object

    def arguments(self, out: Path) -> list[str]:
        """The command line of the harvest, into `out`."""
        return command(self.folder / "config.yaml", self.server.base_url, out)

    def harvest(self, out: Path, max_pages: int | None = None) -> int:
        """Harvest undisturbed, in this process; the exit code."""
        asked = load_config(
            self.folder / "config.yaml", base_url=self.server.base_url, env={},
            set=["output={fsync: false}"],  # nothing will befall it
        )  # fmt: skip
        return harvest(asked, out=out, max_pages=max_pages).exit_code

    def completes(self, out: Path, step: object) -> None:
        """Run again, undisturbed: `out` ends as it would have without any disturbance."""
        assert self.harvest(out) == 0, step
        assert kept(out) == self.expected, f"{step}: the folder differs"

    def prepared(self, state: str, out: Path) -> Path:
        """`out` in that state."""
        if state == "recovery":
            leave_interrupted(self.folder / "whole", out)
        elif state == "done":
            shutil.copytree(self.folder / "whole", out)
        elif state != "fresh":
            self.harvest(out, _COMMITTED[state])
        return out

    def calls(self, state: str, file: str) -> Counter[str]:
        """How often a run that finds that state makes each call on a file, in one thread."""
        out = self.prepared(state, self.folder / "watched")
        log = self.folder / "watched.strace"
        traced = f"trace={','.join((*CALLS, *OTHER_CALLS))}"
        watching = strace(*_paths(file, out), "-e", traced, "-o", str(log))
        assert run([*watching, *self.arguments(out)]).returncode == 0
        shutil.rmtree(out)
        found = Counter(re.findall(r"^(\d+) +(\w+)\(", log.read_text(), re.MULTILINE))
        most: Counter[str] = Counter()
        for (_, call), times in found.items():
            most[call] = max(most[call], times)
        return most

    def calls_on_disk(self, out: Path, *changes: str) -> list[str]:
        """What a harvest does to the partition's files, call by call: `fsync part-000001.json.gz`.

        The partition's folder is called so; a link goes by the temporary name.
        """
        log = out.with_suffix(".strace")
        traced = ["-y", "-o", str(log), "-e", "trace=write,fsync,fdatasync,rename,link"]
        assert run([*strace(*traced), *self.arguments(out), *changes]).returncode == 0
        path = re.compile(rf'(\w+)\((?:\d+<|")[^">]*{re.escape(str(out / FOLDER))}/?([^>",]*)')
        calls: list[str] = []
        begun: dict[str, list[str]] = {}
        for line in log.read_text().splitlines():
            thread = line.split(maxsplit=1)[0]
            if "resumed>" in line:  # a sync counts from when it returns
                calls += begun.pop(thread, [])
            elif found := path.search(line):
                call = [f"{found[1]} {found[2] or 'folder'}"]
                if "<unfinished" in line and "sync" in found[1]:
                    begun[thread] = call
                else:
                    calls += call
        return calls

    def step(self, step: Step) -> bool:
        """Do it, and run again; False if the run made no such call. AssertionError if it failed."""
        out = self.prepared(step.state, self.folder / "out")
        before = len(self.server.asked)
        deed = f"signal={step.deed}" if step.deed == KILL else f"error={step.deed}"
        options = ["-e", f"inject={step.call}:{deed}:when={step.number}"]
        log = self.folder / "disturbed.strace"
        if step.deed != KILL:  # so that other calls run at full speed; no signal would arrive then
            options += ["-e", f"trace={step.call}", "-o", str(log)]
        hit = run([*strace(*_paths(step.file, out), *options), *self.arguments(out)])
        reached = hit.returncode != 0
        if step.deed != KILL:
            # Pages that go to the disk together make fewer calls than those that were watched.
            reached = "(INJECTED)" in log.read_text()
            may_go_on = step.call in DISPENSABLE or not reached
            assert hit.returncode == 4 or (may_go_on and hit.returncode == 0), (
                f"{step}: exit code {hit.returncode}: {hit.stderr}"
            )
        else:
            assert hit.returncode in (-9, 0), f"{step}: exit code {hit.returncode}: {hit.stderr}"
        self.completes(out, step)
        pages = PAGES - _COMMITTED[step.state]
        asked = len(self.server.asked) - before
        assert pages <= asked <= pages + 1, f"{step}: {asked} requests"
        shutil.rmtree(out)
        return reached

    def short_write(self, limit: int) -> bool:
        """No file may grow beyond `limit` bytes, then run again; False if none would have."""
        out = self.folder / "out"
        hit = run([sys.executable, "-c", LIMITED, str(limit), *self.arguments(out)])
        assert hit.returncode in (0, 4), f"{limit} bytes: {hit.returncode}: {hit.stderr}"
        self.completes(out, f"{limit} bytes")
        shutil.rmtree(out)
        return hit.returncode == 4


#: Runs a command with no file larger than so many bytes: writes come back short, then fail.
LIMITED = """
import os, resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
os.execv(sys.argv[2], sys.argv[2:])
"""


@contextmanager
def matrix(folder: Path, respond: Respond, durability: str = "group") -> Iterator[Matrix]:
    """An undisturbed harvest, for comparison, in `folder / "whole"`."""
    with Scripted(respond) as server:
        path = write_config(folder, f"{ITEMS}output: {{durability: {durability}}}\n")
        harvest(load_config(path, base_url=server.base_url, env={}), out=folder / "whole")
        yield Matrix(server, folder, kept(folder / "whole"))


def leave_interrupted(whole: Path, out: Path) -> None:
    """A copy of a whole harvest, as a kill after page 1 could have left it: a torn line, the next
    part, the temporary file of another.
    """
    shutil.copytree(whole, out)
    folder = out / FOLDER
    lines = (folder / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "journal.jsonl").write_bytes(b"".join(lines[:2]) + lines[2][:40])
    (folder / "part-000003.json.gz").rename(folder / "part-000003.json.gz.tmp")


def _paths(file: str, out: Path) -> Iterator[str]:
    """Options that make strace look at this file only."""
    for path in FILES[file]:
        yield from ("-P", str(out / path))


class _Sweep:
    """All steps of matrices that are alike, a job each; tells of each step that goes wrong."""

    def __init__(self, matrices: Sequence[Matrix], deadline: float) -> None:
        self._idle = [*matrices]
        self._deadline = deadline
        self._lock = threading.Lock()
        self.done: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.missed: list[str] = []
        self.skipped = 0

    def plan(self, state_and_file: tuple[str, str]) -> list[Step]:
        """The steps there are."""
        with self._matrix() as matrix:
            calls = matrix.calls(*state_and_file)
        unknown = calls.keys() - CALLS.keys()
        if unknown:
            self._say(f"WRONG: {' '.join(state_and_file)}: calls that no step disturbs: {unknown}")
            self.wrong.append(str(state_and_file))
        return [
            Step(*state_and_file, call, number, deed)
            for call, times in sorted(calls.items() & CALLS.keys() if unknown else calls.items())
            for number in range(1, times + 1)
            for deed in CALLS[call]
        ]

    def take(self, step: Step | int) -> None:
        """Do a step: a short write where it is a number."""
        if time.monotonic() > self._deadline:
            self.skipped += 1
            return
        try:
            with self._matrix() as matrix:
                shutil.rmtree(matrix.folder / "out", ignore_errors=True)  # of one that went wrong
                hit = matrix.short_write(step) if isinstance(step, int) else matrix.step(step)
        except Exception as error:
            self._say(f"WRONG: {type(error).__name__}: {error}")
            self.wrong.append(str(step))
        else:
            kind = "short write" if isinstance(step, int) else step.deed
            self.done[kind if hit else "not reached"] += 1
            if not hit and not isinstance(step, int):
                self.missed.append(str(step))

    @contextmanager
    def _matrix(self) -> Iterator[Matrix]:
        with self._lock:
            matrix = self._idle.pop()
        try:
            yield matrix
        finally:
            with self._lock:
                self._idle.append(matrix)

    def _say(self, text: str) -> None:
        with self._lock:
            sys.stdout.write(f"\n{text}\n")
            sys.stdout.flush()


def sweep_all(durability: str, jobs: int, seconds: float) -> _Sweep:
    """Go through all the steps with one setting of `output.durability`, and say how it went."""
    began = time.monotonic()
    with ExitStack() as stack:
        memory = Path("/dev/shm")  # where there is one, no step waits for a disk
        folder = tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)
        scratch = Path(stack.enter_context(folder))
        matrices = []
        for job in range(jobs):
            (scratch / str(job)).mkdir()
            made = matrix(scratch / str(job), chain(PAGES), durability)
            matrices.append(stack.enter_context(made))
        sweep = _Sweep(matrices, began + seconds)
        pool = stack.enter_context(ThreadPoolExecutor(jobs))
        largest = max(path.stat().st_size for path in (scratch / "0" / "whole").rglob("*"))
        pairs = [(state, file) for state in STATES for file in FILES]
        steps: list[Step | int] = [*range(0, largest, 32)]
        steps += [step for found in pool.map(sweep.plan, pairs) for step in found]
        random.Random(1).shuffle(steps)  # so that an early end leaves a sample of all
        for number, _ in enumerate(pool.map(sweep.take, steps), 1):
            if not sweep.skipped and (number % 20 == 0 or number == len(steps)):
                took = time.monotonic() - began
                sys.stdout.write(f"\r{number} of {len(steps)} steps, {took:.0f} s  ")
                sys.stdout.flush()
    told = ", ".join(f"{times} {kind}" for kind, times in sorted(sweep.done.items()))
    sys.stdout.write(f"\noutput.durability {durability}: {told}; ")
    sys.stdout.write(f"{len(sweep.wrong)} went wrong, no time for {sweep.skipped}\n")
    for step in sweep.missed:
        sys.stdout.write(f"not reached: {step}\n")
    # A thread that is faster now and then is no matter; that steps miss their calls would be.
    if len(sweep.missed) > len(steps) // 20:
        sweep.wrong.append(f"{len(sweep.missed)} steps missed their calls")
    return sweep


def main(arguments: Sequence[str] | None = None) -> int:
    """Sweep, with each setting."""
    parser = argparse.ArgumentParser(prog="python -m tests.kill_matrix")
    parser.add_argument("--jobs", type=int, default=2, help="harvests side by side (2)")
    parser.add_argument("--durability", nargs="*", default=["group", "page"], help="(group page)")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="for each of these")
    asked = parser.parse_args(arguments)
    sweeps = [sweep_all(when, asked.jobs, asked.seconds) for when in asked.durability]
    if any(sweep.wrong for sweep in sweeps):
        return 1
    return 3 if any(sweep.skipped for sweep in sweeps) else 0


if __name__ == "__main__":
    sys.exit(main())
