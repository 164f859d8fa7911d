"""Folders as a harvest leaves them, without the harvest: `CONFIG OUT PAGES KIND`.

For what reads them back: a thousand harvests of a minute each are not what is to be measured.
Journal and parts go through the package's own writers, without fsync. `large`: a chain of PAGES
search results, done; prints what `harvester records` has to give, as JSON. `small`: PAGES
committed pages that hold next to nothing, and the cursor of the page behind them, so that a run
goes on there. `partitions`: each partition of the plan with one such page, which is its last.
"""

import gzip
import hashlib
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from harvester import load_config
from harvester.config import Config, question
from harvester.planning import Plan
from harvester.store import manifest as folder
from harvester.store import store_at
from harvester.store.entries import Entry, Header, encode
from harvester.store.journal import Journal
from harvester.store.journal_lines import JOURNAL
from harvester.store.parts import part_name
from tests.bench.pages import POSTS, RESULTS, record_lines, search_page, token

_SMALL: Final = gzip.compress(b'{"data":[{"id":"1"}],"meta":{"result_count":1}}', mtime=0)


def main() -> None:
    """Write the folder."""
    path, out, pages, kind = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    config = load_config(path, env={})
    [resource] = config.resources
    out.mkdir()
    now = datetime(2026, 1, 1, tzinfo=UTC)
    folder.prepare(out, config, now)
    if kind == "partitions":
        _partitions(out, config, now)
        return
    place = out / resource.name
    place.mkdir()
    shape = question.fingerprints(config, "")[resource.name]
    header = Header(resource.name, {}, shape, "0", "2026-01-01T00:00:00.000Z")
    with Journal.open(place, header, fsync=False) as journal:
        bodies = _large(pages) if kind == "large" else _small(pages)
        for number, (body, size, records) in enumerate(bodies):
            done = kind == "large" and number + 1 == pages
            (place / part_name(number + 1)).write_bytes(body)
            journal.append(
                _entry(config.base_url, number, body, size=size, records=records, done=done)
            )
        stored = journal.checkpoint
    if kind == "large":
        digest = hashlib.sha256()
        for number in range(pages):
            digest.update(record_lines(number % RESULTS))
        expected = {"bytes": stored.bytes, "records": stored.records, "sha256": digest.hexdigest()}
        sys.stdout.write(json.dumps(expected))


def _partitions(out: Path, config: Config, now: datetime) -> None:
    [resource] = config.resources
    shape = question.fingerprints(config, "")[resource.name]
    for number, partition in enumerate(Plan(config, now, store_at(out)).partitions(resource)):
        place = out / partition.path
        place.mkdir(parents=True)
        (place / part_name(1)).write_bytes(_SMALL)
        header = Header(resource.name, partition.labels, shape, "0", "2026-01-01T00:00:00.000Z")
        entry = _entry(config.base_url, number, _SMALL, size=50, records=1, done=True)
        line = replace(entry, seq=1, part=part_name(1), cursor=None, safe=1)
        (place / JOURNAL).write_bytes(encode(header) + encode(line))


def _large(pages: int) -> Iterator[tuple[bytes, int, int]]:
    for number in range(pages):
        body = b"".join(search_page(number % RESULTS, pages))
        yield body, len(gzip.decompress(body)), POSTS


def _small(pages: int) -> Iterator[tuple[bytes, int, int]]:
    for _ in range(pages):
        yield _SMALL, len(gzip.decompress(_SMALL)), 1


def _entry(origin: str, number: int, body: bytes, *, size: int, records: int, done: bool) -> Entry:
    """A line as long as those of a Twitter-style harvest."""
    cursor = token(number) if number else None
    asked = f"&next_token={cursor}" if cursor else ""
    url = f"{origin}search?query=from%3Anasa&start_time=2021-01-01T00%3A00%3A00Z{asked}"
    return Entry(
        seq=number + 1,
        part=part_name(number + 1),
        request={"method": "GET", "url": url},
        cursor=cursor,
        next=None if done else token(number + 1),
        done=done,
        reason="no_next_cursor" if done else None,
        status=200,
        records=records,
        bytes=size,
        stored_bytes=len(body),
        sha256=hashlib.sha256(body).hexdigest(),
        fetched_at="2026-01-01T00:00:00.000Z",
        elapsed_s=0.21,
        attempts=1,
        response={
            "date": "Thu, 01 Jan 2026 00:00:00 GMT",
            "x-rate-limit-limit": "300",
            "x-rate-limit-remaining": str(number % 300),
            "x-rate-limit-reset": "1767226500",
        },
        fields={"cursor": None if done else token(number + 1)},
    )


if __name__ == "__main__":
    main()
