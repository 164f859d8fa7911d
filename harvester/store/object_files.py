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


def name_last(bucket: Bucket, folder: str, last: Committed, part: str | None) -> None:
    """Give the page of the last part its name, if it is a file that has none; `part` is what the
    last page is called.
    """
    if part is None or not is_raw(part) or not last.epoch or part_number(part) != last.number:
        return
    if bucket.head(f"{folder}/{part}") is None:
        StagedFile(bucket, folder, part, last.epoch).name()


def file_chunks(bucket: Bucket, folder: str, part: str) -> Iterator[bytes]:
    """The bytes of a committed file, wherever it is. Raises FileNotFoundError."""
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
