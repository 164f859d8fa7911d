"""Index of a harvest's journals: which stored page answers which request.

The pages that count when the replay begins, in a temporary SQLite file: 100,000 of them take a few
seconds to read and no memory that grows with them.
"""

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from typing import Any, Final

from harvester.config import Hmac, Resource
from harvester.model import Partition, Scope, Template, TemplateError, as_text
from harvester.paging import CURSOR, DELTA, paginator_of
from harvester.replay import answers
from harvester.replay.asking import Asking, Masked, asking
from harvester.replay.jobs import said_of_job
from harvester.results import Looked, in_order, planned
from harvester.store import (
    JOB_EMPTY,
    SPLIT,
    Asked,
    Entry,
    Place,
    Store,
    decoded,
    entries_of,
    folder_of,
    pages_of,
    read_asked,
    store_at,
)
from harvester.values import dataclass

_CACHE_KIB: Final = 8 * 1024
_MOST_LIKE: Final = 2000  # pages looked at for what comes near a request
_MOST_NEAR: Final = 5
_DIGEST_BYTES: Final = 16
_COLUMNS: Final = (
    "key, partition, first, resource, folder, part, stored_bytes, status, bytes, response, "
    "following, total"
)
# Constants only: what is asked for goes in as a parameter.
_INSERT: Final = "INSERT INTO pages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_INSERT_SAID: Final = "INSERT OR REPLACE INTO said VALUES (?, ?, ?)"
_SAID: Final = "SELECT body, headers FROM said WHERE key = ?"
_BY_KEY: Final = f"SELECT {_COLUMNS} FROM pages WHERE key = ? ORDER BY rowid"  # noqa: S608
_REQUESTS: Final = "SELECT DISTINCT method, path, query, body FROM pages"


@dataclass(frozen=True, slots=True)
class StoredPage:
    """What a request is answered with, and the `total` that it said. `part` None: an answer that a
    rule ignored, or, with a total, the first page of a partition that was split.
    """

    resource: str
    folder: str
    part: str | None
    stored_bytes: int
    status: int
    bytes: int
    response: Mapping[str, str]
    following: Any
    total: int | None = None


