"""Reads the decoded bytes of stored parts back as a stream."""

import gzip
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Final

from harvester.errors import PageRejected
from harvester.page import STORED_PIECE_BYTES, inflated
from harvester.store.contract import Store
from harvester.store.inside import opened
from harvester.store.parts import TEMPORARY, is_raw, part_suffix

_READ_BYTES: Final = 64 * 1024


class StoredChunks(Iterator[bytes]):
    """The decoded bytes of a part, and what its name ends in, which tells its format."""

    def __init__(self, chunks: Iterator[bytes], name: str) -> None:
        self._chunks = chunks
        self.suffix = part_suffix(name)

    def __next__(self) -> bytes:
        return next(self._chunks)


def decoded_chunks(path: Path | str) -> StoredChunks:
    """The decoded bytes of a stored part in chunks of at most `STORED_PIECE_BYTES`.

    Raises `DataRefused` for what is no file, OSError; `gzip.BadGzipFile`, which is one, where the
    gzip is damaged or cut.
    """
    name = str(path).removesuffix(TEMPORARY).rpartition("/")[2]
    return StoredChunks(_read(path, is_gzip=not is_raw(name)), name)


def _read(path: Path | str, *, is_gzip: bool) -> Iterator[bytes]:
    with FileIO(opened(path)) as file:
        yield from _decoded(iter(lambda: file.read(_READ_BYTES), b""), path, is_gzip=is_gzip)


def decoded(
    store: Store, folder: str, part: str, stored_bytes: int, stored: Iterator[bytes] | None = None
) -> StoredChunks:
    """The same of a committed part, from its store, or as what was `stored` there."""
    blocks = store.chunks(folder, part, stored_bytes) if stored is None else stored
    shown = f"{store.place}/{folder}/{part}"
    return StoredChunks(_decoded(blocks, shown, is_gzip=not is_raw(part)), part)


def _decoded(blocks: Iterator[bytes], shown: Path | str, *, is_gzip: bool) -> Iterator[bytes]:
    if not is_gzip:
        yield from blocks
        return
    try:
        for _, piece in inflated(blocks, STORED_PIECE_BYTES):
            yield piece
    except PageRejected as error:
        raise gzip.BadGzipFile(f"{shown}: {error}") from error
