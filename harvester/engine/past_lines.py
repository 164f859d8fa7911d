"""Remembers what the lines of one partition's journal have said, those of former runs included."""

from dataclasses import replace
from typing import Any

from harvester.config import Resource
from harvester.engine.blame import CURSOR_CHARS
from harvester.engine.turns import short
from harvester.model import Doubt, LoopGuard, Partition, as_text, number
from harvester.paging import RUN_START
from harvester.planning import Seen
from harvester.security import Secrets
from harvester.store import SPLIT, Entry


class PastLines:
    """What follows from all lines so far for the page that comes next."""

    def __init__(self, resource: Resource, partition: Partition, secrets: Secrets) -> None:
        self._incremental = resource.incremental
        self._names_since = resource.names("since")
        self._partition = partition
        self._secrets = secrets
        self._start = partition.included.get(RUN_START)
        self._seen = Seen(self._start)  # of what an incremental run looks for
        self._records = 0  # in which it looked
        self.asking = partition
        """The partition without what a delta run began with, once that has expired."""
        self.guard = LoopGuard()
        """The cursors that were asked with."""
        self.page: Entry | None = None
        """The last of the pages that count."""
        self.newest: Entry | None = None
        self.was_split: Entry | None = None
        """The end of the generation before, where that is a split."""
        self.began: Entry | None = None
        """The first line of the chain that counts."""

    @property
    def link(self) -> Any:
        """The delta link that a run begins with; None where it begins otherwise."""
        incremental = self._incremental
        if incremental is None or incremental.delta_path is None or incremental.param:
            return None
        return None if self._names_since else self._start

    @property
    def goes_on_from_delta(self) -> bool:
        """Whether pages are asked for by the link or token that the run before ended with."""
        if self._incremental is None or self._incremental.delta_path is None:
            return False
        return self.asking.included.get(RUN_START) is not None

    def remember(self, entry: Entry) -> None:
        """Take in a line of the journal, one that it has or the next."""
        self.newest = entry
        if entry.done:
            self.was_split = entry if entry.reason == SPLIT else None
        self.began = None if entry.restarts else self.began or entry
        if self._incremental:
            if entry.restarts:
                self._seen, self._records = Seen(self._start), 0
            self._seen.add(entry)
            self._records += entry.records
        self.page = entry if entry.part is not None else None if entry.restarts else self.page
        if entry.restarts:
            self.guard = LoopGuard()
            if self.goes_on_from_delta:
                included = {**self._partition.included, RUN_START: None}
                self.asking = replace(self._partition, included=included)
        elif entry.accepts is None and not entry.is_of_job:
            self.guard.add(entry.cursor)

    def doubted(self, entry: Entry) -> Entry:
        """A line that ends an incremental run, with what speaks against the values that it saw."""
        incremental = self._incremental
        if incremental is None or incremental.cursor_path is None or not entry.done:
            return entry
        if self._seen.before is not None and (incremental.param or self._names_since):
            asked_from = short(as_text(self._start), CURSOR_CHARS)
            message = (
                f"{incremental.param or '{since}'}={asked_from} was asked for, and"
                f" a record's {incremental.cursor_path} is "
                f"{short(as_text(self._seen.before), CURSOR_CHARS)}: the server seems to ignore "
                f"{incremental.param or '{since}'}, and then each run stores the same once more"
            )
            entry = entry.doubted(Doubt("before_start", self._secrets.redact(message)))
        if self._seen.beyond is None:
            return entry if self._seen.largest is not None else self._without_value(entry)
        start = self._start if self._seen.largest is None else self._seen.largest
        message = (
            f"a record's {incremental.cursor_path} is "
            f"{short(as_text(self._seen.beyond), CURSOR_CHARS)}, which lies in the server's "
            "future; the next run starts at the largest value before it, "
            f"{short(as_text(start), CURSOR_CHARS)}"
        )
        return entry.doubted(Doubt("future_value", self._secrets.redact(message)))

    def _without_value(self, entry: Entry) -> Entry:
        if not self._records or self._incremental is None:
            return entry
        message = (
            f"none of {number(self._records, 'record')} has anything at "
            f"{self._incremental.cursor_path} (incremental.cursor_path), so that the next run "
            "begins where this one did: is it spelled so?"
        )
        return entry.doubted(Doubt("cursor_path", message))
