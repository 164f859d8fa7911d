"""Small parts of parents are fetched many at a time before their children are named."""

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

from harvester import harvest, iter_records, plan, status
from harvester.store import ObjectStore, clients
from harvester.store.bucket import Bucket
from harvester.store.soon_read import SoonRead
from tests.support import ITEMS, Reply, Scripted, config, entry

FAMILY = (
    ITEMS.replace("[a]", "{range: [1, 12]}")
    + """
  - name: kids
    path: kids
    params: {of: "{of}"}
    partitions: {of: {resource: items, field: id}}
    data_selector: data
    paginator: {type: single_page}
"""
)


def parent(path: str, asked: Mapping[str, str]) -> Reply:
    """One record."""
    return Reply({"data": [{"id": f"of-{asked.get('shard') or asked['of']}"}]})


def test_parents_are_read_many_at_a_time(tmp_path: Path) -> None:
    """The first part is given only once parts of others have been asked for; the plan, the run and
    the records are as ever.
    """
    asked_for: set[str] = set()
    others = threading.Event()
    plain = Bucket.chunks

    def chunks(self: Bucket, name: str, *size: Any) -> Iterator[bytes]:
        asked_for.add(name)
        if len(asked_for) > 6:
            others.set()
        if "shard=1/" in name:
            assert others.wait(60), "nothing was asked for beside the first"
        return plain(self, name, *size)

    place = f"soon-{tmp_path.name}"
    with Scripted(parent) as server, patch.object(Bucket, "chunks", chunks):
        asked = config(tmp_path, FAMILY, server.base_url)

        def store() -> ObjectStore:
            return ObjectStore(f"memory://{place}/x", patience_s=0.1)

        harvest(asked, out=store(), resources=["items"])
        kids = [each for each in plan(asked, out=store()) if each.resource == "kids"]
        assert [each.labels["of"] for each in kids] == [f"of-{n}" for n in range(1, 13)]
        asked_for.clear()
        others.clear()
        assert harvest(asked, out=store()).complete
        assert harvest(asked, out=store()).complete
        assert len(server.asked) == 24
        kept = store()
        assert status(kept).complete
        assert len([*iter_records(kept)]) == 24
        assert kept._soon._parts == {}
        assert kept._soon._bytes == 0
    clients._MEMORY.pop(place)


def test_no_more_than_there_is_a_place_for() -> None:
    """Each is given once; what is large, gone, or too much is left to its turn."""
    bucket, soon = Bucket("memory://soon-read/x"), SoonRead()
    lines = [
        entry(n, part=f"part-{n:06d}.json.gz", stored_bytes=size)
        for n, size in enumerate((100, 50, 1 << 20, 70), 1)
    ]
    bucket.replace("a/part-000001.json.gz", b"x" * 200)
    soon.fetch(bucket, "a", lines)
    soon.fetch(bucket, "a", lines)
    assert soon.taken("a/part-000001.json.gz") == b"x" * 100
    assert soon.taken("a/part-000001.json.gz") is None
    assert soon.taken("a/part-000002.json.gz") is None
    assert soon._bytes == 0
    with patch("harvester.store.soon_read._MOST_BYTES", 150):
        for folder in "ab":
            bucket.replace(f"{folder}/part-000001.json.gz", b"x" * 200)
            soon.fetch(bucket, folder, lines[:1])
    assert soon.taken("b/part-000001.json.gz") is None
    soon.clear()
    assert (soon._parts, soon._bytes) == ({}, 0)
    clients._MEMORY.pop("soon-read")
