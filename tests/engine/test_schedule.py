"""A whole run: workers side by side, and every way in which a run ends."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from harvester import harvest, iter_records, status
from harvester.engine.events import (
    AttemptLost,
    Event,
    PageCommitted,
    PartitionDone,
    PartitionLost,
    RunStarted,
    Waiting,
)
from harvester.errors import (
    ConfigError,
    DataRefused,
    DiskError,
    FolderLocked,
    Interrupted,
    RunStopped,
)
from harvester.model.partitions import Partition, partitions_of
from harvester.results.summary import MOST_FAILURES
from tests.slow.waiting import waiting
from tests.support import ITEMS, Reply, Scripted, chain, config

SHARDS = "resources.items.partitions.shard="


def shards(number: int) -> str:
    """The change that asks for shards 1 to `number`."""
    return f"{SHARDS}{{range: [1, {number}]}}"


# --- Side by side --------------------------------------------------------------------------------


def test_workers_run_in_parallel(tmp_path: Path) -> None:
    """Each page waits until as many requests are on their way as there are workers."""
    together = threading.Barrier(5, timeout=10)

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        together.wait()
        return chain(2)(path, parameters)

    with Scripted(respond) as server:
        asked = config(tmp_path, ITEMS, server.base_url, shards(10), "concurrency.partitions=5")
        assert harvest(asked, out=tmp_path / "out").complete
        assert len(server.asked) == 20


def test_a_budget_holds_where_threads_are_late(tmp_path: Path) -> None:
    """A thread that keeps the interpreter busy makes each of the others late, at every step."""
    over = threading.Event()

    def busy() -> None:
        while not over.is_set():
            sum(range(1000))

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        with waiting(pages=6, records=1, latency_s=0.02) as api:
            budget = "client.rate_limit=[{requests: 30, per: 1s}]"
            asked = config(
                tmp_path, ITEMS, api.base_url, shards(12), "concurrency.partitions=12", budget
            )
            assert harvest(asked, out=tmp_path / "out").complete
            assert api.counted("moments")["busiest"] == 30
    finally:
        over.set()
        thread.join()


def test_concurrency_may_be_given(tmp_path: Path) -> None:
    """In place of the YAML's: here one after the other, in the plan's order."""
    with Scripted(chain(2)) as server:
        asked = config(tmp_path, ITEMS, server.base_url, shards(5))
        assert harvest(asked, out=tmp_path / "out", concurrency=1).complete
        assert [request["shard"] for request in server.asked] == list("1122334455")


def test_partitions_are_planned_as_they_are_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 20,000 partitions no more are held than there are workers."""
    drawn = done = most = 0
    stop = threading.Event()

    def counted(*arguments: Any) -> Iterator[Partition]:
        nonlocal drawn
        for partition in partitions_of(*arguments):
            drawn += 1
            yield partition

    def on_event(event: Event) -> None:
        nonlocal done, most
        most = max(most, drawn - done)
        done += isinstance(event, PartitionDone)
        if done == 60:
            stop.set()

    monkeypatch.setattr("harvester.planning.plans.partitions_of", counted)
    with Scripted(chain(1)) as server:
        changes = [shards(20_000), "concurrency.partitions=3", "output.fsync=false"]
        asked = config(tmp_path, ITEMS, server.base_url, *changes)
        summary = harvest(asked, out=tmp_path / "out", on_event=on_event, stop=stop)
    assert 3 <= most <= 3 + 1  # the one drawn before the workers' results are looked at
    assert summary.resources[0].partitions.complete <= 70
    assert summary.resources[0].partitions.total == 20_000
    assert isinstance(summary.ended_by, Interrupted)


def test_events_come_one_at_a_time(tmp_path: Path) -> None:
    """From many threads, but never two at once; the first says how much there is to do."""
    inside = 0
    seen: list[Event] = []

    def on_event(event: Event) -> None:
        nonlocal inside
        inside += 1
        assert inside == 1
        time.sleep(0)
        seen.append(event)
        inside -= 1

    with Scripted(chain(3)) as server:
        asked = config(tmp_path, ITEMS, server.base_url, shards(8))
        harvest(asked, out=tmp_path / "out", on_event=on_event)
    assert seen[0] == RunStarted("items", str(tmp_path / "out"), 8)
    assert sum(isinstance(event, PageCommitted) for event in seen) == 24
    assert sum(isinstance(event, PartitionDone) for event in seen) == 8


