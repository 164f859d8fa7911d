"""Kills the writers of an object store between any two of their calls, and looks at what is left.

The store is obstore's own in memory, with its create-only puts; the writer, its bucket and its
reader are the product's. Each request of the bucket, and each page that is fetched, is two moments:
before it, and after it took effect. At a moment a writer is killed, or its answer is lost, or the
library repeats a put that had taken effect; or another writer goes on. Whatever happens,
`check_whole` must hold, and whoever comes next must be able to end the partition.
"""

import gzip
import hashlib
import itertools
import os
import random
import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from harvester.errors import DiskError
from harvester.store import (
    Checkpoint,
    Entry,
    Fenced,
    Header,
    Overtaken,
    Part,
    Writer,
    object_files,
    object_writer,
)
from harvester.store.bucket import Bucket
from harvester.store.object_lines import committed, line_of, own_number
from harvester.store.object_store import ObjectStore
from harvester.store.object_writer import ObjectWriter
from tests.support import entry

FOLDER: Final = "items/k=1"
HEADER: Final = Header("items", {"k": "1"}, "f00d", "1.0", "2021-01-01T00:00:00.000Z")
_PATIENCE_S: Final = 30.0

Hook = Callable[[str, str, bool], None]
"""Called with the name of a request, the name of an object, and whether it took effect already."""


class Killed(BaseException):
    """The writer's process is no more: nothing of it runs after this."""


class Repeated(Exception):
    """The put took effect, its answer was lost, and the library puts once more."""


class Watched(Bucket):
    """A bucket whose every request is two moments."""

    def __init__(self, url: str, hook: Hook) -> None:
        super().__init__(url)
        self.hook = hook

    def _asked(self, ask: Callable[[], Any], name: str) -> Any:
        def asked() -> Any:
            what = ask.__qualname__.split(".")[1]
            self.hook(what, name, False)
            got = ask()
            try:
                self.hook(what, name, True)
            except Repeated:
                with suppress(FileNotFoundError):
                    return ask()
            return got

        return super()._asked(asked, name)


@dataclass
class Api:
    """A list of pages, whose cursors are new with each answer: a chain shows what led to what."""

    pages: int
    asked: Counter[int] = field(default_factory=Counter)
    _serials: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def fetch(self, cursor: str | None) -> tuple[int, int, str | None]:
        """A page: its number, the number of the answer, the next cursor."""
        page = int(cursor.partition(".")[0]) if cursor else 1
        self.asked[page] += 1
        serial = next(self._serials)
        return page, serial, None if page == self.pages else f"{page + 1}.{serial}"


