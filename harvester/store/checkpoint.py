"""Checkpoint of a partition: where its next page is, and what its lines show so far.

Added up line by line: a run goes on from it, an end is judged by it, and whoever reads a harvest
has its totals from it.
"""

from collections.abc import Mapping
from operator import attrgetter
from typing import Any

from harvester.model import Doubt
from harvester.store.entries import JOB_MADE, LED, SPLIT, Entry
from harvester.values import dataclass


@dataclass(slots=True)
class Checkpoint:
    """What the journal says when read: where the next page is, and totals so far.

    `waits_for` is the id of the job whose result is not ready yet, and when it was made.

    `pages` numbers the parts, `superseded_pages` of which no longer count; records and bytes are
    of those that do. `attempts` are all there were, `retries` those that came to nothing. `redone`:
    this is not the first generation.

    `page_size` is that of the first page with records, `largest_page` the most that one had,
    `smallest_page` the fewest of one that another with records followed; `empty_pages` are those
    without, at the end so far. `total` is what the server's total said last, `total_changed`
    whether it said anything else before. `was_led`: a page had a cursor, even a null one, or the
    header that leads on.
    """

    next: Any = None
    started: bool = False
    done: bool = False
    reason: str | None = None
    seq: int = 0
    pages: int = 0
    superseded_pages: int = 0
    records: int = 0
    bytes: int = 0
    stored_bytes: int = 0
    attempts: int = 0
    retries: int = 0
    first_total: Any = None
    redone: bool = False
    total: Any = None
    total_changed: bool = False
    page_size: int = 0
    last_page: int = 0
    largest_page: int = 0
    smallest_page: int = 0
    empty_pages: int = 0
    was_led: bool = False
    doubts: tuple[Doubt, ...] = ()
    at: str | None = None  # when the last line was written
    control_characters: int = 0
    part: str | None = None  # of the last page that has one
    waits_for: tuple[Any, str] | None = None
    pages_before_list: int = 0  # of the lists that the chain went through before this one,
    records_before_list: int = 0  # where it was begun anew (`restart_after`)

    @property
    def live_pages(self) -> int:
        """The pages that count: those of the chain of cursors that is being followed."""
        return self.pages - self.superseded_pages

    def copy(self) -> "Checkpoint":
        """Another of the same values: made for each page, and so not by `dataclasses.replace`,
        which takes five times as long.
        """
        return Checkpoint(*_values(self))

    @property
    def this_list(self) -> "Checkpoint":
        """What the chain shows of the list that is gone through, where it was begun anew: totals
        are those of that list alone.
        """
        if not self.pages_before_list:
            return self
        of_list = self.copy()
        of_list.pages -= self.pages_before_list
        of_list.records -= self.records_before_list
        of_list.pages_before_list = of_list.records_before_list = 0
        return of_list

    def after(self, entry: Entry) -> "Checkpoint":
        """The checkpoint that this line leads to."""
        following = self.copy()
        following.add(entry)
        return following

    def add(self, entry: Entry) -> None:
        """Move on by one line."""
        if entry.reason and entry.restarts:  # few lines have one
            self.superseded_pages = self.pages
            self.records = self.bytes = self.stored_bytes = self.control_characters = 0
            self.first_total = self.total = None
            self.total_changed = False
            self.page_size = self.last_page = self.largest_page = 0
            self.smallest_page = self.empty_pages = 0
            self.pages_before_list = self.records_before_list = 0
            self.redone = self.redone or entry.redoes
        if entry.reason == SPLIT:
            self.total = entry.fields.get("total")
        if entry.reason:
            made = entry.fields.get("job") if entry.reason == JOB_MADE else None
            told = made.get("id") if isinstance(made, Mapping) else None
            self.waits_for = None if told is None else (told, entry.fetched_at)
        self.next, self.started = entry.next, True
        self.done, self.reason = entry.done, entry.reason
        self.doubts = entry.doubts
        self.at = entry.fetched_at
        self.seq = entry.seq
        if entry.part is not None:
            self.pages += 1
            self.see(entry.records, entry.fields)
        self.records += entry.records
        self.bytes += entry.bytes
        self.stored_bytes += entry.stored_bytes
        self.control_characters += entry.control_characters
        if entry.part is not None:
            self.part = entry.part
        if entry.part is not None and entry.starts_list:
            self.pages_before_list, self.records_before_list = self.live_pages, self.records
            self.first_total = self.total = None
            self.total_changed = False
        self.attempts += entry.attempts
        if entry.attempts > 1:
            self.retries += entry.attempts - 1

    def before(self, page: Entry) -> "Checkpoint":
        """What the chain showed before the last page, this one, as far as that can be told."""
        earlier = self.copy()
        earlier.pages -= 1
        earlier.records -= page.records
        earlier.empty_pages = max(0, self.empty_pages - 1)
        return earlier

    def with_page(self, records: int, fields: Mapping[str, Any]) -> "Checkpoint":
        """What the chain shows once a page counts, as far as its end is judged by it."""
        following = self.copy()
        following.pages += 1
        following.records += records
        following.see(records, fields)
        return following

    def see(self, records: int, fields: Mapping[str, Any]) -> None:
        """Take note of what a page shows of the chain."""
        if records:
            last = self.last_page
            if not last:
                self.page_size = records
            elif not self.smallest_page or last < self.smallest_page:
                self.smallest_page = last
            if records > self.largest_page:
                self.largest_page = records
            self.last_page = records
            self.empty_pages = 0
        else:
            self.empty_pages += 1
        if not fields:
            return
        if not self.was_led:
            self.was_led = LED in fields or "cursor" in fields
        total = fields.get("total")
        if total is not None and total != self.total:
            if self.first_total is None:
                self.first_total = total
            else:
                self.total_changed = True
            self.total = total


_values = attrgetter(*Checkpoint.__slots__)
