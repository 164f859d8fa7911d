"""Asks for a lost page again with the cursor that leads to it, and says what a repair has done."""

import threading
from dataclasses import field
from typing import Any, Final

from harvester.engine import PageResult, Pages, Run, with_beginning
from harvester.errors import AttemptFailed, PartitionFailed
from harvester.model import Partition
from harvester.store import Checkpoint, Entry
from harvester.values import dataclass

#: More are counted, not listed.
_MOST_LISTED: Final = 1000
#: What a server says of a cursor that it will not know tomorrow either; not of credentials that it
#: does not take now, nor of a budget that is spent.
_LOST: Final = (400, 404, 410, 422)


@dataclass(frozen=True, slots=True)
class Anew:
    """A partition that cannot be mended page by page, and why."""

    partition: Partition
    why: str


@dataclass(slots=True)
class Repair:
    """What a repair did: `again` are parts that are there again, each with what is to be said of
    it; `aside` files that were put aside; `failed` pages that could not be had now.
    """

    parts: int = 0
    pages: int = 0
    again: list[str] = field(default_factory=list)
    aside: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    anew: list[Anew] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether all that was found is mended."""
        return not self.failed and not self.anew

    def as_dict(self) -> dict[str, Any]:
        """The JSON form that `repair --json` prints."""
        return {
            "ok": self.ok,
            "parts": self.parts,
            "pages": self.pages,
            "again": self.again,
            "aside": self.aside,
            "failed": self.failed,
            "anew": [
                {
                    "resource": item.partition.resource,
                    "partition": dict(item.partition.labels),
                    "why": item.why,
                }
                for item in self.anew
            ],
        }

    def note(self, listed: list[Any], item: Any) -> None:
        """Add to a list, unless it is too long already."""
        if len(listed) < _MOST_LISTED:
            listed.append(item)


class CannotMend(Exception):
    """The partition must begin anew; says why."""


class NotNow(Exception):
    """A page is not to be had now, which says nothing against the next try."""


class AskedAgain:
    """Pages of one partition, asked for again. `is_lost`: the last one is gone for good."""

    def __init__(self, run: Run, partition: Partition, found: Repair) -> None:
        self.pages = Pages(run, with_beginning(run, partition))
        self.is_lost = False
        self._found = found

    def page(self, at: Checkpoint) -> PageResult | None:
        """The page after `at`; None where the server does not give it."""
        try:
            with self.pages.blamed(at):
                return self.pages.judged(self.pages.fetch(at, threading.Event()), at)
        except (PartitionFailed, AttemptFailed) as error:
            self._found.note(self._found.failed, str(error))
            cause = error.__cause__ if isinstance(error, PartitionFailed) else error
            self.is_lost = getattr(cause, "status", None) in _LOST
            return None

    def in_place_of(
        self, old: Entry, at: Checkpoint, problem: str
    ) -> tuple[PageResult, str] | None:
        """The page of a part that has a problem, and what is to be said of both; None where the
        server does not give it. Raises `CannotMend` where it leads elsewhere now.
        """
        fetched = self.page(at)
        if fetched is None:
            return None
        new = fetched.entry
        if not _same_place(old, new):
            fetched.discard()
            raise CannotMend(
                f"{old.part}: {problem}; the API's answer to the same request now leads elsewhere"
            )
        if new.sha256 != old.sha256 and new.records != old.records:
            problem += f"; it has {new.records:,} records now, had {old.records:,}"
        return fetched, problem


def _same_place(old: Entry, new: Entry) -> bool:
    """Whether a page that was asked for again stands where the old one stood.

    Tokens may be new with each answer: then as many records in as many bytes tell that it is the
    same page, and the chain goes on as it did.
    """
    if new.part is None or new.restarts:
        return False
    if new.sha256 == old.sha256 or (new.done, new.next) == (old.done, old.next):
        return True
    return (new.records, new.bytes) == (old.records, old.bytes)
