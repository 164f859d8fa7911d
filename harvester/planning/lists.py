"""Leaves out records that came a second time where a list was begun anew (`restart_after`).

Records of a list are compared by `key` with those of the list before it, in the same partition, so
that memory is bounded by how many records the API shows of one list.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from harvester.config import Resource
from harvester.page import Keys, Record, digest, parsed_keys


class Lists:
    """The lists of one resource, page by page in their order; `left_out` counts the records that
    came again.
    """

    def __init__(self, resource: Resource) -> None:
        self.overlap = resource.paginator.restart_after is not None
        self._resource = resource.name
        #: Made for each partition that is read, so only where it is needed.
        self._keys = Keys(parsed_keys(resource.key if self.overlap else ()))
        self._folder = ""
        self._value: Any = None
        self._before: set[bytes] = set()
        self._now: set[bytes] = set()
        self.left_out = 0

    @property
    def told(self) -> str:
        """How many came again, in words; "" where none did."""
        if not self.left_out:
            return ""
        came = "1 record" if self.left_out == 1 else f"{self.left_out:,} records"
        again = "that came again where a list was begun anew (restart_after)"
        return f"{self._resource}: without {came} {again}"

    def enter(self, folder: str, value: Any) -> None:
        """The next page is one of the list that was begun at `value` (None: the first)."""
        if folder != self._folder or (value is None and self._value is not None):
            self._before, self._now = set(), set()
        elif value != self._value:
            self._before, self._now = self._now, set()
        self._folder, self._value = folder, value

    def new(self, records: Sequence[Record]) -> Iterator[Record]:
        """Those of them that were not in the list before."""
        for record, key in zip(records, self._keys.of(records), strict=True):
            if key is not None:
                known = digest(key)
                self._now.add(known)
                if known in self._before:
                    self.left_out += 1
                    continue
            yield record
