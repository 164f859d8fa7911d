"""A run that is watched from outside: logs, metrics, notifications, status, health."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from harvester import harvest, load_config
from harvester.monitoring import metrics_text
from harvester.results import RunNote, UnderWay
from tests.cli.test_cli import HARVESTER, harvester
from tests.support import ENVIRONMENT, ITEMS, Reply, Respond, Scripted, chain, write_config

EVENTS = {
    "run_started", "partition_started", "page_committed", "waiting", "attempt_lost", "warning",
    "doubt", "partition_done", "partition_paused", "partition_failed", "run_ended", "message",
    "error",
}  # fmt: skip


def until(true: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for it."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def held_from(page: int, gate: threading.Event, pages: int = 4) -> Respond:
    """A chain whose pages from `page` on come only once the gate is open."""
    respond = chain(pages)

    def held(path: str, parameters: Mapping[str, str]) -> Reply:
        if int(parameters.get("cursor", "1")) >= page:
            gate.wait(60)
        return respond(path, parameters)

    return held


@contextmanager
def running(*arguments: str | Path, **env: str) -> Iterator[subprocess.Popen[str]]:
    """A command under way; killed at the end if it still is."""
    process = subprocess.Popen(
        [*HARVESTER, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env={**ENVIRONMENT, **env},
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def status(out: Path, *more: str) -> dict[str, Any]:
    """What `status --json` says."""
    done = harvester("status", out, "--json", *more)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert isinstance(told, dict)
    return told


def lines(text: str) -> list[dict[str, Any]]:
    """A log's lines, each an object with a time and an event of a known name."""
    found = [json.loads(line) for line in text.splitlines()]
    for each in found:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", each["time"])
        assert each["event"] in EVENTS
    return found


# --- What a run says of itself -------------------------------------------------------------------


def test_run_json_is_about_this_run_and_the_folder(tmp_path: Path) -> None:
    """The second run added nothing, and says so, while the folder has all."""
    config, out = write_config(tmp_path, ITEMS), tmp_path / "out"
    replies = iter([Reply({"error": "later"}, 503, {"Retry-After": "1"})])

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        return next(replies, None) or chain(3)(path, parameters)

    with Scripted(respond) as server:
        command = ("run", config, "--base-url", server.base_url, "--out", out, "--json",
                   "--set", "client.retry.max_wait=2s")  # fmt: skip
        first = json.loads(harvester(*command).stdout)
        again = json.loads(harvester(*command).stdout)
    run = first["run"]
    assert (run["pages"], run["records"], run["requests"], run["retries"]) == (3, 9, 4, 1)
    assert (run["ended"], run["exit_code"]) == ("complete", 0)
    assert run["why"] == "every partition has its last page"
    assert sum(run["waits_s"].values()) > 0.5
    assert run["seconds"] > 0.5
    assert list(run["errors"].values()) == [1]
    assert first["resources"][0]["pages"] == again["resources"][0]["pages"] == 3
    assert (again["run"]["pages"], again["run"]["requests"]) == (0, 0)


@pytest.mark.parametrize(
    ("respond", "more", "ended", "code"),
    [
        (lambda path, parameters: Reply({}, 404), (), "failed", 3),
        (chain(3), ("--max-pages", "1"), "paused", 4),
        (lambda path, parameters: Reply({"title": "over"}, 402),
         ("--set", "resources.items.response_actions=[{status: 402, action: stop}]"), "stopped", 4),
    ],
    ids=["failed", "paused", "stopped"],
)  # fmt: skip
def test_why_it_ended(
    respond: Respond, more: tuple[str, ...], ended: str, code: int, tmp_path: Path
) -> None:
    """In one word, in a sentence, and as the exit code."""
    config = write_config(tmp_path, ITEMS)
    with Scripted(respond) as server:
        done = harvester("run", config, "--base-url", server.base_url, "--out", tmp_path / "out",
                         "--json", "--log-format", "json", *more)  # fmt: skip
    run = json.loads(done.stdout)["run"]
    assert (done.returncode, run["ended"], run["exit_code"]) == (code, ended, code)
    assert len(run["why"]) > 10
    assert lines(done.stderr)[-1]["ended"] == ended


