"""Begins the next generation of partitions: harvested again, while the old one stays.

A line in the journal begins it. The pages before that line count, for whoever reads, until the new
generation has its last page; then they are superseded. A run that is ended in between goes on with
the new generation. Where the journal itself is damaged no line can be added: then the partition's
folder is put aside, whole, into `.aside` of the harvest's folder.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from harvester import __version__
from harvester.config import Config, unknown
from harvester.engine import iso, secrets_of, sources_of
from harvester.errors import ConfigError, DataRefused
from harvester.model import Partition
from harvester.paging import paginator_of
from harvester.results import planned
from harvester.store import (
    REDONE,
    Asked,
    Checkpoint,
    Entry,
    Header,
    LocalStore,
    Place,
    Store,
    folder_of,
    prepare,
    store_at,
)
from harvester.values import dataclass


@dataclass(slots=True)
class Begun:
    """How many partitions begin again; `aside` are the folders that were put aside for it."""

    partitions: int = 0
    aside: tuple[str, ...] = ()


def begin_again(
    config: Config,
    out: Place,
    *,
    resources: Sequence[str] = (),
    partition: Mapping[str, str] | None = None,
) -> Begun:
    """Let the next generation begin in every partition that is chosen and was harvested before.

    One that has begun already, and is not finished, goes on. `harvest` does the rest. Raises
    `ConfigError` for a choice that cannot match, `DataRefused`, `FolderLocked`, `DiskError`.
    """
    begun = Begun()
    secrets = secrets_of(config)
    now = iso(datetime.now(UTC))
    known = {resource.name: resource for resource in config.declared}
    for name in resources:
        if name not in known:
            raise ConfigError(f"--resource {name}: {unknown('resource', name, known)}")
    harvested = tuple(dict.fromkeys(known[name].source.name for name in resources))
    store = store_at(out, fsync=config.output.fsync)
    with store.claim():
        asked = prepare(store, config, datetime.now(UTC))
        ways = sources_of(config, secrets, asked.salt)
        matched = False
        for item in planned(store, asked, harvested):
            if not all(item.labels.get(key) == value for key, value in (partition or {}).items()):
                continue
            matched = True
            way = ways[item.resource]
            header = Header(item.resource, item.labels, way.fingerprint, __version__, now)
            paginator = paginator_of(way.endpoint.resource.paginator)
            first = secrets.conceal(paginator.first_cursor())
            _begin(store, item, header, first, begun, asked)
    if not matched:
        chosen = " ".join(f"{key}={value}" for key, value in (partition or {}).items())
        raise ConfigError(f"{store.place}: there is no partition {chosen}".rstrip())
    return begun


def _begin(
    store: Store, item: Partition, header: Header, first: Any, begun: Begun, asked: Asked
) -> None:
    accepted = asked.fingerprints[item.resource]
    folder = folder_of(store, item)
    if not store.is_begun(folder):
        return  # nothing was harvested yet
    for sound in (True, False):
        try:
            with store.journal(folder, header, accepted=accepted, any_parts=not sound) as writer:
                at = writer.checkpoint
                if at.started and not (sound and at.redone and not at.done):
                    writer.commit(_line(at, first, header.created_at), None)
                    begun.partitions += 1
                return
        except DataRefused:
            if not sound and not isinstance(store, LocalStore):
                raise
    if isinstance(store, LocalStore):
        begun.aside += (store.put_aside(folder),)
        begun.partitions += 1


def _line(at: Checkpoint, first: Any, now: str) -> Entry:
    return Entry(
        seq=at.seq + 1,
        part=None,
        request={},
        cursor=at.next,
        next=first,
        done=False,
        reason=REDONE,
        status=0,
        records=0,
        bytes=0,
        stored_bytes=0,
        sha256=None,
        fetched_at=now,
        elapsed_s=0.0,
        attempts=0,
    )
