"""Reads back what is committed of a partition, from any store."""

from collections.abc import Iterator
from functools import partial

from harvester.model import Partition
from harvester.store.contract import Store
from harvester.store.counting import Span, checkpoint_of, counting_pages, entries_in, span_of
from harvester.store.entries import Checkpoint, Entry, Header
from harvester.store.layout import folder_among


def folder_of(store: Store, partition: Partition) -> str:
    """The name of a partition's folder, whether it is there or not.

    Raises `DataRefused` where the way to it leads out of the store.
    """
    return folder_among(partition, partial(header_of, store), store.reach)


def header_of(store: Store, folder: str) -> Header | None:
    """Whose journal lies in a folder; None where none was begun."""
    first = next(store.lines(folder), None)
    return first if isinstance(first, Header) else None


def entries_of(store: Store, folder: str) -> Iterator[Entry]:
    """All committed lines, in order."""
    return entries_in(store.lines(folder))


def progress_of(store: Store, folder: str) -> Checkpoint:
    """Where a partition stands."""
    return checkpoint_of(entries_of(store, folder))


def lines_counting(store: Store, folder: str) -> Span:
    """Which lines of a partition count."""
    # Parsing every line twice is only worth it where one begins again.
    return span_of(entries_of(store, folder)) if store.begins_again(folder) else Span()


def pages_of(store: Store, folder: str) -> Iterator[Entry]:
    """The pages that count, in order; those of the generation before while one is harvested."""
    return counting_pages(partial(entries_of, store, folder), lines_counting(store, folder))


def is_usable(store: Store, folder: str) -> bool:
    """Whether a generation has its last page: the newest, or one that is being harvested again."""
    if store.is_done(folder):
        return True
    return store.begins_again(folder) and any(line.done for line in entries_of(store, folder))
