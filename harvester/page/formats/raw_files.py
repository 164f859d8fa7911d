"""Reads pages that are files of any kind: stored as they are, and known by size and SHA-256."""

import hashlib
from fnmatch import fnmatchcase

from harvester.config import Limits, RawFormat
from harvester.page.page_format import PageFormat, Translator


class _Summary:
    """Counts and hashes the bytes of one file."""

    def __init__(self) -> None:
        self._bytes = 0
        self._hash = hashlib.sha256()

    def feed(self, chunk: bytes) -> bytes:
        """Nothing: the summary comes at the end."""
        self._bytes += len(chunk)
        self._hash.update(chunk)
        return b""

    def close(self) -> bytes:
        """The one record."""
        return b'{"bytes":%d,"sha256":"%s"}' % (self._bytes, self._hash.hexdigest().encode())


class RawFiles(PageFormat[RawFormat], options=RawFormat):
    """`format: raw`."""

    suffix = ".bin"
    accept = "*/*"
    content_type = "application/octet-stream"
    proves_itself = False
    proves_its_end = False
    unpacks = False

    def translator(self, limits: Limits | None = None) -> Translator:
        """Its size and SHA-256."""
        return _Summary()

    @classmethod
    def is_own(cls, content_type: str) -> bool:
        """Only what says nothing else."""
        return content_type in ("application/octet-stream", "binary/octet-stream")

    def refuses(self, content_type: str, beginning: bytes) -> bool:
        """What the YAML does not name, where it names any."""
        wanted = self.options.content_types
        return bool(wanted) and not any(fnmatchcase(content_type, one.lower()) for one in wanted)
