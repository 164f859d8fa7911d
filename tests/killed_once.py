"""Harvests from a loopback server by the command line, killed once in the middle and run again."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harvester import iter_records, verify
from tests.api_server import Answer, ApiServer, Asked


@dataclass(frozen=True)
class Harvested:
    """What was asked for over both runs, and what they kept."""

    asked: list[Asked]
    records: list[Any]
    out: Path
    said: str  # by the last run

    def of(self, resource: str) -> list[Any]:
        """The records of one resource."""
        return [json.loads(record) for record in iter_records(self.out, resources=[resource])]


def run(yaml: Path, out: Path, env: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
    """A run of the command line."""
    command = [sys.executable, "-m", "harvester", "run", str(yaml), "--out", str(out)]
    return subprocess.Popen(
        [*command, "--progress", "plain"],
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def harvested(
    tmp_path: Path,
    text: str,
    answer: Callable[[Asked], Answer],
    *,
    kill_at: int,
    env: Mapping[str, str] | None = None,
) -> Harvested:
    """Run `text` (its base_url is BASE) against a server; the run is killed by SIGKILL when request
    `kill_at` has come and is not answered yet; the second one must end complete.
    """
    running: list[subprocess.Popen[str]] = []

    def answers(asked: Asked) -> Answer:
        if len(server.asked) == kill_at:
            running[0].send_signal(signal.SIGKILL)
            running[0].wait()
        return answer(asked)

    out, path = tmp_path / "out", tmp_path / "harvest.yaml"
    with ApiServer(answers) as server:
        path.write_text(text.replace("BASE", server.origin), encoding="utf-8")
        running.append(run(path, out, env))
        said, _ = running[0].communicate(timeout=60)
        assert running[0].returncode == -signal.SIGKILL, said
        again = run(path, out, env)
        said, _ = again.communicate(timeout=60)
        assert again.returncode == 0, said
    assert verify(out, deep=True).ok
    return Harvested(server.asked, [json.loads(record) for record in iter_records(out)], out, said)