def test_the_log_is_json_lines(tmp_path: Path) -> None:
    """Every line of stderr, in order, with what happened; the bar and the last screen are not."""
    config = write_config(tmp_path, ITEMS)
    with Scripted(chain(2)) as server:
        done = harvester("run", config, "--base-url", server.base_url, "--out", tmp_path / "out",
                         "--log-format", "json")  # fmt: skip
    told = lines(done.stderr)
    assert [each["event"] for each in told] == [
        "run_started", "partition_started", "page_committed", "page_committed", "partition_done",
        "run_ended",
    ]  # fmt: skip
    assert told[0]["folder"] == str(tmp_path / "out")
    assert (told[3]["page"], told[3]["records"], told[3]["partition"]) == (2, 3, {"shard": "a"})
    assert done.stdout == ""


def test_errors_are_json_lines_too(tmp_path: Path) -> None:
    """A file that is not there, a wrong key, a folder of somebody else."""
    missing = harvester("run", tmp_path / "no.yaml", "--log-format", "json")
    assert missing.returncode == 2
    assert "No such file" in lines(missing.stderr)[0]["text"]
    bad = write_config(tmp_path, ITEMS.replace("data_selector", "data_selecter"))
    assert "data_selecter" in lines(harvester("run", bad, "--log-format", "json").stderr)[0]["text"]
    strange = tmp_path / "strange"
    strange.mkdir()
    (strange / "file").write_text("mine")
    config = write_config(tmp_path, ITEMS)
    refused = harvester("run", config, "--out", strange, "--log-format", "json")
    assert refused.returncode == 5
    assert lines(refused.stderr)[-1]["event"] == "error"


# --- From outside --------------------------------------------------------------------------------


def test_a_run_is_seen_stalled_killed_and_complete(tmp_path: Path) -> None:
    """One life: under way with its number, stalled, killed without a word, and gone on with."""
    config, out, gate = write_config(tmp_path, ITEMS), tmp_path / "out", threading.Event()
    with Scripted(held_from(3, gate)) as server:
        command = ("run", config, "--base-url", server.base_url, "--out", out)
        with running(*command) as process:
            until(lambda: (out / ".run.json").exists() and status(out)["last_commit"] is not None)
            told = status(out)
            assert (told["under_way"], told["pid"]) == (True, process.pid)
            assert (told["stalled"], told["killed"], told["complete"]) == (False, False, False)
            assert told["rate"].keys() == {"pages_per_s", "records_per_s", "bytes_per_s"}
            assert harvester("healthcheck", out).returncode == 0
            until(lambda: bool(status(out, "--stalled-after", "1s")["stalled"]))
            sick = harvester("healthcheck", out, "--stalled-after", "1s")
            assert (sick.returncode, "stalled: process" in sick.stdout) == (1, True)
            words = harvester("status", out, "--stalled-after", "1s").stdout
            assert f"Stalled: process {process.pid} has kept no page for" in words
            process.kill()
            process.wait()
        told = status(out)
        assert (told["under_way"], told["pid"], told["killed"]) == (False, None, True)
        assert harvester("healthcheck", out).returncode == 1
        assert "ended without a word" in harvester("status", out).stdout
        gate.set()
        assert harvester(*command).returncode == 0
    told = status(out)
    assert (told["complete"], told["killed"], told["rate"]) == (True, False, None)
    assert harvester("healthcheck", out).returncode == 0
    assert sorted(path.name for path in out.iterdir()) == [
        ".lock", "harvest.json", "items", "last_run.json",
    ]  # fmt: skip


