"""Servers that bear fewer requests than are sent, and say so only by refusing them."""

import json
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from harvester import PaceChanged, Warned, harvest, iter_records
from tests.support import ENVIRONMENT, Reply, Scripted, chain, command, config

YAML = """
version: 1
name: hidden
client: {base_url: "http://127.0.0.1:1/"}
resources:
  - name: items
    path: items
    params: {shard: "{shard}"}
    partitions: {shard: [a, b, c, d, e, f, g, h]}
    data_selector: data
    paginator: {type: cursor, cursor_path: next, cursor_param: cursor}
concurrency: {partitions: 8}
output: {fsync: false}
"""
PER_S = 50.0


class Hidden:
    """Pages behind a limit of `PER_S` requests a second, ten at once; `said` is a refusal."""

    def __init__(self, pages: int, said: Reply) -> None:
        self._pages = chain(pages)
        self._said = said
        self._lock = threading.Lock()
        self._level, self._last = 10.0, time.monotonic()
        self.refused = 0

    def __call__(self, path: str, asked: Mapping[str, str]) -> Reply:
        """The page, or a refusal."""
        with self._lock:
            now = time.monotonic()
            self._level = min(10.0, self._level + (now - self._last) * PER_S)
            self._last = now
            if self._level < 1:
                self.refused += 1
                return self._said
            self._level -= 1
        return self._pages(path, asked)


@pytest.mark.slow("wall clock")
def test_a_hidden_limit_is_found_and_kept_to(tmp_path: Path) -> None:
    """By eight workers at once, with few refusals, and shown while it lasts; here the wait stands
    in the body, as chat APIs write it.
    """
    out, pages = tmp_path / "out", 30
    server = Hidden(pages, Reply({"message": "slow down", "retry_after": 0.3}, 429))
    paces: list[float | None] = []
    began = time.monotonic()
    with Scripted(server) as listening:
        summary = harvest(
            config(tmp_path, YAML, listening.base_url), out=out,
            on_event=lambda event: paces.append(event.per_s) if isinstance(event, PaceChanged)
            else None,
        )  # fmt: skip
    took = time.monotonic() - began
    assert summary.complete
    assert sum(1 for _ in iter_records(out)) == 8 * pages * 3
    assert 1 <= server.refused <= 8 * pages * 0.1
    assert paces
    assert min(pace for pace in paces if pace) < 2 * PER_S
    assert took < 4 * 8 * pages / PER_S


def test_a_secondary_limit_of_a_403_is_waited_for(tmp_path: Path) -> None:
    """As GitHub says it: no Retry-After, only words; and a run shows the pace in its lines."""
    said = {"message": "You have exceeded a secondary rate limit. Please wait a few minutes."}
    server = Hidden(6, Reply(said, 403))
    path = tmp_path / "config.yaml"
    path.write_text(YAML)
    out = tmp_path / "out"
    with Scripted(server) as listening:
        line = [*command(path, listening.base_url, out, "client.retry.max_wait=0.3")]
        done = subprocess.run(
            [line[0], "-m", "harvester", "run", str(path), "--out", str(out), "--base-url",
             listening.base_url, "--set", "client.retry.max_wait=0.3", "--log-format", "json"],
            env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert server.refused
    events = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert any(event["event"] == "pace" and event["requests_per_s"] > 0 for event in events)


def test_retries_are_a_share_of_the_requests(tmp_path: Path) -> None:
    """A server that fails nine times of ten gets few more; no page is lost, and it is said."""
    count = 0

    def failing(path: str, asked: Mapping[str, str]) -> Reply:
        nonlocal count
        count += 1
        return pages(path, asked) if count % 4 == 0 or count > 130 else Reply({}, 500)

    pages = chain(8)
    warned: list[str] = []
    with Scripted(failing) as listening:
        summary = harvest(
            config(tmp_path, YAML, listening.base_url, "client.retry.max_wait=0.05",
                   "client.retry.attempts=100", "client.retry.budget=0.2"),
            out=tmp_path / "out",
            on_event=lambda event: warned.append(event.message) if isinstance(event, Warned)
            else None,
        )  # fmt: skip
    assert summary.complete
    assert summary.resources[0].records == 8 * 8 * 3
    assert [message for message in warned if "retry.budget: 20% of the requests" in message]
    assert len(warned) == 1


def test_a_host_has_a_budget_of_its_own(tmp_path: Path) -> None:
    """Another one that the harvest goes to is not held back by it."""
    text = """
version: 1
name: hosts
client:
  base_url: http://127.0.0.1:1/
  allowed_hosts: ["localhost:PORT"]
  per_host: {"localhost": {requests: 3, per: 1s}}
resources:
  - {name: links, path: links, data_selector: data}
  - name: pages
    path: "{link}"
    partitions: {link: {resource: links, field: url}}
    paginator: {type: single_page}
output: {fsync: false}
"""
    times: list[float] = []

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        if path == "/links":
            hosts = ("localhost", "127.0.0.1")
            data = [{"url": f"http://{host}:{port}/{host}/{n}"} for n in range(7) for host in hosts]
            return Reply({"data": data})
        if path.startswith("/localhost/"):
            times.append(time.monotonic())
        return Reply({"path": path})

    with Scripted(respond) as listening:
        port = listening.server_port
        began = time.monotonic()
        asked = config(tmp_path, text.replace("PORT", str(port)), listening.base_url)
        summary = harvest(asked, out=tmp_path / "out")
        assert summary.complete
        assert len(listening.asked) == 15
    assert times[6] - began >= 2.0
    assert summary.run
    assert any("per_host budget of localhost, 3 per 1 s" in why for why in summary.run.waits_s)
