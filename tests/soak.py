"""A long harvest on a bad day: every kind of fault, and killed every few seconds.

    python -m tests.soak [--pages N] [--partitions N] [--workers N] [--at-once N] [--seed N]
                         [--out DIR]

A loopback server spoils each request by one of seven faults with a chance of 5 % each, and drips an
eighth kind of answer slowly; the harvest is killed (SIGKILL) two to six seconds after each run's
first request, and run again, until it is complete. Then must hold: every record is there exactly
once and in order, `verify --deep` finds nothing, memory and open files stayed flat, and the server
saw no more requests than pages, faults and what kills may cost. Prints the figures and ends with 0,
or says what does not hold and ends with 1. 10,000 pages take some minutes.
"""

import argparse
import json
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from harvester import iter_records, status, verify
from harvester.store.entries import MOST_UNSAFE
from tests.fault_server import (
    CLOSE,
    RESET,
    FaultServer,
    Pause,
    Request,
    Steps,
    chunked,
    compressed,
    gzip_page,
    head,
    page,
)
from tests.support import ENVIRONMENT, command, write_config

CONFIG = """
version: 1
name: soak
client:
  base_url: http://127.0.0.1:1/
  timeout: {{connect: 10s, read: 10s, page: 30s}}
  retry: {{attempts: 50, max_wait: 50ms}}
resources:
  - name: items
    path: items
    params: {{shard: "{{shard}}"}}
    partitions: {{shard: {{range: [1, {partitions}]}}}}
    data_selector: data
    paginator: {{type: cursor, cursor_path: next, cursor_param: cursor}}
concurrency: {{partitions: {workers}, pages: {at_once}}}
"""
CHANCE = 0.05
RECORDS = 10  # of a page
PEAK_MB = 96
#: What may be open: the process's own files, for each worker its socket, part, journal, folder, and
#: parts that are kept and not yet safe.
FILES_OF_A_PROCESS, FILES_OF_A_WORKER = 16, 6


def body_of(shard: int, number: int, pages: int) -> bytes:
    """The JSON of a page; the same whenever it is asked for."""
    noise = random.Random(f"{shard} {number}").randbytes(30).hex()
    data = [{"id": [shard, number, item], "text": noise} for item in range(RECORDS)]
    following = str(number + 1) if number < pages else None
    return json.dumps({"data": data, "next": following}).encode()


#: Each makes an answer that spoils the attempt, of a body and a random number from 0 to 1.
SPOILED: dict[str, Callable[[bytes, float], Steps]] = {
    "reset at once": lambda body, where: [RESET],
    "reset in the body": lambda body, where: [page(body)[0][: 60 + int(where * 200)], RESET],
    "cut": lambda body, where: [page(body)[0][: -1 - int(where * 200)], CLOSE],
    "gzip cut": lambda body, where: gzip_page(compressed(body)[: -1 - int(where * 60)]),
    "503": lambda body, where: page(b"busy", status="503 Service Unavailable"),
    "429": lambda body, where: page(
        b"{}", f"Retry-After: {where / 20:.3f}", status="429 Too Many Requests"
    ),
    "HTML": lambda body, where: page(
        b"<html>Log in</html>", "Content-Type: text/html", status="503 Busy"
    ),
}


def good(body: bytes, choice: float) -> Steps:
    """An answer with the page, in one of four ways; one in twenty drips."""
    if choice < CHANCE:
        return _dripping(body)
    ways: Sequence[Callable[[], Steps]] = (
        lambda: page(body),
        lambda: gzip_page(compressed(body)),
        lambda: chunked([body[:500], body[500:]]),
        lambda: chunked([compressed(body)], "Content-Encoding: gzip"),
    )
    return ways[int(choice * 1000) % 4]()


def _dripping(body: bytes) -> Iterator[bytes | Pause]:
    yield head(f"Content-Length: {len(body)}")
    for start in range(0, len(body), 400):
        yield body[start : start + 400]
        yield Pause(0.01)


