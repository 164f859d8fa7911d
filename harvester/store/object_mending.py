"""Mends a partition on an object store: what its parts still say, and one part at a time anew.

A part that is gone leaves its name free: it *must* be put where there is none, as any other. One
that is damaged *must* be replaced as that very version only, so that its name is never free, and
stays beside as `part-n.json.gz.damaged`; above `LARGE_BYTES` it is put piece by piece and copied to
its name. Segments that repeat lines which are no longer so *must* go (`stale_segments`). Of a page
that is a file, that file is put anew with a part of another epoch, whatever of the two is damaged,
and then takes its place.
"""

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from harvester.errors import DataRefused
from harvester.store.bucket import Bucket, Found, Taken
from harvester.store.entries import Entry, Header, encode, unpacked
from harvester.store.object_files import StagedFile
from harvester.store.object_lines import ANSWER, SEGMENTS, line_of, own_number, part_lines
from harvester.store.object_writer import INCOMING, LARGE_BYTES
from harvester.store.parts import JSON_SUFFIX, Part, is_raw, part_name, part_suffix
from harvester.store.stale_segments import StaleSegments
from harvester.store.trailer import ended, trailer, with_end
from harvester.values import dataclass

DAMAGED: Final = ".damaged"
_MOST_KEPT: Final = 1000  # of one part


@dataclass(frozen=True, slots=True)
class FoundPart:
    """A part as it is found; `lines` are None where they cannot be read, `text` is what they are
    read from.
    """

    found: Found
    lines: tuple[Header | Entry, ...] | None
    text: bytes = b""

    @property
    def name(self) -> str:
        """Of the object alone."""
        return self.found.key.rsplit("/", 1)[-1]


class ObjectMending:
    """What is there of one partition, and how it is put right. The run's lease is held.

    `few`: no more is listed than the store says at once, which is all only if `is_whole`.
    """

    def __init__(self, bucket: Bucket, folder: str, *, few: bool = False) -> None:
        self._bucket, self._folder = bucket, folder
        self._parts: dict[int, Found] = {}
        self._segments: list[Found] = []
        self.is_whole = True
        for answer in bucket.listing(folder):
            if few and len(answer) >= ANSWER:
                self.is_whole = False
                break
            for found in answer:
                number = own_number(found.key, folder)
                if number is not None:
                    self._parts[number] = found
                elif found.key.startswith(f"{folder}/{SEGMENTS}/"):
                    self._segments.append(found)
        self._stale = StaleSegments(bucket, self._segments)
        self._texts: dict[int, bytes] = {}  # of parts that were put
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
            lines = tuple(line_of(self._bucket, self._folder, one) for one in said)
            return FoundPart(found, lines, b"".join(said))
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
        end = trailer(epoch.encode() + b"\n" + text)
        key = f"{self._folder}/{name}"
        was = self._parts.get(number)
        kept = None
        try:
            if was is not None and keep:
                kept = self._kept(was)
            if page is not None and page.described().stored_bytes > LARGE_BYTES:
                self._put_large(key, was, page, end, f"{INCOMING}/{epoch}-{number}")
            else:
                data = with_end(page, end)
                if was is None:
                    self._bucket.create(key, data)
                else:
                    self._bucket.replace(key, data, was.tag)
        except Taken:
            raise DataRefused(
                f"{self._bucket.place}/{key}: another run has put it meanwhile; run again"
            ) from None
        self._texts[number] = text
        return kept

    def _put_large(self, key: str, was: Found | None, page: Part, end: bytes, staged: str) -> None:
        """Put a part piece by piece beside, then copy it to its name; where a damaged one is, once
        that was seen to be the same version still, since no store copies over a version.
        """
        size = page.described().stored_bytes
        with ended(page, end).open("rb") as file:
            self._bucket.upload(staged, file)
        try:
            if was is None:
                self._bucket.copy_anew(staged, key)
                return
            now = self._bucket.head(key)
            if now is None or now.tag != was.tag:
                raise Taken(key)
            if not self._bucket.copy(staged, key, size + len(end)):
                raise Taken(key)
        finally:
            self._bucket.delete(staged)

    def passed(self, number: int, there: FoundPart | None) -> None:
        """A part is as it should be by now; `there` is what it was found as."""
        text = self._texts.pop(number, None)
        is_put = text is not None
        self._stale.passed(number, text or (there.text if there else b""), is_put=is_put)

    def agrees(self) -> bool:
        """Whether what repeats the lines of the parts that were passed says the same."""
        return self._stale.agrees()

    def close(self) -> None:
        """Remove what repeats lines that are no longer so."""
        self._stale.remove()

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
                if self._is_same(found, name, data):  # who was killed has kept it
                    return name
                continue
            return name
        raise DataRefused(f"{self._bucket.place}/{found.key}: was damaged too often")

    def _is_same(self, found: Found, name: str, data: bytes | None) -> bool:
        there = self._bucket.head(name)
        if there is None or there.size != found.size:
            return False
        return data is not None and self._bucket.get(name) == data
