"""Reads back what is committed of a partition, from any store."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Final

from harvester.errors import DataRefused
from harvester.model import Partition
from harvester.store.checkpoint import Checkpoint
from harvester.store.contract import Store
from harvester.store.counting import (
    Span,
    checkpoint_of,
    counting_pages,
    entries_in,
    generations_in,
    span_of,
)
from harvester.store.entries import SPLIT, Entry, Header
from harvester.store.layout import folder_among

_FEW: Final = 16  # lines of a journal that are held: most have fewer, and are read once by that


def folder_of(store: Store, partition: Partition) -> str:
    """The name of a partition's folder, whether it is there or not.

    Raises `DataRefused` where the way to it leads out of the store.
    """
    return folder_among(partition, partial(header_of, store), store.reach)


def header_of(store: Store, folder: str) -> Header | None:
    """Whose journal lies in a folder; None where none was begun."""
    first = next(store.lines(folder), None)
    return first if isinstance(first, Header) else None


def entries_of(
    store: Store, folder: str, lines: Sequence[Header | Entry] | None = None
) -> Iterator[Entry]:
    """All committed lines, in order. `lines`: the same with the header, where they are known."""
    return entries_in(store.lines(folder) if lines is None else iter(lines))


def progress_of(store: Store, folder: str) -> Checkpoint:
    """Where a partition stands."""
    return checkpoint_of(entries_of(store, folder))


def lines_counting(store: Store, folder: str) -> Span:
    """Which lines of a partition count."""
    # Parsing every line twice is only worth it where one begins again.
    return span_of(entries_of(store, folder)) if store.begins_again(folder) else Span()


def pages_of(
    store: Store, folder: str, lines: Sequence[Header | Entry] | None = None
) -> Iterator[Entry]:
    """The pages that count, in order; those of the generation before while one is harvested.
    `lines`: all of the partition's, where they are known.
    """
    if lines is not None:
        known = partial(entries_of, store, folder, lines)
        return counting_pages(known, span_of(known()))
    first: list[Entry] = []
    with suppress(DataRefused):  # said behind the pages that come before the damage
        first = [*islice(entries_of(store, folder), _FEW)]
    if 0 < len(first) < _FEW:
        return counting_pages(lambda: iter(first), span_of(first))
    return counting_pages(partial(entries_of, store, folder), lines_counting(store, folder))


def generations_of(
    store: Store, folder: str, lines: Sequence[Header | Entry] | None = None
) -> list[Span]:
    """The lines of each generation of a partition, the oldest first; see `generations_in`."""
    if lines is not None:
        return generations_in(entries_of(store, folder, lines))
    if not store.begins_again(folder):
        return [Span()]
    return generations_in(entries_of(store, folder))


def pages_in(store: Store, folder: str, generation: Span) -> Iterator[Entry]:
    """The pages of one generation, in order."""
    return counting_pages(partial(entries_of, store, folder), generation)


def is_done(store: Store, folder: str) -> bool:
    """Whether the partition has its last page."""
    last = store.last(folder)
    return last is not None and last.done


def split_line(store: Store, folder: str) -> Entry | None:
    """The line that says which smaller partitions took the place of one (`Entry.split_into`), of
    its last generation that has an end; None where it was not split.
    """
    last = store.last(folder)
    if last is not None and not last.done and store.begins_again(folder):
        last = None
        for entry in entries_of(store, folder):
            last = entry if entry.done else last
    return last if last is not None and last.reason == SPLIT else None


def is_usable(store: Store, folder: str) -> bool:
    """Whether a generation has its last page: the newest, or one that is being harvested again."""
    if is_done(store, folder):
        return True
    return store.begins_again(folder) and any(line.done for line in entries_of(store, folder))


def ends_done(lines: Sequence[Header | Entry]) -> bool:
    """Whether the partition of all these lines has its last page."""
    return bool(lines) and isinstance(lines[-1], Entry) and lines[-1].done


def has_end(lines: Iterable[Header | Entry]) -> bool:
    """The same as `is_usable`, of all the lines of a partition."""
    entries = [*entries_in(iter(lines))]
    if not entries or entries[-1].done:
        return bool(entries)
    return any(line.restarts for line in entries) and any(line.done for line in entries)
