"""Writes Parquet, compressed by zstd: one schema over all pages."""

from harvester.export.columns import Scalar
from harvester.export.writer import Rows, Writer


class Parquet(Writer):
    """A Parquet file. What holds JSON text is marked so."""

    suffix = ".parquet"
    libraries = ("pyarrow",)
    has_types = True

    def add(self, name: str, rows: Rows) -> None:
        """Write the rows, in row groups of bounded size."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        from harvester.export.arrow import schema
        from harvester.export.tables import GROUP_ROWS, groups

        table = rows.table()
        marked = pa.schema(
            [
                pa.field(column.name, pa.json_() if column.type is Scalar.JSON else field.type)
                for column, field in zip(table.columns, schema(table), strict=True)
            ]
        )
        with pq.ParquetWriter(self._path, marked, compression="zstd") as writer:
            for group in groups(table, rows.blocks()):
                writer.write_table(group.cast(marked), row_group_size=GROUP_ROWS)