@dataclass
class Case:
    """One partition on a store of its own. `bare_end`: the last line has no page. `files`: its
    pages are files that are kept as they are, and each writer begins with a sweep, as a run does.
    `guessing`: the writers, by their numbers, that take it for one that nobody has begun. `ahead`:
    each page is fetched before the one before it is put.
    """

    pages: int
    bare_end: bool = False
    files: bool = False
    guessing: Collection[int] = ()
    ahead: bool = False
    url: str = field(default_factory=lambda: f"memory://kills-{os.urandom(6).hex()}/deep")

    def __post_init__(self) -> None:
        self.api = Api(self.pages)
        self.scratch = Path(tempfile.mkdtemp(prefix="kills-"))
        self._parts: list[Part] = []

    def remove(self) -> None:
        """Leave nothing behind."""
        from harvester.store import clients

        for part in self._parts:  # a writer that is killed here leaves its file open
            part.discard()
        shutil.rmtree(self.scratch, ignore_errors=True)
        clients._MEMORY.pop(self.url.split("/")[2], None)

    def write(self, hook: Hook, number: int = 0) -> str:
        """Harvest to the end as the engine does; how it ended: `done`, `fenced`."""
        bucket = Watched(self.url, hook)
        is_new = number in self.guessing
        while True:
            if self.files:
                object_files.sweep_staged(bucket)
            writer = self.opened(bucket, is_new=is_new)
            is_new = False
            try:
                if self.ahead:
                    self.pages_ahead(writer, hook)
                while not writer.checkpoint.done:
                    self.page(writer, hook)
            except Overtaken:
                writer.close()
                continue
            except Fenced:
                writer.close()
                return "fenced"
            except DiskError:  # a process that is killed closes nothing
                writer.close()
                raise
            writer.close()
            return "done"

    def opened(self, bucket: Bucket, *, is_new: bool = False) -> ObjectWriter:
        """A writer of the partition."""
        return ObjectWriter(bucket, FOLDER, HEADER, lambda _: None, (), self.scratch, is_new=is_new)

    def page(self, writer: Writer, hook: Hook = lambda *_: None) -> None:
        """Fetch and commit the next page, or the last line."""
        at = writer.checkpoint
        if self.bare_end and at.pages == self.pages:
            end = {"cursor": at.next, "next": None, "records": 0, "bytes": 0}
            writer.commit(entry(at.seq + 1, done=True, **end), None)
            return
        self.commit(writer, *self.fetched(writer, at, hook))

    def pages_ahead(self, writer: Writer, hook: Hook) -> None:
        """Fetch and commit all pages, each fetched before the one before it is put."""
        at = writer.checkpoint.copy()
        if at.done or at.pages == self.pages:
            return
        line, part = self.fetched(writer, at, hook)
        while not line.done and at.pages + 1 < self.pages:
            at = at.after(line)
            before = line, part
            line, part = self.fetched(writer, at, hook)
            self.commit(writer, *before)
        self.commit(writer, line, part)

    def fetched(self, writer: Writer, at: Checkpoint, hook: Hook) -> tuple[Entry, Part]:
        """The page behind a checkpoint."""
        hook("fetch", "", False)
        page, serial, following = self.api.fetch(at.next)
        hook("fetch", "", True)
        done = following is None and not self.bare_end
        part = _part(writer, at.pages + 1, _body(page, serial), is_file=self.files)
        self._parts.append(part)
        stored = part.described()
        line = entry(
            at.seq + 1, part=stored.name, stored_bytes=stored.stored_bytes, sha256=stored.sha256,
            fields={"page": page, "serial": serial}, cursor=at.next, done=done,
            next=following or (None if done else "end"),
        )  # fmt: skip
        return line, part

    def commit(self, writer: Writer, line: Entry, part: Part) -> None:
        """Make it part of the harvest."""
        try:
            writer.commit(line, part)
        except Killed:
            part.close()  # of this process, which lives on
            raise

    def check_whole(self, *, to_the_end: bool = True) -> int:
        """Each page once, in one chain, with the bytes that its line says; how many there are."""
        bucket = Bucket(self.url)
        lines = [line for found in committed(bucket, FOLDER) for line in found.lines]
        read = [line_of(bucket, FOLDER, line) for line in lines]
        entries = [line for line in read if isinstance(line, Entry)]
        assert [line for line in read if isinstance(line, Header)] == [HEADER] * bool(read)
        before: Any = None
        store = ObjectStore(self.url)
        for seq, line in enumerate(entries, 1):
            assert (line.seq, line.cursor) == (seq, before), f"line {seq} does not follow"
            before = line.next
            if line.part is None:
                assert self.bare_end, "a line without a page"
                continue
            assert line.fields["page"] == seq, f"page {line.fields['page']} stands at {seq}"
            stored = b"".join(store.chunks(FOLDER, line.part, line.stored_bytes))
            assert hashlib.sha256(stored).hexdigest() == line.sha256, f"{line.part}: other bytes"
            page = stored if self.files else gzip.decompress(stored)
            assert page == _body(seq, line.fields["serial"])
        there = [found.key for answer in bucket.listing(FOLDER) for found in answer]
        with store.survey(whole=True) as survey:
            assert survey.lines(FOLDER) == read, "looked over among others, it says something else"
        assert [*store.lines(FOLDER)] == read
        assert store.last(FOLDER) == (entries[-1] if entries else None)
        numbers = sorted(filter(None, (own_number(key, FOLDER) for key in there)))
        assert numbers == [*range(1, len(entries) + 1)], f"parts {numbers} of {len(entries)} lines"
        named = [key for key in there if key.endswith(".bin")]
        wanted = [f"{FOLDER}/{line.part}" for line in entries if line.part and self.files]
        last = len(entries) if entries and entries[-1].part else len(wanted) + 1
        assert named in (wanted, wanted[: last - 1]), f"{named} where {wanted} are committed"
        whole = self.pages + self.bare_end
        if to_the_end:
            assert len(entries) == whole, f"{len(entries)} of {whole} lines"
            assert entries[-1].done, "the last line is not the end"
        return len(entries)

    def swept(self) -> None:
        """What a run begins with removes what killed ones have left, and no more."""
        before = self.check_whole()
        with ObjectStore(self.url, patience_s=0.05).claim(lost=True):
            pass
        assert self.check_whole() == before
        left = [found.key for answer in Bucket(self.url).listing("") for found in answer]
        assert [key for key in left if key.startswith(".")] == []


def _part(writer: Writer, number: int, body: bytes, *, is_file: bool) -> Part:
    with writer.part(number, ".bin" if is_file else ".json.gz") as part:
        part.write(body if is_file else gzip.compress(body, mtime=0))
        part.hand_over()
    return part


def _body(page: int, serial: int) -> bytes:
    return b'{"page":%d,"serial":%d}' % (page, serial)


