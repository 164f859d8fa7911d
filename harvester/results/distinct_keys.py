"""Counts exactly how many of the records on disk are different: `verify --keys`.

The digest of each key goes into one of 256 files by its first byte, in a temporary folder; then
each file is sorted by itself, in memory, and what stands twice in it stands side by side. A file
that is too large for that is spread over 256 others by the next byte. So memory stays at some
80 MB, however many records there are, and the disk takes 20 bytes for each.
"""

import os
import tempfile
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import asdict, field
from itertools import islice
from pathlib import Path
from typing import Any, Final

from harvester.config import AnyResource
from harvester.errors import ConfigError
from harvester.model import JSONPathError
from harvester.page import Keys, digest, parsed_keys
from harvester.planning import records_of_each
from harvester.results.state import in_order, planned
from harvester.store import Place, disk_errors, read_asked, store_at
from harvester.values import dataclass

_BATCH: Final = 1000  # records whose keys are read at once
_DIGEST: Final = 16
_ITEM: Final = _DIGEST + 4  # the number of the partition stands behind it
_BUFFER_BYTES: Final = 64 * 1024
_SORTED_BYTES: Final = 16 << 20  # a larger file is not sorted in memory
MOST_LISTED: Final = 1000


@dataclass(slots=True)
class Doubles:
    """The records of a resource by their `key`: `duplicates` come again, `within` of them in the
    partition where the same one stands already, and `unkeyed` have no value there. `partitions`
    lists the first of those that have any within them.
    """

    resource: str
    key: list[str]
    records: int = 0
    distinct: int = 0
    duplicates: int = 0
    within: int = 0
    unkeyed: int = 0
    partitions: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The JSON form that `verify --keys --json` prints."""
        return asdict(self)


def doubles(out: Place, key: Sequence[str] = ()) -> list[Doubles]:
    """Count the different records of each resource that has a `key`, or of all by the one given.

    Reads only. Raises `ConfigError` where there is no key, `DataRefused`, `DiskError`.
    """
    asked = read_asked(out)
    chosen = [(resource, key or resource.key) for resource in asked.config.declared]
    if not any(paths for _, paths in chosen):
        raise ConfigError(
            "--keys: no resource has a key; add `key: id` to the YAML and run it, or say --key id"
        )
    place = os.environ.get("TMPDIR") or tempfile.gettempdir()
    with disk_errors(Path(place)), tempfile.TemporaryDirectory(prefix="harvester-keys-") as spill:
        return [
            _counted(out, resource, paths, Path(spill, str(number)))
            for number, (resource, paths) in enumerate(chosen)
            if paths
        ]


def _counted(out: Place, resource: AnyResource, paths: Sequence[str], spill: Path) -> Doubles:
    try:
        keys = Keys(parsed_keys(paths))
    except JSONPathError as error:
        raise ConfigError(f"--key: {error}") from None
    found = Doubles(resource.name, list(paths))
    files = _Files(spill)
    partitions = array("Q")
    store = store_at(out)
    looks = in_order(store, read_asked(store), (resource.source.name,))
    known = ((one.partition, one.folder, one.lines) for one in looks)
    for number, _, records in records_of_each(store, known, resource):
        partitions.extend([0] * (number + 1 - len(partitions)))
        behind = number.to_bytes(4, "big")
        while batch := [*islice(records, _BATCH)]:
            found.records += len(batch)
            for each in keys.of(batch):
                if each is None:
                    found.unkeyed += 1
                else:
                    files.add(digest(each) + behind)
    for items in files.sorted():
        _count(items, found, partitions)
    found.duplicates = found.records - found.unkeyed - found.distinct
    found.within = sum(partitions)
    if found.within:
        found.partitions = [*islice(_listed(out, resource, partitions), MOST_LISTED)]
    return found


def _count(items: Sequence[bytes], found: Doubles, partitions: "array[int]") -> None:
    """Count in what is sorted: the same key side by side, and of it the same partition."""
    before = b""
    for item in items:
        if item == before:
            partitions[int.from_bytes(item[_DIGEST:], "big")] += 1
        elif item[:_DIGEST] != before[:_DIGEST]:
            found.distinct += 1
        before = item


def _listed(
    out: Place, resource: AnyResource, partitions: "array[int]"
) -> Iterator[dict[str, Any]]:
    names = planned(out, read_asked(out), (resource.source.name,))
    for partition, number in zip(names, partitions, strict=False):
        if number:
            yield {"partition": dict(partition.labels), "duplicates": number}


class _Files:
    """Items in files by one byte of them, `level` bytes from their beginning."""

    def __init__(self, folder: Path, level: int = 0) -> None:
        folder.mkdir()
        self._folder = folder
        self._level = level
        self._waiting = [bytearray() for _ in range(256)]

    def add(self, item: bytes) -> None:
        """Put an item where it belongs."""
        waiting = self._waiting[item[self._level]]
        waiting += item
        if len(waiting) >= _BUFFER_BYTES:
            self._flush(item[self._level])

    def _flush(self, byte: int) -> None:
        with (self._folder / f"{byte:02x}").open("ab") as file:
            file.write(self._waiting[byte])
        self._waiting[byte].clear()

    def sorted(self) -> Iterator[list[bytes]]:
        """The items, those of one file after the other; each file is gone when it has been read."""
        for byte in range(256):
            path = self._folder / f"{byte:02x}"
            size = path.stat().st_size if path.exists() else 0
            if size > _SORTED_BYTES and self._level < _DIGEST - 1:
                self._flush(byte)
                yield from self._spread(path).sorted()
            else:
                data = (path.read_bytes() if size else b"") + self._waiting[byte]
                self._waiting[byte].clear()
                items = [data[at : at + _ITEM] for at in range(0, len(data), _ITEM)]
                items.sort()
                yield items
            path.unlink(missing_ok=True)

    def _spread(self, path: Path) -> "_Files":
        files = _Files(path.with_suffix(".d"), self._level + 1)
        with path.open("rb") as file:
            while item := file.read(_ITEM):
                files.add(item)
        return files
