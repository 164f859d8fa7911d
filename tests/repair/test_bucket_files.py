"""Files in an object store that are lost or damaged, or the parts that commit them: mended."""

import itertools
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from unittest.mock import patch

import pytest

from harvester import harvest, load_config, verify
from harvester.model import place_of_text
from harvester.repair import Repair, repair
from harvester.store import ObjectStore, clients, entries_of, object_writer
from harvester.store.bucket import Bucket
from tests.api_server import Answer, ApiServer, Asked
from tests.support import write_config

FOLDER = "files"
PAGES = 5
YAML = """
version: 1
name: scans
client: {base_url: "http://127.0.0.1:1/", retry: {attempts: 2, max_wait: 0}}
resources:
  - {name: files, format: raw, path: files, paginator: {type: header_link}}
"""
Damage = Callable[[Bucket], None]


class Killed(BaseException):
    """The repair's process is no more."""


class Kept:
    """A finished harvest of files in memory, and its server. `changed`: it has another file 3."""

    def __init__(self, tmp_path: Path) -> None:
        self.name = f"files-{os.urandom(6).hex()}"
        self.url = f"memory://{self.name}/x"
        self.changed = False
        self.server = ApiServer(self._answer)
        self.path = write_config(tmp_path, YAML)

    def _answer(self, asked: Asked) -> Answer:
        page = int(asked.params.get("page", "1"))
        headers = {"Content-Type": "image/png"}
        if page < PAGES:
            headers["Link"] = f"<{asked.origin}/files?page={page + 1}>; rel=next"
        return Answer(data=self.body(page), headers=headers)

    def body(self, page: int) -> bytes:
        """A file; the second is empty."""
        return b"other" if self.changed and page == 3 else b"\x89PNG" * (page * 97 * (page != 2))

    def harvest(self, code: int = 0) -> str:
        """To its end; what stopped it."""
        config = load_config(self.path, base_url=self.server.origin)
        found = harvest(config, out=ObjectStore(self.url, patience_s=0.1))
        assert found.exit_code == code
        return str(found.ended_by or "")

    def repair(self) -> Repair:
        """Mend it."""
        config = load_config(self.path, base_url=self.server.origin)
        with patch.object(ObjectStore.__init__, "__kwdefaults__", {"shard": "", "patience_s": 0.1}):
            return repair(config, place_of_text(self.url), deep=True)

    def check_whole(self) -> None:
        """Each file is there, as its line says, and nothing on its way."""
        assert verify(ObjectStore(self.url), deep=True).ok
        bucket = Bucket(self.url)
        files = [bucket.get(f"{FOLDER}/{each.part}") for each in entries_of(self.store, FOLDER)]
        assert files == [self.body(page) for page in range(1, PAGES + 1)]
        assert not [found for answer in bucket.listing(".staged") for found in answer]

    @property
    def store(self) -> ObjectStore:
        """The harvest, opened anew."""
        return ObjectStore(self.url, patience_s=0.1)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    """Segments of two parts."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    found = Kept(tmp_path)
    with (
        patch.object(object_writer, "EACH", 2),
        patch("harvester.store.object_lines.EACH", 2),
        found.server,
    ):
        found.harvest()
        found.server.asked.clear()
        yield found
        clients._MEMORY.pop(found.name, None)


def gone(*names: str) -> Damage:
    """Objects that a lifecycle rule has removed."""

    def damage(bucket: Bucket) -> None:
        for name in names:
            bucket.delete(f"{FOLDER}/{name}")

    return damage


def other(*names: str) -> Damage:
    """Other bytes where objects were; longer ones than before."""

    def damage(bucket: Bucket) -> None:
        for name in names:
            bucket.replace(f"{FOLDER}/{name}", b"\x89PNG" * 2000)

    return damage


def without_segments(damage: Damage) -> Damage:
    """The same, and nothing that repeats lines."""

    def more(bucket: Bucket) -> None:
        damage(bucket)
        for answer in bucket.listing(f"{FOLDER}/journal"):
            for found in answer:
                bucket.delete(found.key)

    return more


#: What happened, how many files are asked for, how many objects are put aside.
CASES: dict[str, tuple[Damage, int, int]] = {
    "a file is gone": (gone("part-000003.bin"), 1, 0),
    "the last file is gone": (gone("part-000005.bin"), 1, 0),
    "a file is another": (other("part-000003.bin"), 1, 1),
    "an empty file has become longer": (other("part-000002.bin"), 1, 1),
    "its part is gone, but a segment has its line": (gone("part-000003.json.gz"), 0, 0),
    "its part is damaged, but a segment has its line": (other("part-000003.json.gz"), 0, 1),
    "its part is gone, and so is its line": (
        without_segments(gone("part-000003.json.gz")), 1, 1,
    ),
    "both are gone": (without_segments(gone("part-000003.json.gz", "part-000003.bin")), 1, 0),
    "both are damaged": (
        without_segments(other("part-000003.bin", "part-000003.json.gz")),
        1, 1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_mended(kept: Kept, case: str) -> None:
    """Found by `verify`, asked for again where the file itself is lost, and then as it was."""
    damage, pages, aside = CASES[case]
    damage(Bucket(kept.url))
    # What only fences is no reader's business while a segment has the line.
    assert verify(kept.store, deep=True).ok == (pages == 0)
    if "file" in case and pages:
        told = kept.harvest(code=5)
        problem = "1 of its 5 files cannot be found" if "gone" in case else "its files have "
        assert problem in told, told
    found = kept.repair()
    assert (found.ok, found.pages, len(kept.server.asked)) == (True, pages, pages), found
    assert len(found.aside) == aside, found.aside
    kept.check_whole()
    kept.server.asked.clear()
    kept.harvest()
    assert kept.server.asked == []


def test_another_file_takes_the_place_of_a_lost_one(kept: Kept) -> None:
    """Its line says what it is now; the lost one's stays beside, where there was any."""
    other("part-000003.bin")(Bucket(kept.url))
    kept.changed = True
    found = kept.repair()
    assert (found.ok, found.pages) == (True, 1), found
    assert found.aside == [f"{FOLDER}/part-000003.bin.damaged"]
    kept.check_whole()


