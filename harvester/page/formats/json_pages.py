"""Reads pages of JSON: their bytes are the text."""

from collections.abc import Iterable, Iterator
from typing import Final

from harvester.config import JsonFormat, Limits
from harvester.model import parse
from harvester.page.formats.columnar import Columnar
from harvester.page.page_format import PageFormat, Translator
from harvester.patterns import pattern

_BOM: Final = b"\xef\xbb\xbf"
_OWN: Final = pattern(r"application/([\w.-]+\+)?json|text/json")
#: The types under which JSON is sent: its own, and those that say nothing.
_MAYBE: Final = pattern(r"json|javascript|^text/plain$|octet-stream|^application/unknown$")


class _Unchanged:
    """Gives each chunk as it came: whether it is JSON is seen by who reads the text."""

    def feed(self, chunk: bytes) -> bytes:
        return chunk

    def close(self) -> bytes:
        return b""


class JsonPages(PageFormat[JsonFormat], options=JsonFormat):
    """`format: json`."""

    suffix = ".json.gz"
    # What follows is for servers that have JSON under a vendor's name only, as
    # application/vnd.api+json, and answer 406 to anything less; curl asks for */* alone.
    accept = "application/json, */*;q=0.5"
    content_type = "application/json"

    def translator(self, limits: Limits | None = None) -> Translator:
        """The bytes as they are, unless rows become objects."""
        if self.options.rows_path is None:
            return _Unchanged()
        named_at = self.options.columns_path
        columns_at = None if named_at is None else parse(named_at)
        rows_at = parse(self.options.rows_path)
        return Columnar(columns_at, rows_at, self.options.columns, limits)

    def text(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The chunks as they are, unless rows become objects."""
        return iter(chunks) if self.options.rows_path is None else super().text(chunks)

    @classmethod
    def is_own(cls, content_type: str) -> bool:
        """`application/json`, and whatever is written in it."""
        return _OWN.fullmatch(content_type) is not None

    def refuses(self, content_type: str, beginning: bytes) -> bool:
        """What begins as JSON does was meant as such: many servers send it as text/html."""
        return is_no_json(content_type, beginning)


def is_no_json(content_type: str, beginning: bytes) -> bool:
    """Whether a page that came as this type, and begins so, was not meant as JSON of any kind."""
    if _MAYBE.search(content_type):
        return False
    first = beginning.removeprefix(_BOM).lstrip()[:1]
    return bool(first) and first not in b"{["
