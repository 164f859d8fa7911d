"""Mends a partition on an object store: what its parts still say, and one part at a time anew.

A part that is gone leaves its name free: it *must* be put where there is none, as any other. One
that is damaged *must* be replaced as that very version only, so that its name is never free, and
stays beside as `part-n.json.gz.damaged`. Segments that repeat lines which are no longer so *must*
go; whoever writes next builds them again. Of a page that is a file, that file is put anew with a
part of another epoch, whatever of the two is damaged, and then takes its place.
"""

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from harvester.errors import DataRefused
from harvester.store.bucket import Bucket, Found, Taken
from harvester.store.entries import Entry, Header, encode, packed, unpacked
from harvester.store.object_files import StagedFile
from harvester.store.object_lines import SEGMENTS, line_of, own_number, part_lines
from harvester.store.object_writer import LARGE_BYTES
from harvester.store.parts import JSON_SUFFIX, Part, is_raw, part_name, part_suffix
from harvester.store.trailer import trailer
from harvester.values import dataclass

DAMAGED: Final = ".damaged"
_MOST_KEPT: Final = 1000  # of one part


@dataclass(frozen=True, slots=True)
class FoundPart:
    """A part as it is found; `lines` are None where they cannot be read."""

    found: Found
    lines: tuple[Header | Entry, ...] | None

    @property
    def name(self) -> str:
        """Of the object alone."""
        return self.found.key.rsplit("/", 1)[-1]


class ObjectMending:
    """What is there of one partition, and how it is put right. The run's lease is held."""

    def __init__(self, bucket: Bucket, folder: str) -> None:
        self._bucket, self._folder = bucket, folder
        self._parts: dict[int, Found] = {}
        self._segments: list[Found] = []
        for answer in bucket.listing(folder):
            for found in answer:
                number = own_number(found.key, folder)
                if number is not None:
                    self._parts[number] = found
                elif found.key.startswith(f"{folder}/{SEGMENTS}/"):
                    self._segments.append(found)
        self._repeated: dict[int, Entry] | None = None
        self._header: Header | None = None

    @property
    def last(self) -> int:
        """The number of the last part that is known of."""
        segments = (int(found.key.rsplit("-", 1)[-1].split(".")[0]) for found in self._segments)
        return max((0, *self._parts, *segments))

    def part(self, number: int) -> FoundPart | None:
        """A part; None where there is none."""
        found = self._parts.get(number)
        if found is None:
            return None
        try:
            said = part_lines(self._bucket, found).lines
            return FoundPart(found, tuple(line_of(self._bucket, self._folder, one) for one in said))
        except DataRefused:
            return FoundPart(found, None)

    def repeated(self) -> dict[int, Entry]:
        """The entries that segments repeat, by `seq`; of damaged segments none."""
        if self._repeated is None:
            self._repeated = {}
            for found in self._segments:
                with suppress(DataRefused, OSError, ValueError, EOFError):
                    for line in unpacked(self._bucket.get(found.key) or b"").splitlines(True):
                        said = line_of(self._bucket, self._folder, line)
                        if isinstance(said, Entry):
                            self._repeated[said.seq] = said
                        else:
                            self._header = said
        return self._repeated

    @property
    def header(self) -> Header | None:
        """The header, as the first part or a segment has it."""
        first = self.part(1)
        for line in (first and first.lines) or ():
            if isinstance(line, Header):
                return line
        self.repeated()
        return self._header

    def put(
        self, number: int, name: str, lines: Sequence[Header | Entry], part: Part | None
    ) -> str | None:
        """Put a part with its lines where it is gone, or in the place of a damaged one; what that
        is called now. Raises `DataRefused` where somebody else has put it meanwhile.
        """
        epoch = f"{time.time_ns() // 1000:016x}-{os.urandom(6).hex()}"
        if not is_raw(name):
            return self._put(number, name, lines, part, epoch)
        file = StagedFile(self._bucket, self._folder, name, epoch)
        if part is not None:
            file.put(part)
        is_sound = (there := self.part(number)) is not None and there.lines is not None
        kept = self._put(number, self._name_of(number), lines, None, epoch, keep=not is_sound)
        if part is not None:
            kept = self._named(file, part.described().stored_bytes) or kept
        return kept

    def _put(
        self, number: int, name: str, lines: Sequence[Header | Entry], page: Part | None,
        epoch: str, *, keep: bool = True,
    ) -> str | None:  # fmt: skip
        text = b"".join(encode(line) for line in lines)
        body = packed(b"") if page is None else Path(page.so_far()).read_bytes()
        data = body + trailer(epoch.encode() + b"\n" + text)
        key = f"{self._folder}/{name}"
        was = self._parts.get(number)
        kept = None
        try:
            if was is None:
                self._bucket.create(key, data)
            else:
                kept = self._kept(was) if keep else None
                self._bucket.replace(key, data, was.tag)
        except Taken:
            raise DataRefused(
                f"{self._bucket.place}/{key}: another run has put it meanwhile; run again"
            ) from None
        self._forget(number)
        return kept

    def _name_of(self, number: int) -> str:
        """What the part is called that commits a file: as the one before it."""
        near = min(self._parts, key=lambda each: (each > number, abs(each - number)), default=0)
        suffix = part_suffix(self._parts[near].key.rsplit("/", 1)[-1]) if near else JSON_SUFFIX
        return part_name(number, suffix)

    def _named(self, file: StagedFile, size: int) -> str | None:
        """Give a file its name; what one that lay there is called now."""
        target = f"{self._folder}/{file.part}"
        was = self._bucket.head(target)
        kept = self._kept(was) if was else None
        if not file.name(size):
            raise DataRefused(
                f"{self._bucket.place}/{target}: something has removed it meanwhile; run again"
            )
        return kept

    def _kept(self, found: Found) -> str:
        data = None if found.size > LARGE_BYTES else self._bucket.get(found.key) or b""
        for number in range(_MOST_KEPT):
            name = found.key + DAMAGED + (f".{number}" if number else "")
            try:
                if data is None:
                    self._bucket.copy_anew(found.key, name)
                else:
                    self._bucket.create(name, data)
            except Taken:
                continue
            return name
        raise DataRefused(f"{self._bucket.place}/{found.key}: was damaged too often")

    def _forget(self, number: int) -> None:
        """Remove the segments with the lines of a part."""
        for found in self._segments:
            first, _, last = found.key.rsplit("/", 1)[-1].partition(".")[0].partition("-")
            if int(first) <= number <= int(last):
                self._bucket.delete(found.key)
