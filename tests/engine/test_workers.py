"""All places that harvest partitions keep the sentences at the top of `engine.workers.contract`."""

import contextlib
import fcntl
import functools
import importlib
import os
import pkgutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from distributed import Client, Scheduler

import harvester.engine.workers
from harvester import harvest, iter_records, load_config, verify
from harvester.config import Budget, Config, OAuth2RefreshToken
from harvester.engine import Event, PageCommitted, PartitionDone, PartitionStarted, Warned
from harvester.engine.workers import ThreadWorkers, Workers, dask_client, dask_fitness
from harvester.engine.workers.budgets import Budgets
from harvester.engine.workers.in_processes import ProcessWorkers
from harvester.engine.workers.line import Batch, Line
from harvester.engine.workers.on_dask import DaskWorkers
from harvester.engine.workers.shared_limit import SharedLimit
from harvester.errors import ConfigError, FolderLocked, FolderLost, Interrupted, RunStopped
from harvester.http import RateLimit, Wait
from harvester.results import Summary
from harvester.store import LocalStore, MemoryStore
from tests.api_server import Answer, ApiServer, Asked
from tests.auth.samples import SAMPLES
from tests.authorization_server import Authorization
from tests.s3_server import s3_server
from tests.support import (
    ENVIRONMENT,
    ITEMS,
    Reply,
    Scripted,
    chain,
    command,
    config,
    run,
    write_config,
)


@dataclass(frozen=True)
class Member:
    """A place that harvests: what the configuration says, and the executor that is given."""

    changes: tuple[str, ...] = ()
    executor: Callable[[], object] = lambda: None


_ending = contextlib.ExitStack()


@functools.cache
def cluster() -> Client:
    """Two worker processes with two threads each; one cluster for all tests. The first process is
    killed while it begins.
    """
    killing = threading.Thread(target=_kill_first)
    killing.start()
    client = _ending.enter_context(dask_client(None, 2, 2))
    killing.join()
    client.wait_for_workers(2, timeout=120)
    return client


def _kill_first() -> None:
    until(lambda: workers_of(os.getpid(), b"spawn_main"), 60)
    os.kill(workers_of(os.getpid(), b"spawn_main")[0], signal.SIGKILL)


@pytest.fixture(scope="module", autouse=True)
def _end_cluster() -> Iterator[None]:
    yield
    _ending.close()


MEMBERS: dict[type, Member] = {
    ThreadWorkers: Member(),
    ProcessWorkers: Member(("concurrency.processes=2",)),
    DaskWorkers: Member(executor=cluster),
}
each_member = pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.__name__)


def harvest_by(member: type, wanted: Config, out: Path | str, **more: Any) -> Summary:
    """A harvest by this member."""
    return harvest(wanted, out=out, executor=MEMBERS[member].executor(), **more)


def shards(number: int) -> str:
    """The change that asks for shards 1 to `number`."""
    return f"resources.items.partitions.shard={{range: [1, {number}]}}"


def asked(member: type, folder: Path, server: Scripted, *changes: str, text: str = ITEMS) -> Config:
    """A configuration whose partitions are harvested by this member."""
    return config(folder, text, server.base_url, *MEMBERS[member].changes, *changes)


