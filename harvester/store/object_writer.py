"""Adds pages to a partition on an object store: a part *is* its commit.

- Page n *must* be committed by one put of `part-n`, where there is none: nothing else commits, no
  part is ever overwritten or removed. Its name is the fence, for ever.
- The part ends in its lines: the epoch of the writer, with part 1 the header, lines without a page
  that stand before it, its own. The last one repeats, before these, those of the parts before it
  (`object_recap`).
- Part n *must* be put only by who has read or made part n-1, and asked with the cursor that leads
  from it. One put at a time; fetches may run ahead.
- A put that is refused is looked at: nothing there: again; of my own epoch: it was mine, and the
  answer was lost; of an older one: whoever was believed dead went on, so open anew and go on behind
  it (`Overtaken`); of a newer one: this writer yields (`Fenced`).
- A put of which nobody knows what came of it ends the writer; who opens next sees.
- A partition that nobody is known to have begun is opened without a look (`is_new`). The put of its
  first part finds out where that is wrong, by the rule above; where that part has no page, and so
  may have another name than the other's, a look comes first.
- Epochs are times, but later than every one met. Clocks say who yields, never what is kept.
- The page of a part may be a file that is kept as it is, beside it (`object_files`).
- A part above `LARGE_BYTES` is put under `.incoming/` piece by piece and copied to its name, where
  there is none: the copy is the commit.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Container
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from harvester.errors import DataRefused, DiskError, PartitionFailed
from harvester.store.bucket import Bucket, Found, Taken
from harvester.store.checkpoint import Checkpoint
from harvester.store.contract import OnEntry
from harvester.store.entries import Entry, Header, encode, packed
from harvester.store.held_bytes import HELD
from harvester.store.object_files import FilesOfLines, beside
from harvester.store.object_lines import (
    EACH,
    HIGHEST,
    committed,
    last_committed,
    line_of,
    own_number,
    part_lines,
    segment_name,
)
from harvester.store.object_recap import Seal, recap
from harvester.store.parts import JSON_SUFFIX, Part, is_raw, part_name, part_suffix
from harvester.store.sharing import Fenced, Overtaken
from harvester.store.trailer import ended, trailer, with_end

LARGE_BYTES: Final = 64 << 20
INCOMING: Final = ".incoming"
_MOST_PARTS: Final = 999_999  # the next one would be listed before this one
_TRIES: Final = 10
_WAIT_S: Final = 0.05


class ObjectWriter:
    """The writer of one partition."""

    def __init__(
        self, bucket: Bucket, folder: str, header: Header, on_entry: OnEntry,
        accepted: Container[str], scratch: Path, *, is_new: bool = False, any_parts: bool = False,
        on_close: Callable[[list[bytes]], None] = lambda lines: None,
    ) -> None:  # fmt: skip
        """`is_new`: nobody is known to have begun it. `on_close` gets the lines of a partition that
        has its last page, if they are few, else none.
        """
        self._on_close = on_close
        self.checkpoint = Checkpoint()
        self.lost = 0
        self.fingerprint = header.fingerprint
        self._bucket, self._folder, self._header = bucket, folder, header
        bucket.key(segment_name(folder, 1, EACH))  # refused before a page is asked for
        self._number = 0  # of the last part
        self._bare = 0  # parts that have no page
        self._segmented = 0  # parts whose lines are in a segment
        self._recent: list[bytes] = []  # the lines of those behind, each part's as one
        self._held: list[Entry] = []  # lines without a page, which go with the next one
        self._is_over = False  # a put failed, or this writer was overtaken
        self._suffix = JSON_SUFFIX
        self._behind: list[Found | None] = []  # those parts
        self._files = FilesOfLines()
        newest, last = "", None
        self._is_guess = is_new  # until a put has shown it
        for found in () if is_new else committed(bucket, folder):
            for line in found.lines:
                self._replay(line, on_entry, accepted)
            self._number = found.number
            if found.epoch is None:
                self._segmented = found.number
            else:
                newest = max(newest, found.epoch)
                self._recent.append(b"".join(found.lines))
                self._behind.append(found.found)
                last = found
        self._bare = self._number - self.checkpoint.pages
        newest = newest or self._last_epoch()
        after = int(newest[:16], 16) + 1 if newest else 0
        self._epoch = f"{max(time.time_ns() // 1000, after):016x}-{os.urandom(6).hex()}"
        self._scratch = Path(tempfile.mkdtemp(dir=scratch))
        self._files.find(bucket, folder, last, any_parts=any_parts)
        self._compact()  # what a writer that was killed has left undone

    def _last_epoch(self) -> str:
        """The epoch of the last part where all lines were in segments, which have none."""
        if not self._number:
            return ""
        found = self._bucket.head(f"{self._folder}/{part_name(self._number, self._suffix)}")
        last = (
            part_lines(self._bucket, found) if found else last_committed(self._bucket, self._folder)
        )
        return last.epoch or "" if last else ""

    def _replay(self, line: bytes, on_entry: OnEntry, accepted: Container[str]) -> None:
        place = f"{self._bucket.place}/{self._folder}"
        found = line_of(self._bucket, self._folder, line)
        if isinstance(found, Header):
            self._check(found, place, accepted)
            return
        if found.seq != self.checkpoint.seq + 1:
            raise DataRefused(
                f"{place}: page {found.seq} stands where {self.checkpoint.seq + 1} belongs"
            )
        self._take(found)
        self._files.see(found)
        on_entry(found)

    def _check(self, found: Header, place: str, accepted: Container[str]) -> None:
        wanted = self._header
        if found.resource != wanted.resource or dict(found.partition) != dict(wanted.partition):
            raise DataRefused(
                f"{place}: this folder belongs to {found.resource} {dict(found.partition)}, "
                f"not to {wanted.resource} {dict(wanted.partition)}"
            )
        self.fingerprint = found.fingerprint
        if found.fingerprint != wanted.fingerprint and found.fingerprint not in accepted:
            raise DataRefused(
                f"{place}: these pages were asked for in another way (the query, paths or "
                "paginator changed since); put the YAML back, or use another --out"
            )

    def _take(self, entry: Entry) -> None:
        self.fingerprint = entry.accepts or self.fingerprint
        if entry.part is not None and not is_raw(entry.part):
            self._suffix = part_suffix(entry.part)
        self.checkpoint.add(entry)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def look(self) -> None:
        """The names of the parts are the fence: nothing else is needed."""

    def part(self, number: int, suffix: str = JSON_SUFFIX) -> Part:
        """A local file for page `number`, which goes to the store when it is committed; it may be
        asked for while a page before it is being put.
        """
        return Part(self._scratch, number + self._bare, suffix, fsync=False)

    def commit(self, entry: Entry, part: Part | None, *, at_once: bool = False) -> None:
        """Put the part; a line without a page goes with the next one. It is safe at once."""
        self._held.append(entry)
        if part is not None or entry.done or entry.redoes or entry.is_of_job:
            self._put(part)
            self._bare += part is None
        self._take(entry)
        if part is not None:
            part.discard()

    def close(self) -> None:
        """Put the lines that no page has followed, and leave nothing behind."""
        try:
            if self._held:
                with suppress(DiskError, Overtaken, Fenced):
                    self._put(None)
        finally:
            shutil.rmtree(self._scratch, ignore_errors=True)
            is_known = self.checkpoint.done and not (self._segmented or self._is_over)
            self._on_close(b"".join(self._recent).splitlines(keepends=True) if is_known else [])

    def _put(self, part: Part | None) -> None:
        """The commit: once this returns, the held lines and their page are in the harvest."""
        number = self._number + 1
        if self._is_over:
            raise DiskError(
                f"{self._bucket.place}/{self._folder}: a put before this one failed, and nobody "
                "knows what came of it; the same command goes on"
            )
        if number > _MOST_PARTS:
            raise PartitionFailed(
                f"{self._bucket.place}/{self._folder}: has {_MOST_PARTS:,} parts, the most that a "
                "partition can have in an object store; divide it into smaller ones"
            )
        lines = [encode(entry) for entry in self._held]
        if number == 1:
            lines.insert(0, encode(self._header))
        text = b"".join(lines)
        ends = self._held[-1].done
        self._held = []  # whatever comes of this put, it is the only one that these lines are in
        self._is_over = True
        if part is None and self._is_guess:
            self._look_for_first()
        before = recap(Seal(self._behind), b"".join(self._recent)) if ends and self._recent else b""
        end = before + trailer(self._epoch.encode() + b"\n" + text)
        with beside(self._bucket, self._folder, self._epoch, part) as page:
            # A file's part is called like one without a page: both may be put as the same number.
            name = page.described().name if page else part_name(number, self._suffix)
            self._behind.append(self._create(f"{self._folder}/{name}", page, end))
        self._is_over = self._is_guess = False
        self._number = number
        self._recent.append(text)
        self._compact()

    def _look_for_first(self) -> None:
        """Find out whether another run has begun this partition, by a part of whatever name."""
        there = next(self._bucket.listing(self._folder), [])
        first = next((one for one in there if own_number(one.key, self._folder) == 1), None)
        if first is not None:
            self._is_mine(first.key)

    def _create(self, name: str, part: Part | None, end: bytes) -> Found | None:
        """Put a part where there is none; what is there now, if its version was said."""
        for again in range(_TRIES):
            try:
                if part is not None and part.described().stored_bytes > LARGE_BYTES:
                    self._stage(name, part, end)
                    return None
                with HELD.of(part.described().stored_bytes if part else 0):
                    return self._bucket.create(name, with_end(part, end))
            except Taken:
                if self._is_mine(name):
                    return None
                time.sleep(_WAIT_S * again)
        raise DiskError(
            f"{self._bucket.place}/{name}: the store goes on refusing this object, and yet it is "
            "not there; every page committed so far is safe"
        )

    def _is_mine(self, name: str) -> bool:
        """Whether the part that is there was put by this writer; False: there is none."""
        found = self._bucket.head(name)
        if found is None:
            return False
        epoch = part_lines(self._bucket, found).epoch or ""
        if epoch == self._epoch:
            return True
        told = f"{self._bucket.place}/{name}: another run has put this page"
        if epoch < self._epoch:
            raise Overtaken(told)
        raise Fenced(f"{told}, and goes on with this partition")

    def _stage(self, name: str, part: Part, end: bytes) -> None:
        staged = f"{INCOMING}/{self._epoch}-{self._number + 1}"
        with ended(part, end).open("rb") as file:
            self._bucket.upload(staged, file)
        try:
            self._bucket.copy_anew(staged, name)
        finally:
            self._bucket.delete(staged)

    def _compact(self) -> None:
        """Put segments for the parts that have none, each the same whoever builds it."""
        while self._number >= self._segmented + EACH:
            first, last = self._segmented + 1, self._segmented + EACH
            self._segment(first, last, b"".join(self._recent[:EACH]))
            del self._recent[:EACH], self._behind[:EACH]
            self._segmented = last
            span = EACH * 10
            while last % span == 0 and span <= HIGHEST:
                self._merge(last, span)
                span *= 10

    def _merge(self, last: int, span: int) -> None:
        each = span // 10
        texts = []
        for at in range(last - span, last, each):
            data = self._bucket.get(segment_name(self._folder, at + 1, at + each))
            if data is None:  # it saves requests, no more
                return
            texts.append(data)
        # gzip behind gzip is gzip: the lines of 100,000 parts, 60 MB, are never there at once.
        self._bucket.replace(segment_name(self._folder, last - span + 1, last), b"".join(texts))

    def _segment(self, first: int, last: int, text: bytes) -> None:
        self._bucket.replace(segment_name(self._folder, first, last), packed(text))
