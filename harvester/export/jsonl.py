"""Writes JSON Lines: each record as the server wrote it, its partition's values in front."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any, Final

from harvester.export.blocks import Block
from harvester.export.columns import VALUE, collision
from harvester.export.values import value_of
from harvester.export.writer import Rows, Writer

_BUFFER_BYTES: Final = 1 << 20
_ESCAPED: Final = b"\\u00"


class JSONLines(Writer):
    """A file of JSON Lines.

    A record that is no object becomes one, `{"value": …}`, where there is something to put in
    front of it. Raises `ConfigError` where a record has a key of a partition value's name itself.
    """

    suffix = ".jsonl"

    def add(self, name: str, rows: Rows) -> None:
        """Write the rows, a block of them at a time."""
        with self._opened() as file:
            pieces = bytearray()
            for line in _lines(rows.resource, rows.partition_names, rows.blocks()):
                pieces += line
                pieces += b"\n"
                if len(pieces) >= _BUFFER_BYTES:
                    file.write(pieces)
                    pieces = bytearray()
            file.write(pieces)

    def _opened(self) -> IO[bytes]:
        # Buffered: a raw file may take a part of a piece, and say so only.
        return self._path.open("wb")


def _lines(resource: str, names: Mapping[str, str], blocks: Iterable[Block]) -> Iterator[bytes]:
    if not names:
        for block in blocks:
            yield from block.records
        return
    quoted = [json.dumps(name).encode() for name in names.values()]
    own: Mapping[str, Any] | None = None
    front = b""
    for values, record in (row for block in blocks for row in block.rows()):
        if values is not own:
            own = values
            named = {name: values[key] for key, name in names.items()}
            front = json.dumps(named, ensure_ascii=False, separators=(",", ":")).encode()[:-1]
        if not record.startswith(b"{"):
            yield b'%b,"%b":%b}' % (front, VALUE.encode(), record)
            continue
        if _ESCAPED in record or any(name in record for name in quoted):
            for name in names.values():
                if name in value_of(record):
                    raise collision(name, resource)
        rest = record[1:].lstrip()
        yield b"%b%b%b" % (front, b"" if rest == b"}" else b",", rest)