def workers_of(pid: int, called: bytes = b"worker_process") -> list[int]:
    """The worker processes of a process."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            with contextlib.suppress(OSError):
                if called in Path(f"/proc/{child}/cmdline").read_bytes():
                    found.append(int(child))
    return found


def until(true: Callable[[], object], seconds: float = 20) -> None:
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_every_member_is_here() -> None:
    """A class of the package with the methods of `Workers` has its line above."""
    wanted = {name for name in vars(Workers) if name in ("submit", "begin")}
    found = set()
    for module in pkgutil.iter_modules(harvester.engine.workers.__path__):
        name = f"{harvester.engine.workers.__name__}.{module.name}"
        for each in vars(importlib.import_module(name)).values():
            own = isinstance(each, type) and each.__module__ == name and each is not Workers
            if own and wanted <= set(dir(each)):
                found.add(each)
    assert found == set(MEMBERS)


@each_member
def test_each_page_once_with_all_its_events(tmp_path: Path, member: type) -> None:
    """Two partitions at once, of five; one fails by its own fault. The same again asks only for
    what is missing.
    """
    broken = True

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        if parameters["shard"] == "3" and parameters.get("cursor") == "2" and broken:
            return Reply({}, 400)
        return chain(3)(path, parameters)

    seen: list[Event] = []
    with Scripted(respond) as server:
        wanted = asked(member, tmp_path, server, shards(5), "concurrency.partitions=2")
        first = harvest_by(member, wanted, tmp_path / "out", on_event=seen.append)
        assert first.exit_code == 3
        assert [failure.partition for failure in first.failures] == [{"shard": "3"}]
        assert "page 2 (cursor 2): the server answered 400" in first.failures[0].error
        assert (first.resources[0].requests, len(server.asked)) == (14, 14)
        server.asked.clear()
        broken = False
        again = harvest_by(member, wanted, tmp_path / "out")
        assert [each["cursor"] for each in server.asked] == ["2", "3"]
    assert again.complete
    assert verify(tmp_path / "out").ok
    records = list(iter_records(tmp_path / "out"))
    assert len(records) == len({str(each) for each in records}) == 45
    for number in "1245":
        kinds = [
            type(each)
            for each in seen
            if isinstance(each, PartitionStarted | PageCommitted | PartitionDone)
            and each.partition.labels == {"shard": number}
        ]
        assert kinds == [PartitionStarted, *[PageCommitted] * 3, PartitionDone]


def test_the_display_follows_worker_processes(tmp_path: Path) -> None:
    """Their events have copies of the partitions that the display knows."""
    with Scripted(chain(3)) as server:
        changes = (shards(3), "concurrency.processes=2")
        path = write_config(tmp_path, ITEMS.replace("http://127.0.0.1:1/", server.base_url))
        line = [sys.executable, "-m", "harvester", "run", str(path), "--out", str(tmp_path / "out")]
        ended = run([*line, *(part for each in changes for part in ("--set", each))])
    assert ended.returncode == 0, ended.stderr
    assert "Complete: 3 partitions, 9 pages" in ended.stdout + ended.stderr
    assert "done (no_next_cursor)" in ended.stderr


@each_member
def test_one_budget(tmp_path: Path, member: type) -> None:
    """Four partitions share six requests in 1.5 s, also with what a run before has spent, and the
    wait that one of them is asked for binds the others.
    """
    came: list[float] = []
    held: list[float] = []

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        came.append(time.monotonic())
        if len(came) == 8:
            held.append(time.monotonic())
            return Reply({}, 429, {"Retry-After": "1"})
        return chain(4)(path, parameters)

    with Scripted(respond) as server:
        budget = "client.rate_limit=[{requests: 6, per: 1.5s}]"
        wanted = asked(member, tmp_path, server, shards(4), budget, "client.retry.max_wait=5")
        assert harvest_by(member, wanted, tmp_path / "out", max_pages=3).paused
        assert harvest_by(member, wanted, tmp_path / "out").complete
    assert len(came) == 17
    # A busy machine may let a request arrive a moment late: then the next comes the sooner.
    assert all(later - first > 0.9 for first, later in zip(came, came[6:], strict=False))
    assert len([at for at in came if held[0] + 0.5 < at < held[0] + 0.9]) <= 1


class _SlowLine:
    """A way to budgets by which each answer takes its time."""

    def __init__(self, limit: RateLimit, answers_s: float) -> None:
        self.limit, self.answers_s, self.asked = limit, answers_s, 0

    def take(self, scope: str, late_s: float, missed: int) -> Wait:
        """The answer comes late."""
        self.asked += 1
        wait = self.limit.promise(scope, 1.0, late_s, missed)
        time.sleep(self.answers_s)
        return wait


def test_a_moment_that_is_missed_is_asked_for_again() -> None:
    """A request never leaves later than its moment was noted for, and no request of the budget is
    lost by that; nor is a worker held up for good where each answer takes longer than that.
    """
    budgets = RateLimit([Budget(requests=3, per=86_400)], {"a": ()})
    line = _SlowLine(budgets, 0.1)
    shared = SharedLimit(cast("Line", line), ["a"], ["a"])
    assert [shared.take("a") for _ in range(3)] == [None] * 3
    assert line.asked > 3
    assert (wait := shared.take("a")) is not None
    assert wait.seconds > 86_000


class _OwnLine(Budgets):
    """A way to budgets of the same process."""

    def tell(self, batch: Batch) -> None:
        """What happened is counted."""
        self.count(batch.left, batch.answered)


def test_a_pace_is_found_by_the_first_refusal() -> None:
    """Also where it comes before a worker was to tell what has left, and when."""
    paces: list[tuple[str, float | None]] = []
    budgets = _OwnLine(RateLimit([], {"a": ()}), lambda scope, pace: paces.append((scope, pace)))
    shared = SharedLimit(cast("Line", budgets), [], ["a"])
    for _ in range(5):
        assert shared.take("a") is None
        time.sleep(0.02)
        shared.accept("a")
    assert shared.take("a") is None
    assert shared.slow_down("a", time.monotonic(), 0.1)
    assert paces == [("a", shared.pace("a"))]
    assert shared.pace("a") is not None
    assert 1 < (shared.pace("a") or 0) < 50 * 0.85 + 1
    assert shared.counted() == ({}, {})


@each_member
def test_pages_at_most(tmp_path: Path, member: type) -> None:
    """So many of each partition, in each run."""
    with Scripted(chain(3)) as server:
        wanted = asked(member, tmp_path, server, shards(3))
        for pages in (2, 3):
            summary = harvest_by(member, wanted, tmp_path / "out", max_pages=2)
            assert (summary.resources[0].pages, summary.paused) == (3 * pages, pages == 2)


@each_member
def test_parents_and_children(tmp_path: Path, member: type) -> None:
    """Children come of what other workers have kept."""
    text = (
        ITEMS
        + """
  - name: parts
    path: parts
    params: {shard: "{item}"}
    partitions: {item: {resource: items, field: id}}
    data_selector: data
    paginator: {type: cursor, cursor_path: next, cursor_param: cursor}
