"""Document: a tree of plain values that knows where in the YAML each was written.

Beside the tree stands a map from each value's path to its `Place`, so that whoever finds a fault in
the tree later can name the file and line.
"""

from dataclasses import field
from typing import Any

from harvester.config.wording import KeyPath, dotted
from harvester.errors import Problem
from harvester.values import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value was written: a file (or an option's name), a line from 1, and its own path,
    which differs from the path in the tree where defaults were merged.
    """

    source: str
    line: int
    path: KeyPath


@dataclass(slots=True)
class Document:
    """A tree, the places of its values, and the problems met while reading it."""

    source: str
    tree: Any = None
    places: dict[KeyPath, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def place(self, path: KeyPath) -> Place:
        """Find where `path` was written; for a value that is missing, where its parent was."""
        for length in range(len(path), -1, -1):
            if found := self.places.get(path[:length]):
                return Place(found.source, found.line, found.path + path[length:])
        return Place(self.source, 1, path)

    def problem(self, path: KeyPath, message: str) -> Problem:
        """Put a fault at `path` into the form that people get."""
        place = self.place(path)
        return Problem(place.source, place.line, dotted(place.path), message)

    def put(self, path: KeyPath, value: Any, place: Place) -> None:
        """Write a value into the tree; mappings on the way are made where there is nothing."""
        for stale in [known for known in self.places if known[: len(path)] == path]:
            del self.places[stale]
        for length in range(len(path)):
            if _at(self.tree, path[:length]) is None:
                self.put(path[:length], {}, Place(place.source, place.line, path[:length]))
        self.places[path] = place
        if path:
            _at(self.tree, path[:-1])[path[-1]] = value
        else:
            self.tree = value


def _at(tree: Any, path: KeyPath) -> Any:
    for key in path:
        tree = tree.get(key) if isinstance(tree, dict) else tree[key]
    return tree
