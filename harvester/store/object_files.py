"""Keeps pages that are files of any kind as they are in an object store, where a part commits each.

No line can stand behind a file that is kept byte by byte. So its page is committed as any other, by
one put of its part where there is none: that part holds no page but the lines, which say how long
the file `part-n.bin` is, and its SHA-256.

- The file *must* be put whole before the part that commits it, as `.staged/EPOCH/` and what it will
  be called: a name that no other writer has.
- It *must* get its own name by a copy of that, only once the part of that epoch is there, and
  before the next part is put. So all who copy it copy the same bytes: who does, and how often, does
  not matter, and no file but the last one of a partition can be without its name.
- What is staged *must* be removed only where the file has its name, or where the part is one of
  another epoch, so that this one can never be committed. So it may be swept while others write.
- Who opens the partition, and each run, gives a committed file its name where its writer was
  killed; who only reads takes it from where it is staged.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from harvester.errors import DataRefused, DiskError
from harvester.store.bucket import Bucket, Found
from harvester.store.entries import Entry
from harvester.store.object_lines import Committed, own_number, part_lines
from harvester.store.parts import Part, is_raw, part_name, part_number
from harvester.store.sharing import Fenced, Overtaken
from harvester.values import dataclass

STAGED: Final = ".staged"
_LOOKS: Final = 3  # where it belongs, then where it is staged, while somebody copies and removes


@dataclass(frozen=True, slots=True)
class StagedFile:
    """The file of a page, as the writer of an epoch has put it, and what it will be called."""

    bucket: Bucket
    folder: str
    part: str
    epoch: str

    @property
    def _staged(self) -> str:
        return f"{STAGED}/{self.epoch}/{self.folder}/{self.part}"

    def put(self, part: Part) -> None:
        """Put the whole file, piece by piece where it is large."""
        with Path(part.so_far()).open("rb") as file:
            self.bucket.upload(self._staged, file)

    def name(self, size: int | None = None) -> bool:
        """Give it its name, once its part is there; False where it is nowhere to be found. `size`
        in bytes, where that is known.
        """
        target = f"{self.folder}/{self.part}"
        if size is None:
            found = self.bucket.head(self._staged)
            size = found.size if found else 0
        if not self.bucket.copy(self._staged, target, size):
            return self.bucket.head(target) is not None  # somebody else has
        self.remove()
        return True

    def remove(self) -> None:
        """Remove what is staged."""
        self.bucket.delete(self._staged)

    def chunks(self) -> Iterator[bytes]:
        """What is staged. Raises FileNotFoundError."""
        return self.bucket.chunks(self._staged)


@contextmanager
def beside(bucket: Bucket, folder: str, epoch: str, page: Part | None) -> Iterator[Part | None]:
    """Keep a page, if it is a file, while its part is put in the block; the page that this part
    itself holds, None where there is none.
    """
    if page is None or not is_raw(page.described().name):
        yield page
        return
    stored = page.described()
    file = StagedFile(bucket, folder, stored.name, epoch)
    file.put(page)
    try:
        yield None
    except (Overtaken, Fenced):
        file.remove()  # that part is another's
        raise
    if not file.name(stored.stored_bytes):
        raise DiskError(
            f"{bucket.place}/{folder}/{file.part}: something has removed it, and what was staged "
            "of it; `harvester repair` asks for it again"
        )


@dataclass(slots=True)
class FilesThere:
    """How many files of pages there are, and how many bytes they have in all."""

    count: int = 0
    size: int = 0

    def add(self, size: int, files: int = 1) -> None:
        """One more, or none."""
        self.count += files
        self.size += size * files


class FilesOfLines:
    """The files that lines name, behind the last line that begins again."""

    def __init__(self) -> None:
        self.named = FilesThere()
        self._first = 0  # its number
        self._last: Entry | None = None

    def see(self, entry: Entry) -> None:
        """Take note of a line."""
        if entry.restarts:
            self.named, self._first = FilesThere(), 0
        if entry.part is not None and is_raw(entry.part):
            self._first = self._first or part_number(entry.part) or 0
            self._last = entry
            self.named.add(entry.stored_bytes)

    def find(self, bucket: Bucket, folder: str, last: Committed | None, *, any_parts: bool) -> None:
        """Give the file of the last part its name, where it has none. Raises `DataRefused` where
        any other is gone or of another size, unless that is no matter (`any_parts`). Lists them.
        """
        if not self._first or self._last is None or self._last.part is None:
            return
        highest = part_number(self._last.part) or 0
        there, has_name = FilesThere(), False
        for answer in bucket.listing(folder, after=f"{folder}/{part_name(self._first - 1, '~')}"):
            for found in answer:
                number = file_number(found.key, folder)
                if number is not None and number <= highest:
                    there.add(found.size)
                    has_name |= number == highest
        if last and last.epoch and last.number == highest and not has_name:
            is_there = StagedFile(bucket, folder, self._last.part, last.epoch).name()
            there.add(self._last.stored_bytes, is_there)
        if there != self.named and not any_parts:
            raise DataRefused(
                f"{bucket.place}/{folder}: {self._problem(there)}; something has removed or "
                "changed objects (a lifecycle rule, another program); `harvester verify` says "
                "which, and `harvester repair` gets them again where the API still has them"
            )

    def _problem(self, there: FilesThere) -> str:
        named = self.named
        if there.count < named.count:
            return f"{named.count - there.count} of its {named.count} files cannot be found"
        return f"its files have {there.size:,} bytes, and {named.size:,} by its lines"


def file_number(key: str, folder: str) -> int | None:
    """The number of the file of a page that lies in `folder` itself; None for anything else."""
    name = key[len(folder) + 1 :]
    is_own = key.startswith(f"{folder}/") and "/" not in name
    return part_number(name) if is_own and is_raw(name) else None


def file_chunks(bucket: Bucket, folder: str, part: str, stored_bytes: int) -> Iterator[bytes]:
    """The bytes of a committed file, wherever it is; of one that is longer than its line says no
    more than shows that. Raises FileNotFoundError.
    """
    size = 0
    for chunk in _chunks(bucket, folder, part):
        yield chunk
        size += len(chunk)
        if size > stored_bytes:
            return


def _chunks(bucket: Bucket, folder: str, part: str) -> Iterator[bytes]:
    for look in range(_LOOKS):
        try:
            yield from bucket.chunks(f"{folder}/{part}")
            return
        except FileNotFoundError:
            committed = _part_of(bucket, folder, part)
            if committed is None or not committed.epoch or look == _LOOKS - 1:
                raise
        try:
            yield from StagedFile(bucket, folder, part, committed.epoch).chunks()
            return
        except FileNotFoundError:
            continue


def sweep_staged(bucket: Bucket) -> bool:
    """Give committed files their names, and remove what can never be committed; whether anything is
    left, of which that is not known yet.
    """
    is_left = False
    for answer in bucket.listing(STAGED):
        for found in answer:
            is_left |= not _swept(bucket, found)
    return is_left


def _swept(bucket: Bucket, found: Found) -> bool:
    """Whether it is settled what becomes of something that is staged."""
    _, epoch, target = (*found.key.split("/", 2), "", "")[:3]
    folder, _, part = target.rpartition("/")
    if not folder or part_number(part) is None:
        return True  # no writer has put it
    try:
        committed = _part_of(bucket, folder, part)
    except DataRefused:  # whoever reads the partition says so
        return False
    if committed is None:
        return False
    file = StagedFile(bucket, folder, part, epoch)
    if committed.epoch == epoch:
        return file.name(found.size)
    file.remove()
    return True


def _part_of(bucket: Bucket, folder: str, file: str) -> Committed | None:
    """The part that commits a file; None where there is none."""
    number = part_number(file) or 0
    found = bucket.head(f"{folder}/{part_name(number)}")
    if found is None:  # where the partition has pages of another format before it
        near = next(bucket.listing(folder, after=f"{folder}/{part_name(number, '')}"), [])
        there = (each for each in near if own_number(each.key, folder) == number)
        found = next(there, None)
    return None if found is None else part_lines(bucket, found)
