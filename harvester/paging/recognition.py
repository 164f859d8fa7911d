"""Recognizes records that a partition had before, from a small sample that its journal keeps.

Two pages in a row with the same records are a loop: nearly always, the server does not know the
parameter that was to lead on. Records that come again otherwise are a doubt at the partition's
end: the list is not sorted, or moves while it is read, and then others were never given.

All of it is made anew from the journal, line by line, so a run that was killed goes on with exactly
what it knew: a line says by what its records are told apart (`by`), how many were looked at, hashes
of the first and of all in their order, and those that changed the sample (see `sketch`). What was
before the chain of cursors began anew is forgotten: its pages no longer count.
"""

from typing import Final

from harvester.errors import DataRefused
from harvester.model import Doubt, LoopGuard
from harvester.page import ALL, SAMPLED, SAMPLED_UNKEYED, Sight, Sketch, packed, unpacked
from harvester.store import Entry, Identity

#: So many pages in a row may be alike where alike records need not be the same: where the same
#: stand twice in one page, or their ids are mere numbers of rows.
MOST_ALIKE: Final = 10
REPEATED: Final = "repeated_records"
KEY_MISSING: Final = "key_missing"
#: Records that are told apart by all that they hold are alike now and then, as readings are.
_FEW: Final = 100
#: Of lists that are begun anew (`restart_after`), so many records at most come twice, one in ten.
_FEW_IN_LISTS: Final = 10


class Recognition:
    """The records of one partition, by the lines of its journal."""

    def __init__(self, declared: str = "", *, overlaps: bool = False) -> None:
        """`overlaps`: lists are begun anew, and a few records come twice."""
        self._overlaps = overlaps
        self._declared = declared  # the key that the resource has, as `Sight.by` says it
        self._forget()

    def _forget(self) -> None:
        self.by: str | None = None  # None: no record has come yet
        self.page: list[int] | None = None  # the hash of the last page with records
        self.part: str | None = None  # and its part
        self.stored_bytes = 0
        self.alike = 1  # so many pages in a row had the same records, that one included
        self._records = 0
        self._repeats_within = False
        self._sketch = Sketch(SAMPLED if self._declared else SAMPLED_UNKEYED)
        self._firsts = LoopGuard()
        self._unkeyed = 0
        self._again = 0  # so many pages began with a record that a page had begun with before

    @property
    def below(self) -> int:
        """Only hashes below this one are of interest."""
        another = self._declared and self.by not in (None, self._declared)
        return ALL if another else self._sketch.below

    def repeats(self, sight: Sight, records: int) -> bool:
        """Whether a page has the records that the last one had, as far as they were seen."""
        return (sight.by, [sight.page], records) == (self.by, self.page, self._records)

    def note(self, sight: Sight | None, done: bool) -> Identity | None:
        """What the line of a page is to say. Of a partition's only page it says nothing."""
        if sight is None or (done and self.by is None):
            return None
        below = self.below
        few = [each for each in sight.sample if each < below]
        return Identity(
            by=sight.by,
            records=sight.records,
            unkeyed=sight.unkeyed,
            repeats=sight.repeats,
            first=packed([sight.first]),
            page=packed([sight.page]),
            sample=packed(few),
        )

    def remember(self, entry: Entry) -> None:
        """Take in a line of the journal. Raises `DataRefused` where its hashes cannot be read."""
        if entry.restarts:
            self._forget()
        note = entry.identity
        if note is None:
            return
        try:
            page, sample = unpacked(note.page), unpacked(note.sample)
        except ValueError as error:
            raise DataRefused(f"line {entry.seq + 1} of the journal: identity: {error}") from error
        if self.by not in (None, note.by):  # the key was declared, or changed, in between
            self._forget()
        self.by = note.by
        same = (page, entry.records) == (self.page, self._records)
        self.alike = self.alike + 1 if same else 1
        self.page, self.part, self._records = page, entry.part, entry.records
        self.stored_bytes = entry.stored_bytes
        self._repeats_within |= note.repeats
        self._unkeyed += note.unkeyed
        self._again += not self._firsts.add(note.first)
        self._sketch.add(sample, note.records - note.unkeyed)

    def doubt(self, sight: Sight | None) -> Doubt | None:
        """What speaks against the partition once all its lines, and the sight of its only page if
        it had no more, are known.
        """
        sketch, by, unkeyed = self._sketch, self.by, self._unkeyed
        if by is None and sight is not None:
            by, unkeyed, sketch = sight.by, sight.unkeyed, Sketch(SAMPLED)
            sketch.add(sight.sample, sight.records - unkeyed)
        if unkeyed and not sketch.count:
            message = f"none of {unkeyed:,} records has a value at its key, {by}: is it spelt so?"
            return Doubt(KEY_MISSING, message)
        again = sketch.count - sketch.different
        if self._overlaps and again * _FEW_IN_LISTS <= sketch.count:
            return None
        if not sketch.repeated and not self._again:
            return None
        if not by and (self._repeats_within or again * _FEW < sketch.count or again < 2):
            return None
        return Doubt(REPEATED, self._described(sketch, by or ""))

    def _described(self, sketch: Sketch, by: str) -> str:
        what = f"by {by}" if by else "by all that they hold"
        about = "" if sketch.is_exact else "about "
        if sketch.repeated:
            message = f"{sketch.count:,} records, {about}{sketch.different:,} different ({what})"
        else:
            message = (
                f"{self._again:,} pages begin with a record that a page before began with ({what})"
            )
        return (
            f"{message}: the list is not sorted, moves while it is read, or its pages overlap, and "
            "then others are missing; ask for an order that does not change (a sort or order "
            "parameter, oldest first), and count with `harvester verify --keys`"
        )
