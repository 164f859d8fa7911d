"""Reads pages of XML as JSON: elements are objects, attributes `@name`, text beside them `#text`.

An element that has nothing but text is that text, and null where it has none. Of several elements
of one name in the same parent a list is made. `#text` of an element that mixes text and elements
is all its text in the order of reading, that of the elements within included. Names keep their
prefixes; the declarations of namespaces are left out, and white space around a text is too.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from harvester.config import Limits, XmlFormat
from harvester.model import Every, Index, Key, Path
from harvester.page.fields import Field, FieldParser
from harvester.page.formats.xml_stream import TEXT, XmlStream
from harvester.page.keys import Record
from harvester.page.page_format import FieldReader, PageFormat, Translator
from harvester.patterns import pattern

_OWN: Final = pattern(r"(application|text)/(x-)?xml|application/[\w.-]+\+xml")
_MAYBE: Final = pattern(r"xml|^text/plain$|octet-stream|^application/unknown$")
_HTML: Final = pattern(rb"\s*(<!doctype\s+html|<html)", re.IGNORECASE)
_BOM: Final = b"\xef\xbb\xbf"


class _Texts:
    """Gives the text of an element where a field is one that has attributes besides."""

    def __init__(self, parser: FieldParser) -> None:
        self._parser = parser

    @property
    def control_characters(self) -> int:
        """See `FieldReader`."""
        return self._parser.control_characters

    def feed(self, chunk: bytes) -> None:
        """See `FieldReader`."""
        self._parser.feed(chunk)

    def close(self) -> dict[str, Any]:
        """The fields, by name."""
        return {name: _text_of(value) for name, value in self._parser.close().items()}

    def first_records(self, most: int) -> Sequence[Record]:
        """See `FieldReader`."""
        return self._parser.first_records(most)


class XmlPages(PageFormat[XmlFormat], options=XmlFormat):
    """`format: xml`."""

    suffix = ".xml.gz"
    accept = "application/xml, text/xml;q=0.9, */*;q=0.5"
    content_type = "application/xml"

    def translator(self, limits: Limits | None = None) -> Translator:
        """The document as one object; what the selector leads through streams by."""
        return XmlStream(steps_of(self.selector), frozenset(self.options.lists), limits)

    def field_reader(self, fields: Sequence[Field], limits: Limits) -> FieldReader:
        """Neither whether an element has attributes makes a difference to a field, nor that the
        selector makes a list of it: a path that says nothing of that means its first item.
        """
        steps = steps_of(self.selector)
        found = [replace(field, path=through_lists(field.path, steps)) for field in fields]
        return _Texts(FieldParser(found, limits))

    @classmethod
    def is_own(cls, content_type: str) -> bool:
        """XML, and whatever is written in it but HTML."""
        return _OWN.fullmatch(content_type) is not None and "xhtml" not in content_type

    def refuses(self, content_type: str, beginning: bytes) -> bool:
        """What begins as XML does was meant as such, unless it is HTML."""
        start = beginning.removeprefix(_BOM)
        if _HTML.match(start):
            return True
        if _MAYBE.search(content_type):
            return False
        first = start.lstrip()[:1]
        return bool(first) and first != b"<"


def steps_of(selector: Path) -> list[tuple[str, bool]]:
    """The elements that a selector leads through, and of each whether it is a list."""
    names = list[tuple[str, bool]]()
    for at, segment in enumerate(selector):
        if not isinstance(segment, Key):
            continue
        if segment.name.startswith("@") or segment.name == TEXT:
            break
        following = selector[at + 1] if at + 1 < len(selector) else None
        names.append((segment.name, not isinstance(following, Key)))
        if following is not None and not isinstance(following, Key | Every):
            break
    return names


def through_lists(path: Path, steps: Sequence[tuple[str, bool]]) -> Path:
    """A path that goes on with the first item wherever it goes through a list without saying so."""
    found = list(path)
    at = 0
    for name, is_list in steps:
        if at >= len(found) or found[at] != Key(name):
            break
        at += 1
        if is_list and at < len(found):
            if isinstance(found[at], Key):
                found.insert(at, Index(0))
            at += 1
    return tuple(found)


def _text_of(value: Any) -> Any:
    if isinstance(value, dict) and all(key == TEXT or key.startswith("@") for key in value):
        return value.get(TEXT)
    return value
