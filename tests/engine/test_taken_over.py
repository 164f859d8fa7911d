"""Two runs at one partition of a bucket: whoever loses it leaves it to the other."""

import threading
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from harvester import Summary, harvest, status, verify
from harvester.engine.events import Event, PartitionStarted, Warned
from harvester.store import ObjectStore
from tests.support import ITEMS, Reply, Scripted, chain, config


def asked_for(asked: Mapping[str, str]) -> int:
    """The number of the page that a chain is asked for."""
    return int(asked.get("cursor") or 1)


@pytest.mark.parametrize(
    ("begins", "most", "code", "kept"),
    [(2, None, 0, 4), (2, 2, 4, 3), (1, None, 0, 4), (1, 2, 4, 2)],
)
def test_a_newer_run_takes_a_partition_over(
    tmp_path: Path, begins: int, most: int | None, code: int, kept: int
) -> None:
    """The older one leaves it: nothing failed, and no page is there twice. Where the newer one
    begins before the first page is put, both had found that nobody had begun the partition.
    """
    url = f"memory://{tmp_path.name}-fenced/here"
    pages, newer, told = chain(4), list[Summary](), list[Event]()
    once = threading.Event()

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        if asked_for(asked) == begins and not once.is_set():
            once.set()
            store = ObjectStore(url, shard="second")  # whose lock is another one
            newer.append(harvest(yaml, out=store, max_pages=most))
        return pages(path, asked)

    with Scripted(respond) as server:
        yaml = config(tmp_path, ITEMS, server.base_url)
        first = harvest(yaml, out=ObjectStore(url, shard="first"), on_event=told.append)
        assert (newer[0].exit_code, first.exit_code) == (code, code)
        assert not first.failures
        assert any("another machine" in e.message for e in told if isinstance(e, Warned))
        assert status(ObjectStore(url)).resources[0].pages == kept
        assert harvest(yaml, out=ObjectStore(url)).complete


def test_a_run_believed_dead_puts_a_page(tmp_path: Path) -> None:
    """The newer one goes on behind that page, which it does not put again."""
    url = f"memory://{tmp_path.name}-zombie/here"
    pages, go, codes = chain(4), threading.Event(), list[int]()

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        if asked_for(asked) == 2:
            if not go.is_set():
                newer.start()  # this is the older one
                assert go.wait(20)
            else:
                time.sleep(0.05)
        return pages(path, asked)

    def harvest_later() -> None:
        def on_event(event: Event) -> None:
            if isinstance(event, PartitionStarted) and not go.is_set():
                go.set()
                while status(ObjectStore(url)).resources[0].pages < 2:
                    time.sleep(0.01)

        store = ObjectStore(url, shard="second")
        codes.append(harvest(yaml, out=store, on_event=on_event).exit_code)

    newer = threading.Thread(target=harvest_later)
    with Scripted(respond) as server:
        yaml = config(tmp_path, ITEMS, server.base_url)
        codes.append(harvest(yaml, out=ObjectStore(url, shard="first")).exit_code)
        newer.join()
    assert status(ObjectStore(url)).complete
    assert set(codes) <= {0, 4}
    assert verify(ObjectStore(url)).ok
    assert status(ObjectStore(url)).resources[0].pages == 4
