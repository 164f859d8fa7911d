"""Finds the records inside records that an embedded resource declares.

Each is the text that the server wrote. What it includes of the record that holds it stands in front
of its own members; one that is no object becomes one then, and stands at `value`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any, Final

import msgspec

from harvester.errors import ConfigError, DataRefused
from harvester.model import Key, find, number, parse
from harvester.model import Path as JSONPath
from harvester.page.page_walk import Record
from harvester.page.records import iter_elements

if TYPE_CHECKING:
    from harvester.config import Embedded

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_MALFORMED: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_VALUE: Final = "value"  # as an export calls the column of what is no object


class RecordsInside:
    """The records of one embedded resource, found in those of the resource that holds it."""

    def __init__(self, embedded: "Embedded") -> None:
        inside = embedded.inside
        self._name = embedded.name
        self._at = inside.path
        self._path = parse(inside.path)
        self._paths = inside.include
        self._include = {name: parse(path) for name, path in inside.include.items()}
        self._only = inside.conditions
        self._holder = inside.resource
        self.begin()

    @property
    def told(self) -> str:
        """That none of the records that were looked at held any, or had what is to be included of
        them, in words; else "".
        """
        if self._found and self._never:
            name = next(iter(self._never))
            hold = "holds" if self._holding == 1 else "hold"
            return (
                f"{self._name}: none of {number(self._holding, 'record')} of {self._holder} that "
                f"{hold} any has anything at {self._paths[name]} (inside.include.{name})"
            )
        if self._found or not self._looked_at:
            return ""
        if not self._let_in:
            all_of_them = number(self._looked_at, "record")
            return f"{self._name}: {all_of_them} of {self._holder}, and inside.only lets none in"
        which = "that inside.only lets in " if self._only else ""
        return (
            f"{self._name}: none of {number(self._let_in, 'record')} of {self._holder} {which}"
            f"holds any at {self._at} (inside.path)"
        )

    def begin(self) -> None:
        """Count from here: the same records are looked through once more."""
        self._looked_at = self._let_in = self._holding = self._found = 0
        self._never = dict(self._include)  # what none of the records had

    def of(self, records: Iterable[Record]) -> Iterator[bytes]:
        """Those inside each of `records`, in order. Raises `DataRefused`, and `ConfigError` for a
        name in `include` that one of them has, too.
        """
        for record in records:
            text = bytes(record)
            self._looked_at += 1
            if self._only and not self._counts(text):
                continue
            self._let_in += 1
            found = iter_elements((text,), self._path)
            for each in self._with_included(text, found) if self._include else found:
                self._found += 1
                yield each

    def _counts(self, text: bytes) -> bool:
        value = self._parsed(text)
        return all(condition.holds(value) for condition in self._only)

    def _with_included(self, text: bytes, found: Iterator[bytes]) -> Iterator[bytes]:
        front = b""
        for record in found:
            front = front or self._front(text)
            if not record.startswith(b"{"):
                self._refuse_same_names({_VALUE})
                yield b'%b,"%b":%b}' % (front, _VALUE.encode(), record)
                continue
            self._refuse_same_names(self._names(record))
            rest = record[1:].lstrip()
            yield b"%b%b%b" % (front, b"" if rest.startswith(b"}") else b",", rest)

    def _front(self, text: bytes) -> bytes:
        """The beginning of an object with what is included of the record `text`."""
        self._holding += 1
        pairs = []
        for name, path in self._include.items():
            value = self._value_at(text, path)
            if self._never and value != b"null":
                self._never.pop(name, None)
            pairs.append(b"%b:%b" % (json.dumps(name).encode(), value))
        return b"{%b" % b",".join(pairs)

    def _value_at(self, text: bytes, path: JSONPath) -> bytes:
        """The text of the first value at a path, as the server wrote it where keys lead there."""
        if all(isinstance(segment, Key) for segment in path):
            try:
                return _at_keys(text, path)
            except _MALFORMED:  # half of a surrogate pair, say
                pass
        return json.dumps(next(find(self._parsed(text), path), None)).encode()

    def _names(self, record: bytes) -> Set[str]:
        try:
            return _members(record).keys()
        except _MALFORMED:
            members: Mapping[str, Any] = self._parsed(record)
            return members.keys()

    def _refuse_same_names(self, names: Set[str]) -> None:
        if same := self._include.keys() & names:
            raise ConfigError(
                f"{self._name}: a record has a member {min(same)!r} of its own; say another name "
                "in inside.include"
            )

    def _parsed(self, text: bytes) -> Any:
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DataRefused(
                f"{self._name}: a record that holds its own cannot be read: {error}"
            ) from None


def _at_keys(text: bytes, path: JSONPath) -> bytes:
    for segment in path:
        if not text.startswith(b"{") or not isinstance(segment, Key):
            return b"null"
        found = _members(text).get(segment.name)
        if found is None:
            return b"null"
        text = bytes(found)
    return text


class Inside:
    """The way from the records of pages to those of a resource: through all that are embedded in
    one another on it.
    """

    def __init__(self, chain: Sequence["Embedded"]) -> None:
        self._steps = [RecordsInside(each) for each in chain]

    @property
    def told(self) -> str:
        """What a person should know of what was looked through, or ""."""
        return next(filter(None, (step.told for step in self._steps)), "")

    def begin(self) -> None:
        """Count from here: the same pages are read once more."""
        for step in self._steps:
            step.begin()

    def of(self, records: Iterable[Record]) -> Iterator[Record]:
        """The records of the resource, by those of the pages. Raises `DataRefused`."""
        found: Iterable[Record] = records
        for step in self._steps:
            found = step.of(found)
        yield from found
