"""From the folder of a harvest to one file: JSON Lines, CSV, Parquet or a DuckDB database.

The way of the data: which pages (`snapshot`), records as values (`values`), one schema over all of
them (`survey`, `columns`), which of them are repeated (`repeats`), and the file itself (`lines`,
`csvfile`, `arrow`, `database`), which gets its name when it is complete (`scratch`).
"""

from harvester.export.exporting import (
    FORMATS,
    Exported,
    Step,
    export,
)

__all__ = [
    "FORMATS",
    "Exported",
    "Step",
    "export",
]
