"""`harvester watch`: the page, its events, who may look, and what a browser makes of it."""

import http.client
import json
import re
import shutil
import signal
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_cli import harvester
from tests.cli.test_watching import held_from, running, until
from tests.screenshots import chromium
from tests.support import ITEMS, Scripted, chain, write_config


@contextmanager
def watched(out: Path, *more: str) -> Iterator[str]:
    """The page's URL; the command is ended by SIGTERM, with exit code 0."""
    with running("watch", out, *more) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        yield url
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def events(url: str) -> Iterator[dict[str, Any]]:
    """What the page is told."""
    with urllib.request.urlopen(f"{url}events", timeout=30) as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        for line in answer:
            if line.startswith(b"data: "):
                yield json.loads(line[6:])


@pytest.fixture
def complete(tmp_path: Path) -> Path:
    """A complete harvest with a partition that would be markup."""
    text = ITEMS.replace("{shard: [a]}", '{shard: [a, "<img src=x onerror=alert(1)>"]}')
    out = tmp_path / "out"
    with Scripted(chain(3)) as server:
        done = harvester("run", write_config(tmp_path, text), "--out", out, "--base-url",
                         server.base_url)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return out


def test_it_follows_a_run(tmp_path: Path) -> None:
    """Under way, with its process, pages and strip; then complete."""
    config, out, gate = write_config(tmp_path, ITEMS), tmp_path / "out", threading.Event()
    command = ("run", config, "--out", out, "--base-url")
    with Scripted(held_from(3, gate)) as server, running(*command, server.base_url) as run:
        until(lambda: len(list(out.rglob("part-*.gz"))) == 2)
        with watched(out) as url:
            told = events(url)
            first = next(one for one in told if one["resources"][0]["pages"] == 2)
            assert (first["under_way"], first["pid"], first["complete"]) == (True, run.pid, False)
            assert sum(first["strip"]["rows"][0]["bins"]) == 2
            gate.set()
            last = next(one for one in told if one["complete"] and not one["under_way"])
            assert sum(last["strip"]["rows"][0]["bins"]) == 4
        assert run.wait(20) == 0


def test_only_this_machine_may_look(complete: Path) -> None:
    """Another Host, as a rebound name has it, is refused; nothing else is served."""
    with watched(complete) as url:
        port = int(url.rpartition(":")[2].strip("/"))
        assert url == f"http://127.0.0.1:{port}/"
        for host, path, status in (
            ("evil.example", "/events", 403), (f"evil.example:{port}", "/", 403),
            (f"localhost:{port}", "/", 200), (f"127.0.0.1:{port}", "/../harvest.json", 404),
        ):  # fmt: skip
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            connection.request("GET", path, headers={"Host": host})
            answer = connection.getresponse()
            assert answer.status == status
            policy = answer.headers.get("Content-Security-Policy", "default-src 'none'")
            assert "default-src 'none'" in policy
            connection.close()


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium")
@pytest.mark.parametrize(("width", "dark"), [(1400, 0), (500, 0), (1400, 1)])
def test_in_a_browser(complete: Path, width: int, dark: int, tmp_path: Path) -> None:
    """It says what is so, runs nothing that a server wrote, and asks nobody else."""
    log = tmp_path / "net.json"
    with watched(complete) as url:
        shown = chromium(
            f"--window-size={width},900", f"--blink-settings=preferredColorScheme={1 - dark}",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            f"--log-net-log={log}", "--timeout=6000", "--dump-dom", url,
        ).stdout  # fmt: skip
    assert "Complete" in shown
    assert "2 of 2" in shown
    assert "&lt;img src=x onerror=alert(1)&gt;" in shown
    assert "<img" not in shown
    asked = {part.split('"')[0] for part in log.read_text().split('"url":"')[1:]}
    others = {one for one in asked if not one.startswith((url, "chrome", "data:"))}
    own = re.compile(r"https?://[^/]*\b(google|googleapis|gvt1)\.com/")  # the browser's own
    assert {one for one in others if one and not own.match(one)} == set()


def test_slips(tmp_path: Path, complete: Path) -> None:
    """No harvest, a port that is taken: one message and the exit code."""
    (tmp_path / "empty").mkdir()
    assert harvester("watch", tmp_path / "empty").returncode == 5
    with watched(complete) as url:
        port = url.rpartition(":")[2].strip("/")
        taken = harvester("watch", complete, "--port", port)
    assert (taken.returncode, "--port" in taken.stderr) == (2, True)


def test_json_says_where(complete: Path) -> None:
    """For programs."""
    with running("watch", complete, "--json") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["url"].startswith("http://127.0.0.1:")
        process.terminate()
        assert process.wait(20) == 0
        assert isinstance(process, subprocess.Popen)
