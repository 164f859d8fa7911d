"""Every store keeps the sentences at the top of `store.contract`; one that does not fails here."""

import gzip
import hashlib
import importlib
import os
import pkgutil
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import harvester.store
from harvester.errors import DataRefused, FolderLocked, FolderLost
from harvester.store import (
    REDONE,
    RESTARTED,
    Entry,
    Header,
    LocalStore,
    MemoryStore,
    ObjectStore,
    Part,
    Store,
    Writer,
    checkpoint_of,
    entries_of,
    header_of,
    is_done,
    pages_of,
)
from tests.object_servers import Azure
from tests.s3_server import S3
from tests.support import entry

HEADER = Header("items", {"shard": "a"}, "f00d", "1.0", "2021-01-01T00:00:00.000Z")
FOLDER = "items/shard=a"

Make = Callable[[], Store]
"""Opens the same harvest, each time anew."""


def local(folder: Path) -> Make:
    """A harvest in a folder."""
    (folder / "out").mkdir()
    return lambda: LocalStore(folder / "out")


def memory(folder: Path) -> Make:
    """A harvest in memory."""
    store = MemoryStore()
    return lambda: store


def objects(folder: Path) -> Make:
    """A harvest in an object store, in memory."""
    url = f"memory://{folder.name}-{os.urandom(4).hex()}/deep/er"
    return lambda: ObjectStore(url, patience_s=0.3)


MEMBERS: dict[type, Callable[[Path], Make]] = {
    LocalStore: local,
    MemoryStore: memory,
    ObjectStore: objects,
}


#: The object store over HTTP, at each server that there is: fixtures of `tests.conftest`.
SERVERS = ("moto", "seaweed", "azurite")


