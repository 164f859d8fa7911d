"""Writes the committed records of a harvest into one file, of many formats.

The way of the data: which pages (`snapshot`), records as values (`values`), one schema over all of
them (`survey`, `columns`), which of them are repeated (`repeats`), and the file itself, by the
`Writer` of its suffix (`targets`), which gets its name when it is complete (`scratch`).
"""

from harvester.export.casting import CastColumn
from harvester.export.copying import Copied, copy
from harvester.export.exporting import (
    Exported,
    export,
)
from harvester.export.querying import Answer, answered, lines_of
from harvester.export.steps import OnStep, Step
from harvester.export.targets import WRITERS
from harvester.export.writer import Rows, Writer

__all__ = [
    "WRITERS",
    "Answer",
    "CastColumn",
    "Copied",
    "Exported",
    "OnStep",
    "Rows",
    "Step",
    "Writer",
    "answered",
    "copy",
    "export",
    "lines_of",
]
