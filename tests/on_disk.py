"""Partitions put on disk without a server, for tests of what reads them back."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harvester.model.partitions import Partition
from harvester.store.entries import Header
from harvester.store.journal import Journal
from harvester.store.parts import Part
from tests.support import entry


def store(
    out: Path,
    partition: Partition,
    pages: Sequence[Any],
    *,
    done: bool = True,
    fields: Sequence[dict[str, Any]] = (),
    records: Sequence[int] = (),
    response: dict[str, str] | None = None,
) -> Path:
    """Commit `pages` (JSON values) of a partition; the last one ends it if `done`. Its folder.

    `fields` are those of the pages, in the journal, `records` how many each holds, and `response`
    the headers of each answer.
    """
    folder = out / partition.folder
    folder.mkdir(parents=True)
    header = Header(partition.resource, partition.labels, "f", "0", "2021-01-01T00:00:00.000Z")
    with Journal.open(folder, header, fsync=False) as journal:
        for seq, page in enumerate(pages, 1):
            with Part(folder, seq, fsync=False) as part:
                part.write(gzip.compress(json.dumps(page).encode(), 1, mtime=0))
                stored = part.store()
            last = done and seq == len(pages)
            journal.append(
                entry(
                    seq,
                    part=stored.name,
                    stored_bytes=stored.stored_bytes,
                    sha256=stored.sha256,
                    next=None if last else str(seq + 1),
                    done=last,
                    reason="no_next_cursor" if last else None,
                    fields=fields[seq - 1] if fields else {},
                    records=records[seq - 1] if records else 3,
                    response=response or {},
                )
            )
    return folder
