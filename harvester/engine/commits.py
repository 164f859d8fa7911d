"""Commits the pages of one partition, in order, each with the line that the journal has of it.

A page is committed before the next is asked for: its part gets its name, and its line is written.
Making it safe from a power cut is the store's affair, behind the fetches; but where that must not
wait, or nothing comes behind it, it is done at once.
"""

from collections.abc import Callable

from harvester.engine.page_result import PageResult
from harvester.store import Checkpoint, Entry, Writer


class Commits:
    """The commits of one partition. `on_commit` is called with each entry that has become part of
    the harvest, and what it led to. `each_at_once`: every page is safe before the next is asked
    for; else the last one, and the one that brings the partition to `stop_at` pages.
    """

    def __init__(
        self,
        writer: Writer,
        on_commit: Callable[[Entry, Checkpoint], None],
        *,
        each_at_once: bool = False,
    ) -> None:
        self._writer = writer
        self._on_commit = on_commit
        self._each_at_once = each_at_once
        self.stop_at: int | None = None

    def add(self, page: PageResult) -> None:
        """Commit a page; raises `DiskError`, `DataRefused`, `FolderLost`, what `on_commit` does."""
        try:
            self._writer.look()
            self._writer.commit(page.entry, page.part, at_once=self._is_last(page.entry))
        except BaseException:
            page.discard()
            raise
        self._on_commit(page.entry, self._writer.checkpoint.copy())

    def _is_last(self, entry: Entry) -> bool:
        pages = self._writer.checkpoint.pages + (entry.part is not None)
        at_once = self._each_at_once or entry.done or entry.is_of_job
        return at_once or pages == self.stop_at