def test_a_run_of_the_library_is_seen_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With its rate and what is left; it prints nothing, and its note goes with it."""
    gate = threading.Event()
    with Scripted(held_from(3, gate)) as server:
        config = load_config(write_config(tmp_path, ITEMS), base_url=server.base_url)
        out = tmp_path / "out"
        run = threading.Thread(target=harvest, args=(config,), kwargs={"out": out})
        run.start()
        until(lambda: (found := RunNote.read(out)) is not None and found.pages == 2)
        told = status(out)
        assert (told["under_way"], told["pid"]) == (True, os.getpid())
        assert told["rate"]["pages_per_s"] > 0
        gate.set()
        run.join(30)
    assert RunNote.read(out) is None
    assert capsys.readouterr() == ("", "")


def test_status_watch_ends_with_the_run(tmp_path: Path) -> None:
    """A block each time, JSON Lines with --json; over once no run is under way."""
    config, out, gate = write_config(tmp_path, ITEMS), tmp_path / "out", threading.Event()
    with (
        Scripted(held_from(2, gate)) as server,
        running("run", config, "--base-url", server.base_url, "--out", out) as run,
    ):
        until(lambda: (out / "harvest.json").exists() and status(out)["under_way"])
        with running("status", out, "--watch", "--every", "200ms", "--json") as watch:
            assert watch.stdout is not None
            seen = [json.loads(watch.stdout.readline()) for _ in range(2)]
            gate.set()
            seen += [json.loads(line) for line in watch.stdout]
            assert watch.wait(30) == 0
        assert run.wait(30) == 0
    assert [seen[0]["under_way"], seen[-1]["under_way"]] == [True, False]
    done = harvester("status", out, "--watch")
    assert (done.returncode, done.stdout.count("complete: 1 partition")) == (0, 1)


def test_announced_waits_are_no_stall() -> None:
    """An hour for a rate limit, told beforehand, is none; what comes after it may be."""
    note = RunNote(1, 0.0, 100.0, waiting_until=3700.0, waiting_for="rate limit")
    assert not UnderWay(3600.0, 1, 0.0, 50.0, note).stalled(60)
    assert not UnderWay(3750.0, 1, 0.0, 50.0, note).stalled(60)
    assert UnderWay(3761.0, 1, 0.0, 50.0, note).stalled(60)
    assert UnderWay(111.0, 0, 0.0, 50.0).stalled(60)
    assert not UnderWay(1e9).stalled(60)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"pid": "x"}', "null", '{"pid": 1}', "[" * 9999]
)
def test_a_note_that_is_none(text: str, tmp_path: Path) -> None:
    """Whatever lies there in its place says nothing, and breaks nothing."""
    (tmp_path / ".run.json").write_text(text)
    assert RunNote.read(tmp_path) is None


@pytest.mark.parametrize("more", [("--stalled-after", "soon"), ("--stalled-after", "0s"),
                                  ("--every", "-1s")])  # fmt: skip
def test_wrong_durations(more: tuple[str, str], tmp_path: Path) -> None:
    """One message that names the option, exit code 2."""
    out = tmp_path / "out"
    with Scripted(chain(1)) as server:
        config = write_config(tmp_path, ITEMS)
        harvester("run", config, "--base-url", server.base_url, "--out", out)
    done = harvester("status", out, *more)
    assert (done.returncode, more[0] in done.stderr) == (2, True)


# --- Metrics -------------------------------------------------------------------------------------


def families(text: str) -> dict[str, Any]:
    """The metrics, by prometheus_client's parser of OpenMetrics."""
    parse: Callable[[str], Iterator[Any]] = text_string_to_metric_families
    return {family.name: family for family in parse(text)}


