"""Incremental runs and refreshes: how a later run of the same harvest asks for what is new."""

from typing import Self

from pydantic import model_validator

from harvester.config.options import DurationOrZero, PagePath, Section, SectionError, Text
from harvester.config.wording import KeyPath


class Refresh(Section):
    """Asks again for what is complete: each time is the next generation of a partition."""

    after: DurationOrZero
    """How old a partition is when it is asked for again, from its last page on: `7d`; 0 asks in
    each run."""
    conditional: bool = False
    """Whether each page is asked for with the ETag or Last-Modified that it had: where the server
    answers 304, the stored page is kept, and no body comes."""


class Incremental(Section):
    """Runs that go on from the largest value seen, or from what the last page of the run before
    gave, each as a partition of its own.
    """

    cursor_path: PagePath | None = None
    """Path to the records' values, such as `data[*].updated_at`."""
    delta_path: PagePath | None = None
    """Path to what the last page of a run gives for the next run to begin with, instead of
    `cursor_path`: a link (`['@odata.deltaLink']`), or a token for `param` (`nextSyncToken`). The
    first run has none, and so asks for all."""
    param: Text | None = None
    """The query parameter that carries the value to start at. Left out: the request, or
    `stop_before`, names it as `{since}` or `{since:FORMAT}`."""
    initial_value: str | int | None = None
    """The value that the first run starts at."""
    lookback: DurationOrZero = 0
    """How far before the largest value seen a run starts, for records that change late."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        faults: list[tuple[KeyPath, str]] = []
        if (self.cursor_path is None) == (self.delta_path is None):
            told = "needs one of cursor_path and delta_path, where the next run's start stands"
            faults.append(((), told))
        elif self.cursor_path is not None and self.initial_value is None:
            faults.append((("initial_value",), "missing: what does the first run start at?"))
        elif self.delta_path is not None:
            faults += [
                ((name,), "is for cursor_path: what delta_path leads to is sent as it came")
                for name in ("initial_value", "lookback")
                if getattr(self, name)
            ]
        if faults:
            raise SectionError(faults)
        return self
