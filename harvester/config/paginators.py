"""Declares paging: one frozen model of options for each `paginator.type`.

The names are those of dlt's `rest_api`. What the options mean, page by page, is decided in
`pagination`; here they are only read, and what contradicts itself is refused. The table of types
and the rules of when a harvest ends are in the documentation of each model.
"""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from harvester.config.deferred import ByType
from harvester.config.options import (
    BodyPath,
    Count,
    PagePath,
    Regex,
    Section,
    SectionError,
    Text,
    Whole,
)
from harvester.config.request_options import HeaderName
from harvester.config.wording import KeyPath, listed


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
            size = "limit" if isinstance(self, Offset) else "page_size"
            return [(("stop_after_short_page",), f"needs {size}, to know what is short")]
        if self.restart_after:
            return self._restart_faults(self.restart_after)
        return []

    def _restart_faults(self, restart: RestartAfter) -> list[tuple[KeyPath, str]]:
        if not isinstance(self, Offset | PageNumber):
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


class _Sized(PagingOptions):
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
        sent = isinstance(self, PageNumber) and self.page_size_param
        if self.page_size is None or sent:
            return super().lints()
        remedy = (
            "add page_size_param, the name of the API's parameter for it"
            if isinstance(self, PageNumber)
            else "put the API's own parameter for it into params"
        )
        return [*super().lints(), (("page_size",), f"is never sent: {remedy}")]


class _CursorSent(_Sized):
    """Paging by a cursor that goes into the next request, in at most one of three places."""

    cursor_param: Text | None = None
    """The query parameter that carries the cursor; `*` merges a cursor that is an object into
    the parameters."""
    cursor_body_path: BodyPath | None = None
    """The place in the JSON body that carries the cursor, such as `variables.after`."""
    cursor_header: HeaderName | None = None
    """The request header that carries the cursor."""
    initial_cursor: Any = None
    """The cursor of the first page, where the API wants one (`"*"`)."""

    @property
    def places(self) -> tuple[str, ...]:
        """The names of the three options above that were given."""
        names = ("cursor_param", "cursor_body_path", "cursor_header")
        return tuple(name for name in names if getattr(self, name) is not None)

    def faults(self) -> list[tuple[KeyPath, str]]:
        """Say what contradicts itself, as (path, message)."""
        found = super().faults()
        if len(self.places) > 1:
            found.append(((self.places[1],), f"only one of {listed(self.places, 'and')}"))
        return found


class SinglePage(_Sized):
    """No paging: the partition is done after one page."""

    type: Literal["single_page"]


class PageNumber(_Sized):
    """Pages are counted. Ends on an empty page or at the total, unless there is a sign of more, or
    as `has_more_path` and `last_page_path` say.
    """

    type: Literal["page_number"]
    page_param: Text | None = "page"
    """The query parameter that carries the page number. null: the request names it itself, as
    `{page}` or `{cursor}`."""
    page_body_path: BodyPath | None = None
    """The place in the JSON body that carries the page number, instead of `page_param`."""
    base_page: Whole = 1
    """The number of the first page: 0 or 1, mostly. (dlt's default is 0.)"""
    page_size_param: Text | None = None
    """The query parameter that carries `page_size`."""
    maximum_page: Whole | None = None
    """The number of the last page to ask for."""
    send_first: bool = True
    """Whether the first request carries its page number. With `base_page: 0` and `false`, the
    first has none and the second asks for page 1."""

    @model_validator(mode="before")
    @classmethod
    def _body_instead(cls, data: Any) -> Any:
        """Let a place in the body stand instead of the usual parameter, not beside it."""
        return _without_usual(data, "page_body_path", "page_param")

    def faults(self) -> list[tuple[KeyPath, str]]:
        """Say what contradicts itself, as (path, message)."""
        found = super().faults()
        if self.page_param and self.page_body_path:
            found.append((("page_body_path",), "only one of page_param and page_body_path"))
        if self.page_size_param and not self.page_size:
            found.append((("page_size_param",), "needs page_size, the number to send"))
        if self.maximum_page is not None and self.maximum_page < self.base_page:
            found.append((("maximum_page",), f"is before the first page, {self.base_page}"))
        return found


