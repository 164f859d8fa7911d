"""Begins the next generation of partitions: harvested again, while the old one stays.

A line in the journal begins it. The pages before that line count, for whoever reads, until the new
generation has its last page; then they are superseded. A run that is ended in between goes on with
the new generation. Where the journal itself is damaged no line can be added: then the partition's
folder is put aside, whole, into `.aside` of the harvest's folder.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, Final

from harvester import __version__
from harvester.config import Config, unknown
from harvester.engine import iso, secrets_of, sources_of
from harvester.errors import ConfigError, DataRefused
from harvester.model import Partition
from harvester.paging import paginator_of
from harvester.planning import in_any_order
from harvester.results import has_labels, planned
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
    in_turn,
    prepare,
    store_at,
)
from harvester.values import dataclass

_AT_ONCE: Final = 16  # partitions, where a store is far


@dataclass(slots=True)
class Begun:
    """How many partitions begin again; `aside` are the folders that were put aside for it."""

    partitions: int = 0
    aside: tuple[str, ...] = ()

    def add(self, other: "Begun") -> None:
        """Count others, too."""
        self.partitions += other.partitions
        self.aside += other.aside


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

        def begin(item: Partition) -> Begun:
            way = ways[item.resource]
            header = Header(item.resource, item.labels, way.fingerprint, __version__, now)
            paginator = paginator_of(way.endpoint.resource.paginator)
            first = secrets.conceal(paginator.first_cursor())
            return _begin(store, item, header, first, asked)

        matched = False
        for resource in asked.config.resources:
            if harvested and resource.name not in harvested:
                continue
            items = (
                item
                for item in planned(store, asked, (resource.name,))
                if has_labels(item, partition or {})
            )
            at_once = _AT_ONCE if store.is_far and in_any_order(resource) else 1
            for each in _side_by_side(begin, items, at_once):
                matched = True
                begun.add(each)
    if not matched:
        chosen = " ".join(f"{key}={value}" for key, value in (partition or {}).items())
        raise ConfigError(f"{store.place}: there is no partition {chosen}".rstrip())
    return begun


def _side_by_side(
    begin: Callable[[Partition], Begun], items: Iterator[Partition], at_once: int
) -> Iterator[Begun]:
    """What comes of each, in order; so many at a time, where each takes trips to a store."""
    if at_once == 1:
        yield from map(begin, items)
        return
    with (
        ThreadPoolExecutor(at_once, thread_name_prefix="redo") as pool,
        closing(in_turn(pool, begin, items, 2 * at_once)) as begun,
    ):
        for _, each in begun:
            yield each.result()


def _begin(store: Store, item: Partition, header: Header, first: Any, asked: Asked) -> Begun:
    begun = Begun()
    accepted = asked.fingerprints[item.resource]
    folder = folder_of(store, item)
    if not store.is_begun(folder):
        return begun  # nothing was harvested yet
    for sound in (True, False):
        try:
            with store.journal(folder, header, accepted=accepted, any_parts=not sound) as writer:
                at = writer.checkpoint
                if at.started and not (sound and at.redone and not at.done):
                    writer.commit(_line(at, first, header.created_at), None)
                    begun.partitions += 1
                return begun
        except DataRefused:
            if not sound and not isinstance(store, LocalStore):
                raise
    if isinstance(store, LocalStore):
        begun.aside += (store.put_aside(folder),)
        begun.partitions += 1
    return begun


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
