"""What a run takes over from the run before, beside its pages: what the server announced, and ends
that were wanted then.
"""

import threading
import time
from collections.abc import Mapping
from pathlib import Path

from harvester import harvest
from harvester.engine.events import Event, Waiting, Warned
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
