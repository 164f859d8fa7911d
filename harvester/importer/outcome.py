"""Result of an import: the files written, and each stream with what is missing of it."""

from collections.abc import Mapping
from typing import Any

from harvester.values import dataclass


class UnsaidError(Exception):
    """What a part of a declaration says and the YAML cannot; the message names it."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream of a declaration; it is imported where nothing is missing."""

    name: str
    missing: tuple[str, ...] = ()

    @property
    def imported(self) -> bool:
        """Whether all that chooses its records is said by the YAML."""
        return not self.missing

    def as_dict(self) -> dict[str, Any]:
        """The JSON form that `import --json` prints."""
        return {"name": self.name, "imported": self.imported, "missing": list(self.missing)}


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of one file: the streams, and the YAML texts by the names of their files."""

    file: str
    streams: tuple[Stream, ...]
    texts: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """The JSON form that `import --json` prints."""
        return {"file": self.file, "streams": [stream.as_dict() for stream in self.streams]}


@dataclass(frozen=True, slots=True)
class Group:
    """Resources that share a client, and so a file; `notes` stand as comments above resources.
    `way` is the name of one of several ways to log in, each of which has a file.
    """

    client: Mapping[str, Any]
    resources: tuple[Mapping[str, Any], ...]
    notes: Mapping[str, tuple[str, ...]]
    way: str = ""
