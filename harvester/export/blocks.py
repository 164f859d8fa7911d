"""Cuts the records of a harvest into blocks: enough at once for a columnar reader to be worth it.

A block holds records of one resource as the server wrote them, of one page or of many, and which
partition each of them is of. Both passes of an export cut the same blocks, and the same chunks
within them, so what the first pass finds out about a chunk holds in the second one.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from harvester.export.choice import Chooser
from harvester.export.columns import Row
from harvester.export.values import values_of
from harvester.page import Record
from harvester.values import dataclass

#: Of a block: a columnar reader takes some milliseconds to begin (2 MiB: a quarter slower).
BLOCK_BYTES: Final = 8 * 1024 * 1024
BLOCK_RECORDS: Final = 100_000
#: A block is tried, and given up, in so many chunks.
CHUNKS: Final = 64


class Run(NamedTuple):
    """So many records, one after the other, of a partition with these values."""

    values: Mapping[str, Any]
    fetched_at: str
    length: int


@dataclass(frozen=True, slots=True)
class Block:
    """Records and what they are of. `plain`: each is what `BlockSurvey.accepts` has taken."""

    records: Sequence[Record]
    runs: Sequence[Run]
    plain: bool = False

    def __len__(self) -> int:
        return len(self.records)

    @property
    def array(self) -> bytes:
        """The records as one JSON array."""
        return b"[%b]" % b",".join(self.records)

    @property
    def lines(self) -> bytes:
        """The records as JSON Lines."""
        return b"\n".join((*self.records, b""))

    def column(self, key: str) -> list[Any]:
        """The partition value `key` of each record."""
        found: list[Any] = []
        for run in self.runs:
            found += [run.values[key]] * run.length
        return found

    def rows(self) -> Iterator[Row]:
        """Record by record."""
        records = iter(self.records)
        for run in self.runs:
            for _, record in zip(range(run.length), records, strict=False):
                yield run.values, bytes(record)

    def values(self) -> Iterator[tuple[Run, list[Any]]]:
        """The JSON values of the records, some of a run at a time."""
        for chunk in self.chunks():
            begin = 0
            for run in chunk.runs:
                yield run, values_of(chunk.records[begin : begin + run.length])
                begin += run.length

    def chosen(self, chooser: Chooser) -> "Block":
        """The records after a choice among their members."""
        return Block(chooser.apply(self.records), self.runs) if chooser.changes else self

    def cut(self, begin: int, end: int, *, plain: bool = False) -> "Block":
        """The records from `begin` up to `end`."""
        runs = []
        at = 0
        for run in self.runs:
            count = min(end, at + run.length) - max(begin, at)
            if count > 0:
                runs.append(Run(run.values, run.fetched_at, count))
            at += run.length
        return Block(self.records[begin:end], runs, plain)

    def chunks(self) -> Iterator["Block"]:
        """The block in `CHUNKS` pieces or fewer."""
        size = -(-len(self) // CHUNKS)
        for begin in range(0, len(self), size):
            yield self.cut(begin, min(begin + size, len(self)), plain=self.plain)

    def without(self, places: Sequence[int]) -> "Block":
        """The block without the records at these places, which are in order."""
        if not places:
            return self
        kept: list[Record] = []
        runs: list[Run] = []
        begin = 0
        for place in (*places, len(self)):
            piece = self.cut(begin, place)
            kept += piece.records
            runs += piece.runs
            begin = place + 1
        return Block(kept, runs, self.plain)


class BlockBuilder:
    """Gathers records until they are worth a block."""

    def __init__(self) -> None:
        self._records: list[Record] = []
        self._runs: list[Run] = []
        self._size = 0

    def add(
        self, values: Mapping[str, Any], fetched_at: str, records: Sequence[Record]
    ) -> Iterator[Block]:
        """Take in some records of a page; gives a block when there is a full one."""
        if not records:
            return
        self._records += records
        self._size += sum(map(len, records))
        count = len(records)
        if self._runs and self._runs[-1][:2] == (values, fetched_at):
            count += self._runs.pop().length
        self._runs.append(Run(values, fetched_at, count))
        if self._size >= BLOCK_BYTES or len(self._records) >= BLOCK_RECORDS:
            yield from self.rest()

    def rest(self) -> Iterator[Block]:
        """What is left, as a block, and begin anew."""
        if self._records:
            yield Block(self._records, self._runs)
        self._records, self._runs, self._size = [], [], 0


def plain_parts(block: Block, plain: bytes) -> Iterator[Block]:
    """The block in pieces that are plain, or are not, by what is known of its chunks."""
    begin = end = 0
    for number, chunk in enumerate(block.chunks()):
        if end > begin and plain[number] != plain[number - 1]:
            yield block.cut(begin, end, plain=bool(plain[number - 1]))
            begin = end
        end += len(chunk)
    if end > begin:
        yield block.cut(begin, end, plain=bool(plain[-1]))
