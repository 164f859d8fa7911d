"""Tells which lines of a journal count, wherever the journal lies."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import cast

from harvester.store.checkpoint import Checkpoint
from harvester.store.entries import Entry, Header
from harvester.values import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """Which lines of a journal count for readers: those with `begins` < `seq` <= `last`.

    `newest` is the `seq` of the line by which the newest chain began, 0 where none did: behind it
    are the pages that the writer goes by.
    """

    begins: int = 0
    last: float = math.inf
    newest: int = 0

    def counts(self, seq: int) -> bool:
        """Whether line `seq` is of pages that count, for readers or for the writer."""
        return self.begins < seq <= self.last or seq > self.newest


def entries_in(lines: Iterator[Header | Entry]) -> Iterator[Entry]:
    """The entries among a journal's lines: all but the first, the header."""
    return cast("Iterator[Entry]", islice(lines, 1, None))


def checkpoint_of(entries: Iterable[Entry]) -> Checkpoint:
    """Where a partition stands by its lines."""
    checkpoint = Checkpoint()
    for entry in entries:
        checkpoint.add(entry)
    return checkpoint


def span_of(entries: Iterable[Entry]) -> Span:
    """The lines that count: of the newest generation that has its last page, or of the newest where
    none has; and of them those since the chain of cursors last began again.
    """
    begins = newest = 0
    finished: Span | None = None
    for entry in entries:
        if entry.restarts:
            begins = newest = entry.seq
        elif entry.done:
            finished = Span(begins, entry.seq)
    if finished is None:
        return Span(begins, newest=newest)
    return replace(finished, newest=newest)


def generations_in(entries: Iterable[Entry]) -> list[Span]:
    """The lines of each generation that has its last page, the oldest first; where none has, those
    of the one that is being harvested.
    """
    begins = 0
    found: list[Span] = []
    for entry in entries:
        if entry.restarts:
            begins = entry.seq
        elif entry.done:
            found.append(Span(begins, entry.seq))
    return found or [Span(begins)]


def counting_pages(entries: Callable[[], Iterator[Entry]], counts: Span) -> Iterator[Entry]:
    """The pages that count, in order: none that is superseded."""
    for entry in entries():
        if entry.seq > counts.last or (entry.restarts and entry.seq > counts.begins):
            return  # the next generation, or a run beside us, just now
        if entry.part is not None and entry.seq > counts.begins:
            yield entry
