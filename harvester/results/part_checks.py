"""Checks whether stored parts are what their lines say."""

import hashlib
from collections.abc import Iterator
from functools import partial
from typing import Self

from harvester.config import Config, Resource
from harvester.errors import AttemptFailed, DataRefused
from harvester.model import Key
from harvester.page import Field, Take, format_of
from harvester.store import Entry, Store, decoded, part_suffix
from harvester.values import dataclass


@dataclass(frozen=True, slots=True)
class StoredProblem:
    """Something on disk that is not as it should be; `path` is relative to the folder."""

    path: str
    problem: str


@dataclass(frozen=True, slots=True)
class Told:
    """What a line says of its part."""

    part: str
    stored_bytes: int
    sha256: str | None
    bytes: int
    records: int

    @classmethod
    def by(cls, entry: Entry) -> Self:
        """What this line says; it has a part."""
        return cls(entry.part or "", entry.stored_bytes, entry.sha256, entry.bytes, entry.records)


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part that is to be looked at."""

    resource: str
    folder: str
    part: Told


class PartCheck:
    """Whether a part is what its line says. `deep`: also inflated and parsed."""

    def __init__(self, resource: Resource, config: Config, *, deep: bool) -> None:
        self._format = format_of(resource)
        self._records = Field("records", self._format.selector, Take.COUNT)
        self._lists = all(isinstance(segment, Key) for segment in self._records.path)
        self._limits = config.client.limits
        self._deep = deep

    def problems(self, store: Store, folder: str, entry: Entry | Told) -> Iterator[str]:
        """Everything wrong with it, in words; nothing where it is sound."""
        try:
            size, digest = _sha256(store, folder, entry)
        except OSError as error:
            yield f"cannot be read: {error.strerror or error}"
            return
        except DataRefused as error:  # a link, a pipe
            yield str(error).removeprefix(f"{store.place}/{folder}/{entry.part}: ")
            return
        if size != entry.stored_bytes:
            yield f"{size:,} bytes, the journal says {entry.stored_bytes:,}"
        elif digest != entry.sha256:
            yield "its SHA-256 differs from the journal's: the file has changed"
        elif self._deep:
            yield from self._content_problems(store, folder, entry)

    def _content_problems(self, store: Store, folder: str, entry: Entry | Told) -> Iterator[str]:
        page = partial(decoded, store, folder, entry.part or "", entry.stored_bytes)
        size = 0

        def chunks() -> Iterator[bytes]:
            nonlocal size
            for chunk in page():
                size += len(chunk)
                yield chunk

        pages = self._format.stored_as(part_suffix(entry.part or ""))
        try:
            records = pages.check(chunks(), [self._records], self._limits).get("records", 0)
        except (AttemptFailed, OSError) as error:
            yield str(error)
            return
        if size != entry.bytes:
            yield f"{size:,} decoded bytes, the journal says {entry.bytes:,}"
        if records == 1 and entry.records == 0 and self._lists:
            records = int(pages.lone(page()) != 0)
        if records != entry.records:
            yield f"{records:,} records, the journal says {entry.records:,}"


def _sha256(store: Store, folder: str, entry: Entry | Told) -> tuple[int, str]:
    size, digest = 0, hashlib.sha256()
    for chunk in store.chunks(folder, entry.part or "", entry.stored_bytes):
        digest.update(chunk)
        size += len(chunk)
    return size, digest.hexdigest()