@dataclass
class BadDay:
    """Answers each request with its page, spoiled or not: that hangs on its number and the seed."""

    pages: int  # of each partition
    seed: int
    requests: int = 0
    spoiled: Counter[str] = field(default_factory=Counter)
    _counting: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, request: Request) -> Steps:
        """Answer a request."""
        with self._counting:
            self.requests += 1
            rng = random.Random(f"{self.seed} {self.requests}")
        asked = dict(parse_qsl(urlsplit(request.target).query))
        body = body_of(int(asked["shard"]), int(asked.get("cursor", 1)), self.pages)
        dice = rng.random()
        for number, (kind, spoil) in enumerate(SPOILED.items()):
            if dice < (number + 1) * CHANCE:
                with self._counting:
                    self.spoiled[kind] += 1
                return spoil(body, rng.random())
        return good(body, rng.random())


@dataclass(frozen=True, slots=True)
class Sample:
    """A look at the process: which run it was, the requests the server had seen, MB, open files."""

    run: int
    requests: int
    mb: float
    files: int


@dataclass
class Soak:
    """A harvest, run until it is complete, and what was seen of it."""

    pages: int  # of each partition
    partitions: int
    workers: int
    seed: int
    kill_after_s: tuple[float, float]
    at_once: int = 1  # pages of a partition; what a kill may cost of each
    most_kills: int = 10**9
    kills: int = 0
    samples: list[Sample] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def run(self, folder: Path) -> str:
        """Do it in `folder`; the figures in words. What does not hold is in `wrong`."""
        began = time.monotonic()
        day = BadDay(self.pages, self.seed)
        text = CONFIG.format(partitions=self.partitions, workers=self.workers, at_once=self.at_once)
        rng = random.Random(self.seed)
        out = folder / "out"
        with FaultServer(day, most_connections=10**6) as server:
            arguments = command(write_config(folder, text), server.url, out)
            while self._killed(arguments, server, rng.uniform(*self.kill_after_s)):
                self.kills += 1
            requests, spoiled = len(server.requests), sum(day.spoiled.values())
        took_s = time.monotonic() - began
        self._look_at_data(out)
        return self._figures(requests, spoiled, day.spoiled, took_s)

    def _killed(self, arguments: Sequence[str], server: FaultServer, after_s: float) -> bool:
        """One run, watched, to its end or its death."""
        before = len(server.requests)
        kill_at = float("inf")
        with subprocess.Popen(
            arguments, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as process:
            while process.poll() is None:
                now = time.monotonic()
                begun = self.kills < self.most_kills and len(server.requests) > before
                if kill_at == float("inf") and begun:
                    kill_at = now + after_s
                if now >= kill_at:
                    process.kill()
                    process.wait()
                    return process.returncode == -signal.SIGKILL
                self._sample(process.pid, len(server.requests))
                time.sleep(0.05)
            assert process.stderr
            if process.returncode:
                self.wrong.append(f"exit code {process.returncode}: {process.stderr.read()}")
        return False

    def _sample(self, pid: int, requests: int) -> None:
        try:
            found = re.search(r"VmRSS:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text())
            files = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
        except (FileNotFoundError, ProcessLookupError):  # it has ended just now
            return
        if found:
            self.samples.append(Sample(self.kills, requests, int(found[1]) / 1024, files))

    def _look_at_data(self, out: Path) -> None:
        self._hold(status(out).complete, "the harvest is not complete")
        found = verify(out, deep=True)
        self._hold(found.ok, f"verify: {found.problems[:3]}")
        expected = {shard: iter(self._records(shard)) for shard in range(1, self.partitions + 1)}
        came = 0
        for line in iter_records(out):
            number = json.loads(line)["id"]
            came += 1
            if next(expected[number[0]], None) != number:
                self.wrong.append(f"record {number} stands where it does not belong")
                break
        total = self.partitions * self.pages * RECORDS
        self._hold(came == total, f"{came:,} records, and {total:,} there are")

    def _records(self, shard: int) -> Iterator[list[int]]:
        for number in range(1, self.pages + 1):
            for item in range(RECORDS):
                yield [shard, number, item]

    def _figures(self, requests: int, spoiled: int, kinds: Counter[str], took_s: float) -> str:
        pages = self.pages * self.partitions
        again = requests - spoiled - pages
        most = self.kills * self.workers * self.at_once
        self._hold(0 <= again <= most, f"{again} pages were asked for again, {most} may be")
        peak_mb = max(sample.mb for sample in self.samples)
        files = max(sample.files for sample in self.samples)
        most_files = FILES_OF_A_PROCESS + self.workers * FILES_OF_A_WORKER + MOST_UNSAFE
        self._hold(peak_mb < PEAK_MB, f"{peak_mb:.1f} MB")
        self._hold(files <= most_files, f"{files} open files, and {most_files} may be")
        early, late = self._halves()
        self._hold(late.mb - early.mb < 8, f"memory grew from {early.mb:.1f} to {late.mb:.1f} MB")
        self._hold(
            late.files - early.files < 4 + MOST_UNSAFE // 2,
            f"files grew from {early.files} to {late.files}",
        )
        per_kill = again / (self.kills * self.workers) if self.kills else 0
        told = ", ".join(f"{number} {kind}" for kind, number in kinds.most_common())
        return (
            f"{pages:,} pages in {self.partitions} partitions, {self.workers} at a time: "
            f"{took_s:.0f} s, {self.kills} kills\n"
            f"{requests:,} requests = {pages:,} pages + {spoiled:,} faults + {again} again "
            f"({per_kill:.2f} for each kill and active partition; {self.at_once} may be)\n"
            f"faults: {told}\n"
            f"memory: at most {peak_mb:.1f} MB; {early.mb:.1f} in the first half of the requests, "
            f"{late.mb:.1f} in the second; within a run {self._slope():+.2f} MB a 1,000 requests\n"
            f"open files: at most {files}; {early.files}, {late.files}"
        )

    def _halves(self) -> tuple[Sample, Sample]:
        """The most of all in the first half of the requests, and in the second."""
        middle = self.samples[-1].requests / 2
        halves = (
            [sample for sample in self.samples if (sample.requests > middle) == later]
            for later in (False, True)
        )
        early, late = (
            Sample(0, 0, max(sample.mb for sample in half), max(sample.files for sample in half))
            for half in halves
        )
        return early, late

    def _slope(self) -> float:
        """The growth within runs that is left after each run's first 200 requests, MB a 1,000."""
        above = below = 0.0
        for run in {sample.run for sample in self.samples}:
            seen = [sample for sample in self.samples if sample.run == run]
            began = next((s.requests for s in seen if s.requests > seen[0].requests), 0) + 200
            seen = [sample for sample in seen if sample.requests > began]
            if len(seen) < 2:
                continue
            mean_x = sum(sample.requests for sample in seen) / len(seen)
            mean_y = sum(sample.mb for sample in seen) / len(seen)
            above += sum((s.requests - mean_x) * (s.mb - mean_y) for s in seen)
            below += sum((s.requests - mean_x) ** 2 for s in seen)
        return 1000 * above / below if below else 0.0

    def _hold(self, holds: bool, told: str) -> None:
        if not holds:
            self.wrong.append(told)


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak, and tell."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--pages", type=int, default=10_000, help="of all partitions (10,000)")
    parser.add_argument("--partitions", type=int, default=8, help="8")
    parser.add_argument("--workers", type=int, default=4, help="partitions at a time (4)")
    parser.add_argument("--at-once", type=int, default=1, help="pages of a partition (1)")
    parser.add_argument("--seed", type=int, default=1, help="of faults and kills (1)")
    parser.add_argument("--out", type=Path, help="where to harvest to (a temporary folder)")
    asked = parser.parse_args(arguments)
    with ExitStack() as stack:
        folder = asked.out or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        soak = Soak(
            -(-asked.pages // asked.partitions), asked.partitions, asked.workers, asked.seed,
            (2.0, 6.0), asked.at_once,
        )  # fmt: skip
        sys.stdout.write(soak.run(folder) + "\n")
    for told in soak.wrong:
        sys.stdout.write(f"WRONG: {told}\n")
    return 1 if soak.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
