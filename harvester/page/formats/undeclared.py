"""Reads pages whose format the YAML does not say: JSON, unless the server says what they are.

A page is taken for another format only where that is sure: its Content-Type names it, and it begins
as such a page does. Then its part has the name of that format, by which it is read later.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from harvester.config import (
    CsvFormat,
    FormatOptions,
    JsonFormat,
    JsonLinesFormat,
    Limits,
    XmlFormat,
)
from harvester.page.fields import Field
from harvester.page.formats.json_pages import JsonPages
from harvester.page.page_format import PageFormat

_MADE: Final[tuple[FormatOptions, ...]] = (
    JsonLinesFormat.as_it_is(type="jsonl"),
    CsvFormat.as_it_is(type="csv"),
    XmlFormat.as_it_is(type="xml"),
)
#: What a page is taken for that nothing names.
JSON: Final = JsonFormat.as_it_is(type="json")
_BOM: Final = b"\xef\xbb\xbf"


class UndeclaredPages(JsonPages):
    """What a resource without `format` has."""

    def text(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The text by the format that the name of a part tells."""
        found = self.stored_as(getattr(chunks, "suffix", self.suffix))
        return iter(chunks) if found is self else found.text(chunks)

    def check(
        self, chunks: Iterable[bytes], fields: Sequence[Field], limits: Limits
    ) -> Mapping[str, Any]:
        """The fields by that format."""
        found = self.stored_as(getattr(chunks, "suffix", self.suffix))
        if found is self:
            return super().check(chunks, fields, limits)
        return found.check(chunks, fields, limits)

    def stored_as(self, suffix: str) -> PageFormat[Any]:
        """The format of a part whose name ends so."""
        if suffix == self.suffix:
            return self
        return next((one for one in self._others() if one.suffix == suffix), self)

    def named(self, content_type: str) -> PageFormat[Any] | None:
        """Another format that a Content-Type names, if the page begins as its pages do."""
        return next((one for one in self._others() if one.is_own(content_type)), None)

    def _others(self) -> Iterator[PageFormat[Any]]:
        for options in _MADE:
            yield PageFormat.registered[type(options)](options, self.selector)


def begins_as(pages: PageFormat[Any], beginning: bytes) -> bool:
    """Whether what a page begins with speaks for this format, and against JSON."""
    first = beginning.removeprefix(_BOM).lstrip()[:1]
    match pages.options:
        case XmlFormat():
            return first == b"<"
        case JsonLinesFormat():
            return first in (b"{", b"[", b"")
        case CsvFormat():
            return first not in (b"", b"{", b"[", b"<")
        case JsonFormat():
            return True
    return False
