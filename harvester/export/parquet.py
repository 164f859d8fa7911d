"""Writes Parquet, compressed by zstd: one schema over all pages."""

from typing import TYPE_CHECKING

from harvester.export.columns import Scalar, Table
from harvester.export.writer import Rows, Writer

if TYPE_CHECKING:
    import pyarrow as pa


class Parquet(Writer):
    """A Parquet file. What holds JSON text is marked so."""

    suffix = ".parquet"
    libraries = ("pyarrow",)
    has_types = True

    def add(self, name: str, rows: Rows) -> None:
        """Write the rows, in row groups of bounded size."""
        import pyarrow.parquet as pq

        from harvester.export.tables import GROUP_ROWS, groups

        table = rows.table()
        kinds = marked(table)
        with pq.ParquetWriter(self._path, kinds, compression="zstd") as writer:
            for group in groups(table, rows.blocks()):
                writer.write_table(group.cast(kinds), row_group_size=GROUP_ROWS)


def marked(table: Table) -> "pa.Schema":
    """The Arrow schema of a table, in which JSON is marked so."""
    import pyarrow as pa

    from harvester.export.arrow import schema

    return pa.schema(
        [
            pa.field(column.name, pa.json_() if column.type is Scalar.JSON else field.type)
            for column, field in zip(table.columns, schema(table), strict=True)
        ]
    )
