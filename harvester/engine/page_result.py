"""Result of asking for one page. It grows on the way into the journal, stage by stage.

1. `PageReader` reads the answer: its part, what was counted, the fields that paging needs.
2. A run adds what the page was asked for with (`asked_with`), of the attempt that succeeded.
3. `Turns` judge it when the pages before it are known, and add its line (`with_entry`).

Then `Commits` make it part of the harvest. A line that has no page is a result of stage 3 only.
"""

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final, NamedTuple, Self

from harvester.http import Request
from harvester.page import Sight
from harvester.paging import Done, Page, Paginator
from harvester.store import Checkpoint, Entry, Part
from harvester.values import dataclass

_NOTHING_CAME: Final = Checkpoint()


@dataclass(frozen=True, slots=True)
class Asked:
    """What a page was asked for with: `cursor` concealed, as the journal has it; `sent` as it left,
    which may hold a secret.
    """

    request: Request
    sent: Any = field(repr=False)
    cursor: Any
    elapsed_s: float
    attempts: int


class PageResult(NamedTuple):
    """One page. Its part is whole and checked, and *must* be made durable before anything may speak
    of it; None where a rule ended the partition, or the line says that there is no page.
    """

    part: Part | None
    status: int = 0
    headers: Mapping[str, str] = {}
    records: int = 0
    bytes: int = 0
    fields: Mapping[str, Any] = {}
    page: Page | None = None  # None: a rule ended the partition
    sight: Sight | None = None  # None: it has no records
    control_characters: int = 0  # raw in strings
    asked: Asked | None = None
    cookies: bool = False  # whether the server set any, which nobody keeps
    line: Entry | None = None
    again: Entry | None = None  # of the generation before, where nothing else says what follows

    @property
    def is_judged(self) -> bool:
        """Whether it has its line."""
        return self.line is not None

    @property
    def entry(self) -> Entry:
        """Its line, once it is judged."""
        if self.line is None:
            raise AssertionError("this page has not been judged")
        return self.line

    def asked_with(self, asked: Asked, *, cookies: bool) -> Self:
        """The result, and what it was asked for with."""
        return self._replace(asked=asked, cookies=cookies)

    def refreshed(self, fields: Mapping[str, Any], again: Entry | None) -> Self:
        """The result for a page that is as it was: its fields, and what says what follows."""
        return self._replace(fields=fields, again=again)

    def with_entry(self, entry: Entry) -> Self:
        """The result, judged: its line."""
        return self._replace(line=entry)

    def following(
        self, paginator: Paginator[Any], cursor: Any, past: Checkpoint = _NOTHING_CAME
    ) -> Any | Done:
        """The next cursor, where the page was asked for with `cursor` and `past` came before it.
        Raises `PageRefused`; the part *must* be discarded then.
        """
        if self.page is None:
            return Done("ignored")
        if self.again is not None:
            if self.again.done:
                return Done(self.again.reason or "no_next_cursor")
            return self.again.next
        return paginator.next_cursor(cursor, self.page, past)

    def discard(self) -> None:
        """Leave nothing of it."""
        if self.part is not None:
            self.part.discard()