"""
    )
    with Scripted(chain(2)) as server:
        wanted = asked(member, tmp_path, server, shards(2), text=text)
        assert harvest_by(member, wanted, tmp_path / "out").complete
        counted = Counter(each["shard"] for each in server.asked)
    assert set(counted.values()) == {2}
    assert len(counted) == 2 + 12


@each_member
def test_a_rule_stops_all(tmp_path: Path, member: type) -> None:
    """One worker's quota ends the run for the others."""

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        if parameters["shard"] == "2":
            return Reply({}, 402)
        time.sleep(0.05)
        return chain(1000)(path, parameters)

    rule = "resources.items.response_actions=[{status: 402, action: stop}]"
    with Scripted(respond) as server:
        wanted = asked(member, tmp_path, server, shards(4), rule)
        summary = harvest_by(member, wanted, tmp_path / "out")
    assert isinstance(summary.ended_by, RunStopped)
    assert summary.exit_code == 4


@each_member
def test_tokens_are_fetched_by_one(tmp_path: Path, member: type) -> None:
    """A token that expires after twenty requests, with refresh tokens that are good once."""
    sample = SAMPLES[OAuth2RefreshToken]

    def api(request: Asked) -> Answer:
        return Answer(chain(15)(request.path, request.params).body)

    guarded = Authorization(api, uses=20, rotates=True, refresh_token="refresh-s3cret-0")
    with ApiServer(guarded) as server:
        text = ITEMS.replace("  retry:", f"  auth: {sample.auth}\n  retry:")
        path = write_config(tmp_path, text.replace("ORIGIN", server.origin))
        changes = [*MEMBERS[member].changes, shards(3)]
        said = "".join(f"{name}={value}\n" for name, value in sample.env.items())
        (tmp_path / ".env").write_text(said)  # where workers find it, too
        wanted = load_config(path, base_url=server.origin, set=changes)
        assert harvest_by(member, wanted, tmp_path / "out").complete


@each_member
def test_what_on_event_raises_comes_out(tmp_path: Path, member: type) -> None:
    """The run ends, and no worker goes on."""

    def on_event(event: Event) -> None:
        if isinstance(event, PageCommitted):
            raise ConnectionError("the caller's own")

    with Scripted(chain(50)) as server:
        wanted = asked(member, tmp_path, server, shards(4))
        with pytest.raises(ConnectionError, match="the caller's own"):
            harvest_by(member, wanted, tmp_path / "out", on_event=on_event)
        assert workers_of(os.getpid()) == []


@pytest.mark.slow("wall clock")
@each_member
def test_a_wish_to_end(tmp_path: Path, member: type) -> None:
    """In the midst of a page that does not come: within two seconds."""
    gate, stop = threading.Event(), threading.Event()

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        reply = chain(3)(path, parameters)
        return Reply(reply.body, hold=gate) if "cursor" in parameters else reply

    with Scripted(respond) as server:
        wanted = asked(member, tmp_path, server, shards(4))
        begun = 0.0

        def end() -> None:
            nonlocal begun
            until(lambda: len(server.asked) >= 8)
            begun = time.monotonic()
            stop.set()

        ending = threading.Thread(target=end)
        ending.start()
        summary = harvest_by(member, wanted, tmp_path / "out", stop=stop)
        took = time.monotonic() - begun
        ending.join()
        gate.set()
    assert isinstance(summary.ended_by, Interrupted)
    assert summary.resources[0].pages == 4
    assert took < 2


