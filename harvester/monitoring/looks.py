"""Decides from outside whether a harvest is well, for `healthcheck`."""

from pathlib import Path
from typing import Final

from harvester.model import duration
from harvester.results import status, under_way
from harvester.values import dataclass

#: After how long without a page a run counts as stalled, unless something else is said.
WELL_AFTER_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the harvest in a folder is well, and why, in a sentence."""

    well: bool
    why: str


def health_of(out: Path, stalled_after_s: float) -> Health:
    """A run that keeps pages, or waits for what it announced, is well; so is a folder in which no
    run is under way, unless the last one was killed before all was there.

    Raises `DataRefused` where there is no harvest.
    """
    summary = status(out)
    run = under_way(out, summary.since)
    process = f"process {run.pid}" if run.pid else "a process"
    if run.stalled(stalled_after_s):
        return Health(False, f"stalled: {process} has kept no page for {duration(run.idle_s)}")
    if run.running:
        return Health(True, f"under way: {process}, idle for {duration(run.idle_s)}")
    if summary.complete:
        return Health(True, "complete")
    if run.killed:
        return Health(False, "the last run ended without a word: killed, or the machine went down")
    return Health(True, "no run is under way; not complete")
