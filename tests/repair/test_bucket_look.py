"""A repair in an object store looks first, many requests at a time, and misses nothing by that."""

import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from harvester import harvest, verify
from harvester.config import Config
from harvester.errors import Interrupted
from harvester.repair import Repair, begin_again, repair
from harvester.repair.bucket_look import Looks
from harvester.store import ObjectStore, clients, object_mending, object_writer
from harvester.store.bucket import Bucket
from tests.support import ITEMS, Scripted, chain, config

URL = "memory://looked-at/x"
SHARDS = ITEMS.replace("[a]", "[a, b, c, d, e, f, g, h, i]")


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Config]:
    """A harvest of nine partitions of five pages; of one a second generation. Segments of two."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with (
        patch.object(object_writer, "EACH", 2),
        patch("harvester.store.object_lines.EACH", 2),
        Scripted(chain(5)) as server,
    ):
        asked = config(tmp_path, SHARDS, server.base_url)
        assert harvest(asked, out=store()).complete
        begin_again(asked, store(), partition={"shard": "b"})
        assert harvest(asked, out=store()).complete
        yield asked
        clients._MEMORY.pop("looked-at", None)


def store() -> ObjectStore:
    """The harvest, opened anew."""
    return ObjectStore(URL, patience_s=0.1)


def repaired(asked: Config, stop: threading.Event | None = None) -> Repair:
    """Mend it."""
    return repair(asked, store(), deep=True, stop=stop)


def objects() -> dict[str, bytes]:
    """All of the bucket."""
    bucket = Bucket(URL)
    return {
        found.key: bucket.get(found.key) or b"" for answer in bucket.listing("") for found in answer
    }


def put_back(there: dict[str, bytes]) -> None:
    """The bucket as it was."""
    bucket = Bucket(URL)
    for name in objects().keys() - there.keys():
        bucket.delete(name)
    for name, data in there.items():
        bucket.replace(name, data)


def damaged(there: dict[str, bytes], dice: random.Random) -> dict[str, bytes]:
    """One or two objects of partitions are gone, cut, changed, or are what another is."""
    found = dict(there)
    for _ in range(dice.randint(1, 2)):
        name = dice.choice([each for each in found if each.startswith("items/")])
        data = bytearray(found[name])
        match dice.randint(0, 4):
            case 0:
                del found[name]
            case 1:
                found[name] = bytes(data[: dice.randrange(len(data))])
            case 2:
                found[name] = found[dice.choice([*found])]
            case 3:
                found[name.replace("0000", "0001")] = bytes(data)
            case _:
                data[dice.randrange(len(data))] ^= 0x55
                found[name] = bytes(data)
    return found


def looks_miss_nothing(asked: Config, dice: random.Random, times: int) -> None:
    """Whatever is damaged, a repair that looks first finds and does what one does that mends each
    partition in its turn.
    """
    whole = objects()
    mended = 0
    for _ in range(times):
        there = damaged(whole, dice)
        put_back(there)
        with patch.object(Looks, "_sound", lambda *_: None):
            wanted = repaired(asked).as_dict()
        names = objects().keys()
        put_back(there)
        assert repaired(asked).as_dict() == wanted
        assert objects().keys() == names
        mended += wanted["pages"]
    assert mended, "nothing was damaged that could be had again"
    put_back(whole)


def test_nothing_is_missed(kept: Config) -> None:
    """By chance; what is sound is told with as many parts as there are."""
    looks_miss_nothing(kept, random.Random(3), 12)
    found = repaired(kept)
    assert (found.ok, found.pages, found.parts) == (True, 0, 9 * 5)


SEGMENT = "items/shard=c/journal/000000001-000000002.jsonl.gz"


def other_lines(bucket: Bucket) -> None:
    """A segment that says what another partition's says."""
    bucket.replace(SEGMENT, bucket.get(SEGMENT.replace("=c", "=d")) or b"")


@pytest.mark.parametrize("damage", [other_lines, lambda bucket: bucket.replace(SEGMENT, b"?")])
def test_a_segment_alone(kept: Config, damage: Callable[[Bucket], None]) -> None:
    """It is no truth, and all parts are sound; it goes."""
    damage(Bucket(URL))
    found = repaired(kept)
    assert (found.ok, found.pages, Bucket(URL).head(SEGMENT)) == (True, 0, None)
    assert verify(store()).ok


def test_many_at_a_time(kept: Config) -> None:
    """The first part is read only once parts of another partition have been asked for."""
    asked_for: set[str] = set()
    others = threading.Event()
    plain = Bucket.get

    def get(self: Bucket, name: str, *span: Any) -> bytes | None:
        if name.startswith("items/") and "/part-" in name:
            asked_for.add(name.split("/")[1])
            if len(asked_for) > 4:
                others.set()
            if "=a/part-000001" in name:
                assert others.wait(60), "nothing was asked for beside the first"
        return plain(self, name, *span)

    with patch.object(Bucket, "get", get):
        assert repaired(kept).parts == 9 * 5


def test_more_than_one_listing_says_is_mended_in_its_turn(kept: Config) -> None:
    """No partition is held as a whole that has many parts; its parts are looked at as well."""
    Bucket(URL).delete("items/shard=a/part-000003.json.gz")
    with patch.object(object_mending, "ANSWER", 2):
        found = repaired(kept)
    assert (found.ok, found.pages, found.parts) == (True, 1, 9 * 5)


def test_it_ends_when_asked_to(kept: Config) -> None:
    """Also where there is nothing to be asked of the API."""
    stop = threading.Event()
    stop.set()
    with pytest.raises(Interrupted):
        repaired(kept, stop)
    with patch.object(Looks, "_sound", lambda *_: None), pytest.raises(Interrupted):
        repaired(kept, stop)