@contextmanager
def small(*, large_bytes: int | None = None) -> Iterator[None]:
    """Segments of two, twenty and so on; no waits; no threads that would mix up the moments. Parts
    above `large_bytes` are staged and copied.
    """
    with ExitStack() as stack:
        for name, value in (("EACH", 2), ("HIGHEST", 20), ("_WAIT_S", 0.0)):
            stack.enter_context(patch.object(object_writer, name, value))
        stack.enter_context(patch("harvester.store.object_lines.EACH", 2))
        stack.enter_context(patch("harvester.store.object_lines._FEW", 10_000))
        if large_bytes is not None:
            stack.enter_context(patch.object(object_writer, "LARGE_BYTES", large_bytes))
        yield


# --- One writer after the other ---


def killed_at(moment: int, fault: type[BaseException] = Killed) -> Hook:
    """Kill at the moment of that number; with `DiskError` the answer is lost, and with `Repeated`
    the library asks again.
    """
    count = itertools.count(1)
    lock = threading.Lock()

    def hook(what: str, name: str, is_after: bool) -> None:
        with lock:
            here = next(count) == moment
        if not here:
            return
        if fault is Repeated:
            if is_after and what in ("_put", "copy_anew", "copy"):
                raise Repeated
            return
        if fault is Killed or what != "fetch":
            raise fault(f"at {what} {name}")

    return hook


def moments(case: Callable[[], Case]) -> int:
    """How many there are in a harvest that nothing happens to."""
    seen: list[str] = []
    one = case()
    one.write(lambda what, name, is_after: seen.append(what))
    one.check_whole()
    one.remove()
    return len(seen)


Faults = Collection[tuple[int, type[BaseException]]]


def kill(case: Case, faults: Faults) -> int:
    """Let a writer be ended by each fault in turn, and one more end the harvest. How often a page
    was asked for at most.
    """
    for number, (moment, fault) in enumerate(faults):
        with suppress(Killed, DiskError):
            end = case.write(killed_at(moment, fault), number)
            assert end == "done", f"{end}, and nobody else was there"
        case.check_whole(to_the_end=False)
    assert case.write(lambda *_: None, len(faults)) == "done"
    case.check_whole()
    case.swept()
    case.remove()
    most = max(case.api.asked.values(), default=0)
    assert most <= 1 + len(faults), f"a page was asked for {most} times"
    return most


# --- Two at once ---


class Turns:
    """Two writers, of which one runs at a time; at the steps of `switches` the other goes on."""

    def __init__(self, switches: Collection[int], killed: int | None = None) -> None:
        self._switches, self._killed = switches, killed
        self.step = 0
        self._turn = 0
        self._changed = threading.Condition()
        self._alive = {0, 1}

    def hook(self, me: int) -> Hook:
        """The moments of one of them."""

        def hook(what: str, name: str, is_after: bool) -> None:
            with self._changed:
                self.step += 1
                if self._killed == self.step:
                    raise Killed
                if self.step in self._switches and 1 - me in self._alive:
                    self._turn = 1 - me
                    self._changed.notify_all()
                self._wait(me)

        return hook

    def run(self, me: int, case: Case, ends: dict[int, str]) -> None:
        """One of them, to its end."""
        with self._changed:
            self._wait(me)
        try:
            ends[me] = case.write(self.hook(me), me)
        except Killed:
            ends[me] = "killed"
        except BaseException as error:
            ends[me] = f"{type(error).__name__}: {error}"
        with self._changed:
            self._alive.discard(me)
            self._turn = 1 - me
            self._changed.notify_all()

    def _wait(self, me: int) -> None:
        done = self._changed.wait_for(
            lambda: self._turn == me or 1 - me not in self._alive, _PATIENCE_S
        )
        assert done, "the other one does not go on"


def race(case: Case, switches: Collection[int], killed: int | None = None) -> Mapping[int, str]:
    """Two writers by one placing of switches; a third ends what neither did. How they ended."""
    turns, ends = Turns(switches, killed), dict[int, str]()
    threads = [threading.Thread(target=turns.run, args=(me, case, ends)) for me in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {*ends.values()} <= {"done", "fenced", "killed"}, ends
    assert killed is not None or "done" in ends.values(), f"each yielded to the other: {ends}"
    case.check_whole(to_the_end="done" in ends.values())
    if "done" not in ends.values():
        assert case.write(lambda *_: None) == "done"
    case.check_whole()
    case.remove()
    return ends


def random_race(case: Case, dice: random.Random, steps: int) -> Mapping[int, str]:
    """A placing by chance, in half of the cases with a kill."""
    switches = {*dice.sample(range(1, steps + 1), dice.randint(1, min(20, steps)))}
    return race(case, switches, dice.choice((None, dice.randint(1, steps))))
