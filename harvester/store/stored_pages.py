"""Reads the decoded bytes of stored parts back as a stream."""

import gzip
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Final

from harvester.errors import PageRejected
from harvester.page import STORED_PIECE_BYTES, inflated
from harvester.store.inside import opened
from harvester.store.parts import TEMPORARY

_READ_BYTES: Final = 64 * 1024


def decoded_chunks(path: Path | str) -> Iterator[bytes]:
    """The decoded bytes of a stored part in chunks of at most `STORED_PIECE_BYTES`.

    Raises `DataRefused` for what is no file, OSError; `gzip.BadGzipFile`, which is one, where the
    gzip is damaged or cut.
    """
    is_gzip = str(path).removesuffix(TEMPORARY).endswith(".gz")
    with FileIO(opened(path)) as file:
        if not is_gzip:
            yield from iter(lambda: file.read(STORED_PIECE_BYTES), b"")
            return
        try:
            blocks = iter(lambda: file.read(_READ_BYTES), b"")
            for _, decoded in inflated(blocks, STORED_PIECE_BYTES):
                yield decoded
        except PageRejected as error:
            raise gzip.BadGzipFile(f"{path}: {error}") from error
