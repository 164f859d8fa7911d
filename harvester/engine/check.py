"""Checks two pages of each resource, to see whether a configuration and an API fit each other.

Nothing of a harvest is touched: the pages go into a temporary folder, are looked at and thrown
away. They are asked for and read by the same code as in a harvest, so that what passes here passes
there. The second page is the proof that the first one leads on.
"""

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from harvester.auth import Access
from harvester.config import AnyResource, Config, Resource, listed
from harvester.engine.fetching import Channel, session_of
from harvester.engine.look import Look, Seen, keys_of
from harvester.engine.sources import secrets_of, sources_of
from harvester.http import RateLimit, Transport
from harvester.model import FromResource, Outside, Partition, partitions_of
from harvester.page import Inside, Record, format_of
from harvester.planning import (
    Value,
    begun,
    delta_runs,
    inherited_values,
    inside_of,
    outside_values,
    plan,
    runs,
    values_of,
)
from harvester.store import decoded_chunks, store_at

__all__ = ["Seen", "check_live"]


def check_live(
    config: Config,
    *,
    now: datetime | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Seen]:
    """Fetch the first two pages of each resource's first partition, and say what was seen."""
    moment = now or datetime.now(UTC)
    limit = RateLimit(
        config.client.rate_limit, {item.name: item.rate_limit for item in config.resources}
    )
    secrets = secrets_of(config)
    found = sources_of(config, secrets)
    access = Access(config, secrets, store_at(config.folder).own)
    transport = Transport(config.client)
    pages: dict[str, _Parent] = {}  # by resource; its children come from the page just seen
    with tempfile.TemporaryDirectory(prefix="harvester-check-") as folder:
        try:
            for resource in _parents_first(config):
                partition = _first_partition(config, resource, moment, pages)
                if partition is None:
                    yield _not_asked(resource)
                    continue
                if resource.names("now", "until"):
                    partition = begun(partition, moment)
                (own := Path(folder, resource.name)).mkdir()
                source = found[resource.name]
                channel = Channel(
                    source.endpoint,
                    access,
                    config.client.timeout,
                    lambda: transport,
                    session_of(config, source.endpoint),
                )
                look = Look(channel, source.reader, config.client.retry, own, limit, sleep, config)
                seen = look.seen(partition)
                pages.update((resource.name, (path, partition)) for path in own.iterdir())
                yield seen
                yield from _embedded_in(config, resource, pages)
        finally:
            access.close()
            transport.close()


_Parent = tuple[Path, Partition]
"""A page that was seen, and the partition that it is of."""


def _records(resource: AnyResource, page: Path) -> "tuple[Iterator[Record], Inside | None]":
    """The records that a resource has in a page, and what they were looked for in."""
    records: Iterator[Record] = format_of(resource.source).records(decoded_chunks(page))
    inside = inside_of(resource)
    return (inside.of(records) if inside else records), inside


def _embedded_in(
    config: Config, resource: Resource, pages: Mapping[str, "_Parent"]
) -> Iterator[Seen]:
    """What the page that was seen of a resource holds of those that are embedded in it."""
    for each in config.embedded:
        if each.source.name != resource.name:
            continue
        if resource.name not in pages:
            yield Seen(each.name, error=f"no page of {resource.name} was seen, which would hold it")
            continue
        found, inside = _records(each, pages[resource.name][0])
        first = next(found, None)
        count = sum(1 for _ in found) + (first is not None)
        told = (inside.told.removeprefix(f"{each.name}: "),) if inside and inside.told else ()
        keys = keys_of(bytes(first)) if first is not None else None
        yield Seen(each.name, records=count, keys=keys, notes=told, inside=each.inside.resource)


def _not_asked(resource: Resource) -> Seen:
    """A resource that has no partition yet."""
    led = f"no record of {listed(resource.parent_names, 'and')} was seen that leads to it"
    return Seen(
        resource.name,
        error=led if resource.parents else "no partition is planned yet: nothing to ask for",
    )


def _parents_first(config: Config) -> Iterator[Resource]:
    """The resources in their order, but none before the one whose records lead to it."""
    waiting = list(config.resources)
    while waiting:
        names = {resource.name for resource in waiting}
        ready = next(item for item in waiting if names.isdisjoint(item.parent_names))
        waiting.remove(ready)
        yield ready


def _first_partition(
    config: Config, resource: Resource, now: datetime, pages: Mapping[str, "_Parent"]
) -> Partition | None:
    """The first partition: a child's comes from the page of its parents just seen."""
    if not resource.parents:
        return next(plan(config, resources=(resource.name,), now=now), None)
    if not pages.keys() >= set(resource.parent_names):
        return None
    from_file = outside_values(config.folder, config, resource)

    def values(spec: Outside) -> Iterable[Value]:
        if isinstance(spec, FromResource):
            page, parent = pages[spec.source]
            records, _ = _records(config.named(spec.resource), page)
            above = inherited_values(resource, parent)
            found = values_of(spec, records, spec.resource)
            return ((value, {**included, **above}) for value, included in found)
        return from_file(spec)

    base = next(partitions_of(resource.name, resource.partitions, now, values), None)
    if base is None or resource.incremental is None:
        return base
    if resource.incremental.delta_path is not None:
        return next(delta_runs(config.folder, base, lambda found: found, following=False), None)
    return next(runs(config.folder, base, resource.incremental), None)
