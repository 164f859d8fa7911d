"""States what a worker is to do as plain values that pickle, without any secret in them.

Locks, sockets, clocks and credentials are made where the assignment runs.
"""

from collections.abc import Mapping
from dataclasses import field, replace

from harvester.config import Config
from harvester.model import Partition
from harvester.store import Fingerprints, Header
from harvester.values import dataclass


@dataclass(frozen=True, slots=True)
class Assignment:
    """One partition to harvest. `header` is that of its journal, with the fingerprint of what is
    asked; `stop_at` is the number of pages to pause at, where `max_pages` was counted before.
    `is_new`: nobody is known to have begun it, so that it may be opened without a look.
    """

    partition: Partition
    header: Header
    stop_at: int | None = None
    is_new: bool = False

    def again(self) -> "Assignment":
        """The same for another worker: the one before may have begun it."""
        return replace(self, is_new=False) if self.is_new else self


@dataclass(frozen=True, slots=True)
class RunSpec:
    """What all assignments of a run have in common. The configuration pickles without its
    environment and without secrets that stand in it; each worker brings its own.

    `run` names the run, `place` its store, `processes` how many workers share its bounds,
    `threads` how many partitions each of them harvests at once.
    """

    run: str
    config: Config
    place: str
    salt: str
    fingerprints: Mapping[str, Fingerprints] = field(default_factory=dict)
    max_pages: int | None = None
    processes: int = 1
    threads: int = 1
    shows_exchanges: bool = False
