"""Hands partitions to workers one by one, and gathers how they ended.

No more are held than are being worked on. One that fails ends alone; what stops the run stops all.
"""

import shlex
from collections import Counter
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Final

from harvester import __version__
from harvester.engine.assignment import Assignment
from harvester.engine.attempts import Run
from harvester.engine.beginnings import with_beginning
from harvester.engine.counted_in import CountedIn, FirstLines
from harvester.engine.events import (
    PartitionDone,
    PartitionLost,
    PartitionPaused,
    Warned,
)
from harvester.engine.finished import Finished
from harvester.engine.turns import iso
from harvester.engine.workers import Workers
from harvester.errors import (
    HarvesterError,
    Interrupted,
    PartitionFailed,
    WindowOpen,
    is_want_of_threads,
    no_more_threads,
)
from harvester.model import Partition
from harvester.paging import paginator_of
from harvester.planning import (
    Feed,
)
from harvester.results import (
    Failure,
    Failures,
    KnownBefore,
)
from harvester.store import (
    Checkpoint,
    Fenced,
    Header,
    Overtaken,
    PartitionBusy,
    ReadAhead,
    folder_of,
    is_done,
    refuse_later,
)

_MOST_OPENED: Final = 5  # times that a partition is opened anew behind a writer believed dead


