"""Names the folders of a table that is divided by the values of its columns, as Hive does.

`lang=en/day=2021-01-01`. What a name cannot hold is percent-encoded, as DuckDB, pyarrow and Spark
read it; null has a name of its own.
"""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

from harvester.errors import ConfigError
from harvester.export.columns import Cast, Column, Moment, Scalar, Table
from harvester.model import as_text

NULL: Final = "__HIVE_DEFAULT_PARTITION__"
#: Of one export: a value for each record would be a file for each.
MOST_FOLDERS: Final = 10_000
_NAME_BYTES: Final = 255
_UNSAFE: Final = frozenset("\"#%'*/:=?\\{}[]^<>|\x7f")
_SCALARS: Final = (Scalar.TEXT, Scalar.INTEGER, Scalar.BOOL)
_CASTS: Final = (Scalar.INTEGER, Moment.DATE)


def key_columns(table: Table, names: Sequence[str], resource: str) -> list[Column]:
    """The columns of these names. Raises `ConfigError` where one can divide nothing."""
    columns = {column.name: column for column in table.columns}
    for name in names:
        if name not in columns:
            close = get_close_matches(name, columns, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            raise ConfigError(
                f"--partition-by {name}: {resource} has no such column; {hint}there are "
                f"{', '.join(columns)}"
            )
        kind = columns[name].type
        if not (kind.to in _CASTS if isinstance(kind, Cast) else kind in _SCALARS):
            raise ConfigError(
                f"--partition-by {name}: takes a column of texts, whole numbers, booleans or "
                "dates, and it is none"
            )
    if len(names) == len(columns):
        raise ConfigError("--partition-by: at least one column must be left for the files")
    return [columns[name] for name in names]


def folder_name(columns: Sequence[Column], values: Sequence[object]) -> str:
    """The folder of the rows with these values. Raises `ConfigError` where a name is too long."""
    return "/".join(
        _segment(column.name, value) for column, value in zip(columns, values, strict=True)
    )


def _segment(name: str, value: object) -> str:
    text = NULL if value is None else encoded(as_text(value))
    segment = f"{encoded(name)}={text}"
    if len(segment.encode()) > _NAME_BYTES:
        raise ConfigError(
            f"--partition-by {name}: the value {str(value)[:32]!r}… is too long for the name of a "
            "folder"
        )
    return segment


def encoded(text: str) -> str:
    """A text as part of a folder's name."""
    safe = "".join(f"%{ord(char):02X}" if char < " " or char in _UNSAFE else char for char in text)
    if safe == NULL:
        return "%5F" + safe[1:]
    return safe[:-1] + f"%{ord(safe[-1]):02X}" if safe.endswith((" ", ".")) else safe