def test_no_thread_or_connection_outlives_a_run(tmp_path: Path) -> None:
    """Also when a worker failed."""
    before = threading.active_count()
    with Scripted(lambda path, parameters: Reply({}, 400)) as server:
        asked = config(tmp_path, ITEMS, server.base_url, shards(4))
        assert harvest(asked, out=tmp_path / "out").exit_code == 3
        names = [thread.name for thread in threading.enumerate()]
        assert not [name for name in names if name.startswith("harvest")]
    assert threading.active_count() <= before + 4  # the server's own, about to end


# --- Ends ----------------------------------------------------------------------------------------


def test_complete(tmp_path: Path) -> None:
    """Exit code 0; the numbers are those of the folder, the requests those of this run."""
    with Scripted(chain(3)) as server:
        asked = config(tmp_path, ITEMS, server.base_url, shards(2))
        first = harvest(asked, out=tmp_path / "out")
        again = harvest(asked, out=tmp_path / "out")
        assert len(server.asked) == 6
    assert (first.exit_code, first.ended_by, first.resources[0].requests) == (0, None, 6)
    assert (again.exit_code, again.complete, again.resources[0].requests) == (0, True, 0)
    assert again.resources[0].pages == 6


def test_one_failed_partition_ends_alone(tmp_path: Path) -> None:
    """Exit code 3; the others are complete; a rerun asks only for what is missing."""
    broken = True

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        if broken and parameters["shard"] == "2" and parameters.get("cursor") == "3":
            return Reply({"detail": "no"}, 400)
        return chain(4)(path, parameters)

    seen: list[Event] = []
    with Scripted(respond) as server:
        asked = config(tmp_path, ITEMS, server.base_url, shards(3))
        summary = harvest(asked, out=tmp_path / "out", on_event=seen.append)
        assert summary.exit_code == 3
        assert summary.ended_by is None
        counts = summary.resources[0].partitions
        assert (counts.complete, counts.failed, counts.pending) == (2, 1, 0)
        [failure] = summary.failures
        assert dict(failure.partition) == {"shard": "2"}
        assert failure.cursor == "3"
        assert "items shard=2, page 3" in failure.error
        assert [type(event) for event in seen].count(PartitionLost) == 1
        broken = False
        server.asked.clear()
        assert harvest(asked, out=tmp_path / "out").exit_code == 0
        assert [request["cursor"] for request in server.asked] == ["3", "4"]


def test_retries_are_counted(tmp_path: Path) -> None:
    """Of a page that took three tries; what came to nothing is told with its reason."""
    tries = iter([503, 503, 200])
    seen: list[Event] = []
    with Scripted(lambda path, parameters: Reply({"data": [1]}, next(tries))) as server:
        asked = config(tmp_path, ITEMS, server.base_url)
        summary = harvest(asked, out=tmp_path / "out", on_event=seen.append)
    assert (summary.resources[0].requests, summary.resources[0].retries) == (3, 2)
    lost = [event for event in seen if isinstance(event, AttemptLost)]
    assert [event.attempt for event in lost] == [1, 2]
    assert "503" in lost[0].error
    assert status(tmp_path / "out").resources[0].retries == 2


