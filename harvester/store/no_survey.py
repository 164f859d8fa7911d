"""Looks at each partition by itself, in stores where that costs next to nothing."""

from typing import Protocol

from harvester.store.entries import Entry, Header


class Finishes(Protocol):
    """A store, as far as it is asked for finished partitions."""

    def finished(self, folder: str) -> list[Header | Entry] | None:
        """The lines of a partition that nothing is left to do for, if that is known at once."""


class NoSurvey:
    """Looks at nothing before its turn, and at what is not finished not at all."""

    ahead = 0

    def __init__(self, store: Finishes, *, whole: bool) -> None:
        self._store = None if whole else store

    def ask(self, folder: str, *, parts: bool = False) -> bool:
        """Nothing is known before its turn."""
        return True

    def has(self, folder: str) -> bool:
        """Nothing is known."""
        return True

    def lines(self, folder: str) -> list[Header | Entry] | None:
        """Those of a finished partition; None where a reader finds the same in one look."""
        return None if self._store is None else self._store.finished(folder)
