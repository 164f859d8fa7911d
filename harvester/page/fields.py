"""Extracts declared fields from a streamed page, in flat memory: decoded chunks in, fields out.

`PageScanner` says what must be parsed, the parser makes events of it, and `Matcher` takes the
fields.
"""

from collections.abc import Iterable, Sequence
from typing import Any, assert_never

from harvester.config import Limits
from harvester.page.aggregators import Take as Take
from harvester.page.aggregators import as_number as as_number
from harvester.page.aggregators import extreme as extreme
from harvester.page.matcher import Field as Field
from harvester.page.matcher import Matcher
from harvester.page.parser import Parser
from harvester.page.scanner import PageScanner, Parse, Skipped, Spare, Step


class FieldParser:
    """Feed it the decoded chunks of one page; `close` gives the fields.

    Records that no field looks into are not sent through the parser, but proven otherwise (see
    `scanner`). Raises `NotJSON` where the page is not JSON in UTF-8, complete to its last byte, and
    `PageRefused` where a limit, a duplicate key on a field's way or a field that cannot be kept
    exactly makes another try pointless.
    """

    def __init__(self, fields: Sequence[Field], limits: Limits) -> None:
        self._matcher = Matcher(fields, limits)
        self._parser = Parser(self._matcher.events())
        self._scanner = PageScanner(limits)

    @property
    def control_characters(self) -> int:
        """How many control characters stand raw in strings of the text so far."""
        return self._scanner.control_characters

    def feed(self, chunk: bytes) -> None:
        """Take in one more chunk; it may end anywhere, also inside a character."""
        self._take(self._scanner.feed(chunk))

    def close(self) -> dict[str, Any]:
        """The fields that were found, by name. Call it once, after the last chunk."""
        self._take(self._scanner.close())
        self._parser.close()
        return self._matcher.results()

    def _take(self, steps: Iterable[Step]) -> None:
        for step in steps:
            match step:
                case Parse(text):
                    self._parser.send(text)
                case Skipped(items):
                    self._matcher.skipped(items)
                case _:
                    assert_never(step)
            self._scanner.spare = self._spare()

    def _spare(self) -> Spare | None:
        """What of the page need not be parsed, as far as it has come."""
        return self._matcher.spare()
