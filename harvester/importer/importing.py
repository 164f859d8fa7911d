"""Imports a file: finds out which kind of declaration it is, and gives the YAML texts for it."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harvester.errors import ConfigError
from harvester.importer import har, postman
from harvester.importer.airbyte.manifest import is_manifest, read_manifest
from harvester.importer.dlt import is_rest_api, read_rest_api
from harvester.importer.har import is_har
from harvester.importer.outcome import Group, Imported, Stream
from harvester.importer.postman import is_collection
from harvester.importer.reading import tree_of
from harvester.importer.recordings import resources
from harvester.importer.writing import written


def import_file(path: str | os.PathLike[str]) -> Imported:
    """The streams of a declaration, and the YAML texts of those that can be said whole.

    Raises `ConfigError` where the file cannot be read, or is no declaration that is known.
    """
    path = Path(path)
    tree = tree_of(path)
    name = _name(path)
    outcomes, groups = _read(tree, path, name)
    streams, texts = written(name, path.name, outcomes, groups)
    return Imported(str(path), tuple(streams), texts)


def is_recorded(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a Postman collection or a HAR file; False where it cannot be read."""
    try:
        tree = tree_of(Path(path))
    except ConfigError:
        return False
    return is_har(tree) or is_collection(tree)


def _read(tree: Any, path: Path, name: str) -> tuple[list[Stream], list[Group]]:
    prefix = re.sub(r"[^A-Z0-9]+", "_", name.upper()).strip("_")
    prefix = prefix if prefix[:1].isalpha() else f"API_{prefix}"
    if is_manifest(tree):
        return read_manifest(tree)
    if is_har(tree):
        return resources(har.calls(tree), prefix)
    if is_collection(tree):
        return resources(postman.calls(tree), prefix)
    for each in (tree, *(tree.values() if isinstance(tree, Mapping) and len(tree) == 1 else ())):
        if is_rest_api(each):
            return read_rest_api(each)
    raise ConfigError(
        f"{path}: not a declaration that can be imported: a low-code manifest, a dlt rest_api "
        "configuration, a Postman collection or a HAR file"
    )


def _name(path: Path) -> str:
    """The name of the harvest: the file's, or the folder's where the file is a plain manifest."""
    stem = path.name.split(".")[0]
    if stem in ("manifest", "config", "collection") and path.absolute().parent.name:
        stem = path.absolute().parent.name
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", stem).strip("-._")[:120] or "imported"