# --- Processes that die --------------------------------------------------------------------------


def _held(gate: threading.Event) -> Callable[[str, Mapping[str, str]], Reply]:
    """Chains whose third page comes once the gate is open."""

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        if parameters.get("cursor") == "3":
            gate.wait(30)
        return chain(4)(path, parameters)

    return respond


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_partitions_of_a_dead_worker_are_taken_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: signal.Signals
) -> None:
    """Each costs the page that was on its way, and a worker that is stopped is killed first."""
    monkeypatch.setattr("harvester.engine.workers.in_processes.SILENT_S", 2.0)
    gate = threading.Event()
    said: list[Warned] = []

    def on_event(event: Event) -> None:
        if isinstance(event, Warned):
            said.append(event)

    with Scripted(_held(gate)) as server:
        wanted = asked(ProcessWorkers, tmp_path, server, shards(4))

        def kill() -> None:
            until(lambda: len(server.asked) == 12)
            os.kill(workers_of(os.getpid())[0], how)
            until(lambda: len(said) == 2)
            gate.set()

        killing = threading.Thread(target=kill)
        killing.start()
        summary = harvest(wanted, out=tmp_path / "out", max_pages=4, on_event=on_event)
        killing.join()
        assert Counter(Counter(map(str, server.asked)).values()) == {1: 14, 2: 2}
    assert summary.complete
    assert verify(tmp_path / "out").ok
    assert all("killed by SIGKILL" in event.message for event in said)


def test_a_dead_driver_takes_its_workers_along(tmp_path: Path) -> None:
    """No request comes after it, the lock is free, and the same again goes on."""
    gate = threading.Event()
    with Scripted(_held(gate)) as server:
        path = write_config(tmp_path, ITEMS)
        changes = (shards(4), "concurrency.processes=2")
        line = command(path, server.base_url, tmp_path / "out", *changes)
        driver = subprocess.Popen(line, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
        until(lambda: len(server.asked) == 12)
        workers = workers_of(driver.pid)
        assert len(workers) == 2
        driver.kill()
        driver.wait()
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), 5)
        gate.set()
        server.asked.clear()
        ended = run(line)
        assert ended.returncode == 0, ended.stderr
        assert sorted(each["cursor"] for each in server.asked) == [*"33334444"]


