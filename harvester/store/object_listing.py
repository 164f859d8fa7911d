"""Tells what a listing of an object store says of each partition: its segments, its last parts.

Segments are listed before parts, and say which parts need not be read. A listing is left where only
such parts are to come, and goes on behind them.
"""

from collections.abc import Iterator
from dataclasses import field
from typing import Final

from harvester.store.bucket import Bucket, Found
from harvester.store.object_files import FilesThere, file_number
from harvester.store.object_lines import SEGMENTS, covering, own_number
from harvester.store.object_recap import Seal
from harvester.values import dataclass

_ANSWER: Final = 1000
_MOST_BEHIND: Final = 99  # parts behind the segments: the next writer puts one for more
Row = tuple[str, int, int, str, str, str | None]
"""Folder, how many files beside parts, their bytes, seal, where segments end, parts: texts that a
database keeps. None in the place of the parts: this partition is not plain.
"""


@dataclass(frozen=True, slots=True)
class Listed:
    """What is to be read of a partition: segments, by where they end, and the parts behind them;
    `seal` is of those but the last, `files` are pages that are files beside their parts.
    """

    parts: list[Found] = field(default_factory=list)
    ends: tuple[int, ...] = ()
    seal: str = ""
    files: FilesThere = field(default_factory=FilesThere)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is there."""
        return not (self.parts or self.ends)

    @property
    def covered(self) -> int:
        """The last part whose lines are in a segment."""
        return self.ends[-1] if self.ends else 0

    @property
    def segments(self) -> list[tuple[int, int]]:
        """The first and the last part of each segment."""
        return [(first + 1, last) for first, last in zip((0, *self.ends), self.ends, strict=False)]

    @classmethod
    def of(cls, row: Row) -> "Listed | None":
        """What a row says; None where it is not plain."""
        folder, files, size, seal, ends, parts = row
        if parts is None:
            return None
        found = []
        for line in parts.splitlines():
            name, _, digits = line.partition("\t")
            found.append(Found(f"{folder}/{name}", int(digits), ""))
        return cls(found, tuple(map(int, ends.split())), seal, FilesThere(files, size))


class Folder:
    """What a listing says of one folder."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.has_parts = False
        self._count = 0
        self._files = FilesThere()
        self._seal = Seal()
        self._parts: list[Found] = []  # behind the segments
        self._segments: list[Found] = []
        self._ends: list[int] | None = None  # of those that follow one another
        self._is_plain = True

    def add(self, found: Found) -> None:
        """Take in what lies there."""
        self._count += 1
        number = own_number(found.key, self.name)
        if number is not None:
            self._add_part(number, found)
        elif found.key.startswith(f"{self.name}/{SEGMENTS}/"):
            self._is_plain &= self._ends is None
            self._segments.append(found)
        elif file_number(found.key, self.name) is not None:
            self._files.add(found.size)
        # Anything else is no reader's business.

    @property
    def _covered(self) -> int:
        """The last part whose lines are in a segment."""
        if self._ends is None:
            self._ends = [last for _, last in covering(self._segments, self.name)[0]]
            self._segments = []
        return self._ends[-1] if self._ends else 0

    def _add_part(self, number: int, found: Found) -> None:
        self.has_parts = True
        if number <= self._covered or not self._is_plain:
            return
        if self._parts:
            self._seal.add(self._parts[-1])
        self._parts.append(found)
        expected = self._covered + len(self._parts)
        self._is_plain = number == expected and len(self._parts) <= _MOST_BEHIND

    def leads_on_behind(self, last: Found) -> str | None:
        """Where it is worth it to list on from, if the listing has come to `last`; None: there."""
        number = own_number(last.key, self.name)
        if number is None:
            return None
        if number < self._covered:
            return f"{self.name}/part-{self._covered:06d}~"  # behind the part of that number
        if self._count >= _ANSWER and not self._is_plain:
            return f"{self.name}/part-:"  # behind all its parts, whose names go on with a digit
        return None

    def row(self) -> Row:
        """All of it."""
        covered = self._covered
        begins = len(self.name) + 1
        told = "\n".join(f"{each.key[begins:]}\t{each.size}" for each in self._parts)
        ends = " ".join(map(str, self._ends or ())) if covered else ""
        plain = told if self._is_plain else None
        return self.name, self._files.count, self._files.size, str(self._seal), ends, plain


def begun(bucket: Bucket) -> Iterator[str]:
    """The folders that hold parts, in order."""
    for answer in folders_below(bucket, ""):
        yield from (folder.name for folder in answer if folder.has_parts)


def folders_below(bucket: Bucket, top: str) -> Iterator[list[Folder]]:
    """What is listed below a name: the folders that end in each answer."""
    now = Folder("")
    after: str | None = None
    while True:
        for answer in bucket.listing(top, after):
            ended = []
            for found in answer:
                folder = _folder(found.key)
                if folder != now.name:
                    ended.append(now)
                    now = Folder(folder)
                now.add(found)
            yield [each for each in ended if each.name]
            if (following := now.leads_on_behind(answer[-1])) is not None:
                after = following
                break
        else:
            break
    if now.name:
        yield [now]


def _folder(key: str) -> str:
    """The partition that an object is of."""
    folder, _, _ = key.rpartition("/")
    return folder.removesuffix(f"/{SEGMENTS}")
