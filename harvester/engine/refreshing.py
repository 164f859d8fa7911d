"""Asks for pages again only where they have changed: by the validators of the generation before.

Each page of the new generation is asked for with the ETag and the Last-Modified that the page with
the same cursor had. Where the server answers 304, the stored bytes take the place of a body: they
are read, checked and stored as one that came would be, so that the new generation is as whole as
any other. Memory holds one line of the journal.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from harvester.config import Resource
from harvester.engine.page_result import PageResult
from harvester.http import Response
from harvester.model import Partition
from harvester.page import format_of
from harvester.paging import paginator_of
from harvester.patterns import pattern
from harvester.store import SPLIT, Checkpoint, Entry, Store, folder_of, pages_of
from harvester.values import dataclass

NOT_MODIFIED: Final = 304
#: The field of a line whose page the server had not changed.
UNCHANGED: Final = "not_modified"
_VALIDATORS: Final = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}
_GZIP: Final = ".gz"
_CODING: Final = pattern(r"[-;:]+(?:gzip|br|deflate|zstd|df)$")


def is_due(resource: Resource, at: Checkpoint, now: datetime) -> bool:
    """Whether a complete partition is to be asked for again by now."""
    refresh = resource.refresh
    if refresh is None or not at.done or at.reason == SPLIT or at.at is None:
        return False
    age = now - datetime.fromisoformat(at.at)
    return bool(age.total_seconds() >= refresh.after)


@dataclass(frozen=True, slots=True)
class StoredAnswer(Response):
    """A page that is stored, in the place of the body that a 304 does not have."""

    stored: Callable[[], Iterator[bytes]] = lambda: iter(())

    def chunks(self) -> Iterator[bytes]:
        """The stored bytes."""
        return self.stored()


class Former:
    """The pages of the generation before, one at a time; for one thread at a time."""

    def __init__(self, store: Store, partition: Partition, resource: Resource) -> None:
        self._store = store
        self._folder = folder_of(store, partition)
        self._format = format_of(resource)
        self._leading = paginator_of(resource.paginator).leading_header
        self._pages: Iterator[Entry] | None = None
        self._number = 0
        self._entry: Entry | None = None
        self._damaged = False

    def page(self, number: int, cursor: Any) -> Entry | None:
        """Page `number` of that generation, where it was asked for with the same cursor, can be
        asked for by validators, and is stored in a way that can take the place of a body.
        """
        if self._pages is None:
            self._pages = pages_of(self._store, self._folder)
        while self._number < number:
            self._entry = next(self._pages, None)
            self._number += 1
            self._damaged = False
        entry = self._entry
        if entry is None or self._damaged or entry.part is None or entry.cursor != cursor:
            return None
        packed = getattr(self._format.options, "member", None) is not None
        if packed or not entry.part.endswith(_GZIP):
            return None
        return entry if validators(entry) else None

    def forget(self) -> None:
        """The stored page cannot be read: ask for it whole."""
        self._damaged = True

    def answer(self, response: Response, entry: Entry) -> StoredAnswer:
        """The stored page as the answer. It keeps the validators that it came with: what a 304
        says of them may be another version's, by which no change would ever be seen again.
        """
        part, stored_bytes = entry.part or "", entry.stored_bytes
        told = {
            name: value
            for name, value in response.headers.items()
            if not name.startswith(("content-", "transfer-")) and name not in _VALIDATORS
        }
        body = {
            "content-type": self._format.content_type,
            "content-encoding": "gzip",
            "content-length": str(stored_bytes),
        }
        return StoredAnswer(
            entry.status,
            {**entry.response, **told, **body},
            response.raw,
            response.wire_bytes,
            response.several,
            stored=lambda: self._store.chunks(self._folder, part, stored_bytes),
        )

    def kept(self, result: PageResult, entry: Entry, following: Any) -> PageResult:
        """The result of a page that is kept. Where a header leads on, and the 304 has none, it
        leads where it did; `following` is that cursor, revealed.
        """
        fields = {**result.fields, UNCHANGED: True}
        silent = self._leading and self._leading not in result.headers
        again = entry.but(next=following) if silent else None
        return result.refreshed(fields, again)


def is_other_version(asked: str | None, told: str | None) -> bool:
    """Whether the ETag of a 304 is another than the one that was asked with, so that it contradicts
    itself (RFC 9110 section 15.4.5). Of a 304, Apache and others leave out what they added for a
    compressed body: `"5f1-gzip"` is `"5f1"` there.
    """
    return bool(asked and told and _opaque(asked) != _opaque(told))


def _opaque(tag: str) -> str:
    return _CODING.sub("", tag.strip().removeprefix("W/").strip('"'))


def validators(entry: Entry) -> Mapping[str, str]:
    """The headers that ask whether a page has changed."""
    return {
        header: value for name, header in _VALIDATORS.items() if (value := entry.response.get(name))
    }
