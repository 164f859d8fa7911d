"""The statistics of waits and failed attempts: counted by kind, added up over runs, bounded."""

import json
from pathlib import Path

from harvester import harvest
from harvester.engine.events import (
    AttemptLost,
    Event,
    PartitionDone,
    PartitionLost,
    PartitionStarted,
    RunStarted,
    Waiting,
)
from harvester.engine.run_counter import RunCounter, speaking_for
from harvester.model.partitions import Partition
from harvester.results.last_run import LAST_RUN, read_statistics
from harvester.results.run_statistics import MOST_KINDS, OTHERS, RunStatistics, kind_of
from harvester.store import Checkpoint
from tests.support import ITEMS, Reply, Scripted, chain, config


def statistics_of(*timed: tuple[float, int, Event]) -> RunStatistics:
    """Statistics of a run whose events came at these seconds from these threads; the last one's
    time is its end.
    """
    now, who = 0.0, 0
    counter = RunCounter("2021-01-01T00:00:00.000Z", clock=lambda: now, who=lambda: who)
    for now, who, event in timed:  # noqa: B007 - the clock reads them
        counter.take(event)
    return counter.close()


def test_a_wait_counts_as_long_as_it_lasted() -> None:
    """Not beyond its length, nor beyond the thread's next event, nor the end of the run."""
    one = Partition("items", {"id": 1})
    found = statistics_of(
        (0, 0, RunStarted("items", "out", 2)),
        (0, 1, Waiting(one, 10, "a budget")),
        (5, 2, Waiting(one, 900, "used up")),
        (60, 1, AttemptLost(one, 1, "the server answered 503 Service Unavailable", 30)),
        (70, 1, PartitionLost(one, "no more")),
        (100, 1, Waiting(one, 900, "a budget")),
        (103, 0, RunStarted("items", "out", 2)),
    )
    assert found.runs == 1
    assert found.run_s == 103
    assert found.waits_s == {
        "a budget": 13,
        "used up": 98,
        "retrying: the server answered 503": 10,
    }
    assert found.errors == {"the server answered 503": 1}


def test_what_a_dead_worker_had_not_told_counts() -> None:
    """Another process takes its partition up, with pages that no event told of; what a run before
    had kept is none of this one's.
    """
    one = Partition("items", {"id": 1})
    counter = RunCounter("2021-01-01T00:00:00.000Z")
    for worker, at in (
        ("a", Checkpoint(pages=5, records=50)),
        ("b", Checkpoint(pages=8, records=75)),
    ):
        with speaking_for(worker, 0.0):
            counter.take(PartitionStarted(one, at))
    with speaking_for("b", 0.0):
        counter.take(PartitionDone(one, Checkpoint()))
        counter.take(PartitionStarted(one, Checkpoint(pages=20)))
    counter.close()
    found = counter.this_run(1, 0)
    assert (found.pages, found.records, counter.untold) == (3, 25, {"items": 3})


def test_kinds() -> None:
    """Numbers and quoted names differ from try to try; the status of an answer is its kind."""
    cut = kind_of("the connection was cut 1,234 bytes before the body's end")
    assert cut == kind_of("the connection was cut 7 bytes before the body's end")
    assert kind_of("the server answered 429 Too Many: 'x'") == "the server answered 429"
    assert kind_of("the page has no 'a.b'") == kind_of("the page has no 'c'")
    assert len(kind_of("no " * 100)) < 100


def test_kinds_are_bounded() -> None:
    """A server that says something else each time fills neither memory nor disk."""
    one = Partition("items", {})
    words = [f"{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(200)]
    found = statistics_of(*((0.0, 0, AttemptLost(one, 1, word, 0)) for word in words))
    assert len(found.errors) == MOST_KINDS + 1
    assert found.errors[OTHERS] == 200 - MOST_KINDS
    assert sum(found.errors.values()) == 200


def test_runs_add_up_on_disk(tmp_path: Path) -> None:
    """Each run adds its own; another version's file, or none, gives empty statistics."""
    fails = True

    def respond(path: str, parameters: dict[str, str]) -> Reply:
        nonlocal fails
        fails = not fails
        return Reply({}, status=503) if fails else chain(4)(path, parameters)

    out = tmp_path / "out"
    assert read_statistics(out) == RunStatistics()
    with Scripted(respond) as server:  # type: ignore[arg-type]  # it takes any mapping
        asked = config(tmp_path, ITEMS, server.base_url)
        harvest(asked, out=out, max_pages=2)
        first = read_statistics(out)
        harvest(asked, out=out)
    both = read_statistics(out)
    assert (first.runs, both.runs) == (1, 2)
    assert first.since == both.since != ""
    assert 0 < first.run_s < both.run_s
    assert set(first.errors) == {"the server answered 503"}
    assert sum(both.errors.values()) > sum(first.errors.values()) >= 1
    assert set(both.waits_s) == {"retrying: the server answered 503"}
    (out / LAST_RUN).write_text(json.dumps({"failed": {}, "failures": []}))
    assert read_statistics(out) == RunStatistics()
    (out / LAST_RUN).write_text('{"tally": {"since": 1, "runs": "x"}}')
    assert read_statistics(out) == RunStatistics()
