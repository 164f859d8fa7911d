"""Decides whether journals whose harvest.json is gone belong to the YAML that is given."""

from collections.abc import Iterator
from datetime import datetime

from harvester.config import Config, fits, salt_of
from harvester.errors import DataRefused
from harvester.results import folders_with_pages
from harvester.store import MANIFEST, Header, Lost, ObjectStore, Store, header_of


def what_is_lost(store: Store, config: Config) -> Lost | None:
    """What the journals say of a harvest.json that is gone; None where it is there.

    Raises `DataRefused` where what lies there was not harvested with this YAML and environment.
    """
    if store.read(MANIFEST, 1) is not None:
        return None
    names = {resource.name for resource in config.resources}
    began, salt = "", ""
    for place, header in _headers(store):
        message = f"{place}: holds {header.resource}"
        if header.resource not in names:
            raise DataRefused(
                f"{message}, a resource that the YAML does not have; nothing was done"
            )
        if not fits(config, header.fingerprint, header.resource):
            raise DataRefused(
                f"{message}, whose pages were asked for in another way than the YAML and the "
                "environment say; nothing was done"
            )
        began = min(began or header.created_at, header.created_at)
        salt = salt or salt_of(header.fingerprint)
    if not began:
        raise DataRefused(f"{store.place}: no journal lies here that can be read; nothing was done")
    return Lost(datetime.fromisoformat(began), salt)


def _headers(store: Store) -> Iterator[tuple[str, Header]]:
    """The first lines of the journals of a harvest, but for those that are damaged."""
    for folder in folders_with_pages(store):
        try:
            header = header_of(store, folder)
        except DataRefused:
            header = store.mending(folder).header if isinstance(store, ObjectStore) else None
        if header is not None:
            yield f"{store.place}/{folder}", header