class Index:
    """The pages of the harvest in `out`. Any thread may look up. Raises `DataRefused`."""

    def __init__(self, out: Place) -> None:
        self.store = store = store_at(out)
        self.asked = read_asked(store)
        self.resources = {resource.name: resource for resource in self.asked.config.resources}
        self.pages = 0
        self._masked = Masked()
        self._headers: set[str] = set()  # names, in lower case, that tell pages apart
        self._signing = _signing_names(self.asked.config.client.auth)
        self._turns: dict[bytes, tuple[int, int]] = {}  # of requests that were asked repeatedly
        self._lock = threading.Lock()
        # No name: SQLite makes a file of its own, which is gone with this process.
        self._database = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        run = self._database.execute
        run(f"PRAGMA cache_size = -{_CACHE_KIB}")
        run(f"CREATE TABLE pages ({_COLUMNS}, method, path, query, body)")
        run("CREATE TABLE said (key PRIMARY KEY, body, headers)")
        run("BEGIN")
        self._database.executemany(_INSERT, self._rows(store, self.asked))
        run("CREATE INDEX by_key ON pages (key)")
        run("CREATE INDEX by_path ON pages (path)")
        if any(resource.job is not None for resource in self.resources.values()):
            self._database.executemany(_INSERT_SAID, self._said_rows(store))
        run("COMMIT")

    def close(self) -> None:
        """Let the file go."""
        self._database.close()

    def find(
        self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]
    ) -> StoredPage | None:
        """The page that was the answer to a request; `headers` have lower-case names.

        A request that was answered more than once (a scroll, whose cursor stays the same) is
        answered in turn, beginning anew when its partition does.
        """
        sent = {name: headers[name] for name in self._headers if name in headers}
        asked = asking(method, target, body, sent).without(self._signing)
        with self._lock:
            for reading in self._masked.readings(asked):
                if found := self._of(_digest(reading)):
                    return found
        return None

    def said(self, method: str, target: str, body: bytes | None) -> tuple[Any, Any] | None:
        """What is answered to a request for a job, and the headers: made up of what was kept."""
        asked = asking(method, target, body)
        with self._lock:
            for reading in self._masked.readings(asked):
                key = (_digest(reading),)
                if row := self._database.execute(_SAID, key).fetchone():
                    return json.loads(row[0]), json.loads(row[1])
        return None

    def _said_rows(self, store: Store) -> Iterator[tuple[bytes, str, str]]:
        if not any(each.job for each in self.resources.values()):
            return
        for partition in planned(store, self.asked):
            resource = self.resources[partition.resource]
            if resource.job is None:
                continue
            folder = folder_of(store, partition)
            pages = [entry.request for entry in pages_of(store, folder) if entry.part is not None]
            urls = [str(request.get("url")) for request in pages] if resource.job.has_files else []
            for said in said_of_job(resource, entries_of(store, folder), urls):
                request = said.request
                asked = asking(request["method"], request["url"], request.get("body"))
                if request in pages[:1]:  # the result stands in the answer itself
                    continue
                key = _digest(self._masked.conceal(asked))
                yield key, json.dumps(said.body), json.dumps(dict(said.headers))

    def stored(self, page: StoredPage) -> Iterator[bytes]:
        """The bytes of a page as they were stored. Raises OSError, `DataRefused`."""
        return self.store.chunks(page.folder, page.part or "", page.stored_bytes)

    def decoded(self, page: StoredPage) -> Iterator[bytes]:
        """The JSON of a page; raises as `stored` does."""
        return decoded(self.store, page.folder, page.part or "", page.stored_bytes)

    def has(self, page: StoredPage) -> bool:
        """Whether the part of a page is still there, if it has one."""
        try:
            if page.part is not None:
                next(self.stored(page), b"")  # a file may be empty
        except OSError:
            return False
        return True

    def near(self, method: str, target: str) -> list[dict[str, str]]:
        """Requests that are stored and most like one that is not."""
        asked = asking(method, target, None)
        some = f"LIMIT {_MOST_LIKE}"
        run = self._database.execute
        with self._lock:
            rows = (
                run(f"{_REQUESTS} WHERE path = ? {some}", (asked.path,)).fetchall()
                or run(f"{_REQUESTS} WHERE first {some}").fetchall()
            )
        scored = sorted(rows, key=lambda row: -_likeness(asked, *row[:3]))
        return [
            {"method": row[0], "url": row[1] + (f"?{row[2]}" if row[2] else ""),
             **({"body": row[3]} if row[3] else {})}
            for row in scored[:_MOST_NEAR]
        ]  # fmt: skip

    def example(self) -> str | None:
        """Path and query of the first page that was asked for with a GET and without a secret."""
        row = self._database.execute(
            "SELECT path, query FROM pages WHERE method = 'GET' AND part IS NOT NULL LIMIT 1"
        ).fetchone()
        return None if row is None else row[0] + (f"?{row[1]}" if row[1] else "")

    def _of(self, key: bytes) -> StoredPage | None:
        rows = self._database.execute(f"{_BY_KEY} LIMIT 2", (key,)).fetchall()
        if not rows:
            return None
        row = rows[0] if len(rows) == 1 else self._in_turn(key)
        partition, first, resource, folder, part, stored, status, size = row[1:9]
        response, following, total = row[9:]
        if first:
            self._turns = {
                other: turn
                for other, turn in self._turns.items()
                if turn[0] != partition or other == key
            }
        return StoredPage(
            resource,
            folder,
            part,
            stored,
            status,
            size,
            json.loads(response),
            json.loads(following),
            total,
        )

    def _in_turn(self, key: bytes) -> Any:
        """The next of the rows that answer one request; after the last, the first."""
        run = self._database.execute
        _, turn = self._turns.get(key, (0, 0))
        row = run(f"{_BY_KEY} LIMIT 1 OFFSET ?", (key, turn)).fetchone()
        if row is None:
            turn = 0
            row = run(f"{_BY_KEY} LIMIT 1", (key,)).fetchone()
        self._turns[key] = (row[1], turn + 1)
        return row

    def _rows(self, store: Store, asked: Asked) -> Iterator[tuple[Any, ...]]:
        for number, one in enumerate(in_order(store, asked)):
            partition, folder = one.partition, one.folder
            resource = self.resources[partition.resource]
            names = _telling_headers(resource)
            self._headers.update(name.lower() for name in names)
            for before, entry in enumerate(_answers(store, one)):
                self.pages += entry.part is not None
                request = entry.request
                headers = _rendered(names, partition, entry.cursor, before + 1)
                found = self._masked.conceal(
                    asking(request["method"], request["url"], request.get("body"), headers)
                )
                yield (
                    _digest(found), number, before == 0, resource.name,
                    folder, entry.part, entry.stored_bytes, entry.status, entry.bytes,
                    json.dumps({**entry.response, **answers.of_file(entry)}),
                    json.dumps(_following(resource, entry)),
                    entry.fields.get("total") if entry.part or entry.reason == SPLIT else None,
                    found.method, found.path, request["url"].partition("?")[2],
                    request.get("body"),
                )  # fmt: skip