def test_metrics_while_it_runs_and_after(tmp_path: Path) -> None:
    """A sound file at any moment; at the end it says how it ended."""
    config, out, gate = write_config(tmp_path, ITEMS), tmp_path / "out", threading.Event()
    path = tmp_path / "items.prom"
    command = ("run", config, "--out", out, "--metrics", path, "--base-url")
    with Scripted(held_from(3, gate)) as server, running(*command, server.base_url) as run:
        until(path.exists)
        seen = families(path.read_text())
        assert seen["harvester_run_under_way"].samples[0].value == 1
        gate.set()
        assert run.wait(30) == 0
    seen = families(path.read_text())
    assert seen["harvester_run_under_way"].samples[0].value == 0
    assert seen["harvester_run_exit_code"].samples[0].value == 0
    pages = seen["harvester_pages"].samples[0]
    assert (pages.name, pages.labels, pages.value) == (
        "harvester_pages_total", {"harvest": "items"}, 4,
    )  # fmt: skip
    assert seen["harvester_records"].samples[0].value == 12
    states = {one.labels["state"]: one.value for one in seen["harvester_partitions"].samples}
    assert states["complete"] == 1
    assert not list(tmp_path.glob(".items.prom*"))


def test_what_servers_say_is_escaped_in_labels() -> None:
    """A reason with quotes, backslashes and line breaks is one label."""
    odd = 'a "limit"\\ of\nten\u2028é'
    text = metrics_text("x", RunNote(1, 0.0, 1.0, waits_s={odd: 1.5}, partitions={"failed": 1}))
    assert families(text)["harvester_wait_seconds"].samples[0].labels["reason"] == odd


def test_metrics_that_cannot_be_written_are_refused_before_anything_is_asked(
    tmp_path: Path,
) -> None:
    """A folder in its place, or no folder for it: exit code 2, one message, no request."""
    config = write_config(tmp_path, ITEMS)
    for path in (tmp_path, tmp_path / "no" / "x.prom"):
        done = harvester("run", config, "--out", tmp_path / "out", "--metrics", path)
        assert (done.returncode, f"--metrics {path}" in done.stderr) == (2, True)
    assert not (tmp_path / "out").exists()


# --- Notifications and telemetry -----------------------------------------------------------------


class Received(ThreadingHTTPServer):
    """Keeps what is posted to it, for the length of a `with` block."""

    def __init__(self, status: int = 200) -> None:
        received = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.bodies.append((self.path, body))
                self.send_response(status)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.bodies: list[tuple[str, bytes]] = []
        self._thread = threading.Thread(target=self.serve_forever)

    def __enter__(self) -> "Received":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    @property
    def told(self) -> list[dict[str, Any]]:
        """The bodies, as JSON."""
        return [json.loads(body) for _, body in self.bodies]


def test_notifications_of_the_end(tmp_path: Path) -> None:
    """One for a complete harvest, one for a failure; the URL's secret is in no message."""
    config = write_config(tmp_path, ITEMS)
    with Received() as hook, Scripted(chain(2)) as server:
        url = f"json://me:s3cr3t-pass@127.0.0.1:{hook.server_port}/hook"
        done = harvester("run", config, "--base-url", server.base_url, "--out", tmp_path / "out",
                         "--notify", "{env.HOOK}", env={"HOOK": url})  # fmt: skip
        assert done.returncode == 0, done.stderr
        failed = harvester("run", config, "--base-url", "http://127.0.0.1:1/", "--out",
                           tmp_path / "other", "--notify", url)  # fmt: skip
        assert failed.returncode == 3
        told = hook.told
    assert [one["title"] for one in told] == ["items: complete", "items: failed"]
    assert [one["type"] for one in told] == ["success", "failure"]
    assert "2 pages, 6 records" in told[0]["message"]
    assert "s3cr3t" not in done.stderr + failed.stderr + str(told)


def test_a_notification_of_a_stall(tmp_path: Path) -> None:
    """Once, while it lasts; the end is told as well."""
    config, gate = write_config(tmp_path, ITEMS), threading.Event()
    with Received() as hook, Scripted(held_from(2, gate)) as server:
        with running("run", config, "--base-url", server.base_url, "--out", tmp_path / "out",
                     "--notify", f"json://127.0.0.1:{hook.server_port}/", "--stalled-after", "1s",
                     "--progress", "plain") as run:  # fmt: skip
            until(lambda: len(hook.told) == 1)
            gate.set()
            assert run.wait(30) == 0
            assert run.stderr is not None
            assert "warning: stalled: no page was kept for" in run.stderr.read()
        assert [one["title"].partition(":")[2][:9] for one in hook.told] == [
            " stalled:",
            " complete",
        ]


