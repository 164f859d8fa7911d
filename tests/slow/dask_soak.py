"""A long harvest on Dask on a bad day: faults, 429s, workers and drivers killed and stopped."""

import contextlib
import os
import random
import re
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.fault_server import FaultServer, Request, Steps
from tests.s3_server import S3
from tests.slow.measures import say
from tests.slow.places import Place, ended, failed, whole, workers_of
from tests.soak import RECORDS, BadDay

PAGES = 40  # of a partition
WORKERS = THREADS = 2
_MORE = (
    ", rate_limit: [{{requests: {rate}, per: 1s}}], timeout: {{connect: 10s, read: 10s, page: 30s}}"
    ", retry: {{attempts: 50, max_wait: 50ms}}"
)
#: A fault with each worker so often, in seconds; the driver is killed after these shares of pages.
_EVERY_S = (6.0, 18.0)
_DRIVER_KILLS = (0.1, 0.2, 0.3)
_STOPPED_S = 15.0
_GROWN_MB, _GROWN_FILES = 10.0, 12


@dataclass(frozen=True)
class Look:
    """A process seen: how much memory and how many files it had."""

    at: float
    pid: int
    mb: float
    files: int


@dataclass
class Bad(BadDay):
    """It knows the moments, too."""

    moments: list[float] = field(default_factory=list)

    def __call__(self, request: Request) -> Steps:
        """Answer a request."""
        self.moments.append(time.monotonic())
        return super().__call__(request)


@dataclass
class Troubles:
    """What is done to one run, and what is seen of it."""

    process: "subprocess.Popen[bytes]"
    chance: random.Random
    done: Counter[str]
    looks: list[Look] = field(default_factory=list)
    eldest: int = 0  # the worker that is left alone, so that its memory can be compared

    def until(self, over: threading.Event) -> None:
        """Go on until the run has ended, or is to be killed."""
        next_at = time.monotonic() + self.chance.uniform(*_EVERY_S)
        stopped: list[tuple[float, int]] = []
        while not over.is_set() and self.process.poll() is None:
            time.sleep(0.5)
            now, workers = time.monotonic(), workers_of(self.process.pid)
            if self.eldest not in workers:
                self.eldest = workers[0] if workers else 0
            self.looks += filter(None, (_look(pid) for pid in (self.process.pid, *workers)))
            for due, pid in stopped:
                if due <= now:
                    _signal(pid, signal.SIGCONT)
            stopped = [each for each in stopped if each[0] > now]
            others = [pid for pid in workers if pid != self.eldest]
            if now >= next_at and others:
                next_at = now + self.chance.uniform(*_EVERY_S)
                victim, kind = self.chance.choice(others), self.chance.choice(("kill", "stop"))
                self.done[f"worker {kind}"] += 1
                _signal(victim, signal.SIGKILL if kind == "kill" else signal.SIGSTOP)
                if kind == "stop":
                    stopped.append((now + _STOPPED_S, victim))
        for _, pid in stopped:
            _signal(pid, signal.SIGCONT)


def soak(folder: Path, s3: S3, minutes: int, rate: int) -> list[str]:
    """So many minutes at so many requests a second, of which a third come to nothing."""
    partitions = max(WORKERS * THREADS, round(minutes * 60 * rate * 0.6 / PAGES))
    pages = partitions * PAGES
    place = Place(folder, s3, s3.place())
    day, done, began = Bad(PAGES, 1), Counter[str](), time.monotonic()
    with FaultServer(day, most_connections=10**9) as server:
        path = place.yaml(server.url, partitions, _MORE.format(rate=rate))
        line = place.line("run", path, "--engine", "dask", "--workers", WORKERS)
        line += ["--threads", str(THREADS)]
        for number, share in enumerate((*_DRIVER_KILLS, None)):
            with place.started(line) as process:
                troubles = Troubles(process, random.Random(number), done)
                with _over(day, None if share is None else share * pages * 1.4) as over:
                    troubles.until(over)
                done["driver kill"] += share is not None and process.poll() is None
        took = time.monotonic() - began
        code = process.returncode
        again, _, _ = ended(line, place.env)
        spoiled = sum(day.spoiled.values())
        requests = len(day.moments)
    say(f"{pages:,} pages in {partitions} partitions: {requests:,} requests = pages + {spoiled:,} "
        f"faults + {requests - spoiled - pages} again; {dict(done)}; {took / 60:.0f} minutes; most "
        f"in a second {_busiest(day.moments)} of {rate}")  # fmt: skip
    seen = Counter(look.pid for look in troubles.looks if look.pid != process.pid).most_common(1)
    wrong = failed(
        (f"it ended with {code}, and again with {again}", (code, again) == (0, 0)),
        *_flat("driver and scheduler", troubles.looks, process.pid),
        *_flat("worker", troubles.looks, seen[0][0] if seen else 0),
    )
    with place.here():
        wrong += whole(place.url, pages * RECORDS)
    deep, _, _ = ended(place.bare("verify", place.url, "--deep"), place.env)
    return wrong + failed((f"verify --deep ended with {deep}", deep == 0))


@contextlib.contextmanager
def _over(day: Bad, requests: float | None) -> Iterator[threading.Event]:
    """Set once the server was asked so often."""
    over, ended = threading.Event(), threading.Event()

    def look() -> None:
        while not ended.wait(0.5):
            if requests is not None and len(day.moments) >= requests:
                over.set()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield over
    finally:
        ended.set()
        thread.join()


def _flat(who: str, looks: Sequence[Look], pid: int) -> Iterator[tuple[str, bool]]:
    """Whether a process of the last run took no more in its last quarter than in its first."""
    seen = [look for look in looks if look.pid == pid]
    quarter = len(seen) // 4
    if not quarter:
        yield f"{who}: seen for too short a time", False
        return
    # The first quarter begins once it works.
    early, late = seen[quarter // 2 : quarter + quarter // 2], seen[-quarter:]
    mb, later_mb = (max(look.mb for look in part) for part in (early, late))
    files, later_files = (max(look.files for look in part) for part in (early, late))
    say(f"{who}: {mb:.0f} MB in a first quarter, {later_mb:.0f} in the last; {files} open files, "
        f"{later_files}; seen for {(seen[-1].at - seen[0].at) / 60:.1f} minutes")  # fmt: skip
    yield f"{who}: memory grew from {mb:.0f} to {later_mb:.0f} MB", later_mb - mb <= _GROWN_MB
    yield f"{who}: files grew from {files} to {later_files}", later_files - files <= _GROWN_FILES


def _look(pid: int) -> Look | None:
    with contextlib.suppress(OSError):
        found = re.search(r"VmRSS:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text())
        files = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
        return Look(time.monotonic(), pid, int(found[1]) / 1024, files) if found else None
    return None


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _busiest(moments: Sequence[float]) -> int:
    at, first, most = sorted(moments), 0, 0
    for last, moment in enumerate(at):
        while moment - at[first] >= 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most
