"""Begins the next generation of partitions: harvested again, while the old one stays.

A line in the journal begins it. The pages before that line count, for whoever reads, until the new
generation has its last page; then they are superseded. A run that is ended in between goes on with
the new generation. Where the journal itself is damaged no line can be added: then the partition's
folder is put aside, whole, into `.aside` of the harvest's folder.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from harvester import __version__
from harvester.config import Config, unknown
from harvester.engine import iso, secrets_of, sources_of
from harvester.errors import ConfigError, DataRefused
from harvester.model import Partition
from harvester.paging import paginator_of
from harvester.results import planned
from harvester.store import (
    ASIDE,
    JOURNAL,
    REDONE,
    Asked,
    Checkpoint,
    Entry,
    Header,
    Journal,
    disk_errors,
    locked,
    make_folder,
    parts_on_disk,
    place_of,
    prepare,
    refuse_detours,
)

_MOST_ASIDE: Final = 1000  # of one partition


@dataclass(slots=True)
class Begun:
    """How many partitions begin again; `aside` are the folders that were put aside for it."""

    partitions: int = 0
    aside: tuple[str, ...] = ()


def begin_again(
    config: Config,
    out: Path,
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
    known = {resource.name: resource for resource in config.resources}
    for name in resources:
        if name not in known:
            raise ConfigError(f"--resource {name}: {unknown('resource', name, known)}")
    with locked(out, fsync=config.output.fsync):
        asked = prepare(out, config, datetime.now(UTC))
        ways = sources_of(config, secrets, asked.salt)
        matched = False
        for item in planned(out, asked, tuple(resources)):
            if not all(item.labels.get(key) == value for key, value in (partition or {}).items()):
                continue
            matched = True
            way = ways[item.resource]
            header = Header(item.resource, item.labels, way.fingerprint, __version__, now)
            paginator = paginator_of(way.endpoint.resource.paginator)
            first = secrets.conceal(paginator.first_cursor())
            _begin(out, item, header, first, begun, asked, fsync=config.output.fsync)
    if not matched:
        chosen = " ".join(f"{key}={value}" for key, value in (partition or {}).items())
        raise ConfigError(f"{out}: there is no partition {chosen}".rstrip())
    return begun


def _begin(
    out: Path,
    item: Partition,
    header: Header,
    first: Any,
    begun: Begun,
    asked: Asked,
    *,
    fsync: bool,
) -> None:
    accepted = asked.fingerprints[item.resource]
    place = place_of(out, item)
    if not place.is_dir() or not ((place / JOURNAL).exists() or any(parts_on_disk(place))):
        return  # nothing was harvested yet
    for sound in (True, False):
        try:
            with Journal.open(
                place, header, fsync=fsync, accepted=accepted, any_parts=not sound
            ) as journal:
                at = journal.checkpoint
                if at.started and not (sound and at.redone and not at.done):
                    journal.append(_line(at, first, header.created_at))
                    begun.partitions += 1
                return
        except DataRefused:
            continue
    begun.aside += (_put_aside(out, place, fsync=fsync),)
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


def _put_aside(out: Path, place: Path, *, fsync: bool) -> str:
    """Move a partition's folder out of the harvest; where it is now, relative to `out`."""
    below = place.relative_to(out)
    refuse_detours(out, out / ASIDE / below.parent)
    for number in range(_MOST_ASIDE):
        target = out / ASIDE / below.with_name(below.name + (f".{number}" if number else ""))
        if not os.path.lexists(target):
            break
    make_folder(target.parent, within=out, fsync=fsync)
    with disk_errors(place):
        place.rename(target)
    return str(target.relative_to(out))
