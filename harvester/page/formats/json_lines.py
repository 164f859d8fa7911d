"""Reads pages of JSON Lines: each line is a JSON value, and a record."""

import codecs
from typing import Final

from harvester.config import JsonLinesFormat, Limits
from harvester.errors import Malformed, NotJSON
from harvester.page.array_validator import UNPROVEN, check
from harvester.page.control_characters import one_line
from harvester.page.formats.json_pages import is_no_json
from harvester.page.formats.record_limit import RecordLimit
from harvester.page.page_format import PageFormat, Translator
from harvester.page.parser import check_deep
from harvester.patterns import pattern

_BOM: Final = b"\xef\xbb\xbf"
_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_BLANK: Final = b" \t\r"
_OWN: Final = pattern(
    r"(application|text)/(x-)?(ndjson|jsonl(ines)?|json-lines|nd-json|ldjson|json-l)"
    r"|application/([\w.-]+\+)ndjson|application/stream\+json"
)


class _Lines:
    """Puts brackets around the lines of a page, and commas between them."""

    def __init__(self, limits: Limits | None) -> None:
        self._limit = RecordLimit(limits)
        self._pending: list[bytes] = []  # of the line that is not all there
        self._size = 0
        self._line = 0
        self._records = 0

    def feed(self, chunk: bytes) -> bytes:
        """The text of the lines that end in the chunk."""
        head, broken, rest = chunk.rpartition(b"\n")
        if not broken:
            self._wait(chunk)
            return b""
        whole = b"".join((*self._pending, head))
        self._pending, self._size = [], 0
        self._wait(rest)
        return self._text(whole)

    def close(self) -> bytes:
        """The text of a last line without a line break, and the end."""
        text = self._text(b"".join(self._pending))
        return text + (b"]" if self._records else b"[]")

    def _wait(self, piece: bytes) -> None:
        if piece:
            self._pending.append(piece)
            self._size += len(piece)
            self._limit.check(self._size, f"line {self._line + 1}")

    def _text(self, lines: bytes) -> bytes:
        found = []
        for line in lines.split(b"\n"):
            self._line += 1
            if self._line == 1:
                if line.startswith(_UTF_16):
                    raise Malformed("the body is UTF-16, and JSON Lines are UTF-8")
                line = line.removeprefix(_BOM)
            if value := line.strip(_BLANK):
                found.append(self._checked(value))
        if not found:
            return b""
        first = b"," if self._records else b"["
        self._records += len(found)
        return first + b",".join(found)

    def _checked(self, line: bytes) -> bytes:
        """The line, with control characters in its strings escaped, which are let in as in JSON.
        Raises `Malformed` for one that is more or less than one value.
        """
        try:
            check(line)
        except UNPROVEN:
            line = one_line(line)
            try:
                check_deep(line)
            except NotJSON as error:
                reason = str(error).partition(": ")[2]
                told = f"line {self._line:,} is not one complete JSON value: {reason}"
                raise Malformed(f"the body is no JSON Lines: {told}") from error
        return line


class JsonLines(PageFormat[JsonLinesFormat], options=JsonLinesFormat):
    """`format: jsonl`."""

    suffix = ".jsonl.gz"
    accept = "application/x-ndjson, application/jsonl, */*;q=0.5"
    content_type = "application/x-ndjson"
    proves_its_end = False

    def translator(self, limits: Limits | None = None) -> Translator:
        """Its lines as an array."""
        return _Lines(limits)

    @classmethod
    def is_own(cls, content_type: str) -> bool:
        """The names that are in use; none is registered."""
        return _OWN.fullmatch(content_type) is not None

    def refuses(self, content_type: str, beginning: bytes) -> bool:
        """What begins as JSON does was meant as such, whatever it is sent as."""
        return is_no_json(content_type, beginning)
