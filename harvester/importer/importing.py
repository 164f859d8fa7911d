"""Imports a file: finds out which kind of declaration it is, and gives the YAML texts for it."""

import os
import re
from pathlib import Path

from harvester.errors import ConfigError
from harvester.importer.airbyte.manifest import is_manifest, read_manifest
from harvester.importer.outcome import Imported
from harvester.importer.reading import tree_of
from harvester.importer.writing import written


def import_file(path: str | os.PathLike[str]) -> Imported:
    """The streams of a declaration, and the YAML texts of those that can be said whole.

    Raises `ConfigError` where the file cannot be read, or is no declaration that is known.
    """
    path = Path(path)
    tree = tree_of(path)
    if not is_manifest(tree):
        raise ConfigError(f"{path}: not a declaration that can be imported: a low-code manifest")
    outcomes, groups = read_manifest(tree)
    streams, texts = written(_name(path), path.name, outcomes, groups)
    return Imported(str(path), tuple(streams), texts)


def _name(path: Path) -> str:
    """The name of the harvest: the file's, or the folder's where the file is a plain manifest."""
    stem = path.name.split(".")[0]
    if stem in ("manifest", "config", "collection") and path.absolute().parent.name:
        stem = path.absolute().parent.name
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", stem).strip("-._")[:120] or "imported"