@pytest.mark.slow("wall clock")
def test_a_stop_rule_ends_all(tmp_path: Path) -> None:
    """Exit code 4: the worker that meets it stops the others in the middle of their pages."""
    hold = threading.Event()

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        if parameters["shard"] == "1" and parameters.get("cursor") == "3":
            return Reply({"title": "UsageCapExceeded"}, 429)
        slow = hold if parameters["shard"] != "1" else None
        return Reply(chain(5)(path, parameters).body, hold=slow)

    with Scripted(respond) as server:
        asked = config(
            tmp_path, ITEMS, server.base_url, shards(9),
            "resources.items.response_actions="
            "[{status: 429, when: {path: title, equals: UsageCapExceeded}, action: stop}]",
        )  # fmt: skip
        began = time.monotonic()
        summary = harvest(asked, out=tmp_path / "out")
        took = time.monotonic() - began
        hold.set()
    assert took < 2
    assert type(summary.ended_by) is RunStopped
    assert "its rule says stop" in str(summary.ended_by)
    assert "items shard=1, page 3" in str(summary.ended_by)
    assert summary.exit_code == 4
    counts = summary.resources[0].partitions
    assert (counts.failed, counts.pending) == (0, 9)
    assert summary.resources[0].pages == 2
    with Scripted(chain(5)) as server:
        moved = config(tmp_path, ITEMS, server.base_url, shards(9))
        assert harvest(moved, out=tmp_path / "out").exit_code == 0
    assert sum(1 for _ in iter_records(tmp_path / "out")) == 9 * 5 * 3


def test_max_pages(tmp_path: Path) -> None:
    """Exit code 4 while there is more; each run adds as many to each partition."""
    with Scripted(chain(3)) as server:
        asked = config(tmp_path, ITEMS, server.base_url, shards(2))
        codes = [harvest(asked, out=tmp_path / "out", max_pages=2).exit_code for _ in range(2)]
        assert codes == [4, 0]
        assert len(server.asked) == 6


def test_some_resources_only(tmp_path: Path) -> None:
    """By name; an unknown one is an error before anything is made."""
    text = ITEMS + "  - {name: users, path: users, data_selector: data}\n"
    with Scripted(chain(1)) as server:
        asked = config(tmp_path, text, server.base_url)
        with pytest.raises(ConfigError, match="unknown resource 'user': did you mean 'users'"):
            harvest(asked, out=tmp_path / "out", resources=["user"])
        assert not (tmp_path / "out").exists()
        summary = harvest(asked, out=tmp_path / "out", resources=["users"])
        assert [request.get("shard") for request in server.asked] == [None]
    assert summary.exit_code == 0
    assert not summary.complete


def test_a_locked_folder(tmp_path: Path) -> None:
    """A second run in the same process is told so, too."""
    caught: list[BaseException] = []

    def on_event(event: Event) -> None:
        if isinstance(event, RunStarted):
            with pytest.raises(FolderLocked) as locked:
                harvest(asked, out=tmp_path / "out")
            caught.append(locked.value)

    with Scripted(chain(1)) as server:
        asked = config(tmp_path, ITEMS, server.base_url)
        assert harvest(asked, out=tmp_path / "out", on_event=on_event).complete
    assert len(caught) == 1


def test_damaged_data_ends_the_run(tmp_path: Path) -> None:
    """Exit code 5, and what is there stays."""
    with Scripted(chain(2)) as server:
        asked = config(tmp_path, ITEMS, server.base_url, shards(2))
        harvest(asked, out=tmp_path / "out", max_pages=1)
        (tmp_path / "out/items/shard=1/part-000001.json.gz").unlink()
        summary = harvest(asked, out=tmp_path / "out")
    assert isinstance(summary.ended_by, DataRefused)
    assert summary.exit_code == 5


def test_a_full_disk_at_the_very_end(tmp_path: Path) -> None:
    """last_run.json cannot be written: the pages are safe, and the summary is given."""

    def on_event(event: Event) -> None:
        if isinstance(event, PartitionDone):
            (tmp_path / "out" / "last_run.json").mkdir()

    with Scripted(chain(1)) as server:
        asked = config(tmp_path, ITEMS, server.base_url)
        summary = harvest(asked, out=tmp_path / "out", on_event=on_event)
    assert isinstance(summary.ended_by, DiskError)
    assert (summary.exit_code, summary.complete) == (4, True)


