"""Lost and damaged pages in an object store: had again as in a folder, and no name ever free."""

import contextlib
import gzip
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from harvester import harvest, iter_records, verify
from harvester.config import Config
from harvester.model import place_of_text
from harvester.repair import Repair, begin_again, repair
from harvester.store import ObjectStore, clients, object_mending, object_writer
from harvester.store.bucket import Bucket
from tests.repair.test_repair import PAGES, Changing
from tests.s3_server import S3
from tests.store.object_kills import Killed
from tests.support import ITEMS, Reply, Scripted, chain, config, write_config

FOLDER = "items/shard=a"
SEGMENT = f"{FOLDER}/journal/000000001-000000002.jsonl.gz"
Damage = Callable[[Bucket], None]


class Kept:
    """A finished harvest in memory, its server and its bucket."""

    def __init__(self, tmp_path: Path, server: Scripted, changing: Changing) -> None:
        self.name = f"repair-{os.urandom(6).hex()}"
        self.url = f"memory://{self.name}/x"
        self.server, self.changing = server, changing
        self.config: Config = config(tmp_path, ITEMS, server.base_url)
        assert harvest(self.config, out=ObjectStore(self.url)).complete
        server.asked.clear()
        self.bucket = Bucket(self.url)

    def repair(self) -> Repair:
        """Mend it."""
        with patch.object(ObjectStore.__init__, "__kwdefaults__", {"shard": "", "patience_s": 0.1}):
            return repair(self.config, place_of_text(self.url), deep=True)

    def part(self, number: int) -> str:
        """The name of a part of the first partition."""
        return f"{FOLDER}/part-{number:06d}.json.gz"

    def ids(self) -> list[str]:
        """The ids of the records that count."""
        return [json.loads(record)["id"] for record in iter_records(ObjectStore(self.url))]


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    """Segments of two parts."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    changing = Changing()
    with (
        patch.object(object_writer, "EACH", 2),
        patch("harvester.store.object_lines.EACH", 2),
        Scripted(changing) as server,
    ):
        found = Kept(tmp_path, server, changing)
        yield found
        clients._MEMORY.pop(found.name, None)


def gone(*numbers: int, segments: bool = False) -> Damage:
    """Parts that a lifecycle rule has removed; segments, too."""

    def damage(bucket: Bucket) -> None:
        for number in numbers:
            bucket.delete(f"{FOLDER}/part-{number:06d}.json.gz")
        for answer in bucket.listing(f"{FOLDER}/journal") if segments else ():
            for found in answer:
                bucket.delete(found.key)

    return damage


def changed(number: int, *, where: float) -> Damage:
    """A byte of a part that is another: in its page, or in its lines."""

    def damage(bucket: Bucket) -> None:
        name = f"{FOLDER}/part-{number:06d}.json.gz"
        data = bytearray(bucket.get(name) or b"")
        at = int(len(data) * where)
        data[at] ^= 0x55
        bucket.replace(name, bytes(data))

    return damage


def both(*damages: Damage) -> Damage:
    """One after the other."""

    def damage(bucket: Bucket) -> None:
        for one in damages:
            one(bucket)

    return damage


CASES: dict[str, tuple[Damage, int]] = {
    "one is gone": (gone(3), 1),
    "one is gone, and nothing says its line": (gone(5, segments=True), 1),
    "two are gone": (gone(1, 4), 2),
    "the first, and nothing says its line": (gone(1, segments=True), 1),
    "a page is damaged": (changed(2, where=0.02), 1),
    "lines are damaged": (both(changed(3, where=0.7), gone(segments=True)), 1),
    "all are gone that a segment names": (gone(1, 2), 2),
}


@pytest.mark.parametrize("case", CASES)
def test_mended(kept: Kept, case: str) -> None:
    """Found by `verify`, asked for again by its cursor; then all is as it was, and stays so."""
    before = kept.ids()
    damage, pages = CASES[case]
    damage(kept.bucket)
    assert not verify(ObjectStore(kept.url), deep=True).ok
    found = kept.repair()
    assert (found.ok, found.pages, len(kept.server.asked)) == (True, pages, pages), found
    assert verify(ObjectStore(kept.url), deep=True).ok
    assert kept.ids() == before
    kept.server.asked.clear()
    again = kept.repair()
    assert (again.ok, again.pages, kept.server.asked) == (True, 0, []), again
    assert harvest(kept.config, out=ObjectStore(kept.url, patience_s=0.1)).complete
    assert kept.server.asked == []


WRITES = ("_put", "copy_anew", "copy", "upload", "delete")


def killed_at(moment: int, seen: list[str]) -> Callable[..., Any]:
    """Kill before or after a write of that number: each is two moments."""
    asked = Bucket._asked

    def bug(self: Bucket, ask: Callable[[], Any], name: str) -> Any:
        what = ask.__qualname__.split(".")[1]
        if what not in WRITES or name.startswith(".lock") or not name.startswith((FOLDER, ".inc")):
            return asked(self, ask, name)
        for is_after in (False, True):
            got = asked(self, ask, name) if is_after else None
            seen.append(what)
            if len(seen) == moment:
                raise Killed
        return got

    return bug


def unreadable(bucket: Bucket) -> None:
    """A segment that is no gzip any more."""
    bucket.replace(SEGMENT, b"?")


KILLED = {
    "gone": both(gone(3), changed(2, where=0.02)),
    "lines": both(changed(3, where=0.7), gone(1)),
    "segment": both(changed(4, where=0.02), unreadable),
}


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("case", KILLED)
def test_killed_at_each_write(kept: Kept, case: str, large: bool) -> None:
    """Whoever runs it again finds the rest to do, and all is whole then; also where the API gives
    other bytes now, so that a line changes that segments repeat, and where parts are staged.
    """
    before = kept.ids()
    as_it_was = {f.key: kept.bucket.get(f.key) for a in kept.bucket.listing("") for f in a}
    pages = chain(PAGES)
    kept.changing.respond = lambda path, asked: Reply(
        json.dumps(pages(path, asked).body, indent=1).encode()
    )
    moments = 0
    with patch.object(object_mending, "LARGE_BYTES", 0 if large else 64 << 20):
        for moment in itertools.count(1):
            KILLED[case](kept.bucket)
            seen: list[str] = []
            with (
                patch.object(Bucket, "_asked", killed_at(moment, seen)),
                contextlib.suppress(Killed),
            ):
                kept.repair()
                moments = moment - 1
            found = kept.repair()
            assert found.ok, (moment, seen, found)
            said = verify(ObjectStore(kept.url), deep=True)
            assert said.ok, (moment, seen, said.problems)
            assert kept.ids() == before, (moment, seen)
            left = [f.key for a in kept.bucket.listing(".incoming") for f in a]
            assert left == [], (moment, seen)
            if moments:
                break
            for answer in [*kept.bucket.listing("")]:
                for found_one in answer:
                    kept.bucket.delete(found_one.key)
            for key, data in as_it_was.items():
                kept.bucket.create(key, data or b"")
    assert moments >= 6, seen


def test_what_is_damaged_stays_beside(kept: Kept) -> None:
    """Under a name that no glob of parts has; the part itself is never away."""
    changed(2, where=0.02)(kept.bucket)
    damaged = kept.bucket.get(kept.part(2))
    found = kept.repair()
    assert found.aside == [f"{kept.part(2)}.damaged"]
    assert kept.bucket.get(found.aside[0]) == damaged


def test_what_cannot_be_mended(kept: Kept) -> None:
    """The API has other pages now, or none: nothing is changed, and the partition is named."""
    gone(3)(kept.bucket)

    def other(path: str, asked: object) -> Reply:
        return Reply({"data": [{"id": "new"}], "next": "elsewhere"})

    kept.changing.respond = other
    found = kept.repair()
    assert (found.ok, len(found.anew)) == (False, 1)
    assert "leads elsewhere" in found.anew[0].why
    assert kept.bucket.head(kept.part(3)) is None
    kept.changing.respond = lambda path, asked: Reply({"error": "busy"}, status=500)
    assert len(kept.repair().failed) == 1


def test_a_generation_that_no_longer_counts(kept: Kept) -> None:
    """Nobody reads its pages: what is gone of it is not asked for, and the gap is closed."""
    begin_again(kept.config, ObjectStore(kept.url, patience_s=0.1), partition={"shard": "a"})
    assert harvest(kept.config, out=ObjectStore(kept.url, patience_s=0.1)).complete
    kept.server.asked.clear()
    before = kept.ids()
    gone(2)(kept.bucket)
    found = kept.repair()
    assert (found.ok, kept.server.asked) == (True, []), found
    assert kept.ids() == before
    assert gzip.decompress(kept.bucket.get(kept.part(2)) or b"") == b""
    assert verify(ObjectStore(kept.url)).ok


def test_by_the_command_line(tmp_path: Path, moto: S3) -> None:
    """Over HTTP; a lost harvest.json is written anew from the YAML."""
    with Scripted(chain(PAGES)) as server:
        path = write_config(tmp_path, ITEMS.replace("http://127.0.0.1:1/", server.base_url))
        url = moto.place()
        env = {**os.environ, **moto.env, "XDG_STATE_HOME": str(tmp_path / "state")}

        def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
            line = [sys.executable, "-m", "harvester", *arguments]
            return subprocess.run(line, env=env, capture_output=True, text=True, check=False)

        assert command("run", str(path), "--out", url).returncode == 0
        bucket = Bucket(url, moto.options)
        bucket.delete(f"{FOLDER}/part-000002.json.gz")
        bucket.delete("harvest.json")
        said = command("repair", str(path), "--out", url)
        assert said.returncode == 0, said.stderr
        assert "part-000002.json.gz: is gone" in said.stdout + said.stderr
        assert command("verify", url, "--deep").returncode == 0
