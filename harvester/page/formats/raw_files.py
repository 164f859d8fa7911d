"""Reads pages that are files of any kind: stored as they are, and known by size and SHA-256."""

import hashlib
import re
from collections.abc import Mapping
from email.errors import MessageError
from email.message import Message
from email.utils import collapse_rfc2231_value
from fnmatch import fnmatchcase
from typing import Final
from urllib.parse import unquote, urlsplit

from harvester.config import Limits, RawFormat
from harvester.page.page_format import PageFormat, Translator
from harvester.patterns import pattern

_MOST_CHARS: Final = 200
#: Control characters, marks that turn the direction of reading, halves of surrogate pairs.
_UNPRINTABLE: Final = pattern(
    r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


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

    def described(self, headers: Mapping[str, str], url: str) -> Mapping[str, str]:
        """Its Content-Type and name, for people: no file of the harvest is called by it."""
        kind = headers.get("content-type", "").strip()[:_MOST_CHARS]
        name = name_of(headers.get("content-disposition", ""), url)
        return {key: text for key, text in (("content_type", kind), ("name", name)) if text}

    @classmethod
    def is_own(cls, content_type: str) -> bool:
        """Only what says nothing else."""
        return content_type in ("application/octet-stream", "binary/octet-stream")

    def refuses(self, content_type: str, beginning: bytes) -> bool:
        """What the YAML does not name, where it names any."""
        wanted = self.options.content_types
        return bool(wanted) and not any(fnmatchcase(content_type, one.lower()) for one in wanted)


def name_of(disposition: str, url: str) -> str:
    """The name that a server gives a file (RFC 6266), or its URL does, without any folder; ""
    where there is none.
    """
    message = Message()
    message["Content-Disposition"] = _as_utf8(disposition)
    try:
        params = message.get_params(header="content-disposition") or []
    except (MessageError, ValueError, LookupError):
        params = []
    names = [value for key, value in params if key.lower() == "filename"]
    names.sort(key=lambda value: isinstance(value, str))  # the one with an encoding goes first
    given = collapse_rfc2231_value(names[0]) if names else ""
    for name in (given, unquote(urlsplit(url).path)):
        last = _UNPRINTABLE.sub("", re.split(r"[/\\]", name)[-1]).strip()[:_MOST_CHARS]
        if last not in ("", ".", ".."):
            return last
    return ""


def _as_utf8(text: str) -> str:
    """A header's text, which is read as Latin-1, as what most servers mean by it."""
    try:
        return text.encode("latin-1").decode()
    except ValueError:
        return text
