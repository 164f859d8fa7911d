"""Puts a harvest's numbers into a small HTML table, as notebooks show a value."""

from collections.abc import Iterator
from html import escape
from pathlib import Path

from harvester.errors import HarvesterError
from harvester.model import number, size
from harvester.results.current_run import under_way
from harvester.results.state import status
from harvester.results.summary import Summary

_HEADER = ("resource", "partitions", "pages", "records", "JSON", "on disk")


def harvest_table(out: Path) -> str:
    """The harvest in `out`; where there is none, that. Nothing in it is anything but text."""
    try:
        summary = status(out)
    except HarvesterError as error:
        return f"<p><b>{escape(str(out))}</b>: {escape(str(error))}</p>"
    head = "".join(f'<th style="text-align:left">{title}</th>' for title in _HEADER)
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
        for cells in _rows(summary)
    )
    caption = f"<p><b>{escape(summary.name)}</b> in {escape(str(out))}: {_state(summary, out)}</p>"
    return f"{caption}<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _rows(summary: Summary) -> Iterator[tuple[str, ...]]:
    for item in summary.resources:
        yield (
            item.name,
            f"{item.partitions.complete:,} of {item.partitions.total:,}",
            f"{item.pages:,}",
            f"{item.records:,}",
            size(item.bytes),
            size(item.stored_bytes),
        )
    for each in summary.embedded:
        yield (each.name, f"inside {each.inside}", "", "", "", "")


def _state(summary: Summary, out: Path) -> str:
    told = "complete" if summary.complete else "not complete"
    if summary.failures:
        told += f", {number(len(summary.failures), 'failure')}"
    if summary.doubts:
        told += f", {number(len(summary.doubts), 'doubt')}"
    return f"{told}; a run is under way" if under_way(out).running else told