def test_an_error_in_the_callers_code(tmp_path: Path) -> None:
    """Comes out as it is, after the workers have ended; the folder is free again."""

    def on_event(event: Event) -> None:
        if isinstance(event, PageCommitted):
            raise ZeroDivisionError

    with Scripted(chain(3)) as server:
        asked = config(tmp_path, ITEMS, server.base_url, shards(4))
        with pytest.raises(ZeroDivisionError):
            harvest(asked, out=tmp_path / "out", on_event=on_event)
        assert harvest(asked, out=tmp_path / "out").complete


def test_many_failures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a limit they are not listed one by one, but counted; the exit code stays."""
    assert MOST_FAILURES >= 1000
    monkeypatch.setattr("harvester.results.summary.MOST_FAILURES", 3)
    with Scripted(lambda path, parameters: Reply({}, 400)) as server:
        asked = config(tmp_path, ITEMS, server.base_url, shards(7))
        summary = harvest(asked, out=tmp_path / "out")
    assert len(summary.failures) == 3
    assert summary.exit_code == 3
    counts = summary.resources[0].partitions
    assert (counts.failed, counts.pending) == (7, 0)


# --- The wish to end -----------------------------------------------------------------------------


def stopped(
    tmp_path: Path, respond: Callable[[str, Mapping[str, str]], Reply], when: type, *changes: str
) -> float:
    """Set `stop` at the first event of a kind; the seconds until the run has ended."""
    stop = threading.Event()
    set_at = 0.0

    def on_event(event: Event) -> None:
        nonlocal set_at
        if isinstance(event, when) and not stop.is_set():
            set_at = time.monotonic()
            stop.set()

    with Scripted(respond) as server:
        asked = config(tmp_path, ITEMS, server.base_url, shards(6), *changes)
        summary = harvest(asked, out=tmp_path / "out", on_event=on_event, stop=stop)
        took = time.monotonic() - set_at
    assert isinstance(summary.ended_by, Interrupted)
    assert summary.exit_code == 130
    assert not summary.complete
    return took


@pytest.mark.slow("wall clock")
def test_stopped_while_waiting_for_a_rate_limit(tmp_path: Path) -> None:
    """Within a second, though the budget would have it wait for an hour."""
    budget = "client.rate_limit=[{requests: 2, per: 1h}]"
    assert stopped(tmp_path, chain(5), Waiting, budget) < 1


@pytest.mark.slow("wall clock")
def test_stopped_while_waiting_for_a_retry(tmp_path: Path) -> None:
    """Within a second, though the server asked for ten minutes."""

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        return Reply({}, 503, {"Retry-After": "600"})

    assert stopped(tmp_path, respond, AttemptLost, "client.retry.max_wait=15m") < 1


def test_stopped_in_the_middle_of_a_page(tmp_path: Path) -> None:
    """Within a second; the half page is gone, what is committed stays."""
    hold, stop, halfway = threading.Event(), threading.Event(), threading.Event()

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        if "cursor" not in parameters:
            return chain(5)(path, parameters)
        halfway.set()
        return Reply(chain(5)(path, parameters).body, hold=hold)

    ended: list[object] = []
    with Scripted(respond) as server:
        asked = config(tmp_path, ITEMS, server.base_url)
        run = threading.Thread(
            target=lambda: ended.append(harvest(asked, out=tmp_path / "out", stop=stop))
        )
        run.start()
        assert halfway.wait(10)
        time.sleep(0.02)
        stop.set()
        run.join(1)
        assert not run.is_alive()
        hold.set()
    folder = tmp_path / "out/items/shard=a"
    assert sorted(file.name for file in folder.iterdir()) == [
        "journal.jsonl", "part-000001.json.gz",
    ]  # fmt: skip
    assert len(ended) == 1


def test_a_wish_that_comes_too_late(tmp_path: Path) -> None:
    """After the last page: the run is complete and says so."""
    stop = threading.Event()

    def on_event(event: Event) -> None:
        if isinstance(event, PartitionDone):
            stop.set()

    with Scripted(chain(2)) as server:
        asked = config(tmp_path, ITEMS, server.base_url)
        summary = harvest(asked, out=tmp_path / "out", on_event=on_event, stop=stop)
    assert (summary.exit_code, summary.complete) == (0, True)
