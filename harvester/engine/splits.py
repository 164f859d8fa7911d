"""Judges whether a partition must give way to smaller ones, and what is said where none is left.

A partition is split as soon as a page's total is above what the API shows (`split_above`), or,
where no total says so, when as many records have come: before more of it is fetched. The page that
said so is not kept, since its records come with the smaller ones. Where the window cannot be split
further, what the API shows of it is kept, and the partition ends as a gap that is shown.
"""

from typing import Final

from harvester.config import Resource
from harvester.engine.page_result import PageResult
from harvester.model import Doubt, Partition, Prefixes, as_text, split, split_key
from harvester.page import as_number
from harvester.paging import SPLIT_TOTAL, TOTAL, counted_in, paginator_of
from harvester.planning import largest_total_above
from harvester.store import CAPPED, SPLIT, Checkpoint, Entry

_LARGEST: Final = 10**15


class Splits:
    """When one partition is split, and into what."""

    def __init__(self, resource: Resource, partition: Partition) -> None:
        self._partition = partition
        self._found = split_key(resource.partitions)
        paginator = paginator_of(resource.paginator)
        self._counts_records = counted_in(paginator) != "pages"
        self._largest = largest_total_above(partition)
        self._total: int | None = None
        self._path = resource.paginator.total_path or resource.paginator.total_header
        if self._found and self._found[2].total_path is not None:
            self._path = self._found[2].total_path

    @property
    def cap(self) -> int | None:
        """The most records that the API shows of a partition; None where it is never split."""
        return self._found[2].above if self._found else None

    def total_in(self, entry: Entry) -> int | None:
        """The API's total of the partition, by one page; None where it says none."""
        if self._found is None:
            return None
        if self._found[2].total_path is not None:
            said = entry.fields.get(SPLIT_TOTAL)
        else:
            said = entry.fields.get(TOTAL) if self._counts_records else None
        number = as_number(said)
        return int(number) if number is not None and 0 <= number < _LARGEST else None

    def is_above(self, entry: Entry, at: Checkpoint) -> bool:
        """Whether the API has more for the partition than it shows, by the page that follows `at`:
        its total says so, or so many have come that the rest may have been cut off.
        """
        if self._found is None or entry.part is None:
            return False
        above, total, came = self._found[2].above, self.total_in(entry), at.records + entry.records
        self._total = total
        if total is not None and total > above:
            return True
        if came < above:
            return False
        # Many totals are capped too: one that says just as many proves nothing, unless that of
        # what was split for this one has been larger. One that says fewer than came is wrong.
        return not (total == came and self._largest > above)

    def is_whole(self, entry: Entry, at: Checkpoint) -> bool:
        """Whether a page that leads on is the last: all that the API says it has has come, and it
        refuses to show more than that.
        """
        if self._found is None or entry.done or entry.part is None:
            return False
        came = at.records + entry.records
        return came == self._found[2].above == self.total_in(entry)

    def parts(self) -> tuple[str, ...]:
        """What the partition is split into, after `is_above`; none: it cannot be split."""
        if self._found is None:
            return ()
        key, spec, _ = self._found
        return split(self._partition.values[key], spec, self._total)

    def fields(self, parts: tuple[str, ...]) -> dict[str, object]:
        """What the line of a split says."""
        total: dict[str, object] = {} if self._total is None else {TOTAL: self._total}
        return {**total, SPLIT: list(parts)}

    @property
    def can_split(self) -> bool:
        """Whether the partition is not the smallest one."""
        return bool(self.parts())

    def ended(self, fetched: PageResult, at: Checkpoint) -> PageResult:
        """A page of a partition that is above the cap and cannot be split: as the last one, where
        as much has come as the API shows, or where it leads no further.
        """
        entry, cap = fetched.entry, self.cap or 0
        came = at.records + entry.records
        if came < cap and not entry.done:
            return fetched
        doubt = Doubt(CAPPED, self._gap(came))
        doubts = (*entry.doubts, doubt)
        ended = entry.but(done=True, next=None, reason=CAPPED, doubts=doubts)
        return fetched.with_entry(ended)

    def _gap(self, came: int) -> str:
        total, cap = self._total, self.cap or 0
        if total is not None and total > came:
            says = (
                f"the API has {total:,} records ({self._path}), {came:,} came, "
                f"{total - came:,} are missing"
            )
        else:
            says = f"{came:,} records came, as many as the API shows; more may be missing"
        key = self._found[0] if self._found else ""
        shortest = "longest" if self._found and isinstance(self._found[1], Prefixes) else "smallest"
        label = as_text(self._partition.values.get(key))
        return (
            f"{says}: {key}={label} is above split_above ({cap:,}) and cannot be split further "
            f"({shortest}); split by another key too, or allow smaller ones"
        )
