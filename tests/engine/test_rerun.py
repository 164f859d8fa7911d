"""What a run takes over from the run before, beside its pages: what the server announced, and ends
that were wanted then.
"""

import os
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

import pytest

from harvester import harvest, status
from harvester.engine.events import Event, PartitionDone, PartitionStarted, Waiting, Warned
from harvester.errors import DataRefused
from harvester.model import Partition
from harvester.results import KnownBefore, Standing
from tests.support import ITEMS, Reply, Scripted, chain, config


def test_a_spent_budget_of_the_run_before(tmp_path: Path) -> None:
    """The last page said that nothing remains: the next run waits as that one would have."""
    pages = chain(3)

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        reply = pages(path, asked)
        spent = {"x-rate-limit-remaining": "0", "x-rate-limit-reset": str(int(time.time()) + 600)}
        return Reply(reply.body, headers={**reply.headers, **spent})

    stop = threading.Event()
    waits: list[Waiting] = []

    def on_event(event: Event) -> None:
        if isinstance(event, Waiting):
            waits.append(event)
            stop.set()

    with Scripted(respond) as server:
        asked = config(tmp_path, ITEMS, server.base_url)
        harvest(asked, out=tmp_path / "out", max_pages=1)
        before = len(server.asked)
        harvest(asked, out=tmp_path / "out", on_event=on_event, stop=stop)
        assert len(server.asked) == before
    assert 500 < waits[0].seconds <= 601


def test_more_pages_are_wanted_than_before(tmp_path: Path) -> None:
    """What ended by `maximum_pages` stays complete, and that is told once, with what to type."""
    told: list[str] = []

    def on_event(event: Event) -> None:
        if isinstance(event, Warned):
            told.append(event.message)

    def limited(pages: int) -> str:
        return f"resources.items.paginator.maximum_pages={pages}"

    shards = "resources.items.partitions.shard=[a, b]"
    with Scripted(chain(3)) as server:
        for pages in (1, 1, 2):
            asked = config(tmp_path, ITEMS, server.base_url, shards, limited(pages))
            assert not told
            assert harvest(asked, out=tmp_path / "out", on_event=on_event).complete
    assert len(told) == 1
    assert f"harvester redo {tmp_path / 'out'} --resource items" in told[0]


SHARDS = "resources.items.partitions.shard=[a, b, c]"


def test_finished_partitions_need_no_worker(tmp_path: Path) -> None:
    """They are counted in as before; the one that is left is gone on with."""
    kinds: list[tuple[str, str]] = []

    def on_event(event: Event) -> None:
        if isinstance(event, PartitionStarted | PartitionDone):
            kinds.append((type(event).__name__, event.partition.labels["shard"]))

    with Scripted(chain(3)) as server:
        asked = config(tmp_path, ITEMS, server.base_url, SHARDS)
        harvest(asked, out=tmp_path / "out", max_pages=2)
        before = len(server.asked)
        cut = tmp_path / "out" / "items" / "shard=a"
        harvest(asked, out=tmp_path / "out")
        whole = status(tmp_path / "out").as_dict()
        assert len(server.asked) == before + 3
        again = harvest(asked, out=tmp_path / "out", on_event=on_event)
        counted = again.resources[0]
        assert (counted.partitions.complete, counted.pages) == (3, 9)
        assert counted.records == whole["resources"][0]["records"]
        assert kinds == [("PartitionDone", shard) for shard in "abc"]
        shutil.rmtree(cut)
        kinds.clear()
        assert harvest(asked, out=tmp_path / "out", on_event=on_event).complete
    assert kinds.count(("PartitionStarted", "a")) == 1
    assert len(kinds) == 4
    assert status(tmp_path / "out").resources[0].records == whole["resources"][0]["records"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "part-000002.json.gz").unlink(),
        lambda folder: (folder / "part-000002.json.gz").write_bytes(b"short"),
        lambda folder: (folder / "part-000007.json.gz").write_bytes(b"a stranger"),
        lambda folder: os.link(folder / "journal.jsonl", folder / "other"),
        lambda folder: os.truncate(folder / "journal.jsonl", 300),
    ],
)
def test_a_finished_partition_that_is_damaged_is_refused(
    tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    """As when a worker opened it: by its own message, and nothing is changed."""
    with Scripted(chain(3)) as server:
        asked = config(tmp_path, ITEMS, server.base_url, SHARDS)
        harvest(asked, out=tmp_path / "out")
        folder = tmp_path / "out" / "items" / "shard=b"
        damage(folder)
        before = sorted((each.name, each.read_bytes()) for each in folder.iterdir())
        summary = harvest(asked, out=tmp_path / "out")
    assert isinstance(summary.ended_by, DataRefused)
    assert sorted((each.name, each.read_bytes()) for each in folder.iterdir()) == before


@pytest.mark.parametrize("done", [[], [0], [7, 8, 9, 23], range(40), range(0, 40, 3)])
@pytest.mark.parametrize("whole", [True, False])
def test_what_was_counted_in_is_not_read_again(done: Sequence[int], whole: bool) -> None:
    """Each partition is taken once, wherever in the plan those lie that were known."""
    known = KnownBefore(cast("Standing", None))
    places = [known.next("items") for _ in range(40 if whole else 30)]
    for place in reversed(done):  # as they come to their ends
        if place in places:
            known.know("items", place)
    known.is_whole = whole
    all_of_them = [Partition("items", {"id": place}) for place in range(40)]
    seen = set(done) if whole else {place for place in done if place < 30}
    rest = [each.values["id"] for each in known.others("items", iter(all_of_them))]
    assert rest == [place for place in range(40) if place not in seen]
    for place in done:
        known.know_by_name(Partition("children", {"id": place}))
    children = [Partition("children", {"id": place}) for place in range(40)]
    rest = [each.values["id"] for each in known.others("children", iter(children))]
    assert rest == [place for place in range(40) if place not in done]
