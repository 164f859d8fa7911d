"""Reads one page: stores its bytes and takes its fields in one pass.

The answer is streamed once; each chunk goes to the part file and to the parser. The part is handed
on only when everything that makes a page count has been seen: the framing and the gzip were
whole, the JSON complete, no rule or limit stood against it, and it looked as declared.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Final

from harvester.config import (
    Limits,
    Resource,
)
from harvester.engine.answers import (
    ERROR_BODY_BYTES,
    SNIPPET_BYTES,
    Answers,
    is_long,
    kind_of,
    refuse_unframed,
)
from harvester.engine.page_result import PageResult
from harvester.errors import (
    Malformed,
    PageRefused,
    PageRejected,
)
from harvester.http import Response
from harvester.model import (
    Every,
    Horizon,
    Key,
    Side,
    fit,
    one_line,
    parse,
    server_time,
    split_key,
)
from harvester.page import (
    ALL,
    Came,
    Field,
    FieldReader,
    Fields,
    Identity,
    PageFormat,
    Take,
    Translator,
    UndeclaredPages,
    begins_as,
    format_of,
    mark_of,
    parsed_keys,
    refuse_bomb,
    tee,
)
from harvester.paging import (
    BEYOND,
    DELTA,
    FIELDS,
    LARGEST,
    REACHED,
    SMALLEST,
    SPLIT_TOTAL,
    BodyTexts,
    Done,
    Page,
    is_page,
    paginator_of,
)
from harvester.store import LED, Checkpoint, Part, decoded_chunks
from harvester.values import dataclass

_RECORDS: Final = "records"
_SCALAR_CHARS: Final = 60
Stream = Callable[[], Iterator[bytes]]
"""Opens the decoded JSON of a page, each time from its beginning."""

NewPart = Callable[[int, str], Part]
"""Makes the file to write a page into, by its number and the suffix of its format."""

Progress = Callable[[int, int], None]
"""Called with bytes as they come: received from the wire, and of decoded JSON."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in its partition a page stands. `number` and `part` count from 1; they differ once
    the chain of cursors has been begun again, and the pages before that keep their parts.
    """

    number: int
    part: int
    cursor: Any
    url: str
    by: str | None = None  # what distinguishes the partition's records, if that is known
    below: int = ALL  # the hashes of records that are of interest
    after_records: bool = False  # a page before it had some
    suffix: str | None = None  # of the part of the page before it


_ZIP: Final = "application/zip"
_ZIP_BEGINS: Final = b"PK"

_Pairs = Iterator[tuple[bytes, bytes]]
"""Bytes for the part and bytes for the parser, side by side."""


class _Flow:
    """A page's bytes on their way into its part and to its parser, and what was seen of them."""

    def __init__(
        self,
        pairs: _Pairs,
        pages: PageFormat[Any],
        translator: Translator,
        parser: FieldReader,
        texts: BodyTexts,
        progress: Progress,
    ) -> None:
        self.pairs = pairs
        self.pages = pages
        self.texts = texts
        self.came, self.snippet = Came(), b""
        self._translator = translator
        self._parser = parser
        self._progress = progress

    def into(self, part: Part) -> Iterator[bytes]:
        """The page's JSON text, while its bytes are stored and parsed."""
        translator, parser = self._translator, self._parser
        for stored, decoded in self.pairs:
            self.came.add(stored, decoded)
            self.snippet += decoded[: SNIPPET_BYTES - len(self.snippet)]
            self.texts.feed(decoded)
            part.write(stored if self.pages.is_gzipped else decoded)
            text = translator.feed(decoded)
            parser.feed(text)
            self._progress(len(stored), len(decoded))
            yield text
        text = translator.close()
        parser.feed(text)
        yield text


