"""A harvest into a store that is no folder: stopped, gone on with, read back and exported."""

import json
from pathlib import Path

import pytest

from harvester import harvest, iter_records, status, verify
from harvester.errors import DataRefused
from harvester.export import export
from harvester.store import MemoryStore
from tests.support import ITEMS, Scripted, chain, config


@pytest.mark.parametrize("pages", [1, 4])
def test_into_memory(tmp_path: Path, pages: int) -> None:
    """Records come back as from a folder; nothing of the harvest is left on the disk."""
    store = MemoryStore()
    with Scripted(chain(5)) as server:
        asked = config(tmp_path, ITEMS, server.base_url, f"concurrency.pages={pages}")
        cut = harvest(asked, out=store, max_pages=2)
        assert not cut.complete
        assert harvest(asked, out=store).complete
        assert harvest(asked, out=tmp_path / "out").complete
    assert [*iter_records(store)] == [*iter_records(tmp_path / "out")]
    assert len([*iter_records(store)]) == 15
    assert status(store).complete
    assert verify(store, deep=True).parts == 5
    assert verify(store, deep=True).ok
    assert not [*store.own.rglob("part-*")]
    export(store, tmp_path / "items.jsonl")
    written = (tmp_path / "items.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in written]


def test_another_question_is_refused(tmp_path: Path) -> None:
    """What was asked is compared in any store."""
    store = MemoryStore()
    with Scripted(chain(2)) as server:
        harvest(config(tmp_path, ITEMS, server.base_url), out=store)
        other = config(tmp_path, ITEMS, server.base_url, "resources.items.params.limit=5")
        with pytest.raises(DataRefused):
            harvest(other, out=store)