@pytest.mark.parametrize("url", ["nonsense", "gopher://x", "{env.NOT_SET}", "https://[::1"])
def test_addresses_that_are_none(url: str, tmp_path: Path) -> None:
    """Refused before anything is asked, by their place in the line; what they hold is not said."""
    config = write_config(tmp_path, ITEMS)
    done = harvester("run", config, "--out", tmp_path / "out", "--notify", url)
    assert (done.returncode, "--notify, URL 1" in done.stderr) == (2, True)
    assert not (tmp_path / "out").exists()


def test_a_notification_that_is_refused_ends_nothing(tmp_path: Path) -> None:
    """A warning; the harvest is complete."""
    config = write_config(tmp_path, ITEMS)
    with Received(status=500) as hook, Scripted(chain(1)) as server:
        done = harvester("run", config, "--base-url", server.base_url, "--out", tmp_path / "out",
                         "--notify", f"json://127.0.0.1:{hook.server_port}/")  # fmt: skip
    assert done.returncode == 0
    assert "warning: a notification could not be delivered" in done.stderr


def test_opentelemetry(tmp_path: Path) -> None:
    """The numbers and a span arrive at a collector, over HTTP."""
    config = write_config(tmp_path, ITEMS)
    with Received() as collector, Scripted(chain(3)) as server:
        endpoint = f"http://127.0.0.1:{collector.server_port}"
        done = harvester("run", config, "--base-url", server.base_url, "--out", tmp_path / "out",
                         "--otel", env={"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint})  # fmt: skip
        assert done.returncode == 0, done.stderr
    bodies = dict(collector.bodies)
    sent = ExportMetricsServiceRequest.FromString(bodies["/v1/metrics"])
    metrics = sent.resource_metrics[0].scope_metrics[0].metrics
    values = {one.name: one.sum.data_points[0].as_int for one in metrics if one.sum.data_points}
    assert (values["harvester.pages"], values["harvester.records"]) == (3, 9)
    traced = ExportTraceServiceRequest.FromString(bodies["/v1/traces"])
    span = traced.resource_spans[0].scope_spans[0].spans[0]
    assert (span.name, span.status.code) == ("harvest", 1)


def test_extras_that_are_missing_are_named(tmp_path: Path) -> None:
    """The line that installs them, exit code 2."""
    config = write_config(tmp_path, ITEMS)
    for option, module, extra in (
        ("--notify=json://x", "apprise", "notify"), ("--otel", "opentelemetry.sdk", "otel"),
    ):  # fmt: skip
        program = (
            f"import sys; sys.modules[{module!r}] = None\n"
            f"sys.modules['opentelemetry.exporter'] = None\n"
            f"sys.argv = ['harvester', 'run', {str(config)!r}, {option!r}]\n"
            "from harvester.cli import main; main()"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                              timeout=60, check=False, env=ENVIRONMENT)  # fmt: skip
        assert done.returncode == 2
        assert f"pip install 'api-harvester[{extra}]'" in done.stderr


def test_a_signal_in_a_json_log(tmp_path: Path) -> None:
    """SIGTERM: the line about it is JSON too, and the run is told as interrupted."""
    config, gate = write_config(tmp_path, ITEMS), threading.Event()
    command = ("run", config, "--out", tmp_path / "out", "--log-format", "json", "--base-url")
    with Scripted(held_from(2, gate)) as server, running(*command, server.base_url) as run:
        until(lambda: (tmp_path / "out" / ".run.json").exists())
        os.kill(run.pid, signal.SIGTERM)
        gate.set()
        assert run.wait(30) == 130
        assert run.stderr is not None
        told = [json.loads(line) for line in run.stderr]
    assert "ending after the current chunk" in " ".join(str(one.get("text")) for one in told)
    assert (told[-1]["event"], told[-1]["ended"]) == ("run_ended", "interrupted")
