"""Decides whether journals whose harvest.json is gone belong to the YAML that is given."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from harvester.config import Config, fits, salt_of
from harvester.errors import DataRefused
from harvester.results import folders_with_pages
from harvester.store import MANIFEST, Header, LocalStore, Lost, header_of


def what_is_lost(out: Path, config: Config) -> Lost | None:
    """What the journals say of a harvest.json that is gone; None where it is there.

    Raises `DataRefused` where what lies there was not harvested with this YAML and environment.
    """
    if (out / MANIFEST).exists():
        return None
    names = {resource.name for resource in config.resources}
    began, salt = "", ""
    for place, header in _headers(out):
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
        raise DataRefused(f"{out}: no journal lies here that can be read; nothing was done")
    return Lost(datetime.fromisoformat(began), salt)


def _headers(out: Path) -> Iterator[tuple[Path, Header]]:
    """The first lines of the journals in `out`, but for those that are damaged."""
    store = LocalStore(out)
    for folder in folders_with_pages(store):
        try:
            header = header_of(store, folder)
        except DataRefused:
            continue
        if header is not None:
            yield store.path(folder), header
