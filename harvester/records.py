"""Committed parts to records: each as the bytes the server wrote, on one line."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from harvester.elements import iter_elements, iter_lines
from harvester.errors import ConfigError
from harvester.folder import read_asked
from harvester.partitions import Partition
from harvester.report import planned
from harvester.supply import Cut, partition_records


def iter_records(
    out: Path | str, *, resources: Sequence[str] = (), partition: Mapping[str, str] | None = None
) -> Iterator[bytes]:
    """The records of the harvest in `out`, in order: JSON, one line each, without the newline.

    Plan order, then page order, then the server's order. `resources` and `partition` (values as
    in the folder names, not percent-encoded) choose. Only committed pages count; parts are read
    as streams, without a temporary copy. Raises `DataRefused` for damage, `ConfigError` for a
    choice that cannot match.
    """
    return _cut(Path(out), resources, partition or {}, iter_elements)


def record_lines(
    out: Path | str, *, resources: Sequence[str] = (), partition: Mapping[str, str] | None = None
) -> Iterator[bytes]:
    """The same as JSON Lines, in blocks of whole lines: two and a half times as fast."""
    return _cut(Path(out), resources, partition or {}, iter_lines)


def _cut(
    out: Path, resources: Sequence[str], partition: Mapping[str, str], cut: Cut
) -> Iterator[bytes]:
    asked = read_asked(out)
    known = {resource.name: resource for resource in asked.config.resources}
    for name in resources:
        if name not in known:
            raise ConfigError(f"no resource {name!r} here; there are {', '.join(known)}")
    chosen = [known[name] for name in resources or known]
    keys = {key for resource in chosen for key in resource.partition_keys}
    for key in partition.keys() - keys:
        raise ConfigError(f"no partition key {key!r} here; there are {', '.join(keys) or 'none'}")
    for planned_one in planned(out, asked, tuple(resources)):
        if _is_wanted(planned_one, partition):
            selector = known[planned_one.resource].data_selector
            yield from partition_records(out, planned_one, selector, cut)


def _is_wanted(partition: Partition, wanted: Mapping[str, str]) -> bool:
    labels = partition.labels
    return all(labels.get(key) == value for key, value in wanted.items())
