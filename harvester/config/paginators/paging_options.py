"""Options of paging that several paginators have: when to stop, totals, the size of a page."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from harvester.config.options import BodyPath, Count, PagePath, Section, SectionError, Text
from harvester.config.request_options import HeaderName
from harvester.config.wording import KeyPath


class StopBefore(Section):
    """Where a list that is newest first is left: at the first page that has something older."""

    path: PagePath
    """Path to a time or number of the page, such as that of its last record:
    `data[-1].created_at`."""
    value: str | int | float
    """What is older than this ends the partition, and its page is the last that is kept. A date or
    time, a number, `{since}` (what an incremental run starts at), `{now}`, or a partition value.
    Times are compared as times, however each is written."""


class RestartAfter(Section):
    """Where an API shows only the first records of a list (Elasticsearch: 10,000): how it is begun
    anew behind them. The list must be sorted by the value that it is begun anew at.
    """

    records: Annotated[int, Field(ge=1, le=10**6)]
    """How many records of one list the API shows."""
    from_path: PagePath = Field(alias="from")
    """Path to the value of the page at which the list begins anew: that of its last record, such as
    `data[-1].updated_at`."""
    into: Text | None = None
    """The query parameter that carries it: `since`."""
    into_body_path: BodyPath | None = None
    """The place in the JSON body that carries it, instead of `into`."""

    @model_validator(mode="after")
    def _has_one_place(self) -> Self:
        if (self.into is None) == (self.into_body_path is None):
            message = "one of into and into_body_path says where the value is sent"
            raise SectionError([(("into",), message)])
        return self


class PagingOptions(Section):
    """What every paginator takes: when to stop, besides its own rule."""

    maximum_pages: Count | None = None
    """Stop after this many pages of a partition (reason `maximum_reached`)."""
    stop_after_empty_page: bool | None = None
    """Whether a page without records is the last one. Left out: by the type's own rule, where
    neither `has_more_path` nor the total says that more follow."""
    maximum_empty_pages: Count = 100
    """After so many pages in a row without records, each with a new cursor, the partition fails:
    some servers give a next cursor for ever."""
    stop_after_short_page: bool = False
    """Whether a page with fewer records than asked for is the last one. Off, because servers
    often give fewer than they were asked for."""
    has_more_path: PagePath | None = None
    """Path to a value that says whether there are more pages; false ends the partition."""
    last_page_path: PagePath | None = None
    """Path to a value that says whether the page is the last one; true ends the partition."""
    total_path: PagePath | None = None
    """Path to the total number of records, or of pages. It tells how far a run is, and is compared
    with what came: far fewer fail the partition. It ends only `offset` and `page_number`, at a
    short page, or at an empty one or an error beyond it."""
    total_header: HeaderName | None = None
    """The response header with that total (`X-WP-Total`, `X-Total-Count`, Content-Range), in the
    place of `total_path`."""
    total_unit: Literal["records", "pages"] | None = None
    """What the total counts. Left out: as its name says (`total_pages`, `total_count`); a name
    that does not tell means records, and either for `page_number`."""

    stop_before: StopBefore | None = None
    """For lists without a filter, newest first: stop at what is older."""
    repeated_page: Literal["fail", "end", "keep"] = "fail"
    """What a page means that has the same records as the one before it. `fail`: a loop, and the
    partition fails. `end`: the end, as where numbers beyond the last page give the last page
    again; it is not kept. `keep`: nothing; this API does repeat itself."""

    restart_after: RestartAfter | None = None
    """For `offset` and `page_number`: where the API shows only so many records of a list, it is
    begun anew from a value of its last record. Needs `key`, by which readers leave out the records
    that come a second time."""

    counts: ClassVar[bool] = False
    """Whether the next page is asked for by a number that is counted, and not by what the last
    one said."""
    has_cursor: ClassVar[bool] = True
    """Whether there is anything that `{cursor}` in a request stands for."""
    follows_links: ClassVar[bool] = False
    """Whether the server gives the next URL in a link."""
    size_option: ClassVar[str] = "page_size"
    """The option that says how many records a full page has."""

    @property
    def counted_in(self) -> tuple[str, str] | None:
        """The option that names the query parameter with the number that is counted, and that
        parameter; None: there is none.
        """
        return None

    @property
    def lacks_place(self) -> bool:
        """Whether the cursor goes nowhere, unless the request names it."""
        return False

    @property
    def total_place(self) -> str | None:
        """Where the total stands: a path of the page or the name of a header; None: nowhere."""
        return self.total_path or self.total_header

    @property
    def full_page(self) -> int | None:
        """How many records a full page has, or None where that is not known."""
        return None

    def faults(self) -> list[tuple[KeyPath, str]]:
        """Say what contradicts itself, as (path, message)."""
        if self.total_path and self.total_header:
            return [(("total_header",), "only one of total_path and total_header")]
        if self.total_unit and not self.total_place:
            return [(("total_unit",), "needs total_path or total_header, the place of the total")]
        if self.stop_after_short_page and self.full_page is None:
            return [
                (("stop_after_short_page",), f"needs {self.size_option}, to know what is short")
            ]
        if self.restart_after:
            return self._restart_faults(self.restart_after)
        return []

    def _restart_faults(self, restart: RestartAfter) -> list[tuple[KeyPath, str]]:
        if not self.counts:
            return [(("restart_after",), "is for offset and page_number, which count records")]
        if self.full_page is not None and restart.records < 2 * self.full_page:
            pages = f"two pages have {2 * self.full_page:,} records, and no more are shown"
            return [(("restart_after", "records"), pages)]
        return []

    def lints(self) -> list[tuple[KeyPath, str]]:
        """Say what is allowed but suspicious, as (path, message)."""
        return []

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if found := self.faults():
            raise SectionError(found)
        return self


class SizedOptions(PagingOptions):
    """Paging by anything but an offset, which has its own name for the size of a page."""

    page_size: Count | None = None
    """How many records a full page has."""

    @property
    def full_page(self) -> int | None:
        """How many records a full page has, or None where that is not known."""
        return self.page_size

    def lints(self) -> list[tuple[KeyPath, str]]:
        """Say what is allowed but suspicious, as (path, message).

        A page size that is written down but never sent was seen in 184 of 3,646 paginated streams;
        "a short page is the last one" would then end after page 1.
        """
        remedy = self.unsent_size()
        if self.page_size is None or remedy is None:
            return super().lints()
        return [*super().lints(), (("page_size",), f"is never sent: {remedy}")]

    def unsent_size(self) -> str | None:
        """What to do about a page size that no request carries; None where one does."""
        return "put the API's own parameter for it into params"


def without_usual(data: Any, given: str, usual: str) -> Any:
    """The options without the usual place of the number that is counted, where another is given."""
    return {usual: None, **data} if isinstance(data, dict) and given in data else data
