"""Places in a bucket to harvest to by the command line: what the proofs of many workers share."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harvester import iter_records, status, verify
from tests.s3_server import S3
from tests.slow.measures import say, used
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

    def yaml(self, base_url: str, partitions: int, more: str = "") -> Path:
        """What is harvested."""
        text = _YAML.format(base_url=base_url, partitions=partitions, more=more)
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


def ended(line: Sequence[str], env: Mapping[str, str]) -> tuple[int, float, float]:
    """Run a command to its end; its exit code, wall clock and CPU."""
    began, cpu = time.monotonic(), used()
    done = subprocess.run(line, env=env, capture_output=True, check=False)
    if done.returncode:
        say(done.stderr.decode()[-400:].rstrip())
    return done.returncode, time.monotonic() - began, used() - cpu


def failed(*looked_at: tuple[str, bool]) -> list[str]:
    """What does not hold, of statements and whether each does."""
    return [what for what, holds in looked_at if not holds]


def whole(url: str, records: int) -> list[str]:
    """Whether every record is there once, by its key, and all hashes and cursors are right."""
    keys = [json.dumps(json.loads(record)["id"]) for record in iter_records(url)]
    seen = status(url)
    checked = verify(url)
    pages = seen.resources[0].pages
    say(f"{len(keys):,} records, {len(set(keys)):,} distinct; {pages:,} pages kept; "
        f"verify: {len(checked.problems)} problems")  # fmt: skip
    return failed(
        (f"every record once: {len(keys):,} of {records:,}", len(keys) == records),
        ("no record twice", len(set(keys)) == len(keys)),
        (f"verify: {checked.problems[:3]}", checked.ok),
        ("status: complete", seen.complete),
    )
