"""What the type checker makes of the library, and that the same holds when it runs.

mypy checks `assert_type` here as it checks everything; pytest runs the functions.
"""

import json
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, assert_never, assert_type

import pytest

import harvester
from harvester import (
    AttemptLost,
    BytesArrived,
    Config,
    Doubted,
    Event,
    Exported,
    Harvest,
    PaceChanged,
    PageCommitted,
    Partition,
    PartitionDone,
    PartitionLost,
    PartitionPaused,
    PartitionStarted,
    Repair,
    RunStarted,
    Summary,
    Verification,
    Waiting,
    Warned,
    harvest,
    iter_records,
    load_config,
    plan,
    status,
    verify,
    write_report,
)
from tests.support import ITEMS, Scripted, chain, write_config


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small harvest: one partition, two pages of three records."""
    folder = tmp_path_factory.mktemp("typed")
    with Scripted(chain(2)) as server:
        config = load_config(write_config(folder, ITEMS), base_url=server.base_url, env={})
        assert_type(config, Config)
        assert_type(harvest(config, out=folder / "out"), Summary)
        assert_type(harvest(config, out=str(folder / "out")), Summary)
    return folder / "out"


def identity(record: bytes) -> str:
    """A parser with a type of its own."""
    return str(json.loads(record)["id"])


def test_functions(out: Path, tmp_path: Path) -> None:
    """Each takes text or a path."""
    assert_type(status(str(out)), Summary)
    assert_type(verify(out, deep=True), Verification)
    assert_type(iter_records(out), Iterator[bytes])
    assert_type(write_report(out, tmp_path / "page.html"), Path)
    config = Harvest(out).config(env={})
    assert_type(config, Config)
    assert_type([*plan(config, out=str(out))], list[Partition])


def test_the_handle(out: Path, tmp_path: Path) -> None:
    """One folder; what `parse` gives is the type of the records."""
    one = Harvest(str(out))
    assert_type(one.path, Path)
    assert one == Harvest(out)
    assert one.path == out
    assert_type(one.status(), Summary)
    assert one.status().complete
    assert_type(one.verify(), Verification)
    assert one.verify(deep=True).ok
    assert_type(one.records(), Iterator[bytes])
    assert_type(one.records(parse=identity), Iterator[str])
    loaded: Iterator[Any] = one.records(parse=json.loads)
    assert [each["id"] for each in loaded] == [*one.records(parse=identity)]
    assert next(one.records()) == b'{"id": "a-1-0"}'
    assert [*one.records(parse=identity, partition={"shard": "a"})][-1] == "a-2-2"
    assert_type(one.export(tmp_path / "o.jsonl"), Exported)
    assert one.export(str(tmp_path / "o.csv"), dedupe=["id"]).records == {"items": 6}
    assert_type(one.report(tmp_path / "o.html"), Path)
    assert_type(one.repair(env={}), Repair)
    assert [*iter_records(one)] == [*one.records()], "a handle is a path"


def test_a_handle_makes_it_again(tmp_path: Path) -> None:
    """`repair` gets a lost page, `redo` all of them; both ask the server that the folder names."""
    with Scripted(chain(2)) as server:
        # Where the server is stands in the YAML, for whoever has the folder only.
        path = write_config(tmp_path, ITEMS.replace("http://127.0.0.1:1/", server.base_url))
        harvest(load_config(path, env={}), out=tmp_path / "out")
        one = Harvest(tmp_path / "out")
        part = one.path / "items" / "shard=a" / "part-000002.json.gz"
        part.unlink()
        assert not one.verify().ok
        mended = one.repair(env={})
        assert (mended.ok, mended.pages) == (True, 1)
        again = one.redo(env={})
        assert_type(again, Summary)
        assert again.complete
        assert len(server.asked) == 2 + 1 + 2
    assert one.verify(deep=True).ok
    assert len([*one.records()]) == 6


def test_a_folder_without_a_harvest(tmp_path: Path) -> None:
    """Opening it says nothing yet; the first question does."""
    one = Harvest(tmp_path)
    for ask in (one.status, one.verify, lambda: next(one.records()), one.config):
        with pytest.raises(harvester.DataRefused):
            ask()


def test_what_parse_raises_comes_out(out: Path) -> None:
    """As it is."""
    with pytest.raises(ZeroDivisionError):
        next(Harvest(out).records(parse=lambda record: 1 // 0))


def words(event: Event) -> str:
    """Every event by its kind; a kind that is missing here is an error of types."""
    match event:
        case RunStarted():
            return f"{event.partitions} partitions"
        case PartitionStarted() | PartitionDone() | PartitionPaused() | PageCommitted():
            return f"{event.partition.resource}: {event.checkpoint.records} records"
        case BytesArrived():
            return f"{event.wire} bytes"
        case Waiting():
            return f"{event.seconds} s: {event.reason}"
        case PaceChanged():
            return f"{event.per_s} requests/s"
        case AttemptLost():
            return f"{event.attempt}: {event.error}"
        case Warned():
            return event.message
        case Doubted():
            return f"{event.doubt}"
        case PartitionLost():
            return event.error
    assert_never(event)


def test_events(tmp_path: Path) -> None:
    """Each kind can be told from the others."""
    told: list[str] = []
    with Scripted(chain(2)) as server:
        config = load_config(write_config(tmp_path, ITEMS), base_url=server.base_url, env={})
        harvest(config, out=tmp_path / "out", on_event=lambda event: told.append(words(event)))
    assert told[0] == "1 partitions"
    assert told[-1] == "items: 6 records"


def test_events_know_their_time_and_stay_as_they_are(tmp_path: Path) -> None:
    """In order, each between the call and its return; what is kept of one does not change."""
    kept: list[Event] = []
    as_told: list[Event] = []

    def on_event(event: Event) -> None:
        kept.append(event)
        as_told.append(deepcopy(event))

    with Scripted(chain(3)) as server:
        config = load_config(write_config(tmp_path, ITEMS), base_url=server.base_url, env={})
        began = datetime.now(UTC)
        harvest(config, out=tmp_path / "out", on_event=on_event)
    times = [event.at for event in kept]
    assert_type(times, list[datetime])
    assert began <= times[0] <= times[-1] <= datetime.now(UTC)
    assert kept == as_told
    assert [event.checkpoint.pages for event in kept if isinstance(event, PartitionStarted)] == [0]