class WorkedOff:
    """Hands partitions to workers, and gathers how they ended."""

    def __init__(self, run: Run, feed: Feed, known: KnownBefore, first: FirstLines) -> None:
        self._feed = feed
        self._counted_in = CountedIn(run.config, known, first)
        self._known = known
        self.by: HarvesterError | None = None
        self.paused = False
        self.failures = Failures()
        self._run = run
        self._created_at = iso(run.now())
        self._cut_short = False
        self._most_was_noted = False
        self._looked = False  # for journals of a later version
        self.elsewhere = 0  # partitions that other machines go on with
        self._opened_anew: Counter[str] = Counter()
        self._waiting = False  # whether a window is still open
        self._active: dict[Future[Checkpoint], tuple[Partition, str]] = {}
        self._ended: SimpleQueue[Future[Checkpoint]] = SimpleQueue()

    def work_off(self, workers: Workers) -> None:
        """Harvest them all, or until something stops the run."""
        store = self._run.store
        with store.survey() as survey, workers:
            finished = Finished(self._run, self._counted_in, survey)
            ahead = ReadAhead(store, survey, self._feed.next, self._feed.has_children)
            try:
                while (found := ahead.next()) or self._active:
                    if found is None:  # until one that is active has children
                        workers.begin()
                        self._gather(workers)
                        continue
                    partition, folder = found
                    if self._run.stop.is_set():
                        self._cut_short = True
                        break
                    if (at := finished.passed_over(partition, folder)) is not None:
                        self._tell_of_most(partition, at)
                        self._feed.finished(partition)
                        continue
                    if not self._looked:
                        refuse_later(store)
                        self._looked = True
                    names_now = self._run.sources[partition.resource].names_now
                    partition = with_beginning(self._run, partition, self._created_at)
                    self._submit(workers, partition, folder, is_new=ahead.is_new and not names_now)
                    if len(self._active) >= workers.slots:
                        workers.begin()
                        self._gather(workers)
                workers.begin()
                while self._active:
                    self._gather(workers)
                self._known.is_whole = not self._cut_short
            except BaseException as error:  # also Ctrl-C: no worker must go on behind our back
                self._run.stop.set()
                if not is_want_of_threads(error):
                    raise
                self.by = self.by or no_more_threads()
        if self._cut_short and self.by is None:
            self.by = Interrupted("interrupted")

    def _header(self, partition: Partition) -> Header:
        fingerprint = self._run.sources[partition.resource].fingerprint
        return Header(
            partition.resource, partition.labels, fingerprint, __version__, self._created_at
        )

    def _submit(
        self, workers: Workers, partition: Partition, folder: str, *, is_new: bool = False
    ) -> None:
        assignment = Assignment(partition, self._header(partition), is_new=is_new)
        self._run.store.lent(folder)
        future = workers.submit(assignment)
        self._active[future] = partition, folder
        future.add_done_callback(self._ended.put)

    def _gather(self, workers: Workers) -> None:
        """Wait for one worker at least, and take note of how its partition ended."""
        done = [self._ended.get()]
        while not self._ended.empty():
            done.append(self._ended.get())
        for future in done:
            partition, folder = self._active.pop(future)
            self._run.store.lent(folder, back=True)
            try:
                checkpoint = future.result()
            except Overtaken as error:
                self._open_anew(workers, partition, folder, error)
            except (Fenced, PartitionBusy) as error:
                self._leave(partition, error)
            except PartitionFailed as error:
                self._fail(partition, error)
            except WindowOpen as error:
                self._waits(partition, error)
            except Interrupted:
                self._cut_short = True  # as it was asked to be
            except HarvesterError as error:
                self.by = self.by or error
                self._run.stop.set()
            else:
                if checkpoint.done:
                    self._tell_of_most(partition, checkpoint)
                    self._counted_in.ended(partition, checkpoint)
                    self._run.emit(PartitionDone(partition, checkpoint))
                    self._feed.finished(partition)
                else:
                    self._left(partition)
                    self.paused = True
                    self._run.emit(PartitionPaused(partition, checkpoint))

    def _left(self, partition: Partition) -> None:
        """A partition ended without its last page."""
        self._counted_in.left(partition)
        self._feed.left(partition)

    def _open_anew(
        self, workers: Workers, partition: Partition, folder: str, error: Overtaken
    ) -> None:
        """A writer that was believed dead has put a page: go on behind it."""
        again = self._opened_anew[partition.path] + 1
        if again > _MOST_OPENED or self._run.stop.is_set():
            self._leave(partition, error)
            return
        self._opened_anew[partition.path] = again
        self._run.emit(PartitionPaused(partition, Checkpoint()))
        self._submit(workers, partition, folder)
        workers.begin()

    def _leave(self, partition: Partition, error: PartitionFailed) -> None:
        """Another machine has a partition: that is no failure, and nothing of it is lost."""
        self._left(partition)
        self.elsewhere += 1
        told = f"left to another machine, which goes on with it: {error}"
        self._run.emit(Warned(partition, told))
        self._run.emit(PartitionPaused(partition, Checkpoint()))

    def _tell_of_most(self, partition: Partition, at: Checkpoint) -> None:
        """A partition that ended by a number of pages, while more are wanted now, stays complete;
        that is said once.
        """
        if at.reason != "maximum_reached" or self._most_was_noted:
            return
        options = self._run.sources[partition.resource].endpoint.resource.paginator
        if paginator_of(options).capped(at):
            return
        self._most_was_noted = True
        place = self._run.config.place_of(partition.resource, "paginator")
        again = shlex.join(
            ["harvester", "redo", self._run.store.place, "--resource", partition.resource]
        )
        message = (
            f"complete with {at.live_pages:,} pages, the most that were wanted; {place} now wants "
            f"more, but what is complete is not gone on with: {again} harvests it again"
        )
        self._run.emit(Warned(partition, message))

    def _waits(self, partition: Partition, error: WindowOpen) -> None:
        """A window that has not closed is left to a later run; that is said once."""
        if not self._waiting:
            self._run.emit(Warned(partition, str(error)))
        self._waiting = True
        self._left(partition)
        self._run.emit(PartitionPaused(partition, Checkpoint()))

    def _fail(self, partition: Partition, error: PartitionFailed) -> None:
        if is_done(
            self._run.store, folder_of(self._run.store, partition)
        ):  # a gap: what there is may lead on
            self._counted_in.left(partition)
            self._feed.finished(partition)
        else:
            self._left(partition)
        self.failures.add(Failure(partition.resource, partition.labels, str(error), error.cursor))
        self._run.emit(PartitionLost(partition, str(error)))
