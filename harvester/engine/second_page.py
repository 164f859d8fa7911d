"""Compares a first page with its second, to show how a harvest would page.

Nothing here asks: `check --live` brings the pages. They are compared by what makes a record the
same record, as `init` compares them; and what the first page claims is held against what came.
"""

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from harvester.config import Resource
from harvester.errors import DataRefused
from harvester.model import Key, number
from harvester.page import as_number, format_of
from harvester.paging import (
    Paginator,
    Sign,
    counted_in,
    envelope,
    more_than,
    of_body,
    of_headers,
    paginator_of,
    shared,
)
from harvester.store import decoded_chunks
from harvester.values import dataclass

_MOST_RECORDS: Final = 2000
_MOST_BYTES: Final = 16 << 20
_SORTED: Final = "add the API's parameter for a fixed order, such as sort: id, to params"


@dataclass(frozen=True, slots=True)
class Second:
    """What the second page is, in words; `wrong`: a harvest would not go well."""

    message: str
    wrong: bool = False


def compared(resource: Resource, first: Path, second: Path, records: int) -> Second:
    """The second page, of so many records, beside the first."""
    if records == 0:
        return Second("it is empty")
    before, after = _records(resource, first), _records(resource, second)
    both = shared(before, after)
    if both.same and both.count == both.first:
        same = f"it has the same records as the first (by {both.by})"
        if resource.paginator.repeated_page != "fail":
            return Second(f"{same}, which repeated_page allows")
        return Second(f"{same}: {paginator_of(resource.paginator).ignored()}", wrong=True)
    if both.count:
        return Second(
            f"{both.count:,} of its {both.second:,} records are on the first page, too (by "
            f"{both.by}): the list is not sorted, or moves while it is read; {_SORTED}"
        )
    return Second(f"{number(records, 'other record')} (by {both.by})")


def claimed(resource: Resource, page: Path, headers: Mapping[str, str], came: int) -> Sign | None:
    """What says that there is more than the page has, where the page is small enough to look at."""
    pages = format_of(resource)
    selected = tuple(one.name for one in pages.selector if isinstance(one, Key))
    text = b"".join(_bounded(pages.text(decoded_chunks(page))))
    try:
        body = json.loads(text) if len(text) < _MOST_BYTES else None
    except (ValueError, RecursionError):
        body = None
    return more_than([*of_body(envelope(body, selected)), *of_headers(headers)], came)


def total_in_words(paginator: Paginator[Any], value: Any) -> str:
    """What stands in the place of the total, with its unit; nothing where there is none."""
    if paginator.options.total_place is None:
        return ""
    total = as_number(value)
    if total is None:
        return f"{paginator.options.total_place} has no number"
    unit = counted_in(paginator) or "records or pages"
    return f"{paginator.options.total_place} says {total:,} {unit}"


def ends_in_words(paginator: Paginator[Any]) -> str:
    """What would end a partition, in words."""
    return ", or ".join(paginator.ends())


def _records(resource: Resource, page: Path) -> list[Any]:
    """The first records of a page."""
    pages = format_of(resource)
    found: list[Any] = []
    size = 0
    try:
        for record in itertools.islice(pages.records(decoded_chunks(page)), _MOST_RECORDS):
            found.append(json.loads(record))
            size += len(record)
            if size > _MOST_BYTES:
                break
    except (ValueError, RecursionError, DataRefused):
        pass  # what was read until there is enough to compare
    return found


def _bounded(chunks: Iterable[bytes]) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        yield chunk
        size += len(chunk)
        if size > _MOST_BYTES:
            return
