"""What every case stands on: the server, a folder, and harvests that are checked after the clock.

A harvest counts only if it ended complete, with the right number of pages and records, and
`harvester verify` found nothing; that is looked at outside of the timed span, after each round.
"""

import itertools
import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.bench.measure import ContenderFailed, Missing, Sample, measured

_ROOT: Final = Path(__file__).parents[2]
_SCRIPTS: Final = Path(__file__).with_name("bare")
_CONFIG: Final = """\
version: 1
name: bench
client:
  base_url: {base_url}
resources:
  - name: tweets
    path: {path}
    params: {params}
    data_selector: data
    paginator: {paginator}
    {more}
concurrency: {concurrency}
output: {output}
"""
#: What `harvester status` and `harvester verify` say of OUT, in one process.
_LOOK: Final = """
import json, sys
from harvester import status, verify
out = sys.argv[1]
summary = status(out)
[resource] = summary.resources
found = {"complete": summary.complete, "pages": resource.pages, "records": resource.records}
print(json.dumps({**found, "problems": [str(each) for each in verify(out).problems]}))
"""
#: What makes a disk of any kind a slow one.
_SLOWLY: Final = (
    "strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync",
    "-e", "inject=fsync,fdatasync:delay_exit=10000",
)  # fmt: skip
CURSOR: Final = "{type: cursor, cursor_path: meta.next_token, cursor_param: next_token}"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is harvested. Those of the targets, or a few of each to see that all works."""

    large_bytes: int = 1_000_000_000
    middle_bytes: int = 100_000_000
    largest_bytes: int = 4_000_000_000
    small_bytes: int = 1_000_000
    chain: int = 2_000
    partitions: int = 32
    partition_pages: int = 20
    latency_ms: int = 200
    numbered: int = 200
    numbered_latency_ms: int = 100
    stored_bytes: int = 1_000_000_000
    committed: int = 100_000
    starts: int = 15
    finished: int = 100_000
    busy_partitions: int = 32
    busy_pages: int = 500
    bucket_pages: int = 2_000
    waiting_pages: int = 50
    processes: tuple[int, ...] = (1, 2, 4, 8, 16)


QUICK: Final = Sizes(
    3_000_000, 1_000_000, 3_000_000, 1_000_000, 8, 4, 2, 20, 6, 20, 1_000_000, 200, 2, 50, 4, 2, 10,
    2, (1, 2),
)  # fmt: skip


class Ground:
    """The server and the folder of a bench, for the length of a `with` block."""

    def __init__(self, folder: Path, sizes: Sizes, *, dlt_python: str | None) -> None:
        self._root = folder
        self._folders = itertools.count(1)
        self.sizes = sizes
        self._dlt_python = dlt_python
        self._store: subprocess.Popen[str] | None = None
        self._bucket: dict[str, Any] = {}
        program = Path(sys.executable).with_name("harvester")
        self.python = sys.executable
        self.harvester = [str(program)] if program.exists() else [sys.executable, "-m", "harvester"]

    def __enter__(self) -> Self:
        # As pip does when it installs; an environment may forbid what imports would write.
        subprocess.run(
            [sys.executable, "-m", "compileall", "-q", str(_ROOT / "harvester")], check=True
        )
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.server"],
            cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._server.stdout is not None
        self.clear()
        self.origin = f"http://127.0.0.1:{int(self._server.stdout.readline())}/"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.communicate(timeout=10)  # closes its stdin, by which it ends
        if self._store is not None:
            self._store.communicate(timeout=60)

    def clear(self) -> None:
        """Begin with an empty folder.

        Nothing is deleted before the bench ends: where ext4 has no journal, as on many a virtual
        machine, it makes no file in the place of one that was deleted in the last minutes, and
        searches past them each time, up to a millisecond for a file (`recently_deleted`, measured).
        """
        self.folder = self._new("case")
        self._place = self._new("run")

    def _new(self, name: str) -> Path:
        folder = self._root / f"{name}-{next(self._folders)}"
        folder.mkdir(parents=True)
        return folder

    # --- The server ------------------------------------------------------------------------------

    def ask(self, path: str) -> Any:
        """What the server answers to one of its own questions."""
        with urllib.request.urlopen(self.origin + path, timeout=600) as answer:
            return json.load(answer)

    def facts(self, *, of: int = 1, size: int = 1) -> dict[str, int]:
        """The sizes of a chain of `of` pages and of a page of `size` bytes; makes them ready."""
        found: dict[str, int] = self.ask(f"facts?of={of}&bytes={size}")
        return found

    def bucket(self) -> dict[str, Any]:
        """A bucket, and the environment that reaches it; empty where there is no such server."""
        if self._store is None:
            self._store = subprocess.Popen(
                [sys.executable, "-m", "tests.bench.object_store"],
                cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            assert self._store.stdout is not None
            self._bucket = json.loads(self._store.stdout.readline())
        return self._bucket

    # --- Contenders ------------------------------------------------------------------------------

    def run(self, *command: str, keep_stdout: bool = False) -> Sample:
        """Measure a command. Raises `Missing` where there is no such program."""
        if shutil.which(command[0]) is None:
            raise Missing(f"{command[0]} is not installed")
        return measured(command, folder=self._place, keep_stdout=keep_stdout)

    def shell(self, line: str, *needs: str, keep_stdout: bool = False) -> Sample:
        """Measure a pipeline; each of its members has to succeed."""
        for program in needs:
            if shutil.which(program) is None:
                raise Missing(f"{program} is not installed")
        return self.run("bash", "-o", "pipefail", "-c", line, keep_stdout=keep_stdout)

    def bare(self, script: str, path: str, expected: Mapping[str, int]) -> Sample:
        """Measure a script of `bare/`, and compare what it says it stored."""
        interpreter = sys.executable
        if script.startswith("dlt"):
            if self._dlt_python is None:
                raise Missing("dlt is not installed (--dlt-python)")
            interpreter = self._dlt_python
        out = self._new("bare") / "out"
        sample = measured(
            [interpreter, str(_SCRIPTS / f"{script}.py"), self.origin + path, str(out)],
            folder=self._place,
            environment={"RUNTIME__DLTHUB_TELEMETRY": "false"},
            keep_stdout=True,
        )
        told = json.loads(sample.stdout)
        if told != {key: expected[key] for key in told}:
            raise ContenderFailed(f"{script}: {told} instead of {dict(expected)}")
        return sample

    # --- Harvests --------------------------------------------------------------------------------

    def config(
        self,
        path: str,
        params: str = "{}",
        *,
        paginator: str = CURSOR,
        more: str = "",
        concurrency: str = "{partitions: 1}",
        output: str = "{}",
        base_url: str = "",
    ) -> Path:
        """A configuration that asks the server, or another, in a file."""
        written = self._place / "bench.yaml"
        written.write_text(
            _CONFIG.format(
                base_url=base_url or self.origin, path=path, params=params, paginator=paginator,
                more=more, concurrency=concurrency, output=output,
            )
        )  # fmt: skip
        return written

    def harvest(self, config: Path, *options: str, pages: int, records: int) -> Sample:
        """Measure a harvest from an empty folder; then look whether it is whole."""
        out = self._new("harvest") / "out"
        sample = self.go_on(config, out, options=options)
        self.is_whole(out, pages=pages, records=records)
        return sample

    def harvest_slowly(self, config: Path, *, pages: int, records: int) -> Sample:
        """The same on a disk where each fsync takes 10 ms longer."""
        if shutil.which(_SLOWLY[0]) is None:
            raise Missing(f"{_SLOWLY[0]} is not installed")
        out = self._new("harvest") / "out"
        sample = self.go_on(config, out, *_SLOWLY)
        self.is_whole(out, pages=pages, records=records)
        return sample

    def go_on(
        self,
        config: Path,
        out: str | PathLike[str],
        *prefix: str,
        options: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> Sample:
        """Measure a run into `out`."""
        command = [
            *prefix,
            *self.harvester,
            "run",
            str(config),
            "--out",
            str(out),
            "--progress",
            "none",
            *options,
        ]
        return measured(command, folder=self._place, environment=environment)

    def supports(self, config: Path) -> None:
        """Raise `Missing` where the configuration asks for what this version does not have."""
        checked = subprocess.run(
            [*self.harvester, "check", str(config)], capture_output=True, text=True, check=False
        )
        if checked.returncode != 0:
            raise Missing(f"not supported: {checked.stderr.splitlines()[0].rpartition(': ')[2]}")

    def is_whole(
        self,
        out: str | PathLike[str],
        *,
        pages: int,
        records: int,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Raise `ContenderFailed` unless `out` holds just that, complete and sound."""
        looked = subprocess.run(
            [sys.executable, "-c", _LOOK, str(out)], cwd=_ROOT, capture_output=True, text=True,
            check=False, env={**os.environ, **(environment or {})},
        )  # fmt: skip
        wanted = {"complete": True, "pages": pages, "records": records, "problems": []}
        if looked.returncode or json.loads(looked.stdout) != wanted:
            raise ContenderFailed(f"{looked.stdout or looked.stderr} instead of {wanted}")

    def stored(self, config: Path, out: Path, pages: int, kind: str) -> Any:
        """A folder as a harvest leaves it, without harvesting, and what to expect of it; see
        `stored.py`.
        """
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.stored", str(config), str(out), str(pages), kind],
            cwd=_ROOT, check=True, stdout=subprocess.PIPE,
        )  # fmt: skip
        return json.loads(done.stdout or "null")
