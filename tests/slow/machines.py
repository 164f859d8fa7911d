"""Proofs of harvests on several machines; their last figures stand in docs/several-machines.md.

    python -m tests.slow.machines partitions [--partitions 10000] [--kill-every 8] [--kill-pages 0]

It harvests into SeaweedFS, by the command line, from a server that keeps it waiting. `partitions`
kills a Dask worker every so many seconds (or pages, where a machine is busy), looks for every
record, and tries the commands on the URL. It prints its figures, and ends with 1 where something
does not hold.
"""

import argparse
import contextlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harvester import iter_records, status, verify
from tests.object_servers import seaweed_server
from tests.s3_server import S3
from tests.slow.waiting import Waiting, waiting
from tests.support import ENVIRONMENT, write_config

_YAML = """
version: 1
name: items
client: {{base_url: "{base_url}"{more}}}
resources:
  - name: items
    path: items
    params: {{shard: "{{shard}}"}}
    partitions: {{shard: {{range: [1, {partitions}]}}}}
    data_selector: data
    key: id
    paginator: {{type: cursor, cursor_path: next, cursor_param: cursor}}
"""


def main() -> int:
    """Run one proof."""
    parser = argparse.ArgumentParser(prog="python -m tests.slow.machines")
    proofs = parser.add_subparsers(required=True)
    for name, proof, sizes in (
        ("partitions", partitions, {"partitions": 10_000, "kill_every": 8, "kill_pages": 0}),
    ):
        one = proofs.add_parser(name)
        for size, usual in sizes.items():
            one.add_argument(f"--{size.replace('_', '-')}", type=int, default=usual)
        one.set_defaults(chosen=proof)
    given = vars(parser.parse_args())
    chosen: Callable[..., list[str]] = given.pop("chosen")
    with tempfile.TemporaryDirectory(prefix="harvester-machines-") as text:
        folder = Path(text)
        with seaweed_server() as s3:
            wrong = chosen(folder, s3, **given)
    for each in wrong:
        say(f"DOES NOT HOLD: {each}")
    return 1 if wrong else 0


# --- The proofs ----------------------------------------------------------------------------------


def partitions(
    folder: Path, s3: S3, partitions: int, kill_every: int, kill_pages: int
) -> list[str]:
    """Partitions of two pages on Dask, six workers with six threads, killed one by one."""
    place = Place(folder, s3, s3.place())
    with waiting(2, 20, 0.2) as api:
        path = place.yaml(api, partitions)
        line = place.line("run", path, "--engine", "dask", "--workers", 6, "--threads", 6)
        began, cpu = time.monotonic(), used()
        with place.started(line) as process:
            kills = _kill_workers(process, api, kill_every, kill_pages)
        took, spent = time.monotonic() - began, used() - cpu
        counted = api.counted()
        say(f"{partitions:,} partitions, {counted['requests']:,} requests for "
            f"{2 * partitions:,} pages, asked again: {counted['again']}; {kills} kills, "
            f"{took:.0f} s, {spent:.0f} s of CPU, at most {peak():.0f} MB")  # fmt: skip
        again = subprocess.run(line, env=place.env, capture_output=True, check=False)
        asked_again = api.counted()["requests"] - counted["requests"]
        with place.here():
            wrong = _whole(place.url, partitions * 2 * 20) + _verbs(place, path)
    return wrong + [
        what
        for what, holds in (
            (f"the run ended with {process.returncode}", process.returncode == 0),
            (f"the same again ended with {again.returncode}", again.returncode == 0),
            (f"the same again asked {asked_again} pages", asked_again == 0),
            (f"no page more than three times: {counted['again']}",
             set(counted["again"]) <= {"2", "3"}),
            ("a worker was killed", kills > 0),
        )
        if not holds
    ]  # fmt: skip


def _kill_workers(
    process: "subprocess.Popen[bytes]", api: Waiting, every_s: float, every_pages: int
) -> int:
    """Kill a worker every so many seconds, or pages, until the process ends."""
    chance, kills = random.Random(5), 0
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1 if every_pages else every_s)
            return kills
        if every_pages and api.counted()["requests"] < (kills + 1) * every_pages:
            continue
        if found := workers_of(process.pid):
            os.kill(chance.choice(found), signal.SIGKILL)
            kills += 1


