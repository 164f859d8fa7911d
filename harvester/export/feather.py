"""Writes Feather, Arrow's own file format, which pandas, polars and R read without parsing."""

from harvester.export.writer import Rows, Writer


class Feather(Writer):
    """A Feather file (version 2), zstd within. What holds JSON text is a string."""

    suffix = ".feather"
    libraries = ("pyarrow",)
    has_types = True

    def add(self, name: str, rows: Rows) -> None:
        """Write the rows, in batches of bounded size."""
        import pyarrow as pa

        from harvester.export.arrow import schema
        from harvester.export.tables import tables

        table = rows.table()
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        arrow = schema(table)
        with pa.ipc.new_file(str(self._path), arrow, options=options) as file:
            for piece in tables(table, rows.blocks()):
                file.write_table(piece)
