"""JSON Lines: each record as the server wrote it, the values of its partition in front."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Final, cast

from isal import igzip

from harvester.export.columns import VALUE, Row, collision
from harvester.export.values import value_of

_BUFFER_BYTES: Final = 1 << 20
_LEVEL: Final = 2  # isal: within 5 % of its best size, at several hundred MB/s
_ESCAPED: Final = b"\\u00"


def write_lines(
    path: Path, resource: str, names: Mapping[str, str], rows: Iterable[Row], *, packed: bool
) -> None:
    """Write the rows, gzipped if `packed`; `names` are those of the partition values.

    A record that is no object becomes one, `{"value": …}`, where there is something to put in
    front of it. Raises `ConfigError` where a record has a key of such a name itself.
    """
    with _opened(path, packed) as file:
        pieces = bytearray()
        for line in _lines(resource, names, rows):
            pieces += line
            pieces += b"\n"
            if len(pieces) >= _BUFFER_BYTES:
                file.write(pieces)
                pieces = bytearray()
        file.write(pieces)


def _opened(path: Path, packed: bool) -> IO[bytes]:
    if not packed:
        return path.open("wb")  # buffered: a raw file may take a part of a piece, and say so only
    opened = igzip.open(path, "wb", compresslevel=_LEVEL)  # type: ignore[no-untyped-call]
    return cast(IO[bytes], opened)


def _lines(resource: str, names: Mapping[str, str], rows: Iterable[Row]) -> Iterator[bytes]:
    if not names:
        for _, record in rows:
            yield record
        return
    marks = [json.dumps(name).encode() for name in names.values()]
    own: Mapping[str, Any] | None = None
    front = b""
    for values, record in rows:
        if values is not own:
            own = values
            named = {name: values[key] for key, name in names.items()}
            front = json.dumps(named, ensure_ascii=False, separators=(",", ":")).encode()[:-1]
        if not record.startswith(b"{"):
            yield b'%b,"%b":%b}' % (front, VALUE.encode(), record)
            continue
        if _ESCAPED in record or any(mark in record for mark in marks):
            for name in names.values():
                if name in value_of(record):
                    raise collision(name, resource)
        rest = record[1:].lstrip()
        yield b"%b%b%b" % (front, b"" if rest == b"}" else b",", rest)
