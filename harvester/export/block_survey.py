"""Surveys a block of records at a time: proves that it holds nothing new, or looks at each value.

The records of an API look alike, so after the first ones a typed parser proves for whole blocks
that there is nothing to learn (see `shape_types`), which is ten times as fast as looking.
"""

from typing import Any, Final

import msgspec

from harvester.export.blocks import Block
from harvester.export.shape_types import acceptor
from harvester.export.survey import Shape, Survey
from harvester.export.values import values_of

_REFUSED: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class BlockSurvey:
    """What all blocks look like, taken together, in `root`."""

    def __init__(self) -> None:
        self._survey = Survey()
        self._patterns: dict[bytes, bytes] = {}
        self.learned = 0  # how often there was anything new, or text that parsers differ in
        self._decoder: msgspec.json.Decoder[list[Any]] | None = None

    def remember(self, root: Shape) -> None:
        """Begin with what earlier records looked like."""
        self._survey.remember(root)
        self._decoder = acceptor(root)

    @property
    def root(self) -> Shape:
        """What the records look like so far."""
        return self._survey.root

    def observe(self, block: Block) -> bytes:
        """Take the records into account; of each chunk of the block whether it is plain (1 or 0):
        what was met accepts it, so that all parsers read it alike.
        """
        found = bytes(self.accepts(chunk) or self._learn(chunk) for chunk in block.chunks())
        return self._patterns.setdefault(found, found)  # one object for all that are alike

    def accepts(self, block: Block) -> bool:
        """Whether all records look as what was met."""
        if self._decoder is None:
            return False
        try:
            self._decoder.decode(block.array)
        except _REFUSED:
            return False
        return True

    def _learn(self, chunk: Block) -> bool:
        self.learned += 1
        for value in values_of(chunk.records):
            self._survey.observe(value)
        self._decoder = acceptor(self.root)
        return self.accepts(chunk)
