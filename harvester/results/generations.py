"""Compares two generations of a harvest, record by record, by their key.

The records of the older generation of a partition go into a temporary SQLite file by their key;
then the newer ones are read as a stream and looked up there. So memory stays flat, and the disk
takes what one partition has.
"""

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from itertools import islice
from typing import Any, Final, Literal

from harvester.config import AnyResource, unknown
from harvester.errors import ConfigError
from harvester.model import JSONPathError, Partition, find, parse
from harvester.page import Keys, parsed_keys
from harvester.planning import partition_records
from harvester.results.drift import Drift
from harvester.results.state import Looked, in_order
from harvester.store import Asked, Place, Store, generations_of, read_asked, store_at
from harvester.values import dataclass

_BATCH: Final = 1000
_TABLE: Final = "CREATE TABLE former (key BLOB PRIMARY KEY, record BLOB, seen INTEGER)"


@dataclass(frozen=True, slots=True)
class Difference:
    """A record that is not the same in both generations; `before` and `after` are its texts."""

    change: Literal["new", "gone", "changed"]
    resource: str
    partition: Mapping[str, str]
    key: Any
    before: bytes | None
    after: bytes | None

    def line(self) -> bytes:
        """One line of JSON."""
        told = {
            "change": self.change,
            "resource": self.resource,
            "partition": dict(self.partition),
            "key": self.key,
        }
        text = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()[:-1]
        for name, record in ((b"before", self.before), (b"after", self.after)):
            text += b',"%s":%s' % (name, b"null" if record is None else record)
        return text + b"}"


@dataclass(slots=True)
class Comparison:
    """The differences of one resource in numbers; `unkeyed` records have no key, `partitions` had
    two generations.
    """

    name: str
    new: int = 0
    gone: int = 0
    changed: int = 0
    same: int = 0
    unkeyed: int = 0
    partitions: int = 0
    fields: Drift = field(default_factory=Drift)

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "name": self.name,
            "partitions": self.partitions,
            "new": self.new,
            "gone": self.gone,
            "changed": self.changed,
            "same": self.same,
            "unkeyed": self.unkeyed,
            "fields": self.fields.as_dict(),
        }


class GenerationDiff:
    """The differences between generations `old` and `new` of a harvest, counted from 1, or from the
    newest backwards: -1 is the newest, -2 the one before. Iterating gives them; then `comparisons`
    has the numbers. Raises `ConfigError`, `DataRefused`.
    """

    def __init__(
        self,
        out: Place,
        *,
        resources: Sequence[str] = (),
        partition: Mapping[str, str] | None = None,
        key: Sequence[str] = (),
        old: int = -2,
        new: int = -1,
    ) -> None:
        self._store: Store = store_at(out)
        self._asked: Asked = read_asked(self._store)
        self._wanted = dict(partition or {})
        self._key = tuple(key)
        self._generations = (old, new)
        known = {resource.name: resource for resource in self._asked.config.declared}
        for name in resources:
            if name not in known:
                raise ConfigError(f"{self._store.place}: {unknown('resource', name, known)}")
        self._chosen = [known[name] for name in resources or known]
        if not any(self._key or resource.key for resource in self._chosen):
            raise ConfigError(
                "records are compared by their key, and no resource has one; add `key: id` to the "
                "YAML and run it, or say --key id"
            )
        self.comparisons: list[Comparison] = []

    def __iter__(self) -> Iterator[Difference]:
        found = not self._wanted
        for resource in self._chosen:
            paths = self._key or resource.key
            if not paths:
                continue
            try:
                keys = Keys(parsed_keys(paths))
            except JSONPathError as error:
                raise ConfigError(f"--key: {error}") from None
            counted = Comparison(resource.name)
            self.comparisons.append(counted)
            for one in in_order(self._store, self._asked, (resource.source.name,), self._wanted):
                found = True
                yield from self._of_partition(resource, one, keys, counted)
        if not found:
            pairs = " ".join(f"{name}={value}" for name, value in self._wanted.items())
            raise ConfigError(f"{self._store.place}: there is no partition {pairs}")

    def _of_partition(
        self, resource: AnyResource, one: Looked, keys: Keys, counted: Comparison
    ) -> Iterator[Difference]:
        partition = one.partition
        number = len(generations_of(self._store, one.folder, one.lines))
        old, new = (_place(each, number) for each in self._generations)
        if old is None or new is None or old == new:
            return
        counted.partitions += 1
        with contextlib.closing(sqlite3.connect("")) as former:
            former.execute(_TABLE)
            self._remember(resource, partition, keys, old, former, counted)
            yield from self._compared(resource, partition, keys, new, former, counted)
            left = former.execute("SELECT record FROM former WHERE seen = 0 ORDER BY rowid")
            for (record,) in left:
                counted.gone += 1
                shown = self._shown(resource, record)
                yield Difference("gone", resource.name, partition.labels, shown, record, None)

    def _records(
        self, resource: AnyResource, partition: Partition, generation: int, keys: Keys
    ) -> Iterator[tuple[bytes | None, bytes]]:
        records = partition_records(self._store, partition, resource, generation=generation)
        while batch := [*islice(records, _BATCH)]:
            yield from zip(keys.of(batch), batch, strict=True)

    def _shown(self, resource: AnyResource, record: bytes) -> Any:
        """The key of a record, as it stands there: several paths give a list."""
        value = json.loads(record)
        paths = self._key or resource.key
        found = [next(find(value, parse(path)), None) for path in paths]
        return found[0] if len(found) == 1 else found

    def _remember(
        self,
        resource: AnyResource,
        partition: Partition,
        keys: Keys,
        generation: int,
        former: sqlite3.Connection,
        counted: Comparison,
    ) -> None:
        for key, record in self._records(resource, partition, generation, keys):
            counted.fields.see_old(record)
            if key is None:
                counted.unkeyed += 1
                continue
            former.execute("INSERT OR REPLACE INTO former VALUES (?, ?, 0)", (key, record))

    def _compared(
        self,
        resource: AnyResource,
        partition: Partition,
        keys: Keys,
        generation: int,
        former: sqlite3.Connection,
        counted: Comparison,
    ) -> Iterator[Difference]:
        for key, record in self._records(resource, partition, generation, keys):
            counted.fields.see_new(record)
            if key is None:
                counted.unkeyed += 1
                continue
            found = former.execute("SELECT record FROM former WHERE key = ?", (key,)).fetchone()
            if found is None:
                counted.new += 1
                former.execute("INSERT INTO former VALUES (?, ?, 1)", (key, record))
                shown = self._shown(resource, record)
                yield Difference("new", resource.name, partition.labels, shown, None, record)
                continue
            former.execute("UPDATE former SET seen = 1 WHERE key = ?", (key,))
            if _is_same(found[0], record):
                counted.same += 1
                continue
            counted.changed += 1
            shown = self._shown(resource, record)
            yield Difference("changed", resource.name, partition.labels, shown, found[0], record)


def _place(generation: int, number: int) -> int | None:
    """The number of a generation, from 1; None where there are not so many."""
    place = generation if generation > 0 else number + 1 + generation
    return place if 1 <= place <= number else None


def _is_same(before: bytes, after: bytes) -> bool:
    """Whether two records say the same, however they are written."""
    if before == after:
        return True
    try:
        return bool(json.loads(before) == json.loads(after))
    except (ValueError, RecursionError):
        return False
