"""Compares a total that the API names, of records or of pages, with what came. Pure.

A total proves little: many are capped at 10,000, some are estimates, some count what was filtered
out. So it never ends a partition on a full page. It can say that more follows an empty page, and
where it is passed it makes an empty page or an error the end. When a partition has ended, it is
compared with what came.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from harvester.config import PagingOptions
from harvester.model import Doubt
from harvester.page import as_number
from harvester.paging.paginator import Paginator
from harvester.paging.signs import Unit, unit_of, unit_of_header
from harvester.store import CAPPED, Checkpoint
from harvester.values import dataclass

#: Ends that somebody asked for, at which there is nothing to compare.
_ASKED_FOR: Final = ("maximum_reached", "ignored", "stop_before", CAPPED)
#: Ends that the API was asked for by name: against its word, a total is a weak doubt.
_NAMED: Final = ("has_more_false", "last_page", "results_false", "single_page")
_ROUND: Final = 1000  # totals that are capped are multiples of it
_TENTH: Final = 10
_LARGEST: Final = 10**15  # a larger total is a joke


def counted_in(paginator: Paginator[Any]) -> Unit | None:
    """What the total counts, as declared or by its name; None: there is none, or its name does
    not tell and either may be meant.
    """
    options: PagingOptions = paginator.options
    place, unit = options.total_place, options.total_unit
    if place is None or unit is not None:
        return unit
    own_unit = unit_of(options.total_path) if options.total_path else unit_of_header(place)
    return own_unit if own_unit or paginator.counts_pages else "records"


def page_size(paginator: Paginator[Any], at: Checkpoint) -> int:
    """How many records a full page has: as declared, else as the first page had; 0: unknown."""
    return paginator.options.full_page or at.page_size


def total_of(at: Checkpoint) -> int | Decimal | None:
    """What was claimed last; None where that is no number, or -1, which says that it is unknown."""
    total = as_number(at.total)
    return total if total is not None and 0 <= total < _LARGEST else None


def below(paginator: Paginator[Any], cursor: Any, at: Checkpoint) -> bool | None:
    """Whether the page that `cursor` would ask for lies below the total; None without one, and
    where cursors do not count.

    `at` is what has come. Where the unit is not known, both have to say so.
    """
    total = total_of(at)
    at = at.this_list
    before = paginator.asked_before(paginator.counted(cursor), at, page_size(paginator, at))
    if total is None or before is None:
        return None
    unit, (pages, records) = counted_in(paginator), before
    return (unit == "records" or pages < total) and (unit == "pages" or records < total)


def beyond(paginator: Paginator[Any], cursor: Any, at: Checkpoint) -> bool:
    """Whether `cursor` asks for more than the total says there is."""
    return (
        at.this_list.live_pages > 0 and bool(total_of(at)) and below(paginator, cursor, at) is False
    )


def passed(paginator: Paginator[Any], at: Checkpoint) -> bool:
    """Whether more has come than the total says: it is known to be wrong."""
    at = at.this_list
    total = total_of(at)
    if total is None:
        return False
    unit, filled = counted_in(paginator), at.live_pages - at.empty_pages
    return (unit == "records" or filled > total) and (unit == "pages" or at.records > total)


def reached(paginator: Paginator[Any], at: Checkpoint, pages: int) -> bool:
    """Whether the last page of `at`, the one of number `pages` from 1, ends at the total: just that
    much has come, it has never said anything else, and the page is a short one.
    """
    total = total_of(at)
    if not total or at.total_changed or at.empty_pages:
        return False
    if at.last_page >= page_size(paginator, at):
        return False
    unit = counted_in(paginator)
    return (unit != "pages" and at.records == total) or (unit != "records" and pages == total)


@dataclass(frozen=True, slots=True)
class Measured:
    """A total and what came, in the same unit. `unit_known`: beforehand, not by comparing."""

    claimed: int | Decimal
    came: int
    unit: Unit
    unit_known: bool


def measured(paginator: Paginator[Any], at: Checkpoint) -> Measured | None:
    """The total and what came; None without one.

    Where nobody declared the unit of what ends numbered pages, it is the one in which both agree,
    if there is one: `total: 11` may well be 11 pages.
    """
    at = at.this_list
    total, unit = total_of(at), counted_in(paginator)
    if total is None:
        return None
    came: dict[Unit, int] = {"records": at.records, "pages": at.live_pages - at.empty_pages}
    if paginator.counts_pages and not paginator.options.total_unit:
        units: tuple[Unit, ...] = ("pages", "records")
        unit = next((one for one in units if came[one] == total), unit)
    unit_known = counted_in(paginator) is not None
    unit = unit or "records"
    return Measured(total, came[unit], unit, unit_known)


def compared(
    paginator: Paginator[Any], cursor: Any, at: Checkpoint, *, refused: bool
) -> Iterator[Doubt]:
    """What the total says against a partition that has ended: `at` includes its last page, which
    was asked for with `cursor`. `refused`: that page was an error other than 404.
    """
    found = measured(paginator, at)
    if found is None or at.reason in _ASKED_FOR:
        return
    total, came, unit = found.claimed, found.came, found.unit
    key = "total_header" if paginator.options.total_header else "total_path"
    says = f"the API's total ({paginator.options.total_place}) is {total:,} {unit}"
    if at.total_changed:
        says += ", not what it was at first"
    if came == total:
        if refused and total % _ROUND == 0:
            yield Doubt("total_capped", f"{says}, a round number, and the API refuses to go on "
                        "from there: it may be capped")  # fmt: skip
        return
    if came == 0 and total == 1 and unit == "pages":  # the one page has nothing on it
        return
    if not found.unit_known:
        says += " or pages (total_unit does not say)"
    says += f", {came:,} came"
    if came > total:
        yield Doubt("total_exceeded", f"{says}: it is capped or out of date")
    elif _is_far(paginator, cursor, at, found) and not _is_excused(paginator, at):
        yield Doubt(
            "total_missed",
            f"{says} until the list ended ({at.reason}): some are missing, or the total is only an "
            f"estimate; if it is, take {key} out of the paginator",
            strong=True,
        )
    else:
        yield Doubt("total_missed", says)


def _is_far(paginator: Paginator[Any], cursor: Any, at: Checkpoint, found: Measured) -> bool:
    """Whether more than a tenth is missing, and more than a page, behind the last page that had
    records. What is missing before it has been asked for: the server has left it out.
    """
    at = at.this_list
    size, reach = page_size(paginator, at), found.came
    if found.unit == "pages":
        size = 1
    else:
        reach = max(reach, paginator.reach(paginator.counted(cursor), at, size))
    missing = found.claimed - reach
    return missing > size and missing * _TENTH > found.claimed


def _is_excused(paginator: Paginator[Any], at: Checkpoint) -> bool:
    """Whether a total that is missed by far is a weak doubt all the same."""
    explicit = at.reason == "empty_page" and bool(paginator.options.stop_after_empty_page)
    unknown = counted_in(paginator) is None
    return explicit or unknown or at.reason in _NAMED or at.total_changed