def _answers(store: Store, one: Looked) -> Iterator[Entry]:
    """The pages that count, and the answer by which a partition without any was done."""
    last = None
    for entry in pages_of(store, one.folder, one.lines):
        yield entry
        last = entry
    if last is not None and last.done:
        return
    for entry in entries_of(store, one.folder, one.lines):
        of_job = entry.reason == JOB_EMPTY  # its poll is answered by what it means
        if (
            entry.done
            and entry.part is None
            and not of_job
            and (last is None or entry.seq > last.seq)
        ):
            yield entry


def _following(resource: Resource, entry: Entry) -> Any:
    """The link as the page has it: the last page may have one that is not followed, or one that
    the next run begins with.
    """
    found = entry.fields.get(CURSOR, entry.next)
    incremental = resource.incremental
    if found is None and incremental is not None and incremental.param is None:
        return entry.fields.get(DELTA)
    return found


def _signing_names(auth: Any) -> frozenset[str]:
    """The parameters of a signature: made when a request leaves, so no journal has them."""
    if not isinstance(auth, Hmac):
        return frozenset()
    named = (
        (auth.name, auth.location),
        (auth.key_name, auth.key_location),
        (auth.timestamp_name, auth.timestamp_location),
    )
    return frozenset(name for name, location in named if name and location == "query")


def _digest(asked: Asking) -> bytes:
    return hashlib.blake2b(asked.key.encode(), digest_size=_DIGEST_BYTES).digest()


def _likeness(asked: Asking, method: str, path: str, query: str) -> float:
    """How much a stored request is like another one: shared parameters, less those that differ."""
    other = asking(method, f"?{query}", None)
    ours, theirs = set(asked.pairs), set(other.pairs)
    names = {name for name, _ in ours} & {name for name, _ in theirs}
    shared = len(_common(asked.path, path)) / (len(path) or 1)
    return (
        (method == asked.method)
        + 2 * len(ours & theirs)
        + len(names)
        - len(ours ^ theirs) / 4
        + shared
    )


def _common(one: str, other: str) -> str:
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return one[:count]


def _telling_headers(resource: Resource) -> Mapping[str, str]:
    """The request headers that differ from page to page, which no URL shows, as templates."""
    found = {
        name: str(text)
        for name, text in resource.headers.items()
        if (kinds := {item.kind for item in Template.parse(str(text)).references})
        and "env" not in kinds
    }
    if header := paginator_of(resource.paginator).places().header:
        found[header] = "{cursor}"
    return found


def _rendered(
    names: Mapping[str, str], partition: Partition, cursor: Any, page: int
) -> dict[str, str]:
    found = {}
    for name, text in names.items():
        if cursor is None and text == "{cursor}":
            continue
        scope = Scope({}, {**partition.included, **partition.values}, cursor, page)
        try:
            found[name.lower()] = as_text(Template.parse(text).render(scope))
        except TemplateError:
            continue
    return found
