"""GrowingTarget: what a target must do to take what is new since the last export, exactly once.

Rows and ledger *must* become visible by one step that either happens or does not; what a kill left
half done *must* be completed or undone when the target is opened next, before anything is read of
it. Nothing that no export has made *must* be changed or removed.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from harvester.export.ledger import Ledger
from harvester.export.writer import Rows


class GrowingTarget(ABC):
    """A target that may hold rows of earlier exports. Used as a context.

    `ledger`, then `add`, of each resource; `commit` at the end. Left without a `commit`, it is as
    it was.
    """

    #: What was found half done and was completed, in words.
    mended: str | None = None

    def __enter__(self) -> Self:
        return self

    @abstractmethod
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let go of the target."""

    @abstractmethod
    def ledger(self, name: str, *, force: bool) -> Ledger | None:
        """What the target holds under this name; None for nothing, or where `force` is to write
        it anew.

        Raises `ConfigError` where something lies there that no export has made.
        """

    @abstractmethod
    def add(
        self,
        name: str,
        rows: Rows,
        ledger: Ledger,
        added: Sequence[str] = (),
        dedupe: Sequence[str] = (),
    ) -> int:
        """Write the rows, of whose table all is known. `ledger` is the one to be: with its first
        append, all that was there under this name goes; `added` are columns that the rows of
        before have not. Of those, the ones that are alike at the paths `dedupe` give way; how many
        did. Raises OSError.
        """

    @abstractmethod
    def commit(self, ledgers: Sequence[tuple[str, Ledger]]) -> None:
        """Make the rows and the ledgers part of the target. Raises OSError."""
