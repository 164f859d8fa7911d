"""Defines a paginator: the way from one page to the next. Pure.

Each type is one class in one file of `paginators`, registered by the model of its configuration;
`paginator_of` finds it. What is not abstract here is common to all of them, or is what most do.

A cursor is any JSON value. None is the cursor of a first page that needs none; the end of a
partition is a `Done` with its reason, which names what proved it, never a missing cursor. An
empty page ends only where nothing says more; what totals prove is in `totals`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final, Generic, TypeVar

from harvester.config import PagingOptions, Resource
from harvester.errors import PageRefused
from harvester.model import Doubt, is_older, parse
from harvester.page import Field, Take
from harvester.paging.page_fields import HAS_MORE, LAST_PAGE, RESTART, STOP, TOTAL
from harvester.paging.request_parts import CursorPlaces, RequestParts
from harvester.paging.signs import flag, total_in, written
from harvester.store import Checkpoint
from harvester.values import dataclass

#: The values that say that there is no cursor.
NO_CURSOR: Final[tuple[Any, ...]] = (None, "", "null", {}, [])
_NOTHING_CAME: Final = Checkpoint()

Options = TypeVar("Options", bound=PagingOptions)


@dataclass(frozen=True, slots=True)
class Done:
    """The partition has no further page; `reason`, which names what proved that, goes into the
    journal, and so do the doubts, which are weak.
    """

    reason: str
    doubts: tuple[Doubt, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """What paging may look at. `number` counts the partition's pages from 1, this one included;
    `headers` have lower-case names, `several` are those that came with different values.
    """

    number: int
    url: str
    fields: Mapping[str, Any]
    records: int
    headers: Mapping[str, str]
    several: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Paginator(ABC, Generic[Options]):
    """How one resource pages. Subclass it with `options=` the model of its configuration."""

    options: Options

    #: Whether cursors are the numbers of pages, so that a total may be one of pages.
    counts_pages: ClassVar[bool] = False
    #: Whether cursors count records: what another request asks for from there may overlap.
    counts_records: ClassVar[bool] = False
    #: Whether the server makes the cursors, and may have forgotten one that is sent later.
    may_expire: ClassVar[bool] = False
    #: Whether an empty page is the end, where nothing else is said.
    ends_on_empty_page: ClassVar[bool] = False
    #: Whether the cursor is a value of the page's records, and so says how far it has come.
    follows_values: ClassVar[bool] = False
    #: Whether a page is the only one.
    has_one_page: ClassVar[bool] = False

    registered: ClassVar[dict[type[PagingOptions], type["Paginator[Any]"]]] = {}

    def __init_subclass__(cls, options: type[PagingOptions] | None = None, **rest: Any) -> None:
        """Register the class by the model of its configuration."""
        super().__init_subclass__(**rest)
        if options is not None:
            if options in Paginator.registered:
                raise TypeError(f"{options.__name__} has a paginator already")
            Paginator.registered[options] = cls

    # --- From page to page -----------------------------------------------------------------------

    @abstractmethod
    def first_cursor(self) -> Any:
        """The cursor that the first page is asked for with."""

    @abstractmethod
    def cursor_fields(self) -> list[Field]:
        """The fields of a page, called `CURSOR`, that `following` looks at."""

    @abstractmethod
    def following(self, cursor: Any, page: Page, more: bool | None, at: Checkpoint) -> Any | Done:
        """The next cursor by the type's own rule, or `Done`. `more` is what `has_more_path` says;
        `at` is what has come, `page` included. Raises `PageRefused`.
        """

    def fields_wanted(self) -> list[Field]:
        """The fields that `next_cursor` will look for in a page."""
        wanted = self.cursor_fields()
        if self.options.total_path:
            wanted.append(Field(TOTAL, parse(self.options.total_path), advisory=True))
        if self.options.has_more_path:
            wanted.append(Field(HAS_MORE, parse(self.options.has_more_path)))
        if self.options.last_page_path:
            wanted.append(Field(LAST_PAGE, parse(self.options.last_page_path)))
        if self.options.stop_before:
            wanted.append(Field(STOP, parse(self.options.stop_before.path)))
        if self.options.restart_after:
            path = parse(self.options.restart_after.from_path)
            wanted.append(Field(RESTART, path, Take.LAST))
        return wanted

    def header_total(self, headers: Mapping[str, str]) -> dict[str, int]:
        """The total that stands in a header, as a field of the page; nothing without one."""
        name = self.options.total_header
        total = total_in(headers.get(name.lower(), "")) if name else None
        return {} if total is None else {TOTAL: total}

    def next_cursor(self, cursor: Any, page: Page, past: Checkpoint = _NOTHING_CAME) -> Any | Done:
        """The cursor of the page after `page`, which was asked for with `cursor`; or `Done`. `past`
        is what came before it.

        Raises `PageRefused` when the page contradicts itself: data would go missing silently.
        """
        if flag(page.fields.get(LAST_PAGE)):
            return Done("last_page")
        more = _says_more(page.fields.get(HAS_MORE))
        if more is False:
            return Done("has_more_false")
        at = past.with_page(page.records, page.fields)
        if not page.records and (reason := self._empty_page_ends(cursor, more, at)):
            return Done(reason)
        size = self.options.full_page
        if self.options.stop_after_short_page and size and page.records < size and not more:
            return Done("short_page")
        following = self.following(cursor, page, more, at)
        if isinstance(following, Done):
            if more and following.reason in ("no_next_cursor", "empty_page"):
                flagged = page.fields[HAS_MORE]
                raise PageRefused(
                    f"the page says there is more (has_more_path is {flagged!r}), but has no cursor"
                )
            return following
        return self._bounded(following, page, at)

    def passes(self, fields: Mapping[str, Any], stops_at: Any) -> bool:
        """Whether a page of these fields has what is older than `stops_at`, the rendered value of
        `stop_before`. Raises `PageRefused` where the two cannot be compared.
        """
        stop, found = self.options.stop_before, fields.get(STOP)
        if stop is None or stops_at is None or found is None:
            return False
        if (older := is_older(found, stops_at)) is None:
            raise PageRefused(
                f"stop_before cannot compare {found!r} (at {stop.path}) with {stops_at!r}: both "
                "must be times, or numbers"
            )
        return older

    def foresees(self) -> bool:
        """Whether cursors can be told before the page that leads to them has come."""
        return False

    def foresee(self, cursor: Any, at: Checkpoint) -> Any | None:
        """The cursor that the page after `at`, asked for with `cursor`, leads to if it is full;
        None where there is no telling, or the page is the last by what is declared or claimed.
        """
        return None

    def empty_page_ends(self, cursor: Any, more: bool | None, at: Checkpoint) -> str | None:
        """The reason why a page without records is the last one, if it is; `stop_after_empty_page`
        is not true.
        """
        left_out = self.options.stop_after_empty_page is None
        return "empty_page" if self.ends_on_empty_page and left_out and not more else None

    # --- Requests and links ----------------------------------------------------------------------

    def places(self) -> CursorPlaces:
        """Where the request carries the cursor, and what else is sent with every page."""
        return CursorPlaces()

    def leaves_out(self, cursor: Any) -> bool:
        """Whether the request for the page of `cursor` says nothing of it."""
        return False

    def counted(self, cursor: Any) -> Any:
        """What a cursor counts, where it says more than that."""
        return cursor

    def place_in(self, request: RequestParts, cursor: Any) -> RequestParts:
        """The parts of a request that asks for the page of `cursor`. Raises `PageRefused`."""
        return self.places().filled(request, cursor)

    def link_in(self, cursor: Any, resource: Resource) -> Mapping[str, Any] | None:
        """The link, with its `href`, where a cursor is one rather than a value for a place in the
        request.
        """
        return None

    def link_for_replay(self, following: Any, resource: Resource) -> Any:
        """The link or URL in a page that must lead to the replay's host; None: there is none."""
        return None

    def headers_for_replay(self, following: Any, link: str | None) -> Mapping[str, Any]:
        """The response headers that lead on: `link` is where to, if anywhere, on the replay."""
        return {}

    # --- What is known of the type ---------------------------------------------------------------

    @property
    def leading_header(self) -> str:
        """The response header that leads on, in lower case; "" where none does."""
        return ""

    @property
    def may_repeat(self) -> bool:
        """Whether the same cursor may come again."""
        return False

    def asked_before(self, cursor: Any, at: Checkpoint, size: int) -> tuple[int, int] | None:
        """The pages and the records that lie before the page of `cursor`, where that can be told;
        `at` is what has come, `size` the records of a full page.
        """
        return None

    def reach(self, cursor: Any, at: Checkpoint, size: int) -> int:
        """How many records were asked for when the last page that had some came; `cursor` is that
        of the last page of `at`. 0 where that is what came.
        """
        return 0

    def doubts_at_end(self, at: Checkpoint) -> Iterator[Doubt]:
        """What speaks against an end at `at` by the sizes of the pages."""
        yield from ()

    # --- In words --------------------------------------------------------------------------------

    @abstractmethod
    def own_end(self) -> str | None:
        """What ends a partition by the type's own rule, in words; None: nothing but empty pages."""

    @abstractmethod
    def ignored(self) -> str:
        """What the server seems not to heed where it gives the same page again, in words."""

    def never_led(self) -> str | None:
        """What is said where no page of a whole run had a cursor; None where none is looked for."""
        return None

    def circle_advice(self, place: str) -> str:
        """What to do about a server that leads back to a page before, where that is how it works;
        only keys that this type has. `place` is that of the paginator in the YAML.
        """
        return (
            f"if the API ends so, give the value of the page that says it in {place}, by "
            "has_more_path"
        )

    def ends(self) -> Iterator[str]:
        """What would end a partition, in words."""
        options = self.options
        if own := self.own_end():
            yield own
        given = options.stop_after_empty_page
        if self.ends_on_empty_page if given is None else given:
            yield "an empty page"
        if options.has_more_path:
            yield f"{options.has_more_path} being false"
        if options.last_page_path:
            yield f"{options.last_page_path} being true"
        if options.stop_after_short_page and options.full_page:
            yield f"a page of fewer than {options.full_page:,} records"
        yield from self.maximum_ends()

    def maximum_ends(self) -> Iterator[str]:
        """What ends a partition because somebody asked for it, in words."""
        if self.options.stop_before:
            yield f"{self.options.stop_before.path} before {self.options.stop_before.value}"
        if self.options.maximum_pages is not None:
            yield f"{self.options.maximum_pages:,} pages"

    def looked_at(self) -> Iterator[str]:
        """Where options look already for what leads on or counts, as signs write places."""
        keys = ("has_more_path", "last_page_path", "total_path", "cursor_path", "next_url_path")
        for key in keys:
            if text := getattr(self.options, key, None):
                yield written(text)
        if name := self.options.total_header:
            yield "Content-Range" if name.lower() == "content-range" else name.lower()

    # --- Common to all ---------------------------------------------------------------------------

    def capped(self, at: Checkpoint) -> bool:
        """Whether the YAML's own limits end a partition of so many pages."""
        most = self.options.maximum_pages
        return most is not None and at.live_pages >= most

    def _empty_page_ends(self, cursor: Any, more: bool | None, at: Checkpoint) -> str | None:
        if self.options.stop_after_empty_page:
            return "empty_page"
        return self.empty_page_ends(cursor, more, at)

    def _bounded(self, following: Any, page: Page, at: Checkpoint) -> Any | Done:
        """The next cursor, or the end where so many pages are the most that are wanted."""
        options = self.options
        if options.maximum_pages is not None and page.number >= options.maximum_pages:
            return Done("maximum_reached")
        if at.empty_pages >= options.maximum_empty_pages:
            raise PageRefused(
                f"{at.empty_pages:,} pages in a row had no records, each with a new cursor "
                "(maximum_empty_pages): the list seems to have ended without a word; name what "
                "ends it (has_more_path, last_page_path), or say stop_after_empty_page: true"
            )
        return following


def _says_more(value: Any) -> bool | None:
    """What stands at `has_more_path`: whether there is more; None where it says neither."""
    more = flag(value)
    return True if more is None and value not in NO_CURSOR else more
