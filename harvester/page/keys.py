"""Extracts what makes a record the same record: the values at its key, as the server wrote them.

A key is one or more paths into the record (`key: id`). Where a resource declares none, a member is
taken that has the name of an id and is different in each record at hand, and where there is none,
the whole record. msgspec makes objects with nothing but the wanted members of a page, at about
1 GB/s; what it does not read (a scalar, a raw control character in a string, a path with `[0]`)
is read record by record.
"""

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

import msgspec

from harvester.model import Key, Path, canonical, find, parse

#: The bytes of one record, or a view of them.
Record = bytes | msgspec.Raw

#: Names of members that tell records apart, the likeliest first, in lower case and without signs.
_IDS: Final = (
    "id", "uuid", "guid", "uid", "pk", "objectid", "identifier", "urn", "doi", "isbn", "sha",
    "key", "recordid", "itemid", "number", "num", "uri", "url", "href", "link", "permalink", "self",
    "slug",
)  # fmt: skip
#: Members that are mere wrappings of the record proper, and what is its id there.
_WRAPPED: Final = tuple(
    (outer, inner)
    for outer in ("node", "resource", "item", "data", "metadata", "attributes", "properties")
    for inner in ("id", "uid", "uuid")
)
_LOOKED_AT: Final = 50  # records, to guess
_NOTHING: Final = (b"", b"null")
_NO_VALUE: Final = msgspec.Raw(b"")
_UNREAD: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, AttributeError)
_objects = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode
_values = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Keys:
    """The keys of records, by paths; without a path, a record is its own key."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = tuple(path for path in paths if path)
        self._reader = _reader(self._paths)

    def __str__(self) -> str:
        return " and ".join(canonical(path).removeprefix("$").lstrip(".") for path in self._paths)

    def of(self, records: Sequence[Record]) -> list[bytes | None]:
        """The key of each record; None where it lacks a value, or has null there."""
        if not self._paths:
            return [*map(bytes, records)]
        if self._reader is not None:
            try:
                return self._joined(self._reader.read(b"[%b]" % b",".join(records)))
            except _UNREAD:
                pass  # one of them is another kind of value, and all are looked at more closely
        return [self._of(record) for record in records]

    def in_page(self, text: bytes, selector: Path) -> list[bytes | None] | None:
        """The keys of all records of a whole page, read in one go; None where it takes more than
        that: no array at `selector`, or a path with more than names.
        """
        try:
            if self._paths:
                if self._reader is None:
                    return None
                return self._joined(_array(self._reader.kind, selector)(text))
            return [*map(bytes, _array(msgspec.Raw, selector)(text))]
        except _UNREAD:
            return None

    def _joined(self, columns: Sequence[Any]) -> list[bytes | None]:
        reader = self._reader
        assert reader is not None  # noqa: S101  # who calls has asked it
        first, *others = (_plain([*map(bytes, map(get, columns))]) for get in reader.values)
        for other in others:
            first = [
                None if a is None or b is None else a + b"\0" + b
                for a, b in zip(first, other, strict=True)
            ]
        return first

    def _of(self, record: Record) -> bytes | None:
        """The key of one record, whatever it is."""
        if self._reader is not None:
            try:
                return self._joined(self._reader.read(b"[%b]" % record))[0]
            except _UNREAD:
                pass
        try:
            value = json.loads(bytes(record), strict=False)
        except (ValueError, RecursionError):  # a number of more than 4,300 digits
            return None
        found = [[each for each in find(value, path) if each is not None] for path in self._paths]
        if not all(found):
            return None
        return b"\0".join(b",".join(map(_written, each)) for each in found)


class _Reader:
    """Reads arrays of records into objects of `kind`; `values` take the key's parts out of one."""

    def __init__(self, paths: Sequence[tuple[str, ...]]) -> None:
        places: list[str] = [""] * len(paths)
        self.kind = _struct(dict(enumerate(paths)), places, "")
        self.read = msgspec.json.Decoder(list[self.kind]).decode  # type: ignore[name-defined]
        self.values: list[Callable[[Any], Any]] = [attrgetter(place) for place in places]


