"""Finds what an API says against the end of a list that it has given. Pure.

At the end of a partition its total is compared with what came, and what stands beside the last
page's records is looked at, whether or not anybody asked for it: a `has_more: true` there, a next
link or a total of 300 says that a list of 20 is not all of it. What no page of a whole run ever
had, such as the cursor of a mistyped `cursor_path`, is a doubt about the resource.
"""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, Final

from harvester.model import Doubt
from harvester.page import as_number
from harvester.paging.paginator import Paginator
from harvester.paging.signs import Sign, envelope, of_body, of_headers, written
from harvester.paging.totals import compared
from harvester.store import Checkpoint

#: Ends that nothing but an absence proves.
_ABSENCES: Final = ("single_page", "no_next_cursor", "short_page", "empty_page")
#: A list of fewer records is likely to be all there is: no server has a smaller page by default.
_FEWEST: Final = 10


def at_the_end(
    paginator: Paginator[Any], cursor: Any, at: Checkpoint, *, refused: bool = False
) -> Iterator[Doubt]:
    """What speaks against the end at `at`, whose last page was asked for with `cursor`; `refused`:
    that page was refused with an error other than 404.
    """
    yield from compared(paginator, cursor, at, refused=refused)
    yield from paginator.doubts_at_end(at)


def unread(
    paginator: Paginator[Any],
    outside_records: Any,
    headers: Mapping[str, str],
    at: Checkpoint,
    *,
    delta_path: str | None = None,
) -> Iterator[Doubt]:
    """What stands outside the last page's records, or in its headers, says more, and no option
    was there to look for it. At `delta_path` is what the next run begins with.
    """
    if at.reason not in _ABSENCES:
        return
    at = at.this_list
    known = {*paginator.looked_at(), written(delta_path) if delta_path else ""}
    found = chain(of_body(envelope(outside_records)), of_headers(headers))
    signs = [sign for sign in found if sign.where not in known and _says_more(sign, at)]
    order = ("more", "records", "pages", "next")
    sign = min(signs, key=lambda one: order.index(one.kind), default=None)
    if sign is None:
        return
    pages, records = at.live_pages - at.empty_pages, at.records
    match sign.kind:
        case "more":
            message = f"{sign.where} says that there are more, {records:,} records came"
        case "next":
            message = f"{sign.where} leads on, {records:,} records came"
        case "records":
            message = f"{sign.where} says {sign.value:,} records, {records:,} came"
        case "pages":
            says = f"{sign.where} says {sign.value:,} pages"
            message = f"{says}, {pages:,} came ({records:,} records)"
    yield Doubt(f"unread_{sign.kind}", f"{message}, and the list ended with {at.reason}")


def _says_more(sign: Sign, at: Checkpoint) -> bool:
    """Whether a sign speaks against the end. Totals are often a little off, and a list that was
    followed to an end has one: there only a total that is missed by far counts.
    """
    pages = at.live_pages - at.empty_pages
    if sign.kind == "records":
        slack = 0 if at.live_pages == 1 else max(sign.value / 10, at.page_size)
        return bool(sign.value - at.records > slack)
    if sign.kind == "pages":
        slack = 0 if pages == 1 else max(sign.value / 10, 1)
        return bool(pages and sign.value - pages > slack)
    return at.last_page > 0 and at.empty_pages == 0


class NeverThere:
    """What no page of a resource ever had, gathered over its partitions."""

    def __init__(self, paginator: Paginator[Any]) -> None:
        self._paginator = paginator
        self._was_led = False
        self._largest = 0
        self._ended = 0  # partitions that ended because nothing led on
        self._had_total = False
        self._complete = 0  # partitions with records

    def add(self, at: Checkpoint) -> None:
        """Take note of a partition."""
        self._was_led = self._was_led or at.was_led
        self._largest = max(self._largest, at.largest_page)
        self._ended += at.done and at.reason == "no_next_cursor"
        self._had_total = self._had_total or as_number(at.total) is not None
        self._complete += bool(at.done and at.records)

    def total_doubt(self) -> tuple[Doubt, int] | None:
        """That no page had a total where one is declared, and of how many partitions."""
        path = self._paginator.options.total_path
        if path is None or self._had_total or not self._complete:
            return None
        told = (
            f"no page has a number at {path} (paginator.total_path), so that what came is compared "
            "with none: is it spelled so?"
        )
        return Doubt("never_total", told), self._complete

    def doubt(self) -> tuple[Doubt, int] | None:
        """The doubt, and how many partitions ended so; None where there is none, or the pages were
        so few and short that there was nothing to lead to.
        """
        size = self._paginator.options.full_page
        if self._was_led or not self._ended or self._largest < (size or _FEWEST):
            return None
        what = self._paginator.never_led()
        if what is None:
            return None
        message = (
            f"{what}, and a page has {self._largest:,} records: is it spelled so? If the list "
        )
        message += "is that short, page_size says how many a full page has"
        return Doubt("never_led", message), self._ended
