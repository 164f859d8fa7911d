"""Reads one page: stores its bytes and takes its fields in one pass.

The answer is streamed once; each chunk goes to the part file and to the parser. The part is handed
on only when everything that makes a page count has been seen: the framing and the gzip were
whole, the JSON complete, no rule or limit stood against it, and it looked as declared.
"""

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from http import HTTPStatus
from itertools import chain
from typing import Any, Final

from harvester.config import (
    JsonFormat,
    Limits,
    Resource,
)
from harvester.engine.page_result import PageResult
from harvester.errors import (
    ChainExpired,
    CredentialsRefused,
    Malformed,
    PageRefused,
    PageRejected,
    RunStopped,
)
from harvester.http import Response, longest, server_wait
from harvester.model import Every, Key, fit, is_beyond, one_line, parse, server_time, split_key
from harvester.page import (
    ALL,
    Came,
    Field,
    Identity,
    JsonPages,
    PageFormat,
    Take,
    UndeclaredPages,
    begins_as,
    format_of,
    is_supported,
    mark_of,
    named_by,
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
    announced_wait,
    is_page,
    judge,
    paginator_of,
    rule_fields,
)
from harvester.store import LED, Checkpoint, Part, decoded_chunks

_RECORDS: Final = "records"
_ERROR_BODY_BYTES: Final = 16 * 1024 * 1024  # of an answer that is no page
_SNIPPET_BYTES: Final = 300
_SCALAR_CHARS: Final = 60
_ADVICE: Final = {
    204: "; if that means the end, add a rule {status: 204, action: ignore}",
    401: "; are the credentials right, and is their variable set?",
    403: "; may these credentials read this?",
    404: "; if that only means there is nothing, add a rule {status: 404, action: ignore}",
}
_TYPE: Final = re.compile(r"[\w.+*-]+/[\w.+*-]+")
_NO_PAGE_ADVICE: Final = (
    "are base_url and path those of the API, and are credentials set where it needs them?"
)
#: What APIs answer to a cursor that they have given and no longer know.
_EXPIRED: Final = (400, 404, 410)
#: What APIs answer to a number or an offset behind their last page (WordPress: 400).
_BEHIND_THE_LAST: Final = (400, 416, 422)

_KINDS: Final = {
    "retry": PageRejected,
    "fail": PageRefused,
    "reauth": CredentialsRefused,
    "restart": ChainExpired,
}

#: Told of bytes as they come: received from the wire, and of decoded JSON.
Stream = Callable[[], Iterator[bytes]]
"""Opens the decoded JSON of a page, each time from its beginning."""

NewPart = Callable[[int, str], Part]
"""Makes the file to write a page into, by its number and the suffix of its format."""

Progress = Callable[[int, int], None]


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


