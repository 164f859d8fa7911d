"""Extracts declared fields from a streamed page, in flat memory: decoded chunks in, fields out.

`PageScanner` says what must be parsed, the parser makes events of it, and `Matcher` takes the
fields.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final, assert_never

from harvester.config import Limits
from harvester.page.aggregators import Take as Take
from harvester.page.aggregators import as_number as as_number
from harvester.page.aggregators import extreme as extreme
from harvester.page.keys import Record
from harvester.page.matcher import Field as Field
from harvester.page.matcher import Matcher
from harvester.page.parser import Parser
from harvester.page.scanner import PageScanner
from harvester.page.small_pages import MOST_BYTES, Whole, small_pages
from harvester.page.small_pages import Fields as Fields
from harvester.page.steps import Parse, Skipped, Spare, Step

_OPENING: Final = (b"{", b"[")


class FieldParser:
    """Feed it the decoded chunks of one page; `close` gives the fields.

    Records that no field looks into are not sent through the parser, but proven otherwise (see
    `scanner`). Raises `NotJSON` where the page is not JSON in UTF-8, complete to its last byte, and
    `PageRefused` where a limit, a duplicate key on a field's way or a field that cannot be kept
    exactly makes another try pointless.
    """

    def __init__(self, fields: Sequence[Field], limits: Limits) -> None:
        self._fields = fields
        self._limits = limits
        self._scanner: PageScanner | None = None
        small = small_pages(fields)
        self._small = small if small and small.is_trusted else None
        self._held: list[bytes] = []  # of a page that may be small
        self._size = 0
        self._whole: Whole | None = None

    @property
    def control_characters(self) -> int:
        """How many control characters stand raw in strings of the text so far."""
        return self._scanner.control_characters if self._scanner else 0

    def feed(self, chunk: bytes) -> None:
        """Take in one more chunk; it may end anywhere, also inside a character."""
        if not chunk:  # what comes first of a gzip body may be its header only
            return
        if self._small is not None:
            self._held.append(chunk)
            self._size += len(chunk)
            # What does not begin as a page does is refused by its first bytes, as it always was.
            if self._size <= MOST_BYTES and (self._size > len(chunk) or chunk[:1] in _OPENING):
                return
            self._small = None
            chunk = b"".join(self._held)
            self._held = []
        self._take(self._begun().feed(chunk))

    def close(self) -> dict[str, Any]:
        """The fields that were found, by name. Call it once, after the last chunk."""
        if self._small is not None:
            text = b"".join(self._held)
            self._held = []
            found = self._small.read(text, self._limits)
            if found is not None:
                self._whole = found
                return found.fields
            self._take(self._begun().feed(text))
        self._take(self._begun().close())
        self._parser.close()
        return self._matcher.results()

    def first_records(self, most: int) -> Sequence[Record]:
        """The records that end within the first `most` bytes, once the page is closed; none where
        they have not been told apart.
        """
        return self._whole.first_records(most) if self._whole else ()

    def _begun(self) -> PageScanner:
        """The scanner, with the parser and the matcher, which are made where they are needed."""
        if self._scanner is None:
            self._matcher = Matcher(self._fields, self._limits)
            self._parser = Parser(self._matcher.events())
            self._scanner = PageScanner(self._limits)
        return self._scanner

    def _take(self, steps: Iterable[Step]) -> None:
        scanner = self._begun()
        for step in steps:
            match step:
                case Parse(text):
                    self._parser.send(text)
                case Skipped(items):
                    self._matcher.skipped(items)
                case _:
                    assert_never(step)
            scanner.spare = self._spare()

    def _spare(self) -> Spare | None:
        """What of the page need not be parsed, as far as it has come."""
        return self._matcher.spare()