class Offset(PagingOptions):
    """Records are counted: the offset moves on by the records received, or by `limit`. Ends as
    `page_number`.
    """

    type: Literal["offset"]
    offset_param: Text | None = "offset"
    """The query parameter that carries the offset. null: the request names it as `{cursor}`."""
    offset_body_path: BodyPath | None = None
    """The place in the JSON body that carries the offset, instead of `offset_param`."""
    base_offset: Whole = 0
    """The offset of the first record."""
    limit: Count | None = None
    """How many records to ask for."""
    limit_param: Text | None = "limit"
    """The query parameter that carries `limit`. null: not sent (a body says it in `json`)."""
    step: Literal["records", "limit"] = "records"
    """What the offset moves on by: the records received, or `limit`, where the server takes
    records out of a page after it has counted them. Past an empty page it is always `limit`."""

    send_first: bool = True
    """Whether the first request carries its offset."""

    @property
    def full_page(self) -> int | None:
        """The limit asked for."""
        return self.limit

    @model_validator(mode="before")
    @classmethod
    def _body_instead(cls, data: Any) -> Any:
        """Let a place in the body stand instead of the usual parameter, not beside it."""
        return _without_usual(data, "offset_body_path", "offset_param")

    def faults(self) -> list[tuple[KeyPath, str]]:
        """Say what contradicts itself, as (path, message)."""
        found = super().faults()
        if self.offset_param and self.offset_body_path:
            found.append((("offset_body_path",), "only one of offset_param and offset_body_path"))
        if "limit_param" in self.model_fields_set and self.limit_param and not self.limit:
            found.append((("limit_param",), "needs limit, the number to send"))
        if self.step == "limit" and not self.limit:
            found.append((("step",), "needs limit, the number to move on by"))
        if self.stop_after_empty_page is False and not self.limit:
            place = ("stop_after_empty_page",)
            found.append((place, "false needs limit, to move on by where no record came"))
        return found


class Cursor(_CursorSent):
    """A token from the page. Ends where there is none (`null`, absent, `""`, `"null"`); an empty
    page that has one goes on.
    """

    type: Literal["cursor"]
    cursor_path: PagePath
    """Path to the next cursor in the page."""
    cursor_pattern: Regex | None = None
    """A regular expression whose first group is the cursor, cut out of the value found."""
    cursor_encoded: Literal["decode", "keep"] = "decode"
    """Whether a cursor that `cursor_pattern` cuts out of a URL is percent-decoded before it is
    sent; `keep` is for the server that wants it back as it stands there."""
    cursor_may_repeat: bool = False
    """Whether the same cursor may come again: then "same as sent" means the end (Solr) or is
    simply how the API works (Elasticsearch's scroll). Otherwise a repeated cursor is an error."""

    def faults(self) -> list[tuple[KeyPath, str]]:
        """Say what contradicts itself, as (path, message)."""
        return super().faults() + _pattern_faults(self.cursor_pattern)


class HeaderCursor(_CursorSent):
    """A token from a response header; with no place for it, the value is the next URL. Ends where
    the header is absent.
    """

    type: Literal["header_cursor"]
    cursor_header_name: HeaderName
    """The response header that holds the next cursor."""
    cursor_pattern: Regex | None = None
    """A regular expression whose first group is the cursor, cut out of the value found."""
    cursor_encoded: Literal["decode", "keep"] = "decode"
    """Whether a cursor that `cursor_pattern` cuts out of a URL is percent-decoded before it is
    sent; `keep` is for the server that wants it back as it stands there."""
    cursor_may_repeat: bool = False
    """Whether the same cursor may come again, which is otherwise an error."""

    def faults(self) -> list[tuple[KeyPath, str]]:
        """Say what contradicts itself, as (path, message)."""
        return super().faults() + _pattern_faults(self.cursor_pattern)


class JsonLink(_Sized):
    """The next URL stands in the page: absolute, relative, a bare query string, or an object with
    `href`, `method` and `body` (STAC). Ends where there is none.
    """

    type: Literal["json_link"]
    next_url_path: PagePath = "next"
    """Path to the next link in the page."""
    cursor_may_repeat: bool = False
    """Whether the last page has a link to itself, which then means the end and is otherwise an
    error."""


class HeaderLink(_Sized):
    """The next URL stands in the Link header (RFC 8288). Ends where there is none."""

    type: Literal["header_link"]
    rel: Text = "next"
    """The relation of the link to follow."""
    cursor_may_repeat: bool = False
    """Whether the last page has a link to itself, which then means the end and is otherwise an
    error."""


class Keyset(_CursorSent):
    """The next page begins after a value of this page's records (`since_id`, `max_id`). Ends on
    an empty page, or as `has_more_path` says.
    """

    type: Literal["keyset"]
    cursor_path: PagePath
    """Path to the records' values, such as `data[*].id`."""
    take: Literal["last", "min", "max"] = "last"
    """Which of the values is the cursor."""
    step: int | None = None
    """What is added to it: `-1` where the API includes the record that the cursor names."""


class JobFiles(_Sized):
    """The pages are the files of a job, in the order of `job.download.urls_path`. It stands by
    itself where that is given.
    """

    type: Literal["job_files"]
    repeated_page: Literal["fail", "end", "keep"] = "keep"
    """What a file means that has the same records as the one before it. Nothing, since each was
    named by the server."""


PaginatorConfig = Annotated[
    SinglePage
    | PageNumber
    | Offset
    | Cursor
    | HeaderCursor
    | JsonLink
    | HeaderLink
    | Keyset
    | JobFiles,
    ByType(),
]
"""Any of them, told apart by `type`."""


def _without_usual(data: Any, given: str, usual: str) -> Any:
    return {usual: None, **data} if isinstance(data, dict) and given in data else data


def _pattern_faults(pattern: str | None) -> list[tuple[KeyPath, str]]:
    if pattern is not None and re.compile(pattern).groups != 1:
        return [(("cursor_pattern",), "needs one group (…), the part that is the cursor")]
    return []