_Pairs = Iterator[tuple[bytes, bytes]]
"""Bytes for the part and bytes for the parser, side by side."""


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
        self._retry_after_path = retry_after_path
        self._limits = limits
        self._format = format_of(resource)
        selector = self._format.selector
        self._lists = all(isinstance(segment, Key) for segment in selector)
        self._arrays = [
            Field(f"{_RECORDS}[{depth}]", selector[:depth], Take.COUNT)
            for depth, segment in enumerate(selector)
            if isinstance(segment, Every)
        ]
        self._identity = Identity(selector, parsed_keys(resource.key))
        self._paginator = paginator_of(resource.paginator)
        self._rules = rule_fields(resource.response_actions, retry_after_path)
        self._wanted = [
            Field(_RECORDS, selector, Take.COUNT),
            *self._arrays,
            *self._paginator.fields_wanted(),
            *self._rules,
        ]
        if resource.progress_path:
            reached = parse(resource.progress_path)
            self._wanted.append(Field(REACHED, reached, advisory=True))
        splits = split_key(resource.partitions)
        if splits and splits[2].total_path is not None:
            self._wanted.append(Field(SPLIT_TOTAL, parse(splits[2].total_path), advisory=True))

    def read(
        self, response: Response, new_part: NewPart, place: Place, progress: Progress, now: float
    ) -> PageResult:
        """Stream the answer into part `place.part` and work out the next cursor.

        `progress(wire, decoded)` is called as bytes come; `now` is the epoch, for the server's
        hints. Raises `PageRejected`, `PageRefused`, `RunStopped` (a rule), `DiskError`.
        """
        if not is_page(response.status):
            return self._no_page(response, place, now)
        if not self._format.proves_itself:
            self._refuse_other_type(response, b"")
        unpack, member = self._format.unpacks, getattr(self._format.options, "member", None)
        pairs = tee(
            response.chunks(), response.encodings, self._limits, unpack=unpack, member=member
        )
        pages, pairs = self._pages_of(response, pairs)
        _refuse_unframed(pages, response)
        translator = pages.translator(self._limits)
        parser = pages.field_reader(self._wanted_of(response, now), self._limits)
        came, snippet = Came(), b""
        texts = BodyTexts(self._resource.response_actions, response.status)
        look = self._identity.look(place.by, place.below)
        with new_part(place.part, pages.suffix) as part:

            def flowing() -> Iterator[bytes]:
                nonlocal snippet
                for stored, decoded in pairs:
                    came.add(stored, decoded)
                    snippet += decoded[: _SNIPPET_BYTES - len(snippet)]
                    texts.feed(decoded)
                    part.write(stored if pages.is_gzipped else decoded)
                    text = translator.feed(decoded)
                    parser.feed(text)
                    progress(len(stored), len(decoded))
                    yield text
                text = translator.close()
                parser.feed(text)
                yield text

            try:
                look.over(flowing())
                fields = parser.close()
            except Malformed as error:
                refuse_bomb(pairs, response.encodings, came, self._limits)
                if ended := self._judged(response, None, now, texts):
                    return ended
                self._refuse_other_type(response, snippet)
                # A body that goes on for long is not waited for, only to know it again.
                if response.has_framing and came.decoded and not _is_long(response.headers):
                    error.same = mark_of(pairs, came, _ERROR_BODY_BYTES)
                raise
            if ended := self._judged(response, fields, now, texts):
                return ended
            records = self._records(fields, part, place)
            fields = {**fields, **self._paginator.header_total(response.headers)}
            page = Page(
                place.number, place.url, fields, records, response.headers, response.several
            )
            paging = {name: fields[name] for name in FIELDS if name in fields}
            paging |= pages.described(response.headers, place.url)
            if self._paginator.leading_header in response.headers:
                paging[LED] = True
            only = place.number == 1 and not self._resource.key and self._is_only(place, page)
            sight = look.sight() if records and not only else None
            part.hand_over()
            return PageResult(
                part,
                response.status,
                response.headers,
                records,
                came.decoded,
                paging,
                page,
                sight,
                parser.control_characters,
            )

    def _refuse_other_type(self, response: Response, snippet: bytes) -> None:
        """Raise `PageRefused` if a body is something else by its Content-Type: what is sent in the
        place of a page, such as a form to log in, is there at the next try too.
        """
        kind = _kind_of(response)
        if not _TYPE.fullmatch(kind) or not self._format.refuses(kind, snippet):
            return
        ours, named = self._resource.format.type, named_by(kind)
        name = re.split(r"[/+.]", kind)[-1]
        rule = f"{{header: {{name: content-type, matches: {name}}}, action: retry}}"
        advice = (
            f"if these are its pages, say format: {named}"
            if named
            else f"{_NO_PAGE_ADVICE} (if it passes, add a rule {rule} to "
            f"{self._yaml}.response_actions, or to those of resource_defaults)"
        )
        message = _answered(
            response.status,
            by_rule=False,
            snippet=snippet,
            advice=f"; {advice}",
            what=f" with {kind}, which is no {ours.upper()}",
        )
        raise PageRefused(message, status=response.status)

    def _pages_of(self, response: Response, pairs: _Pairs) -> tuple[PageFormat[Any], _Pairs]:
        """The format of this page, which the server may say where the YAML does not, and all of
        the page.
        """
        pages = self._format
        if not isinstance(pages, UndeclaredPages):
            return pages, pairs
        named = pages.named(_kind_of(response))
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

    def _wanted_of(self, response: Response, now: float) -> list[Field]:
        """What to look for in this answer: what lies in the server's future is taken by itself."""
        incremental = self._resource.incremental
        if incremental is None:
            return self._wanted
        if incremental.cursor_path is None:
            return [*self._wanted, Field(DELTA, parse(incremental.delta_path or ""))]
        path = parse(incremental.cursor_path)
        dated = server_time(response.headers.get("date"))
        moment = dated or datetime.fromtimestamp(now, UTC)
        return [
            *self._wanted,
            Field(LARGEST, path, Take.MAX, partial(_goes_on, moment, beyond=False)),
            Field(SMALLEST, path, Take.MIN, partial(_goes_on, moment, beyond=False)),
            Field(BEYOND, path, Take.MAX, partial(_goes_on, moment, beyond=True)),
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
        error = PageRejected(
            f"the page has no {self._resource.data_selector!r} ({self._yaml}.data_selector): "
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

    def _no_page(self, response: Response, place: Place, now: float) -> PageResult:
        """An answer whose status is not a page's: judged by its status and what it says."""
        try:
            texts = BodyTexts(self._resource.response_actions, response.status)
            fields, snippet = self._glanced(response, texts)
        except PageRejected as error:  # cut: no rule may judge what was not seen
            error.status, error.hint_s = response.status, server_wait(response.headers, now)
            raise
        ended = self._judged(
            response, fields, now, texts, snippet, self._advice(response.status, place)
        )
        if ended is None:
            raise PageRefused(f"status {response.status} is no page", status=response.status)
        return ended

    def _advice(self, status: int, place: Place) -> str:
        advice = _ADVICE.get(status, "")
        if self._paginator.may_expire and place.number > 1 and status in _EXPIRED:
            rule = f"{{status: {status}, action: restart}}"
            return f"; if that means that the cursor has expired, add a rule {rule}{advice}"
        if place.number > 1 and status in _BEHIND_THE_LAST:
            rule = f"{{status: {status}, action: ignore}}"
            return f"; if that only means that there is no further page, add a rule {rule}"
        return advice

    def _glanced(
        self, response: Response, texts: BodyTexts
    ) -> tuple[Mapping[str, Any] | None, bytes]:
        """The fields for the rules (None: it is not well formed), and the body's beginning. An
        error is read as a page where it says that it has their format, else as JSON.
        """
        snippet = b""
        if not is_supported(response.encodings):  # a proxy's answer may be in any coding
            return None, snippet
        own = self._format.is_own(_kind_of(response))
        pages = self._format if own else JsonPages(JsonFormat(type="json"), ())
        translator = pages.translator(self._limits)
        parser = pages.field_reader(self._rules, self._limits)
        pairs = tee(response.chunks(), response.encodings, self._limits)
        came = Came()
        try:
            for stored, decoded in pairs:
                snippet += decoded[: _SNIPPET_BYTES - len(snippet)]
                came.add(stored, decoded)
                texts.feed(decoded)
                if came.decoded > _ERROR_BODY_BYTES:
                    raise PageRefused(
                        f"an answer of status {response.status} has more than "
                        f"{_ERROR_BODY_BYTES:,} bytes, a limit",
                        status=response.status,
                    )
                parser.feed(translator.feed(decoded))
            parser.feed(translator.close())
            return parser.close(), snippet
        except Malformed:
            refuse_bomb(pairs, response.encodings, came, self._limits)
            return None, snippet

    def _judged(
        self,
        response: Response,
        fields: Mapping[str, Any] | None,
        now: float,
        texts: BodyTexts,
        snippet: bytes = b"",
        advice: str = "",
    ) -> PageResult | None:
        """None when nothing stands against the page; one without part when it is ignored.

        `fields` is None where the body is no JSON.
        """
        verdict, rule = judge(
            self._resource.response_actions, response.status, response.headers, fields, texts.found
        )
        if verdict == "keep":
            return None
        if verdict == "ignore":
            return PageResult(None, response.status, response.headers)
        message = _answered(response.status, rule is not None, snippet, advice)
        if verdict == "stop":
            raise RunStopped(f"{message}, and its rule says stop")
        announced = announced_wait(rule, self._retry_after_path, fields, now)
        hint = longest(server_wait(response.headers, now), announced)
        error = _KINDS[verdict](message, status=response.status, hint_s=hint)
        error.by_rule = rule is not None
        raise error


def _refuse_unframed(pages: PageFormat[Any], response: Response) -> None:
    """Raise `PageRefused` if nobody could know that a body was cut."""
    if pages.proves_its_end or response.has_framing or "gzip" in response.encodings:
        return
    if not pages.options.allow_unframed:
        name = pages.options.type
        raise PageRefused(
            "the answer does not say where its body ends (no Content-Length, no chunks), and "
            f"{name.upper()} does not show it: one that was cut would be taken for whole; if "
            f"that cannot be helped, say format: {{type: {name}, allow_unframed: true}}",
            status=response.status,
        )


def _kind_of(response: Response) -> str:
    """The Content-Type, in lower case, without its parameters."""
    return response.headers.get("content-type", "").partition(";")[0].strip().lower()


def _is_long(headers: Mapping[str, str]) -> bool:
    """Whether the body was announced as larger than an answer that is no page may be."""
    announced = headers.get("content-length", "")
    return announced.isdecimal() and int(announced[:20]) > _ERROR_BODY_BYTES


def _goes_on(moment: datetime, value: Any, *, beyond: bool) -> bool:
    """Whether a run could go on from a value: text or a number, on this side of `moment` or not."""
    usable = isinstance(value, str | int | float | Decimal) and not isinstance(value, bool)
    return usable and is_beyond(value, moment) is beyond


def _answered(status: int, by_rule: bool, snippet: bytes, advice: str, what: str = "") -> str:
    """An answer in words: its status, and the beginning of what the server said."""
    try:
        phrase = f" {HTTPStatus(status).phrase}"
    except ValueError:
        phrase = ""
    said = " ".join(snippet.decode("utf-8", "replace").split())
    if len(snippet) == _SNIPPET_BYTES:
        said += "…"  # `Secrets.redact` looks before it for the beginning of a secret
    rule = " (a response_actions rule)" if by_rule else ""
    what_next = "" if by_rule else advice
    said = f": {said}" if said else ""
    return f"the server answered {status}{phrase}{what}{rule}{said}{what_next}"