class PageReader:
    """Reads the pages of one resource: knows what to look for, and what stands against a page."""

    def __init__(
        self,
        resource: Resource,
        limits: Limits,
        *,
        retry_after_path: str | None = None,
        place: str = "resources[]",
    ) -> None:
        """`retry_after_path` is where an answer that is no page says how long to wait; `place` is
        the resource's in the YAML, for advice.
        """
        self._yaml = place
        self._resource = resource
        self._limits = limits
        self._format = format_of(resource)
        self._answers = Answers(resource, limits, self._format, retry_after_path, place)
        selector = self._format.selector
        self._lists = all(isinstance(segment, Key) for segment in selector)
        self._arrays = [
            Field(f"{_RECORDS}[{depth}]", selector[:depth], Take.COUNT)
            for depth, segment in enumerate(selector)
            if isinstance(segment, Every)
        ]
        self._identity = Identity(selector, parsed_keys(resource.key))
        self._paginator = paginator_of(resource.paginator)
        wanted = [
            Field(_RECORDS, selector, Take.COUNT),
            *self._arrays,
            *self._paginator.fields_wanted(),
            *self._answers.fields,
        ]
        if resource.progress_path:
            reached = parse(resource.progress_path)
            wanted.append(Field(REACHED, reached, advisory=True))
        splits = split_key(resource.partitions)
        if splits and splits[2].total_path is not None:
            wanted.append(Field(SPLIT_TOTAL, parse(splits[2].total_path), advisory=True))
        self._wanted = Fields(wanted)

    def read(
        self, response: Response, new_part: NewPart, place: Place, progress: Progress, now: float
    ) -> PageResult:
        """Stream the answer into part `place.part` and work out the next cursor.

        `progress(wire, decoded)` is called as bytes come; `now` is the epoch, for the server's
        hints. Raises `PageRejected`, `PageRefused`, `RunStopped` (a rule), `DiskError`.
        """
        if not is_page(response.status):
            return self._answers.no_page(response, place.number, now)
        if not self._format.proves_itself:
            self._answers.refuse_other_type(response, b"")
        unpack, member = self._format.unpacks, getattr(self._format.options, "member", None)
        pairs = tee(
            response.chunks(), response.encodings, self._limits, unpack=unpack, member=member
        )
        pages, pairs = self._pages_of(response, pairs, place.suffix)
        refuse_unframed(pages, response)
        parser = pages.field_reader(self._wanted_of(response, now), self._limits)
        texts = BodyTexts(self._resource.response_actions, response.status)
        flow = _Flow(pairs, pages, pages.translator(self._limits), parser, texts, progress)
        look = self._identity.look(place.by, place.below)
        with new_part(place.part, pages.suffix) as part:
            try:
                look.over(flow.into(part))
                fields = parser.close()
            except Malformed as error:
                if ended := self._meant(error, response, flow, now):
                    return ended
                raise
            if ended := self._answers.judged(response, fields, now, texts):
                return ended
            page = self._page(response, fields, part, place)
            only = place.number == 1 and not self._resource.key and self._is_only(place, page)
            sight = look.sight(parser.first_records) if page.records and not only else None
            paging = self._paging(page, pages)
            part.hand_over()
            return PageResult(
                part=part,
                status=response.status,
                headers=response.headers,
                records=page.records,
                bytes=flow.came.decoded,
                fields=paging,
                page=page,
                sight=sight,
                control_characters=parser.control_characters,
            )

    def _meant(
        self, error: Malformed, response: Response, flow: _Flow, now: float
    ) -> PageResult | None:
        """What a rule makes of a body that cannot be read. Raises what explains it better than
        `error`, or adds to that what is known of it.
        """
        came, snippet = flow.came, flow.snippet
        refuse_bomb(flow.pairs, response.encodings, came, self._limits)
        if ended := self._answers.judged(response, None, now, flow.texts):
            return ended
        if not snippet and kind_of(response) == _ZIP:  # damaged before its first byte
            snippet = _ZIP_BEGINS
        self._answers.refuse_other_type(response, snippet)
        self._answers.advise(error, response, flow.pages)
        # A body that goes on for long is not waited for, only to know it again.
        if response.has_framing and came.decoded and not is_long(response.headers):
            error.same = mark_of(flow.pairs, came, ERROR_BODY_BYTES)
        return None

    def _page(
        self, response: Response, fields: Mapping[str, Any], part: Part, place: Place
    ) -> Page:
        """What paging goes by. Raises `PageRejected` and `PageRefused` if records are missing."""
        records = self._records(fields, part, place)
        fields = {**fields, **self._paginator.header_total(response.headers)}
        return Page(place.number, place.url, fields, records, response.headers, response.several)

    def _paging(self, page: Page, pages: PageFormat[Any]) -> dict[str, Any]:
        """What the journal keeps of a page's fields."""
        paging = {name: page.fields[name] for name in FIELDS if name in page.fields}
        paging |= pages.described(page.headers, page.url)
        if self._paginator.leading_header in page.headers:
            paging[LED] = True
        return paging

    def _pages_of(
        self, response: Response, pairs: _Pairs, suffix: str | None
    ) -> tuple[PageFormat[Any], _Pairs]:
        """The format of this page, and all of the page. Where the YAML does not say it, the server
        may, of the first page: one of another kind behind it is no page but an error, and so is
        one that might be taken for a page without records.
        """
        pages = self._format
        if not isinstance(pages, UndeclaredPages):
            return pages, pairs
        if suffix is not None:
            pages = pages.stored_as(suffix)
            if not pages.proves_itself:
                self._answers.refuse_other_type(response, b"", pages)
            return pages, pairs
        if self._resource.allow_missing:
            return pages, pairs
        named = pages.named(kind_of(response))
        if named is None:
            return pages, pairs
        beginning, begun = b"", list[tuple[bytes, bytes]]()
        for pair in pairs:
            begun.append(pair)
            beginning += pair[1]
            if beginning.strip():
                break
        return named if begins_as(named, beginning) else pages, chain(begun, pairs)

    def _is_only(self, place: Place, page: Page) -> bool:
        """Whether a first page is the only one: it has nothing to be compared with."""
        with contextlib.suppress(PageRefused):
            return isinstance(self._paginator.next_cursor(place.cursor, page), Done)
        return False

    def _wanted_of(self, response: Response, now: float) -> Sequence[Field]:
        """What to look for in this answer: what lies in the server's future is taken by itself."""
        incremental = self._resource.incremental
        if incremental is None:
            return self._wanted
        if incremental.cursor_path is None:
            return [*self._wanted, Field(DELTA, parse(incremental.delta_path or ""))]
        path = parse(incremental.cursor_path)
        dated = server_time(response.headers.get("date"))
        moment = dated or datetime.fromtimestamp(now, UTC)
        horizon = Horizon(moment)
        near, beyond = Side(horizon, beyond=False), Side(horizon, beyond=True)
        return [
            *self._wanted,
            Field(LARGEST, path, Take.MAX, near),
            Field(SMALLEST, path, Take.MIN, near),
            Field(BEYOND, path, Take.MAX, beyond),
        ]

    def end_of(self, page: Stream, place: Place, past: Checkpoint) -> Done | None:
        """How a page that was kept ends its partition by the rules of today, which may have come
        later than the page; None where they do not end it. `past` is what came before it; the
        headers of the answer are gone.
        """
        fields = self._format.check(page(), self._wanted, self._limits)
        records = int(fields.get(_RECORDS, 0))
        if records == 1 and self._lists:
            found = self._format.lone(page(), after_records=place.after_records)
            records = int(found != 0)
        seen = Page(place.number, place.url, fields, records, {})
        following = self._paginator.next_cursor(place.cursor, seen, past)
        ends = isinstance(following, Done) and following.reason != "no_next_cursor"
        return following if ends else None

    def _records(self, fields: Mapping[str, Any], part: Part, place: Place) -> int:
        if fields.get(_RECORDS) == 1 and self._lists:
            return self._one_or_none(part, place)
        if _RECORDS in fields:
            return int(fields[_RECORDS])
        if self._resource.allow_missing:
            return 0
        # `data.children[*].data` finds nothing in an empty array, and that is an empty page.
        if any(fields.get(array.name) == 0 for array in self._arrays):
            return 0
        shape = self._format.shape(decoded_chunks(part.so_far()))
        is_likely = f"; most likely it should be {shape.likely!r}" if shape.likely else ""
        where, named = self._resource.data_selector, "data_selector"
        if where is None:  # the format says where they are
            where, named = getattr(self._resource.format, "records_at", None), "format.rows_path"
        error = PageRejected(
            f"the page has no {where!r} ({self._yaml}.{named}): "
            f"{shape.message}{is_likely}; if a page may lack it, say allow_missing: true in "
            f"{self._yaml}, or in resource_defaults for all"
        )
        error.same = f"no records in {shape.keys}"
        raise error

    def _one_or_none(self, part: Part, place: Place) -> int:
        """How many records a page has that counts one: `false` in the place of a list is none."""
        chunks = decoded_chunks(part.so_far())
        found = self._format.lone(chunks, after_records=place.after_records)
        if isinstance(found, int):
            return found
        text = fit(one_line(found.decode(errors="replace")), _SCALAR_CHARS)
        raise PageRefused(
            f"what the page has at {self._resource.data_selector or '$'} "
            f"({self._yaml}.data_selector) is {text}, which is neither a record nor a list of "
            "records"
        )
