"""Form of a partition key that is a window of time, and what else says how windows are made.

window: {start: 2021-01-01, end: now, step: 1mo, settle: 1h}
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, model_validator

from harvester.config import quantities
from harvester.config.options import DurationOrZero, Reads, SectionError
from harvester.config.split_forms import SplitKeys, split_written
from harvester.config.wording import KeyPath
from harvester.model import FIRST_RUN, OpenWindows, Step, Windows

_STEP = {
    "anyOf": [
        {"type": "string", "pattern": quantities.STEP_PATTERN},
        {"type": "number", "exclusiveMinimum": 0},
    ],
    "examples": ["1h", "1d", "1w", "1mo", "1y"],
}
_MOMENT = {"type": "string", "pattern": quantities.MOMENT_PATTERN, "examples": ["2021-01-01"]}


def _end(value: object) -> datetime | Literal["now"]:
    return "now" if value == "now" else _start(value)


def _start(value: object) -> datetime:
    return FIRST_RUN if value == "first_run" else quantities.moment(value)


def _moment_written(moment: datetime) -> str:
    return "first_run" if moment == FIRST_RUN else quantities.moment_text(moment)


class WindowForm(SplitKeys):
    """Windows of time, from `start` (included) to `end` (excluded), one after another."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": ["step"]},
                {"required": ["open"]},
                {"required": ["split_above"]},
            ]
        }
    )

    start: Annotated[datetime, Reads(_start, {"anyOf": [{"const": "first_run"}, _MOMENT]})]
    """Where the first window begins: a date or time, UTC if it says no zone; or `first_run`, the
    time of this harvest's first run, which itself has no window then."""
    end: Annotated[
        datetime | Literal["now"],
        Reads(_end, {"anyOf": [{"enum": ["now", "first_run"]}, _MOMENT]}),
    ]
    """Where the last window ends, or `now`: only windows that have closed, so that a run each
    day adds a day; or `first_run`: later runs add none."""
    step: Annotated[Step, Reads(quantities.step, _STEP)] | None = None
    """The length of a window: `1h`, `1d`, `1w`, `1mo`, `1y`. Needed unless `open`: then, without
    it, each run has one window; or `split_above` with a fixed end: then one window has all."""
    settle: DurationOrZero = 0
    """How long after its end a window is left alone, for data that comes late."""
    open: bool = False
    """Whether the last window ends at the time of the run, and the next run's begins there."""
    overlap: DurationOrZero = 0
    """How long before its start an open window asks, for records that change late; those come
    again."""

    smallest: DurationOrZero = 1
    """The shortest window that is split off; one that is no longer than that, and still above
    `split_above`, is a gap: what the API shows of it is kept, and the rest is told as missing."""

    @model_validator(mode="after")
    def _step_or_open(self) -> Self:
        faults = list(self._split_faults())
        if self.step is None and not self.open and self.split_above is None:
            faults.append((("step",), "missing: how long is a window? (or open: true)"))
        if self.overlap and not self.open:
            faults.append((("overlap",), "is for open windows: add open: true"))
        if faults:
            raise SectionError(faults)
        return self

    def _split_faults(self) -> Iterator[tuple[KeyPath, str]]:
        if self.split_above is None:
            yield from self.lone("total_path", "smallest", "plan_from")
            return
        if self.open:
            yield ("split_above",), "open windows are not split: say step instead of open"
        elif self.step is None and self.end == "now":
            yield ("step",), "missing: how long is a window, where the end is now?"
        if self.smallest < 1 or self.smallest != int(self.smallest):
            yield ("smallest",), "whole seconds, from 1s up: windows are named to the second"
        if self.end != "now" and self.end <= self.start:
            yield ("end",), "is not after the start"


def windows_of(form: WindowForm) -> Windows | OpenWindows:
    """The plain value of a form."""
    end = None if form.end == "now" else form.end
    settle = timedelta(seconds=form.settle)
    if form.open:
        overlap = timedelta(seconds=form.overlap)
        return OpenWindows(form.start, end, form.step, settle, overlap)
    whole = (end - form.start).total_seconds() if end else 1
    step = form.step or Step(seconds=whole)
    smallest = timedelta(seconds=form.smallest)
    return Windows(form.start, end, step, settle, form.split, smallest)


def windows_written(spec: Windows | OpenWindows) -> dict[str, Any]:
    """The form that reads back as the same."""
    end = "now" if spec.end is None else _moment_written(spec.end)
    settle = {"settle": spec.settle.total_seconds()} if spec.settle else {}
    step = {"step": quantities.step_text(spec.step)} if spec.step else {}
    written = {"start": _moment_written(spec.start), "end": end, **step, **settle}
    if isinstance(spec, OpenWindows):
        overlap = {"overlap": spec.overlap.total_seconds()} if spec.overlap else {}
        return {**written, "open": True, **overlap}
    smallest = spec.smallest.total_seconds()
    shortest = {"smallest": smallest} if smallest != 1 else {}
    return {**written, **split_written(spec.split), **shortest}
