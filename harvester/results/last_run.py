"""Notes of the last run in `last_run.json`: which partitions failed, what was waited for."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from harvester.errors import DataRefused, DiskError
from harvester.results.run_statistics import RunStatistics
from harvester.results.summary import MOST_FAILURES, Failure, Failures
from harvester.store import Place, json_document, store_at

LAST_RUN: Final = "last_run.json"
_LARGEST_NOTED: Final = 64 << 20  # a thousand failures, each with its cursor
_MOST_NOTED: Final = 1 << 53


def write_last_run(
    out: Place, failures: Failures, run: RunStatistics | None = None, *, others: bool = False
) -> None:
    """Note which partitions failed, for `status`, and what the run waited for and lost, added to
    what the runs before noted, for `report`; `others` keeps the failures that were noted before,
    as those of other shares. The journals remain the only truth.
    """
    statistics = read_statistics(out)
    if others:
        failures = _with_earlier(failures, read_last_run(out))
    if run is not None:
        statistics.add(run)
    value = {
        "failed": failures.count,
        "failures": [asdict(failure) for failure in failures.listed],
        "tally": statistics.as_dict(),
    }
    try:
        store_at(out).write(LAST_RUN, json_document(value))
    except DataRefused as error:  # something else lies there: no word against the pages
        raise DiskError(str(error)) from error


def _with_earlier(failures: Failures, earlier: Failures) -> Failures:
    """All of the later ones, and those of before that were listed and are not among them. Whatever
    is complete by now, nobody counts.
    """
    both = Failures(Counter(failures.count), list(failures.listed))
    known = {failure.key for failure in failures.listed}
    for failure in earlier.listed:
        if failure.key not in known:
            both.add(failure)
    return both


def read_last_run(out: Place) -> Failures:
    """The failures that the last run noted; none where it noted nothing readable."""
    noted = _noted(out)
    count, listed = noted.get("failed"), noted.get("failures")
    if not isinstance(count, dict) or not all(_is_count(number) for number in count.values()):
        return Failures()
    items = listed[:MOST_FAILURES] if isinstance(listed, list) else ()
    return Failures(Counter(count), [one for item in items if (one := _failure(item))])


def _failure(item: Any) -> Failure | None:
    match item:
        case {"resource": str(name), "partition": dict(labels), "error": str(error)}:
            if all(isinstance(label, str) for label in labels.values()):
                return Failure(name, labels, error, item.get("cursor"))
    return None


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_NOTED


def read_statistics(out: Place) -> RunStatistics:
    """What the runs so far noted of waits and failed attempts; empty if nothing was."""
    return RunStatistics.read(_noted(out).get("tally"))


def _noted(out: Place) -> Mapping[str, Any]:
    """What `last_run.json` holds. The journals are the truth: where it is no longer what a run
    wrote, it says nothing.
    """
    try:
        text = store_at(out).read(LAST_RUN, _LARGEST_NOTED + 1) or b""
        value = json.loads(text) if len(text) <= _LARGEST_NOTED else None
    except (DataRefused, DiskError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
