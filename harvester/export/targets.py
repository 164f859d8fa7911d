"""Table of the export targets: which writer takes a file, by the suffix of its name."""

from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from harvester.errors import ConfigError
from harvester.export.csv_file import CSV
from harvester.export.duckdb_file import DuckDB
from harvester.export.feather import Feather
from harvester.export.jsonl import JSONLines
from harvester.export.jsonl_gzip import GzippedJSONLines
from harvester.export.parquet import Parquet
from harvester.export.writer import Writer
from harvester.export.xlsx import Workbook

#: Each writer by its suffix, in the order in which messages list them.
WRITERS: Final[Mapping[str, type[Writer]]] = {
    writer.suffix: writer
    for writer in (JSONLines, GzippedJSONLines, CSV, Parquet, Feather, DuckDB, Workbook)
}


def writer_for(target: Path) -> type[Writer]:
    """The writer of a target. Raises `ConfigError` for a suffix that none has."""
    name = target.name.lower()
    for suffix, writer in WRITERS.items():
        if name.endswith(suffix) and name != suffix:
            return writer
    raise ConfigError(f"{target}: name a file that ends in one of {', '.join(WRITERS)}")


def refuse_missing(writer: type[Writer]) -> None:
    """Raise `ConfigError` where a library that a writer needs is not installed."""
    missing = [library for library in writer.libraries if find_spec(library) is None]
    if missing:
        raise ConfigError(
            f"a {writer.suffix} takes {' and '.join(missing)}, not installed here: "
            "pip install 'api-harvester[export]'"
        )


def table_names(resources: Iterable[str]) -> list[str]:
    """The name of each resource's table: its own, unless another differs by its case only."""
    names: list[str] = []
    for resource in resources:
        name, count = resource, 1
        while name.casefold() in map(str.casefold, names):
            count += 1
            name = f"{resource}_{count}"
        names.append(name)
    return names
