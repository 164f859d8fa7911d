"""Reads partition values that lie outside the YAML: lines of a file, records of parents.

A file may change or vanish between two runs; what was planned may not. So each run takes the new
values of a file over into the harvest's folder, and from then on everybody goes by that copy.
Values that a file no longer has stay: their partitions are harvested and their records are kept.

Parents' records are read back from their parts, one at a time, so a million parents take no
memory.
"""

import csv
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Final, assert_never

from harvester.config import Config, Resource
from harvester.errors import ConfigError, DataRefused, Problem
from harvester.model import (
    PARENT,
    Batch,
    Crawl,
    FromFile,
    FromResource,
    LoopGuard,
    Outside,
    OutsideValues,
    Partition,
    Seeds,
    Values,
    as_text,
    find,
    parse,
)
from harvester.planning.stored_records import records_of_each
from harvester.store import (
    Place,
    Store,
    folder_of,
    store_at,
)
from harvester.values import dataclass

_SHOWN_CHARS: Final = 80
_JSON_LINES: Final = (".jsonl", ".ndjson")

Value = tuple[Any, Mapping[str, Any]]
"""A value and what it includes."""


def take_over(out: Place, config: Config, resource: Resource) -> list[str]:
    """Add the new values of a resource's files to the copies in `out`; a copy to which nothing
    is added is left as it is. Returns what a person should know: which files are gone.

    Raises `ConfigError` naming file and line, and `DiskError`.
    """
    notes = []
    store = store_at(out)
    for key, spec in _files_of(resource):
        copy, path = _copy(store, resource, key), config.home / spec.path
        is_there = copy.is_there()
        if is_there and not path.exists():
            notes.append(f"{path} is gone; the values taken from it before are harvested")
            continue
        known = sum(1 for _ in copy.values()) if is_there else -1
        if sum(1 for _ in _merged(copy, path, spec)) > known:
            pairs = _merged(copy, path, spec)
            store.write(
                copy.name, (json.dumps(pair, ensure_ascii=False).encode() + b"\n" for pair in pairs)
            )
    return notes


def copies_of(resource: Resource) -> list[str]:
    """The names of the documents that hold what was taken over from a resource's files."""
    return [f"{resource.name}.{name}.values.jsonl" for name, _ in _files_of(resource)]


def _files_of(resource: Resource) -> Iterator[tuple[str, FromFile]]:
    """The files that values come from, each with the name of its copy."""
    for key, spec in resource.partitions.items():
        if isinstance(spec, Crawl):
            for name, place in _places_of(key, spec):
                if isinstance(place, FromFile):
                    yield name, place
        elif isinstance(spec, FromFile):
            yield key, spec


def _places_of(key: str, crawl: Crawl) -> Iterator[tuple[str, Values | FromFile | FromResource]]:
    """Where the seeds of a crawl come from, each with the name of its copy, where it has one."""
    for number, place in enumerate(crawl.seed_places):
        yield f"{key}.{number}" if isinstance(crawl.seeds, Seeds) else key, place


def outside_values(
    out: Place,
    config: Config,
    resource: Resource,
    parents: Callable[[str], Iterable[Partition]] = lambda key: (),
    *,
    files: bool = False,
) -> OutsideValues:
    """What `partitions.plan` takes the outside values of a resource from.

    `parents` gives the partitions whose records have the values of a key. `files`: also what a run
    begun now would take over from files; else only what runs have taken over.
    """
    keys = {id(spec): key for key, spec in resource.partitions.items()}

    def values(spec: Outside) -> Iterable[Value]:
        if isinstance(spec, FromFile):
            copy = _copy(store_at(out), resource, keys[id(spec)])
            return _merged(copy, config.home / spec.path, spec) if files else copy.values()
        return _from_records(out, config, resource, spec, parents(keys[id(spec)]))

    return values


def seed_values(
    out: Place,
    config: Config,
    resource: Resource,
    key: str,
    parents: Callable[[], Iterable[Partition]],
    *,
    files: bool,
) -> Iterator[Any]:
    """The values that a crawl begins with. `parents` gives the partitions whose records hold them,
    `files` is as for `outside_values`.
    """
    crawl = resource.partitions[key]
    for name, spec in _places_of(key, crawl) if isinstance(crawl, Crawl) else ():
        match spec:
            case Values():
                yield from spec.values
            case FromFile():
                copy = _copy(store_at(out), resource, name)
                pairs = _merged(copy, config.home / spec.path, spec) if files else copy.values()
                yield from (value for value, _ in pairs)
            case FromResource():
                own = (parent for parent in parents() if parent.resource == spec.source)
                found = _from_records(out, config, resource, spec, own)
                yield from (value for value, _ in found)
            case _:
                assert_never(spec)


# --- Files ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Copy:
    """The values that were taken over from a file, in the harvest."""

    store: Store
    name: str

    def is_there(self) -> bool:
        """Whether any were taken over."""
        return self.store.read(self.name, 1) is not None

    def values(self) -> Iterator[Value]:
        """Each of them; none where there is no copy."""
        try:
            found = self.store.document(self.name)
            if found is None:
                return
            with TextIOWrapper(found, encoding="utf-8") as lines:
                for line in lines:
                    value, included = json.loads(line)
                    yield value, included
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise DataRefused(
                f"{self.store.place}/{self.name}: cannot be read: {error}; restore it from a copy, "
                "or harvest into another folder with --out"
            ) from error