@pytest.fixture(params=[*MEMBERS, *SERVERS], ids=lambda it: getattr(it, "__name__", it))
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Each store; the one for objects in memory and at each server."""
    if request.param not in SERVERS:
        return MEMBERS[request.param](tmp_path)
    server: S3 | Azure = request.getfixturevalue(request.param)
    url = server.place()
    return lambda: ObjectStore(url, server.options, patience_s=0.6)


def test_every_store_is_here() -> None:
    """A class of the package with the methods of a store has its maker above."""
    wanted = {name for name in vars(Store) if not name.startswith("_")}
    found = set()
    for module in pkgutil.iter_modules(harvester.store.__path__):
        inside = importlib.import_module(f"harvester.store.{module.name}")
        found |= {
            item
            for item in vars(inside).values()
            if isinstance(item, type) and item is not Store and {"claim", "chunks"} <= {*dir(item)}
        }
    assert found == {*MEMBERS}
    for member in found:
        assert wanted <= {*dir(member)}, f"{member.__name__} lacks a method"


def page(writer: Writer, seq: int, **changes: Any) -> tuple[Entry, Part | None]:
    """A page in its part, not yet committed."""
    number = changes.pop("number", seq)
    with writer.part(number) as part:
        data = gzip.compress(b'{"items":[%d]}' % seq)
        part.write(data[:7])
        part.write(data[7:])
        part.hand_over()
    stored = part.described()
    line = entry(
        seq, part=stored.name, stored_bytes=stored.stored_bytes, sha256=stored.sha256, **changes
    )
    return line, part


def add(writer: Writer, seq: int, **changes: Any) -> None:
    """Commit a page."""
    writer.commit(*page(writer, seq, **changes))


def seqs(store: Store) -> list[int]:
    """The lines that are committed."""
    return [line.seq for line in entries_of(store, FOLDER)]


def check_documents(make: Make) -> None:
    """Written whole, in the place of what was there."""
    store = make()
    assert store.read("harvest.json") is None
    store.write("harvest.json", b"a longer one")
    store.write("harvest.json", b"two")
    assert make().read("harvest.json") == b"two"


def check_nothing_there(make: Make) -> None:
    """A partition that was never begun."""
    store = make()
    assert list(store.lines(FOLDER)) == []
    assert header_of(store, FOLDER) is None
    assert not is_done(store, FOLDER)
    assert not store.is_begun(FOLDER)
    assert not store.begins_again(FOLDER)
    assert store.beyond(FOLDER) == []
    assert list(store.levels("items")) == []
    store.reach(FOLDER)


def check_read_back(make: Make) -> None:
    """What is committed is read back, byte by byte."""
    with make().journal(FOLDER, HEADER) as writer:
        for seq in (1, 2, 3):
            add(writer, seq, done=seq == 3)
    store = make()
    assert header_of(store, FOLDER) == HEADER
    assert seqs(store) == [1, 2, 3]
    assert is_done(store, FOLDER)
    assert store.is_begun(FOLDER)
    assert not store.is_begun("items")
    assert store.beyond(FOLDER) == []
    assert list(store.levels("items")) == ["shard=a"]
    assert list(store.levels("")) == ["items"]
    for line in entries_of(store, FOLDER):
        assert line.part is not None
        stored = b"".join(store.chunks(FOLDER, line.part, line.stored_bytes))
        assert hashlib.sha256(stored).hexdigest() == line.sha256
        assert gzip.decompress(stored) == b'{"items":[%d]}' % line.seq


def check_finished(make: Make) -> None:
    """Only a partition that has its last page may be passed over, and then by all its lines."""
    assert make().finished(FOLDER) is None
    with make().journal(FOLDER, HEADER) as writer:
        add(writer, 1)
    assert make().finished(FOLDER) is None
    with make().journal(FOLDER, HEADER) as writer:
        add(writer, 2, done=True)
    assert make().finished(FOLDER) in (None, list(make().lines(FOLDER)))
    with make().journal(FOLDER, HEADER) as writer:
        writer.commit(entry(3, part=None, reason=REDONE, next=None), None)
    assert make().finished(FOLDER) is None


def check_survey(make: Make) -> None:
    """Nothing but what a reader of one partition finds, whether it is asked for ahead or not."""
    folders = [f"items/shard={number}" for number in range(6)]
    for number, folder in enumerate(folders[:5]):
        header = replace(HEADER, partition={"shard": str(number)})
        with make().journal(folder, header) as writer:
            for seq in range(1, number + 1):
                add(writer, seq, done=seq == number and number != 2)
        if number == 4:
            with make().journal(folder, header) as writer:
                writer.commit(entry(5, part=None, reason=REDONE, next=None), None)
    for whole in (False, True):
        store = make()
        with store.survey(whole=whole) as survey:
            asked = [survey.ask(folder) for folder in folders[::2]]
            found = {folder: survey.lines(folder) for folder in reversed(folders)}
        assert asked[1:] == [True, True]
        for number, folder in enumerate(folders):
            lines = list(store.lines(folder))
            is_done = number in (1, 3)
            assert found[folder] in ((None, lines) if whole or is_done else (None,)), folder


def check_resume(make: Make) -> None:
    """The next writer sees every entry, and goes on."""
    with make().journal(FOLDER, HEADER) as writer:
        add(writer, 1)
        assert writer.checkpoint.pages == 1
    seen: list[Entry] = []
    with make().journal(FOLDER, HEADER, seen.append) as writer:
        assert [line.seq for line in seen] == [1]
        assert (writer.checkpoint.next, writer.checkpoint.pages) == ("2", 1)
        add(writer, 2, done=True)
    assert checkpoint_of(entries_of(make(), FOLDER)).pages == 2


def check_not_committed(make: Make) -> None:
    """A page on its way is seen by nobody, and is gone for the next writer."""
    with make().journal(FOLDER, HEADER) as writer:
        add(writer, 1)
        page(writer, 2)
        assert seqs(make()) == [1]
    with make().journal(FOLDER, HEADER) as writer:
        assert writer.checkpoint.pages == 1
        add(writer, 2, done=True)
    assert seqs(make()) == [1, 2]
    assert make().beyond(FOLDER) == []


def check_discarded(make: Make) -> None:
    """A page that nobody wants leaves nothing."""
    with make().journal(FOLDER, HEADER) as writer:
        _, part = page(writer, 1)
        assert part is not None
        part.discard()
        add(writer, 1, done=True)
    assert seqs(make()) == [1]


def check_safe_at_once_or_not(make: Make) -> None:
    """Either way a page is seen by every reader once it is committed."""
    store = make()
    with store.claim(), store.journal(FOLDER, HEADER) as writer:
        for seq in range(1, 8):
            writer.commit(*page(writer, seq, done=seq == 7), at_once=seq in (3, 7))
            assert seqs(make()) == [*range(1, seq + 1)]
        assert writer.checkpoint.pages == 7
        assert writer.lost == 0
    assert seqs(make()) == [1, 2, 3, 4, 5, 6, 7]


def check_without_a_page(make: Make) -> None:
    """A line that ends a partition without a page."""
    with make().journal(FOLDER, HEADER) as writer:
        writer.commit(entry(1, done=True, next=None, records=0, bytes=0), None)
    assert is_done(make(), FOLDER)
    assert list(pages_of(make(), FOLDER)) == []


def check_restart(make: Make) -> None:
    """Pages before a restart are superseded; before a redo only once the next ones are done."""
    with make().journal(FOLDER, HEADER) as writer:
        add(writer, 1)
        again = {"next": None, "records": 0, "bytes": 0, "status": 0}
        writer.commit(entry(2, reason=RESTARTED, **again), None)
        add(writer, 3, number=2, done=True)
        assert [line.seq for line in pages_of(make(), FOLDER)] == [3]
        writer.commit(entry(4, reason=REDONE, **again), None)
        assert make().begins_again(FOLDER)
        assert [line.seq for line in pages_of(make(), FOLDER)] == [3]
        add(writer, 5, number=3, done=True)
    assert [line.seq for line in pages_of(make(), FOLDER)] == [5]


def check_files(make: Make) -> None:
    """A page that is a file is kept byte by byte, whatever it holds, and lines without one between;
    `finished` and `survey` know it as any other.
    """
    bodies = [b"%PDF-1", b"", gzip.compress(b"{}"), b"\x1f\x8bnot gzip", bytes(6_000_000)]
    again = {"next": None, "records": 0, "bytes": 0, "status": 0}
    seq = 0
    for number, body in enumerate(bodies, 1):
        with make().journal(FOLDER, HEADER) as writer:
            assert writer.checkpoint.pages == number - 1
            with writer.part(number, ".bin") as part:
                part.write(body)
                part.hand_over()
            stored = part.described()
            assert stored.name.endswith(".bin")
            size, digest = stored.stored_bytes, stored.sha256
            line = entry(seq + 1, part=stored.name, stored_bytes=size, sha256=digest)
            writer.commit(line.but(done=number == len(bodies)), part)
            seq += 1
            if number == 3:
                writer.commit(entry(seq + 1, reason=RESTARTED, **again), None)
                seq += 1
    store = make()
    found = [line for line in entries_of(store, FOLDER) if line.part]
    for line, body in zip(found, bodies, strict=True):
        assert line.part is not None
        assert b"".join(store.chunks(FOLDER, line.part, line.stored_bytes)) == body
    assert [line.part for line in pages_of(store, FOLDER)] == [line.part for line in found[3:]]
    assert is_done(store, FOLDER)
    with store.survey(whole=True) as survey:
        assert survey.lines(FOLDER) in (None, [*store.lines(FOLDER)])
    assert store.beyond(FOLDER) == []
    with make().claim(lost=True):
        pass
    assert [*make().levels("")] == ["items"]


def check_other_question(make: Make) -> None:
    """Another partition, or another question, is refused, and changes nothing."""
    with make().journal(FOLDER, HEADER) as writer:
        add(writer, 1)
    for header in (
        Header("items", {"shard": "b"}, "f00d", "1.0", ""),
        Header("items", {"shard": "a"}, "beef", "1.0", ""),
    ):
        with pytest.raises(DataRefused):
            make().journal(FOLDER, header)
    with make().journal(FOLDER, header, accepted=["f00d"]) as writer:
        assert writer.fingerprint == "f00d"
    assert seqs(make()) == [1]
    assert header_of(make(), FOLDER) == HEADER


def check_one_run(make: Make) -> None:
    """One run at a time."""
    store = make()
    with store.claim():
        store.look()
        with pytest.raises(FolderLocked), make().claim():
            pass
    with make().claim():
        pass


def check_reader_beside(make: Make) -> None:
    """A reader beside the writer sees more and more lines, each with its part."""
    counts: list[int] = []
    over = threading.Event()

    def look() -> None:
        store = make()
        while not over.is_set():
            lines = [*entries_of(store, FOLDER)]
            counts.append(len(lines))
            if lines and lines[-1].part:
                assert b"".join(store.chunks(FOLDER, lines[-1].part, lines[-1].stored_bytes))

    with make().journal(FOLDER, HEADER) as writer:
        reader = threading.Thread(target=look)
        reader.start()
        for seq in range(1, 41):
            add(writer, seq)
        over.set()
        reader.join()
    assert counts == sorted(counts)
    assert seqs(make())[-1] == 40


CHECKS = [value for name, value in sorted(globals().items()) if name.startswith("check_")]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_store(check: Callable[[Make], None], make: Make) -> None:
    """Each sentence, of each store."""
    check(make)


class Forgets(MemoryStore):
    """Replays nothing when it is opened again."""

    def journal(self, folder: str, header: Header, *rest: Any, **more: Any) -> Any:
        """Begun anew."""
        self._partitions.pop(folder, None)
        return super().journal(folder, header, *rest, **more)


class Cuts(MemoryStore):
    """Gives less of a part than was stored."""

    def chunks(self, folder: str, part: str, stored_bytes: int) -> Iterator[bytes]:
        """Cut."""
        for chunk in super().chunks(folder, part, stored_bytes):
            yield chunk[:-1]


class Shares(MemoryStore):
    """Lets every run in."""

    def claim(self, *, lost: bool = False) -> Any:
        """Not held."""
        return threading.Lock()


class Appends(MemoryStore):
    """Does not take the place of what was there."""

    def write(self, name: str, data: bytes | Iterable[bytes]) -> None:
        """Appended."""
        more = data if isinstance(data, bytes) else b"".join(data)
        super().write(name, (self.read(name) or b"") + more)


class AnswersAnyone(MemoryStore):
    """Takes whatever header comes."""

    def journal(self, folder: str, header: Header, *rest: Any, **more: Any) -> Any:
        """Anybody's."""
        if kept := self._partitions.get(folder):
            kept.lines[0] = header
        return super().journal(folder, header, *rest, **more)


@pytest.mark.parametrize("half", [Forgets, Cuts, Shares, Appends, AnswersAnyone])
def test_half_wired(half: type[MemoryStore]) -> None:
    """A store that keeps nearly all of the sentences fails."""
    failed = []
    for check in CHECKS:
        store = half()
        try:
            check(lambda store=store: store)
        except (AssertionError, pytest.fail.Exception):
            failed.append(check.__name__)
    assert failed


def test_a_folder_that_was_moved_is_no_longer_ours(tmp_path: Path) -> None:
    """The writer of a folder looks whether it is still the one that it began with."""
    store = LocalStore(tmp_path / "out")
    with store.claim(), store.journal(FOLDER, HEADER) as writer:
        writer.look()
        (tmp_path / "out" / FOLDER).rename(tmp_path / "elsewhere")
        (tmp_path / "out" / FOLDER).mkdir()
        with pytest.raises(FolderLost):
            writer.look()
        store.look()