def test_a_cluster_outlives_a_dead_driver(tmp_path: Path) -> None:
    """One that others have begun: its workers leave the run and its folder, and a second run goes
    on with the same.
    """
    gate = threading.Event()
    scheduler = cluster().scheduler
    assert scheduler is not None
    with Scripted(_held(gate)) as server:
        path = write_config(tmp_path, ITEMS.replace("http://127.0.0.1:1/", server.base_url))
        out = tmp_path / "out"
        line = [sys.executable, "-m", "harvester", "run", str(path), "--out", str(out)]
        line += ["--scheduler", str(scheduler.address), "--set", shards(4)]
        driver = subprocess.Popen(line, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
        until(lambda: len(server.asked) == 12, 120)
        driver.kill()
        driver.wait()
        time.sleep(4)  # the page that is on its way may still come
        gate.set()
        until(lambda: _is_left(out / ".workers"), 120)
        until(lambda: not cluster().run_on_scheduler(_runs_there), 120)
        ended = run(line)
        assert ended.returncode == 0, ended.stderr
        assert not cluster().run_on_scheduler(_runs_there)
        assert set(Counter(map(str, server.asked)).values()) <= {1, 2}
    assert "Complete: 4 partitions, 16 pages" in ended.stdout + ended.stderr
    assert verify(out).ok


def test_a_cluster_that_is_broken_off(tmp_path: Path) -> None:
    """A wish to end that comes while the processes begin: one clear line, and nothing stays."""
    line = [sys.executable, "-m", "harvester", "run", str(write_config(tmp_path, ITEMS))]
    line += ["--out", str(tmp_path / "out"), "--engine", "dask", "--workers", "1"]
    with subprocess.Popen(line, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True) as driver:
        until(lambda: workers_of(driver.pid, b"spawn_main"), 120)
        driver.send_signal(signal.SIGTERM)
        _, told = driver.communicate(timeout=120)
    assert driver.returncode == 130, told
    assert "interrupted before anything was asked" in told
    assert "Traceback" not in told
    assert not (tmp_path / "out").exists()


def _runs_there(dask_scheduler: Scheduler) -> list[str]:
    """What a scheduler has of runs: coordinators, and what prepares workers."""
    names = [*dask_scheduler.plugins, *dask_scheduler.worker_plugins]
    return [each for each in names if each.startswith("harvester-")] + list(
        vars(dask_scheduler).get("_harvester_runs", ())
    )


def _is_left(path: Path) -> bool:
    """Whether no worker holds a folder."""
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_dask_worker_may_die(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: signal.Signals
) -> None:
    """Its nanny begins another; no page comes twice, and none is asked for more than twice. That is
    said.
    """
    monkeypatch.setattr("harvester.engine.workers.on_dask._SILENT_S", 3.0)
    gate = threading.Event()
    client = cluster()
    first, *_ = sorted(client.run(os.getpid).values())
    with Scripted(_held(gate)) as server:
        wanted = asked(DaskWorkers, tmp_path, server, shards(4))

        def kill() -> None:
            until(lambda: len(server.asked) == 12, 60)
            os.kill(first, how)
            until(lambda: len(server.asked) == 14, 60)
            gate.set()

        killing = threading.Thread(target=kill)
        killing.start()
        seen: list[Event] = []
        summary = harvest_by(DaskWorkers, wanted, tmp_path / "out", on_event=seen.append)
        killing.join()
        assert Counter(Counter(map(str, server.asked)).values()) == {1: 14, 2: 2}
    assert summary.complete
    assert any("is gone; others take up" in e.message for e in seen if isinstance(e, Warned))
    assert verify(tmp_path / "out").ok


@pytest.mark.slow("wall clock")
def test_a_cluster_ends_at_once() -> None:
    """Also where a worker hangs, for which Dask alone waits four seconds."""
    with dask_client(None, 1, 1) as client:
        [pid] = client.run(os.getpid).values()
        os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
    assert time.monotonic() - began < 3.5
    assert not Path(f"/proc/{pid}").exists()


def test_dask_workers_must_see_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is asked; and none gets a secret that stands in the YAML."""
    with Scripted(chain(1)) as server:
        auth = "client.auth={type: bearer, token: s3cret-of-mine}"
        wanted = asked(DaskWorkers, tmp_path, server, auth)
        with pytest.raises(
            ConfigError, match=r"client\.auth\.token: this secret stands in the YAML"
        ):
            harvest_by(DaskWorkers, wanted, tmp_path / "out")
        wanted = asked(DaskWorkers, tmp_path, server)
        elsewhere = contextlib.nullcontext(tmp_path / "not-here")
        monkeypatch.setattr(dask_fitness, "_probe", lambda store, run: elsewhere)
        with pytest.raises(ConfigError, match="does not see this folder"):
            harvest_by(DaskWorkers, wanted, tmp_path / "out")
        with pytest.raises(ConfigError, match=r"concurrency\.processes does not go with Dask"):
            harvest_by(DaskWorkers, asked(ProcessWorkers, tmp_path, server), tmp_path / "out")
        with pytest.raises(ConfigError, match="executor is ThreadPoolExecutor"):
            harvest(wanted, out=tmp_path / "out", executor=ThreadPoolExecutor())
        assert server.asked == []


def test_into_an_object_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of S3, whose keys each process takes from its environment: in processes, and on Dask."""
    with s3_server() as s3, Scripted(chain(3)) as server:
        for name, value in s3.env.items():
            monkeypatch.setenv(name, value)
        place = f"s3://{s3.bucket()}/items"
        text = ITEMS + f"output: {{endpoint: {s3.endpoint}}}\n"
        wanted = asked(ProcessWorkers, tmp_path, server, shards(4), text=text)
        assert harvest(wanted, out=place, max_pages=1).paused
        wanted = asked(DaskWorkers, tmp_path, server, shards(4), text=text)
        cluster().run(os.environ.update, s3.env)
        assert harvest_by(DaskWorkers, wanted, place).complete
        assert len(server.asked) == 12


def test_a_run_waits_for_workers_of_a_dead_one(tmp_path: Path) -> None:
    """They may still be writing: nobody else does until they are gone."""
    mine = LocalStore(tmp_path / "out")
    with mine.claim():
        mine.share("f00d")
    worker = LocalStore(tmp_path / "out")
    with worker.join("f00d", 2), pytest.raises(FolderLocked, match="was killed"), mine.claim():
        pass
    with mine.claim(), pytest.raises(FolderLost, match="is over"), worker.join("f00d", 2):
        pass


def test_a_place_in_memory_is_refused(tmp_path: Path) -> None:
    """Before anything is asked."""
    with Scripted(chain(1)) as server:
        wanted = asked(ProcessWorkers, tmp_path, server, shards(4))
        with pytest.raises(ConfigError, match="lies in the memory of this process"):
            harvest(wanted, out=MemoryStore())
        assert server.asked == []
