"""Opens the store that a place names: a folder by its path, an object store by its URL."""

import os

from harvester.model import Address, url_of
from harvester.store.contract import Store
from harvester.store.local import LocalStore

Place = Store | str | os.PathLike[str]
"""Where a harvest is: a store, the path of a folder, or a URL."""


def store_at(place: Place, *, fsync: bool = True, shard: str = "") -> Store:
    """The store itself, or that of a place. `shard` claims a share of it."""
    if not isinstance(place, str | os.PathLike):
        return place
    url = url_of(place)
    if url is None:
        return LocalStore(place, fsync=fsync, shard=shard)
    from harvester.store.object_store import ObjectStore  # most harvests are in a folder

    options = place.options if isinstance(place, Address) else {}
    return ObjectStore(url, options, shard=shard)
