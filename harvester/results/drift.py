"""Says how the fields of records have changed from one generation to the next."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

_MOST_FIELDS: Final = 5_000
_MOST_DEPTH: Final = 8
_KINDS: Final[dict[type, str]] = {
    bool: "boolean", int: "number", float: "number", str: "text", dict: "object", list: "array",
    type(None): "null",
}  # fmt: skip


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
        retyped = {
            name: {"before": sorted(before), "after": sorted(after)}
            for name, before, after in self._both()
            if before and after and not after <= before
        }
        return {
            "new": sorted(self.new.keys() - self.old.keys()) if self.old else [],
            "lost": sorted(self.old.keys() - self.new.keys()) if self.new else [],
            "retyped": retyped,
        }

    def _both(self) -> Iterator[tuple[str, set[str], set[str]]]:
        for name in sorted(self.old.keys() & self.new.keys()):
            yield name, self.old[name] - {"null"}, self.new[name] - {"null"}


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
