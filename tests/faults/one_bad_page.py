"""A server of which one page is bad, and what a harvest must make of that.

"Retry" is checked by `retried`: the temporary file is gone, the journal is unchanged, and the same
cursor is asked for again. "Fail" is checked by `failed`: exit code 3, and a rerun goes on from the
same cursor. Where a limit of memory or CPU is named, the harvest runs in a process of its own.
"""

import functools
import gzip
import json
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harvester import harvest, verify
from harvester.engine.events import AttemptLost, Event
from harvester.results.summary import Summary
from tests.fault_server import (
    FaultServer,
    Request,
    Steps,
    page,
)
from tests.support import config

CONFIG = """
version: 1
name: faults
client:
  base_url: http://127.0.0.1:1/
  timeout: {connect: 2s, read: 2s, page: 5s}
  retry: {attempts: 3, max_wait: 0}
resources:
  - name: items
    path: items
    data_selector: items
    paginator: {type: cursor, cursor_path: next, cursor_param: cursor}
"""

FIRST = b'{"items": [{"id": 1}, {"id": 2}], "next": "c2"}'

SECOND = b'{"items": [' + b", ".join(b'{"id": %d}' % n for n in range(3, 300)) + b'], "next": null}'
LONG = f"Content-Length: {len(SECOND)}"


@dataclass
class Site:
    """A server whose first page is good; each request after it gets what `answer` gives."""

    answer: Callable[[Request], Steps] = lambda request: page(SECOND)
    first: bytes = FIRST
    requests: list[Request] = field(default_factory=list)

    def __call__(self, request: Request) -> Steps:
        """Answer a request."""
        self.requests.append(request)
        return page(self.first) if len(self.requests) == 1 else self.answer(request)

    @property
    def targets(self) -> list[str]:
        """What was asked for, in order."""
        return [request.target for request in self.requests]


def folder(out: Path) -> Path:
    """Where the only partition is."""
    return out / "items"


def journal(out: Path) -> bytes:
    """The journal as it is on disk."""
    return (folder(out) / "journal.jsonl").read_bytes()


def lines(out: Path) -> list[dict[str, Any]]:
    """The pages in the journal, without lines that say only what is safe."""
    found = [json.loads(line) for line in journal(out).splitlines()[1:]]
    return [line for line in found if "seq" in line]


def parts(out: Path) -> list[bytes]:
    """The pages as they were kept; each part must pass gzip -t."""
    found = sorted(folder(out).glob("part-*.json.gz"))
    assert not found or subprocess.run(["gzip", "-t", *found], check=False).returncode == 0
    return [gzip.decompress(path.read_bytes()) for path in found]


def leftovers(out: Path) -> list[str]:
    """The files that have no business there."""
    return [path.name for path in folder(out).iterdir() if path.suffix == ".tmp"]


def run(
    tmp_path: Path, server: FaultServer, *changes: str, text: str = CONFIG, events: Any = None
) -> Summary:
    """Harvest into tmp_path/out."""
    tmp_path.mkdir(exist_ok=True)
    told: Callable[[Event], None] = events or (lambda event: None)
    return harvest(
        config(tmp_path, text, server.url, *changes), out=tmp_path / "out", on_event=told
    )


def failed(
    tmp_path: Path, answer: Steps | Callable[[Request], Steps], told: str, *, tries: int
) -> None:
    """Page 2 cannot be had: told so after so many tries, all else unharmed, and a rerun gets it."""
    out = tmp_path / "out"
    always = answer if callable(answer) else functools.partial(_same, [*answer])
    site = Site(always)
    with FaultServer(site) as server:
        summary = run(tmp_path, server)
        assert summary.exit_code == 3
        assert re.search(told, summary.failures[0].error), summary.failures[0].error
        assert summary.failures[0].cursor == "c2"
        assert site.targets == ["/items"] + ["/items?cursor=c2"] * tries
        assert leftovers(out) == []
        assert parts(out) == [FIRST]
        assert len(lines(out)) == 1
        site.answer = lambda request: page(SECOND)
        assert run(tmp_path, server).exit_code == 0
    assert site.targets[tries + 1 :] == ["/items?cursor=c2"]
    assert parts(out) == [FIRST, SECOND]


def _same(steps: Sequence[Any], request: Request) -> Steps:
    return steps


def retried(tmp_path: Path, *bad: Steps, good: Steps | None = None, kept: bytes = SECOND) -> None:
    """Each of `bad` in the place of page 2 is thrown away, and page 2 comes in the end."""
    out = tmp_path / "out"
    left = [*bad, good or page(SECOND)]
    site = Site(lambda request: left.pop(0))
    lost: list[str] = []
    before: list[bytes] = []

    def watch(event: Event) -> None:
        if isinstance(event, AttemptLost):
            lost.append(event.error)
            before.append(journal(out))
            assert leftovers(out) == []
            assert len(parts(out)) == 1

    with FaultServer(site) as server:
        summary = run(tmp_path, server, events=watch)
    assert summary.exit_code == 0
    assert len(lost) == len(bad)
    assert len(set(before)) <= 1
    assert journal(out).startswith(b"".join(before[:1]))
    assert site.targets == ["/items"] + ["/items?cursor=c2"] * (len(bad) + 1)
    assert parts(out) == [FIRST, kept]
    assert [line["attempts"] for line in lines(out)] == [1, len(bad) + 1]
    assert verify(out, deep=True).ok


def committed(tmp_path: Path, script: Steps, kept: bytes = SECOND) -> None:
    """Page 2 is taken at the first try."""
    retried(tmp_path, good=script, kept=kept)