def killed_at(moment: int) -> Callable[..., object]:
    """What a bucket asks with, until the repair dies before or after one of its requests."""
    asked, count = Bucket._asked, itertools.count(1)

    def ask(self: Bucket, request: Callable[[], object], name: str) -> object:
        if threading.current_thread().name == "lease":
            return asked(self, request, name)

        def watched() -> object:
            if next(count) == moment:
                raise Killed
            got = request()
            if next(count) == moment:
                raise Killed
            return got

        return asked(self, watched, name)

    return ask


class NoThreads:
    """A pool on a machine that has no thread to give: how many requests there are is no chance."""

    def __init__(self, *_: object, **__: object) -> None:
        """So many are wanted."""

    def submit(self, *_: object) -> None:
        """None is to be had."""
        raise RuntimeError("can't start new thread")

    def shutdown(self, **_: object) -> None:
        """Nothing is on its way."""


@pytest.mark.parametrize("changed", [False, True])
def test_killed_at_many_moments(kept: Kept, changed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a repair that was killed has left, the next one ends it."""
    monkeypatch.setattr("harvester.repair.bucket_look.ThreadPoolExecutor", NoThreads)
    kept.changed = changed
    for moment in range(1, 200, 6):
        other("part-000003.bin")(Bucket(kept.url))
        with suppress(Killed), patch.object(Bucket, "_asked", killed_at(moment)):
            kept.repair()
            break
        Bucket(kept.url).delete(".lock")  # which nobody renews
        assert kept.repair().ok
        kept.check_whole()
        kept.harvest()
    assert moment > 60
