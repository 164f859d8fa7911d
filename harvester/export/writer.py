"""Writer: what an export target must do to take the rows of a harvest.

A writer *must* put every row that it is given into the file at `path`, in their order, and *must*
have the file complete when its block is left without an error. It *must* raise OSError where the
disk is full. Where the rows raise `TableChanged`, it *must* let that through, and begin anew when
`add` is called again. It *must not* write anywhere but in the folder of `path`, which is its own.
What it imports beyond the harvester itself it *must* name in `libraries`, and import only when it
is made.

A new target is one class in one file, and one line in `targets.WRITERS`; `tests/export` then runs
over it by itself.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Protocol, Self

from harvester.export.blocks import Block
from harvester.export.columns import Table


class Rows(Protocol):
    """The rows of one resource. Each look at them reads the harvest anew."""

    @property
    def resource(self) -> str:
        """The name of the resource."""

    @property
    def partition_names(self) -> Mapping[str, str]:
        """The column of each partition key."""

    def table(self) -> Table:
        """The columns, from all records and partition values: to be asked for first."""

    def blocks(self) -> Iterator[Block]:
        """The rows, many at a time, without those that are repeated.

        Raises `TableChanged` where they do not fit what `table` said.
        """


class Writer(ABC):
    """Writes one file, whole. Used as a context, in which `add` is called for each resource."""

    #: What the name of a target ends in: `.csv`.
    suffix: ClassVar[str]
    #: What must be installed beyond the harvester itself.
    libraries: ClassVar[tuple[str, ...]] = ()
    #: Whether a file holds several resources, each under a name.
    holds_several: ClassVar[bool] = False
    #: Whether its columns have types, for `--cast`.
    has_types: ClassVar[bool] = False
    #: Whether what is within a list or an object has one, too.
    has_types_inside: ClassVar[bool] = True

    def __init__(self, path: Path) -> None:
        """`path` is a new name in a folder of its own. Raises OSError, as for a full disk."""
        self._path = path

    def __init_subclass__(cls) -> None:
        """Refuse a writer that has no suffix."""
        suffix = getattr(cls, "suffix", "")
        if not suffix.startswith(".") or suffix != suffix.lower():
            raise TypeError(f"{cls.__name__}: a writer has a suffix such as .csv, not {suffix!r}")

    @classmethod  # noqa: B027  # most have nothing to refuse
    def check_target(cls, target: Path) -> None:
        """Raise `ConfigError` where a new file at `target` would not be what was written."""

    def __enter__(self) -> Self:
        return self

    def __exit__(  # noqa: B027  # most are complete by then
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Complete the file, unless there was an error. Raises OSError."""

    @abstractmethod
    def add(self, name: str, rows: Rows) -> None:
        """Write the rows; `name` is theirs in a file that holds several. Raises OSError."""
