"""Chooses which members of each record are exported, and which only as a digest.

Nothing else in a record changes: every other value stays as the server spelled it. It is done
before anything else looks at the record, so that what is left out is in no column, no type and no
JSON text.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any, Final

import msgspec

from harvester.errors import ConfigError, DataRefused
from harvester.export.columns import VALUE
from harvester.export.values import json_text, sound, value_of
from harvester.model import Every, Key, parse
from harvester.model import Path as JSONPath
from harvester.page import Record
from harvester.values import dataclass

_NULL: Final = b"null"
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_encode = msgspec.json.encode
_MALFORMED: Final = (msgspec.DecodeError, UnicodeDecodeError)


@dataclass(frozen=True, slots=True)
class Choice:
    """`columns`: keys of records and names of partition columns, in order; none: all of them.
    `drop` and `hashed`: paths. `secret` is the key of the digests: with another one, the same
    values have other digests.
    """

    columns: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    hashed: tuple[str, ...] = ()
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def __post_init__(self) -> None:
        """Raise `ConfigError` for a path that cannot be."""
        for option, paths in (("--drop", self.drop), ("--hash", self.hashed)):
            for path in paths:
                _path(option, path)

    def keys(self, partition_names: Mapping[str, str]) -> tuple[str, ...]:
        """The partition keys that get a column. Raises `ConfigError` for one that is to be hashed.

        `partition_names`: the column of each key.
        """
        for name in self.hashed:
            if name in partition_names.values():
                raise ConfigError(
                    f"--hash {name}: is the value of a partition, which is in the folders' names, "
                    f"too; leave it out with --drop {name}"
                )
        return tuple(
            key
            for key, name in partition_names.items()
            if name not in self.drop and (not self.columns or name in self.columns)
        )


class Chooser:
    """Carries out a choice for the records of one resource, whose partition columns are `names`."""

    def __init__(self, resource: str, choice: Choice, names: Sequence[str]) -> None:
        self._resource = resource
        self._columns = [name for name in choice.columns if name not in names]
        self._only = bool(choice.columns)
        self._secret = choice.secret
        self._missed = {("--columns", name) for name in self._columns}
        self._changes = [
            (option, path, _path(option, path))
            for option, paths in (("--drop", choice.drop), ("--hash", choice.hashed))
            for path in paths
            if path not in names
        ]
        self._missed |= {(option, path) for option, path, _ in self._changes}
        self._any = False
        self.changes = bool(self._changes) or self._only

    def apply(self, records: Sequence[Record]) -> Sequence[Record]:
        """The records, changed. Raises `DataRefused` for one that cannot be looked into."""
        if not self.changes:
            return records
        self._any = self._any or bool(records)
        return [self._changed(record) for record in records]

    @property
    def unmet(self) -> frozenset[tuple[str, str]] | None:
        """Options and what they named that no record had; None where there was no record."""
        return frozenset(self._missed) if self._any else None

    def _changed(self, record: Record) -> Record:
        raw = bytes(record)
        try:
            return self._carried_out(raw)
        except _MALFORMED:  # half a surrogate pair, which is replaced as in all tables
            raw = sound(raw).encode()
        try:
            return self._carried_out(raw)
        except _MALFORMED as error:
            raise DataRefused(
                f"{self._resource}: a record cannot be looked into: {error}; "
                "leave out --columns, --drop and --hash"
            ) from None

    def _carried_out(self, raw: bytes) -> bytes:
        for option, name, path in self._changes:
            met, changed = self._at(raw, path, drop=option == "--drop")
            raw = _NULL if changed is None else changed
            if met:
                self._missed.discard((option, name))
        return self._picked(raw) if self._only else raw

    def _picked(self, raw: bytes) -> bytes:
        if not raw.startswith(b"{"):
            if VALUE not in self._columns:
                return b"{}"
            self._missed.discard(("--columns", VALUE))
            return raw
        members = _members(raw)
        found = {name: members[name] for name in self._columns if name in members}
        if self._missed:
            self._missed -= {("--columns", name) for name in found}
        return _encode(found)

    def _at(self, raw: bytes, path: JSONPath, *, drop: bool) -> tuple[bool, bytes | None]:
        """Whether `path` leads anywhere in the value, and the value with that changed; None where
        it is the value itself that goes.
        """
        if not path:
            return True, None if drop else self._digest(raw)
        first, rest = path[0], path[1:]
        met = False
        if isinstance(first, Key) and raw.startswith(b"{"):
            members: dict[str, Any] = dict(_members(raw))
            if first.name not in members:
                return False, raw
            met, changed = self._at(bytes(members[first.name]), rest, drop=drop)
            if changed is None:
                del members[first.name]
            else:
                members[first.name] = msgspec.Raw(changed)
            return met, _encode(members)
        if isinstance(first, Every) and raw.startswith(b"["):
            kept = []
            for item in _items(raw):
                inner, changed = self._at(bytes(item), rest, drop=drop)
                met = met or inner
                if changed is not None:
                    kept.append(msgspec.Raw(changed))
            return met, _encode(kept)
        return False, raw

    def _digest(self, raw: bytes) -> bytes:
        """A value's digest, as a JSON string; null stays null."""
        value = value_of(raw)
        if value is None:
            return _NULL
        text = value if isinstance(value, str) else json_text(value)
        return b'"%b"' % hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest().encode()


def _path(option: str, text: str) -> JSONPath:
    try:
        path = parse(text)
    except ValueError as error:
        raise ConfigError(f"{option} {text}: {error}") from None
    if not path or not all(isinstance(segment, Key | Every) for segment in path):
        raise ConfigError(f"{option} {text}: give keys, and [*] for the items of an array")
    return path


def refuse_unmet(unmet: Sequence[frozenset[tuple[str, str]] | None]) -> None:
    """Raise `ConfigError` where no record of any resource had what was named: a slip of the pen
    would let pass what was to be left out.
    """
    known = [each for each in unmet if each is not None]
    if known and (everywhere := frozenset.intersection(*known)):
        option, name = min(everywhere)
        raise ConfigError(f"{option} {name}: no record has a value there")
