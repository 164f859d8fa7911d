"""The last screen of a run, and what `status` shows: what came, what is missing and why."""

from collections.abc import Sequence
from typing import Final

from harvester.errors import Interrupted
from harvester.summary import Failure, ResourceSummary, Summary
from harvester.terminal.phrases import duration, number, one_line, printable, size, table
from harvester.terminal.progress import Progress

_MOST_FAILURES: Final = 10
_MOST_REASONS: Final = 3


def closing(summary: Summary, progress: Progress, columns: int | None) -> str:
    """A run in words: how it ended, the resources, its own numbers, what is missing.

    `columns` is the width of the terminal; None where lines may be as long as they like.
    """
    parts = [
        _ending(summary),
        resources(summary, columns),
        _this_run(summary, progress),
        missing(summary.failures),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def standing(summary: Summary, columns: int | None) -> str:
    """The state of a folder in words, for `status`."""
    pending = sum(item.partitions.pending for item in summary.resources)
    if summary.complete:
        state = _complete(summary)
    else:
        failed = sum(item.partitions.failed for item in summary.resources)
        state = f"Not complete: {number(pending, 'partition')} pending, {failed:,} failed."
    head = f"{summary.name}: {state[0].lower()}{state[1:]}"
    parts = [head, resources(summary, columns), missing(summary.failures)]
    return "\n\n".join(filter(None, parts))


def resources(summary: Summary, columns: int | None) -> str:
    """The table of resources; nothing where no partition is planned."""
    items = [item for item in summary.resources if item.partitions.total]
    if not items:
        return ""
    total = [_row(item) for item in items]
    header = ("resource", "partitions", "pages", "records", "JSON", "on disk")
    return table(header, total, columns)


def _row(item: ResourceSummary) -> Sequence[str]:
    counts = item.partitions
    partitions = f"{counts.complete:,} of {counts.total:,}"
    if counts.failed:
        partitions += f", {counts.failed:,} failed"
    return (
        item.name,
        partitions,
        f"{item.pages:,}",
        f"{item.records:,}",
        size(item.bytes),
        size(item.stored_bytes),
    )


def _ending(summary: Summary) -> str:
    if isinstance(summary.ended_by, Interrupted):
        return "Interrupted; everything committed is kept."
    if summary.ended_by is not None:
        return f"Stopped; everything committed is kept.\n  {printable(str(summary.ended_by))}"
    total = sum(item.partitions.total for item in summary.resources)
    failed = sum(item.partitions.failed for item in summary.resources)
    left = total - failed - sum(item.partitions.complete for item in summary.resources)
    if failed:
        rest = f", {left:,} pending" if left else ""
        of = number(total, "partition")
        return f"{failed:,} of {of} failed{rest}; every page committed is kept."
    if summary.paused:
        return f"Paused by --max-pages: {number(left, 'partition has', 'partitions have')} more."
    if left:
        others = number(left, "other partition is", "other partitions are")
        return f"Done with what was asked for; {others} pending."
    return _complete(summary)


def _complete(summary: Summary) -> str:
    total = sum(item.partitions.total for item in summary.resources)
    if not total:
        return (
            "Complete, with nothing to harvest: the plan has no partitions. (A window is planned "
            "once it has closed, children once their parents are harvested.)"
        )
    pages = sum(item.pages for item in summary.resources)
    records = sum(item.records for item in summary.resources)
    came = f"{number(pages, 'page')}, {number(records, 'record')}"
    return f"Complete: {number(total, 'partition')}, {came}."


def _this_run(summary: Summary, progress: Progress) -> str:
    requests = sum(item.requests for item in summary.resources)
    retries = sum(item.retries for item in summary.resources)
    failed = f" ({number(retries, 'attempt')} failed)" if retries else ""
    line = (
        f"This run: {number(progress.new_pages, 'page')}, "
        f"{number(progress.new_records, 'record')}, {number(requests, 'request')}{failed}, "
        f"{duration(progress.elapsed_s)}."
    )
    progress.waiting_s()  # up to now
    waits = sorted(((round(s), why) for why, s in progress.waited_s.items()), reverse=True)
    waited = sum(seconds for seconds, _ in waits)
    if not waited:
        return line
    told = "; ".join(
        f"{duration(seconds)} {why}" for seconds, why in waits[:_MOST_REASONS] if seconds
    )
    return f"{line}\nOf these {duration(waited)} waiting: {told}."


def missing(failures: Sequence[Failure]) -> str:
    """The failures in words, the first few of them."""
    if not failures:
        return ""
    lines = ["Failed:"]
    lines += [f"  {one_line(failure.error)}" for failure in failures[:_MOST_FAILURES]]
    if len(failures) > _MOST_FAILURES:
        lines.append(f"  … and {len(failures) - _MOST_FAILURES:,} more: see `harvester status`")
    return "\n".join(lines)
