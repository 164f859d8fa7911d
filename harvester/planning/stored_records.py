"""Reads the records of committed pages back, in order, as the server wrote them."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby, islice
from typing import TYPE_CHECKING, Final

from harvester.config import AnyResource
from harvester.errors import DataRefused, Malformed
from harvester.model import Partition
from harvester.page import format_of
from harvester.planning.lists import Lists
from harvester.store import (
    Entry,
    Header,
    Place,
    Store,
    decoded,
    fetched_ahead,
    folder_of,
    generations_of,
    pages_in,
    pages_of,
    store_at,
)

if TYPE_CHECKING:
    from harvester.page import Inside

FolderPage = tuple[str, Entry]
FoundPartition = tuple[Partition, str, Sequence[Header | Entry] | None]
"""A partition, its folder, and its lines where they are known."""
_Numbered = tuple[int, Partition, str, Entry]
_AHEAD: Final = 32  # parts, where most partitions have few

_BLOCK: Final = 1000


def partition_records(
    out: Place,
    partition: Partition,
    resource: AnyResource,
    *,
    generation: int | None = None,
) -> Iterator[bytes]:
    """The records of one partition of `resource`, in order, as `iter_records` gives them.

    `generation` counts from 1: the last one where there are not so many; None is the newest.
    """
    store = store_at(out)
    folder = folder_of(store, partition)
    pages = ((folder, entry) for entry in _pages(store, folder, generation))
    return page_records(store, pages, resource, Lists(resource.source), inside_of(resource))


def records_of_each(
    store: Store, partitions: Iterable[FoundPartition], resource: AnyResource
) -> Iterator[tuple[int, Partition, Iterator[bytes]]]:
    """The same of each of many partitions, with its number from 0, but for those without pages:
    parts of those to come are fetched meanwhile. Each is to be read before the next one.
    """

    def pages() -> Iterator[_Numbered]:
        for number, (partition, folder, lines) in enumerate(partitions):
            for page in pages_of(store, folder, lines):
                yield number, partition, folder, page

    def stored(page: _Numbered) -> tuple[str, str, int]:
        return _stored(page[2:])

    inside = inside_of(resource)
    fetched = fetched_ahead(store, pages(), stored, _AHEAD)
    for number, of_one in groupby(fetched, lambda each: each[0][0]):
        first = next(of_one)
        stream = ((page[2:], chunks) for page, chunks in chain((first,), of_one))
        records = _records(store, stream, resource, Lists(resource.source), inside, lines=False)
        yield number, first[0][1], records


def page_records(
    store: Store,
    pages: Iterable[FolderPage],
    resource: AnyResource,
    lists: Lists,
    inside: "Inside | None",
    *,
    lines: bool = False,
) -> Iterator[bytes]:
    """The records of pages of `resource`, each with the folder of its partition; `lines`: as JSON
    Lines, in blocks of whole lines. `lists` counts the records that came again where a list was
    begun anew, and are left out; `inside` says what was looked through for those that are embedded.

    Raises `DataRefused` in the turn of a page that is damaged.
    """
    yield from _records(
        store, fetched_ahead(store, pages, _stored), resource, lists, inside, lines=lines
    )


def _records(
    store: Store,
    fetched: Iterable[tuple[FolderPage, Iterator[bytes]]],
    resource: AnyResource,
    lists: Lists,
    inside: "Inside | None",
    *,
    lines: bool,
) -> Iterator[bytes]:
    form = format_of(resource.source)
    cut = form.lines if lines else form.records
    for (folder, entry), stored in fetched:
        part = f"{store.place}/{folder}/{entry.part}"
        try:
            stream = decoded(store, folder, entry.part or "", entry.stored_bytes, stored)
            if not (lists.overlap or inside):
                yield from cut(stream, entry.records)
                continue
            lists.enter(folder, entry.list_from)
            for batch in form.batches(stream, entry.records):
                kept = lists.new(batch) if lists.overlap else batch
                new = map(bytes, inside.of(kept) if inside else kept)
                yield from _blocks(new) if lines else new
        except (Malformed, DataRefused, OSError, ValueError) as error:
            reason = str(error).removeprefix(f"{part}: ")  # as damaged gzip begins
            raise DataRefused(f"{part}: {reason}; see `harvester verify`") from error


def _blocks(records: Iterator[bytes]) -> Iterator[bytes]:
    """Records as blocks of whole lines: one of a page may hold any number of them."""
    while some := [*islice(records, _BLOCK)]:
        yield b"\n".join((*some, b""))


def inside_of(resource: AnyResource) -> "Inside | None":
    """The way to the records of a resource in those of its pages; None where they are the same."""
    if not resource.chain:
        return None
    from harvester.page import Inside  # few harvests have any

    return Inside(resource.chain)


def _stored(page: FolderPage) -> tuple[str, str, int]:
    folder, entry = page
    return folder, entry.part or "", entry.stored_bytes


def _pages(store: Store, folder: str, generation: int | None) -> Iterator[Entry]:
    if generation is None:
        return pages_of(store, folder)
    spans = generations_of(store, folder)
    return pages_in(store, folder, spans[min(generation, len(spans)) - 1])