@lru_cache(maxsize=64)
def _reader(paths: tuple[Path, ...]) -> _Reader | None:
    """A reader for paths of names only; None where there are others."""
    named = [tuple(part.name for part in path if isinstance(part, Key)) for path in paths]
    whole = all(len(names) == len(path) for names, path in zip(named, paths, strict=True))
    return _Reader(named) if paths and whole else None


def _struct(paths: dict[int, tuple[str, ...]], places: list[str], prefix: str) -> Any:
    """The type of an object in which only the members on the way of `paths` are read; where each
    of these ends goes into `places`.
    """
    below: dict[str, dict[int, tuple[str, ...]]] = {}
    for number, path in paths.items():
        below.setdefault(path[0], {})[number] = path[1:]
    fields: list[tuple[str, Any, Any]] = []
    rename = {}
    for at, (name, rest) in enumerate(below.items()):
        field = f"f{at}"
        rename[field] = name
        if all(rest.values()):
            inner = _struct(rest, places, f"{prefix}{field}.")
            fields.append((field, inner, inner()))
            continue
        for number in rest:
            places[number] = prefix + field
        fields.append((field, msgspec.Raw, _NO_VALUE))
    return msgspec.defstruct("Keyed", fields, rename=rename, frozen=True, gc=False)


@lru_cache(maxsize=64)
def _array(kind: Any, selector: Path) -> Callable[[bytes], list[Any]]:
    """Reads the array at `selector`, a path of names, of a whole page. Raises what msgspec does."""
    wanted: Any = list[kind]
    for segment in reversed(selector):
        if not isinstance(segment, Key):
            return _refused
        wanted = msgspec.defstruct("Page", [("f", wanted)], rename={"f": segment.name}, gc=False)
    decode = msgspec.json.Decoder(wanted).decode
    place = ".".join("f" for _ in selector)
    if not place:
        return decode
    get = attrgetter(place)
    return lambda text: get(decode(text))


def _refused(_: bytes) -> list[Any]:
    raise msgspec.ValidationError("not a path of names")


def _plain(values: list[bytes]) -> list[bytes | None]:
    """The values with no escapes in them, so that one thing is spelt one way; None where there is
    none.
    """
    found: list[bytes | None] = [*values]
    if b"" in values or b"null" in values:
        found = [None if value in _NOTHING else value for value in values]
    if b"\\" in b"".join(values):  # seldom
        return [value and _unescaped(value) for value in found]
    return found


def _unescaped(value: bytes) -> bytes:
    if b"\\" not in value:
        return value
    try:
        return _written(json.loads(value, strict=False))
    except (ValueError, RecursionError):
        return value


def _written(value: Any) -> bytes:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def guess(records: Sequence[Record]) -> Path:
    """The path of the member by which these records can be told apart; empty where none has the
    name of an id and a value of its own in each of them.
    """
    try:
        objects = _objects(b"[%b]" % b",".join(records[:_LOOKED_AT]))
    except _UNREAD:
        return ()
    if not objects or not all(objects):
        return ()
    names = {name.lower().strip("_$@").replace("_", "").replace("-", ""): name
             for name in reversed(objects[0])}  # fmt: skip
    candidates = [
        *((Key(names[name]),) for name in _IDS if name in names),
        *(
            (Key(names[outer]), Key(inner))
            for outer, inner in _WRAPPED
            if outer in names and bytes(objects[0][names[outer]]).startswith(b"{")
        ),
    ]
    return next((path for path in candidates if _tells_apart(path, records)), ())


def _tells_apart(path: Path, records: Sequence[Record]) -> bool:
    found = Keys([path]).of(records)
    scalars = all(value is not None and value[:1] not in b"{[tf" for value in found)
    return scalars and len(set(found)) == len(found)


def parsed_keys(key: Sequence[str]) -> tuple[Path, ...]:
    """The paths of a resource's `key`."""
    return tuple(map(parse, key))
