"""Says how the fields of records have changed from one generation to the next."""

import json
from collections.abc import Iterator
from dataclasses import field
from typing import Any, Final, Literal

from harvester.values import dataclass

_MOST_FIELDS: Final = 5_000
_MOST_DEPTH: Final = 8
_KINDS: Final[dict[type, str]] = {
    bool: "boolean", int: "number", float: "number", str: "text", dict: "object", list: "array",
    type(None): "null",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field that is new, lost, or has values of another kind; the kinds, null not counted."""

    field: str
    change: Literal["new", "lost", "retyped"]
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(slots=True)
class Drift:
    """The fields of two generations, each with the kinds of its values."""

    old: dict[str, set[str]] = field(default_factory=dict)
    new: dict[str, set[str]] = field(default_factory=dict)

    def see_old(self, record: bytes) -> None:
        """Take note of a record of the older one."""
        _see(self.old, record)

    def see_new(self, record: bytes) -> None:
        """Take note of a record of the newer one."""
        _see(self.new, record)

    def as_dict(self) -> dict[str, Any]:
        """Which fields are new, lost, or have values of another kind: null is none."""
        changes = [*self.changes()]
        return {
            "new": [each.field for each in changes if each.change == "new"],
            "lost": [each.field for each in changes if each.change == "lost"],
            "retyped": {
                each.field: {"before": [*each.before], "after": [*each.after]}
                for each in changes
                if each.change == "retyped"
            },
        }

    def changes(self) -> Iterator[FieldChange]:
        """The same, each with its kinds, by their names. Where one of the generations has no
        records, nothing is new and nothing lost.
        """
        if not self.old or not self.new:
            return
        for name in sorted(self.old.keys() | self.new.keys()):
            before, after = (
                tuple(sorted(kinds.get(name, set()) - {"null"})) for kinds in (self.old, self.new)
            )
            if name not in self.old:
                yield FieldChange(name, "new", before, after)
            elif name not in self.new:
                yield FieldChange(name, "lost", before, after)
            elif before and after and not set(after) <= set(before):
                yield FieldChange(name, "retyped", before, after)


def _see(known: dict[str, set[str]], record: bytes) -> None:
    try:
        value = json.loads(record)
    except (ValueError, RecursionError):
        return
    for name, kind in _fields(value, "", 0):
        kinds = known.get(name)
        if kinds is not None:
            kinds.add(kind)
        elif len(known) < _MOST_FIELDS:
            known[name] = {kind}


def _fields(value: Any, name: str, depth: int) -> Iterator[tuple[str, str]]:
    """The fields of a value by their dotted names, an array's items as `[*]`, with their kinds."""
    if name:
        yield name, _KINDS.get(type(value), "text")
    if depth == _MOST_DEPTH:
        return
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _fields(member, f"{name}.{key}" if name else key, depth + 1)
    elif isinstance(value, list):
        for item in value:
            yield from _fields(item, f"{name}[*]", depth + 1)
