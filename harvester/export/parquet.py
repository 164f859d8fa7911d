"""Parquet, zstd within: one schema over all pages."""

from harvester.export.writer import Rows, Writer


class Parquet(Writer):
    """A Parquet file. What holds JSON text is marked so."""

    suffix = ".parquet"
    libraries = ("pyarrow",)

    def add(self, name: str, rows: Rows) -> None:
        """Write the rows, in row groups of bounded size."""
        from harvester.export.arrow import write_parquet

        write_parquet(self._path, rows.table(), rows)
