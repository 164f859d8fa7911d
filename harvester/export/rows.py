"""Rows of one resource: what its columns are, and the records in blocks.

Two passes would do: one that looks at all records for the columns, one that gives them. Most
harvests need one. What the first records and samples from the whole harvest look like is taken for
the table, and each block is looked at before it is given. Where one shows the table to be another,
the rest is looked through, and `TableChanged` has the writer begin anew, with the right table.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from harvester.errors import ConfigError
from harvester.export.block_survey import BlockSurvey
from harvester.export.blocks import Block, BlockBuilder, plain_parts
from harvester.export.casting import Casting
from harvester.export.choice import Choice, Chooser
from harvester.export.columns import Table, partition_names, table_of
from harvester.export.known import Known
from harvester.export.repeats import Repeats
from harvester.export.snapshot import Snapshot
from harvester.export.steps import OnStep, Step
from harvester.export.survey import Survey

#: Looked at before anything is written: so many blocks, and pages from all over the harvest.
HEAD_BLOCKS: Final = 1
SAMPLED_PAGES: Final = 50
_SAMPLED_BATCHES: Final = 4  # of each: a small page has no more
_STEP_RECORDS: Final = 5000


class TableChanged(Exception):
    """A block has shown the columns to be others than `table` had said. `table` now has all of
    them, and `blocks` begins anew.
    """


class ResourceRows:
    """The rows of one resource. `seen` is a new file for what `dedupe` needs."""

    def __init__(
        self,
        snapshot: Snapshot,
        prefix: str,
        dedupe: Sequence[str],
        choice: Choice,
        seen: Path,
        on_step: OnStep,
        casting: Casting | None = None,
    ) -> None:
        self.count = self.repeated = 0
        self.notes: list[str] = []
        self._snapshot = snapshot
        self._prefix = prefix
        names = partition_names(snapshot.keys, prefix)
        self._keys = choice.keys(names)
        self._columns = choice.columns
        self._chooser = Chooser(snapshot.name, choice, list(names.values()))
        self._dedupe = dedupe
        self._casting = casting
        self._on_step = on_step
        self._stack = ExitStack()
        self._repeats = self._stack.enter_context(Repeats(seen, dedupe)) if dedupe else None
        self._looked_through = self._remembers = False
        self._phase = "reading"
        self._records, self._partitions = BlockSurvey(), Survey()
        self._partitions.observe(dict.fromkeys(self._keys))
        self._values: Mapping[str, Any] | None = None
        self._plain: list[bytes] = []  # of each block that was looked at, its chunks
        self._table: Table | None = None

    def remember(self, known: Known) -> None:
        """Let the columns be of earlier records as well; to be said before `table`."""
        self._remembers = True
        self._records.remember(known.records)
        if known.partitions.members is not None:
            self._partitions.remember(known.partitions)

    @property
    def known(self) -> Known:
        """What all records looked like, after `table`."""
        tallies = self._casting.tallies if self._casting else {}
        return Known(self._records.root, self._partitions.root, tallies)

    @property
    def resource(self) -> str:
        """The name of the resource."""
        return self._snapshot.name

    @property
    def partition_names(self) -> Mapping[str, str]:
        """The column of each partition key."""
        return partition_names(self._keys, self._prefix)

    @property
    def unmet(self) -> frozenset[tuple[str, str]] | None:
        """What the choice named and no record had; None where there was no record."""
        return self._chooser.unmet

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def table(self) -> Table:
        """The columns, from all records and partition values, or so it seems."""
        if self._table is None and self._casting is not None:
            self._table = self._cast_table(self._casting)
        if self._table is None:
            found = self._look_through(self._repeats) if self._repeats else self._blocks("reading")
            looked_at = 0
            for block in islice(found, HEAD_BLOCKS):
                self._observe(block.chosen(self._chooser))
                looked_at += len(block)
            several = bool(self._snapshot.inside) or looked_at < self._snapshot.records
            if self._repeats or (several and not self._samples_are_alike()):
                for block in found:
                    self._observe(block.chosen(self._chooser))
            self._table = self._seen()
        return self._table

    def exact_table(self) -> Table:
        """The columns, after a look at all records: `blocks` raises no `TableChanged`."""
        if self._casting is not None:
            return self.table()
        return self._look_at_all()

    def _look_at_all(self) -> Table:
        for block in self._blocks("reading"):
            self._observe(block.chosen(self._chooser))
        self._table = self._seen()
        return self._table

    def _cast_table(self, casting: Casting) -> Table:
        table = self._look_at_all()
        casting.begin(table)
        for block in self._blocks("reading"):
            casting.observe(block.chosen(self._chooser))
        return casting.table(table)

    def blocks(self) -> Iterator[Block]:
        """The rows, many at a time, without those that are repeated. Raises `TableChanged`."""
        if self._repeats and not self._looked_through:
            for _ in self._look_through(self._repeats):
                pass
        repeated = self._repeats.positions() if self._repeats else iter(())
        leave_out = next(repeated, None)
        begin = self.count = self.repeated = 0
        for block in self._seen_blocks():
            end = begin + len(block)
            places = []
            while leave_out is not None and leave_out < end:
                places.append(leave_out - begin)
                leave_out = next(repeated, None)
            begin = end
            self.repeated += len(places)
            self.count += len(block) - len(places)
            if len(places) < len(block):
                yield block.without(places)
        if self._table is not None:
            self.notes += self._table.notes

    def _seen_blocks(self) -> Iterator[Block]:
        """All blocks, each after it was looked at, if there is to be a table."""
        found = self._blocks("writing")
        for number, whole in enumerate(found):
            block = whole.chosen(self._chooser)
            if self._table is None:
                yield block
                continue
            if number == len(self._plain) and self._observe(block) and self._seen() != self._table:
                self._phase = "reading"
                for rest in found:
                    self._observe(rest.chosen(self._chooser))
                self._table = self._seen()
                raise TableChanged
            yield from plain_parts(block, self._plain[number])

    def _seen(self) -> Table:
        """The columns of what was seen so far."""
        name = self._snapshot.name
        made = table_of(name, self._records.root, self._partitions.root, self._prefix)
        return made.in_order(self._columns) if self._columns else made

    def _observe(self, block: Block) -> bool:
        """Look at a block; whether it had anything new."""
        learned, partitions = self._records.learned, self._partition_kinds()
        self._plain.append(self._records.observe(block))
        for run in block.runs:
            if run.values is not self._values:
                self._values = run.values
                self._partitions.observe({key: run.values[key] for key in self._keys})
        return learned != self._records.learned or partitions != self._partition_kinds()

    def _partition_kinds(self) -> list[int]:
        return [shape.kinds for shape in (self._partitions.root.members or {}).values()]

    def _samples_are_alike(self) -> bool:
        """Whether pages from all over the harvest look as what was seen so far."""
        step = max(1, self._snapshot.pages // (SAMPLED_PAGES or 1))
        for page in islice(self._snapshot, 0, None, step):
            builder = BlockBuilder()
            batches = islice(self._snapshot.records_of(page), _SAMPLED_BATCHES)
            found = [
                block
                for records in batches
                for block in builder.add(page.values, page.fetched_at, records)
            ]
            found += builder.rest()
            if not all(self._records.accepts(block.chosen(self._chooser)) for block in found):
                return False
        return True

    def _look_through(self, repeats: Repeats) -> Iterator[Block]:
        """The first pass over all records, where repeated ones are left out."""
        self._looked_through = True
        position = 0
        for block in self._blocks("reading"):
            for run, values in block.values():
                for value in values:
                    repeats.observe(position, run.fetched_at, value)
                    position += 1
            yield block
        self._check_keys(repeats)

    def _blocks(self, phase: str) -> Iterator[Block]:
        snapshot, reported = self._snapshot, 0
        builder = BlockBuilder()
        self._phase = phase
        self._tell(0)
        for page, stored in snapshot.fetched():
            for records in snapshot.records_of(page, stored):
                yield from builder.add(page.values, page.fetched_at, records)
                if snapshot.passed - reported >= _STEP_RECORDS:
                    reported = snapshot.passed
                    self._tell(reported)
        yield from builder.rest()
        self._tell(snapshot.passed)

    def _tell(self, records: int) -> None:
        self._on_step(Step(self._phase, self._snapshot.name, records, self._snapshot.records))

    def _check_keys(self, repeats: Repeats) -> None:
        """Refuse a key that no record has, and tell of records without it."""
        name, keys = self._snapshot.name, " ".join(f"--dedupe {key}" for key in self._dedupe)
        if repeats.unkeyed and not repeats.keyed and not self._remembers:
            raise ConfigError(f"{name}: {keys}: no record has a value there")
        if repeats.unkeyed:
            self.notes.append(
                f"{name}: {repeats.unkeyed:,} records have no value at {keys}; all were kept"
            )