def _whole(url: str, records: int) -> list[str]:
    """Whether every record is there once, by its key, and all hashes and cursors are right."""
    keys = [json.loads(record)["id"] for record in iter_records(url)]
    seen = status(url)
    checked = verify(url)
    pages = seen.resources[0].pages
    say(f"{len(keys):,} records, {len(set(keys)):,} distinct; {pages:,} pages kept; "
        f"verify: {len(checked.problems)} problems")  # fmt: skip
    return [
        what
        for what, holds in (
            (f"every record once: {len(keys):,} of {records:,}", len(keys) == records),
            ("no record twice", len(set(keys)) == len(keys)),
            (f"verify: {checked.problems[:3]}", checked.ok),
            ("status: complete", seen.complete),
        )
        if not holds
    ]


def _verbs(place: "Place", path: Path) -> list[str]:
    """The commands that read or mend a harvest, on its URL."""
    url, folder = place.url, place.folder
    copied = folder / "copied"
    wrong = []
    for verb, *given in (
        ("status", url), ("status", url, "--json"), ("verify", url, "--deep"),
        ("records", url), ("export", url, folder / "all.parquet"),
        ("export", url, folder / "all.jsonl"), ("report", url),
        ("sql", url, "select count(*) from items"), ("diff", url), ("repair", url),
        ("redo", url, "--resource", "items", "--partition", "shard=7"),
        ("run", path, "--out", url), ("healthcheck", url), ("verify", url),
        ("copy", url, copied), ("verify", copied),
    ):  # fmt: skip
        began = time.monotonic()
        done = subprocess.run(
            place.bare(verb, *given), env=place.env, capture_output=True, cwd=folder, check=False
        )
        last = (done.stderr or done.stdout).decode().strip().splitlines()[-1:] or [""]
        say(f"  {verb}: {done.returncode} in {time.monotonic() - began:.0f} s: {last[0][:100]}")
        if done.returncode:
            wrong.append(f"{verb} ended with {done.returncode}: {done.stderr.decode()[-500:]}")
    return wrong


# --- What they have in common --------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """A place in a bucket of its own, and how commands reach it."""

    folder: Path
    s3: S3
    url: str

    @property
    def env(self) -> dict[str, str]:
        """The environment of a command."""
        return {**ENVIRONMENT, **self.s3.env}

    def yaml(self, api: Waiting, partitions: int, more: str = "") -> Path:
        """What is harvested."""
        text = _YAML.format(base_url=api.base_url, partitions=partitions, more=more)
        return write_config(self.folder, text)

    def bare(self, *given: object) -> list[str]:
        """A command."""
        return [sys.executable, "-m", "harvester", *map(str, given)]

    def line(self, *given: object) -> list[str]:
        """A command that harvests."""
        return [*self.bare(*given), "--out", self.url, "--progress", "none"]

    @contextlib.contextmanager
    def started(self, line: Sequence[str]) -> Iterator["subprocess.Popen[bytes]"]:
        """A command under way; what it says goes into a file."""
        with (self.folder / "said").open("wb") as said:
            process = subprocess.Popen(line, env=self.env, stdout=said, stderr=said)
            try:
                yield process
            finally:
                process.kill()
                process.wait()
        say((self.folder / "said").read_text(errors="replace")[-400:].rstrip())

    @contextlib.contextmanager
    def here(self) -> Iterator[None]:
        """Reach it from this process, too."""
        before = dict(os.environ)
        os.environ.update(self.s3.env)
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def workers_of(pid: int) -> list[int]:
    """The worker processes of Dask that a process has begun."""
    children: list[str] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            children += task.read_text().split()
    return [int(each) for each in children if _is_worker(each)]


def _is_worker(pid: str) -> bool:
    with contextlib.suppress(OSError):
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def say(text: str) -> None:
    """A line on stdout, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def used() -> float:
    """CPU seconds of the processes that have ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def peak() -> float:
    """The most memory that one of them took, in MB."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


if __name__ == "__main__":
    os.nice(5)
    sys.exit(main())