def _copy(store: Store, resource: Resource, key: str) -> _Copy:
    return _Copy(store, f"{resource.name}.{key}.values.jsonl")


def _merged(copy: _Copy, path: Path, spec: FromFile) -> Iterator[Value]:
    """The values of the copy, then those that only the file has. Each once: as text, since it is
    text that names a folder.
    """
    seen = LoopGuard(forgets=False)
    for value, included in copy.values():
        seen.add(as_text(value))
        yield value, included
    for value, included in _read(path, spec):
        if seen.add(as_text(value)):
            yield value, included


def _read(path: Path, spec: FromFile) -> Iterator[Value]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            if path.suffix.lower() in _JSON_LINES:
                yield from _read_json_lines(path, file, spec)
            elif spec.column is None:
                yield from ((text, {}) for line in file if (text := line.strip()))
            else:
                yield from _read_csv(path, file, spec, spec.column)
    except UnicodeDecodeError:
        raise _problem(path, _undecodable_line(path), "not UTF-8 text") from None
    except OSError as error:
        raise _problem(path, 0, f"cannot be read: {error.strerror or error}") from None


def _read_csv(path: Path, file: Iterable[str], spec: FromFile, column: str) -> Iterator[Value]:
    rows = csv.DictReader(file, strict=True)
    try:
        there = rows.fieldnames or ()
        for name in (column, *(name for _, name in spec.include)):
            if name not in there:
                raise _problem(path, 1, f"no column {name!r}, only: {', '.join(there)}")
        for row in rows:
            if not row[column]:
                raise _problem(path, rows.line_num, f"no {column!r}")
            yield row[column], {name: row[other] for name, other in spec.include}
    except csv.Error as error:
        raise _problem(path, rows.reader.line_num, f"not CSV: {error}") from None


def _read_json_lines(path: Path, file: Iterable[str], spec: FromFile) -> Iterator[Value]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise _problem(path, number, f"not JSON: {error}") from None
        members = record if isinstance(record, dict) else {}
        value = record if spec.column is None else members.get(spec.column)
        if not can_name(value):
            where = f" at {spec.column!r}" if spec.column is not None else ""
            raise _problem(path, number, f"no text or number{where}")
        yield value, {name: members.get(column) for name, column in spec.include}


def _undecodable_line(path: Path) -> int:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 0


def _problem(path: Path, line: int, message: str) -> ConfigError:
    return ConfigError([Problem(str(path), line, "", message)])


def can_name(value: Any) -> bool:
    """Whether a value can name a partition: text that is text (no half of a surrogate pair, which
    no file holds), a number, true or false.
    """
    if isinstance(value, str):
        return value != "" and not any("\ud800" <= char <= "\udfff" for char in value)
    return isinstance(value, int | float)


def names_in(found: Any, owner: str, place: str) -> Iterator[Any]:
    """The values that name partitions, in what `owner` has at `place`, or in a list of them; null
    and empty text name none. Raises `DataRefused` for any other.
    """
    for value in found if isinstance(found, list) else (found,):
        if value is None or value == "":
            continue
        if not can_name(value):
            raise DataRefused(
                f"{owner} has {repr(value)[:_SHOWN_CHARS]} at {place}; only text and numbers can "
                "name a partition"
            )
        yield value


# --- Parents -------------------------------------------------------------------------------------


def _from_records(
    out: Place,
    config: Config,
    resource: Resource,
    spec: FromResource,
    parents: Iterable[Partition],
) -> Iterator[Value]:
    """The values of the records of parents' partitions, in their order; with what is named of the
    parents' own partition values.
    """
    above = config.named(spec.resource)
    store = store_at(out)
    found = ((parent, folder_of(store, parent), None) for parent in parents)
    for _, parent, records in records_of_each(store, found, above):
        own = inherited_values(resource, parent)
        place = f"{store.place}/{folder_of(store, parent)}"
        for value, included in values_of(spec, records, place):
            yield value, {**included, **own}


def inherited_values(resource: Resource, parent: Partition) -> dict[str, Any]:
    """What a resource's requests name of the values of a parent's partition, or of its parent's."""
    own = {f"{PARENT}{key}": value for key, value in parent.values.items()}
    values = {**{key: each for key, each in parent.values.items() if key.startswith(PARENT)}, **own}
    return {name: values[name] for name in resource.inherited if name in values}


def values_of(spec: FromResource, records: Iterable[bytes], place: str) -> Iterator[Value]:
    """The values of parents' records, in their order; `place` names them in messages.

    A record gives as many as there are at the path: an array gives its items. Null and "" are no
    values. One that cannot name a partition is refused, since its children would go missing in
    silence.
    """
    single = _values_of(spec, records, place)
    if spec.batch is None:
        yield from single
        return
    seen = LoopGuard(forgets=False)
    distinct = (value for value, _ in single if seen.add(as_text(value)))
    while batch := Batch(itertools.islice(distinct, spec.batch)):
        yield batch, {}


def _values_of(spec: FromResource, records: Iterable[bytes], place: str) -> Iterator[Value]:
    field = parse(spec.field)
    paths = {name: parse(path) for name, path in spec.include}
    for text in records:
        record = _read_record(text)
        if not all(condition.holds(record) for condition in spec.only):
            continue
        included = {name: next(find(record, path), None) for name, path in paths.items()}
        for found in find(record, field):
            for value in names_in(found, f"{place}: a record", spec.field):
                yield value, included


def _read_record(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataRefused(f"a parent's record cannot be read: {error}") from error
