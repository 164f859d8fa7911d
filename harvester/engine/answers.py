"""Judges answers: whether one is a page, by its status and type, and what the rules make of it.

Rules of the YAML come first, then HTTP's own sense of a status. An answer that is no page is read
as far as its rules and its message need; a body of another type than the pages' is refused, since
what is sent in the place of a page, such as a form to log in, is there at the next try too.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus
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
from harvester.page import (
    Came,
    Field,
    JsonPages,
    PageFormat,
    is_supported,
    named_by,
    refuse_bomb,
    tee,
)
from harvester.paging import (
    BodyTexts,
    announced_wait,
    disguised_limit,
    judge,
    known_waits,
    paginator_of,
    rule_fields,
)
from harvester.patterns import pattern

ERROR_BODY_BYTES: Final = 16 * 1024 * 1024  # of an answer that is no page
SNIPPET_BYTES: Final = 300
_ADVICE: Final = {
    204: "; if that means the end, add a rule {status: 204, action: ignore}",
    401: "; are the credentials right, and is their variable set?",
    403: "; may these credentials read this?",
    404: "; if that only means there is nothing, add a rule {status: 404, action: ignore}",
}
#: Formats whose name in the YAML is not what people call them.
_CALLED: Final = {"jsonl": "JSON Lines", "raw": "file of the format's content_types"}
_TYPE: Final = pattern(r"[\w.+*-]+/[\w.+*-]+")
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


class Answers:
    """Judges the answers to requests for the pages of one resource."""

    def __init__(
        self,
        resource: Resource,
        limits: Limits,
        pages: PageFormat[Any],
        retry_after_path: str | None,
        place: str,
    ) -> None:
        """`retry_after_path` is where an answer that is no page says how long to wait; `place` is
        the resource's in the YAML, for advice.
        """
        self._resource = resource
        self._limits = limits
        self._format = pages
        self._retry_after_path = retry_after_path
        self._yaml = place
        self._may_expire = paginator_of(resource.paginator).may_expire
        #: What the rules look for in an answer.
        self.fields: list[Field] = rule_fields(resource.response_actions, retry_after_path)

    def refuse_other_type(
        self, response: Response, snippet: bytes, pages: PageFormat[Any] | None = None
    ) -> None:
        """Raise `PageRefused` if a body is something else by its Content-Type: what is sent in the
        place of a page, such as a form to log in, is there at the next try too.
        """
        kind = kind_of(response)
        pages = pages or self._format
        if not _TYPE.fullmatch(kind) or not pages.refuses(kind, snippet):
            return
        ours, named = pages.options.type, named_by(kind)
        name = re.split(r"[/+.]", kind)[-1]
        rule = f"{{header: {{name: content-type, matches: {name}}}, action: retry}}"
        advice = (
            f"if these are its pages, say format: {named}"
            if named and named != ours  # HTML that is called XML is none of either
            else f"{_NO_PAGE_ADVICE} (if it passes, add a rule {rule} to "
            f"{self._yaml}.response_actions, or to those of resource_defaults)"
        )
        message = _answered(
            response.status,
            by_rule=False,
            snippet=snippet,
            advice=f"; {advice}",
            what=f" with {kind}, which is no {_CALLED.get(ours, ours.upper())}",
        )
        raise PageRefused(message, status=response.status)

    def advise(self, error: Malformed, response: Response, pages: PageFormat[Any]) -> None:
        """Add to what is wrong with a page that the server calls it something else, if it does."""
        kind = kind_of(response)
        named = named_by(kind)
        if named not in (None, pages.options.type) and _TYPE.fullmatch(kind):
            error.args = (f"{error}; the server says {kind}: if it is, say format: {named}",)

    def no_page(self, response: Response, number: int, now: float) -> PageResult:
        """An answer whose status is not a page's: judged by its status and what it says."""
        try:
            texts = BodyTexts(self._resource.response_actions, response.status)
            fields, snippet = self._glanced(response, texts)
        except PageRejected as error:  # cut: no rule may judge what was not seen
            error.status, error.hint_s = response.status, server_wait(response.headers, now)
            raise
        ended = self.judged(
            response, fields, now, texts, snippet, self._advice(response.status, number)
        )
        if ended is None:
            raise PageRefused(f"status {response.status} is no page", status=response.status)
        return ended

    def _advice(self, status: int, number: int) -> str:
        advice = _ADVICE.get(status, "")
        if self._may_expire and number > 1 and status in _EXPIRED:
            rule = f"{{status: {status}, action: restart}}"
            return f"; if that means that the cursor has expired, add a rule {rule}{advice}"
        if number > 1 and status in _BEHIND_THE_LAST:
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
        own = self._format.is_own(kind_of(response))
        pages = self._format if own else JsonPages(JsonFormat(type="json"), ())
        translator = pages.translator(self._limits)
        wanted = self.fields if self._retry_after_path else [*self.fields, *known_waits()]
        parser = pages.field_reader(wanted, self._limits)
        pairs = tee(response.chunks(), response.encodings, self._limits)
        came = Came()
        try:
            for stored, decoded in pairs:
                snippet += decoded[: SNIPPET_BYTES - len(snippet)]
                came.add(stored, decoded)
                texts.feed(decoded)
                if came.decoded > ERROR_BODY_BYTES:
                    raise PageRefused(
                        f"an answer of status {response.status} has more than "
                        f"{ERROR_BODY_BYTES:,} bytes, a limit",
                        status=response.status,
                    )
                parser.feed(translator.feed(decoded))
            parser.feed(translator.close())
            return parser.close(), snippet
        except Malformed:
            refuse_bomb(pairs, response.encodings, came, self._limits)
            return None, snippet

    def judged(
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
        limited, at_least = disguised_limit(response.status, snippet)
        if verdict == "fail" and rule is None and limited:
            verdict = "retry"
        if verdict == "ignore":
            return PageResult(None, response.status, response.headers)
        message = _answered(response.status, rule is not None, snippet, advice)
        if verdict == "stop":
            raise RunStopped(f"{message}, and its rule says stop")
        announced = announced_wait(rule, self._retry_after_path, fields, now)
        hint = longest(server_wait(response.headers, now), announced)
        if limited and not hint and rule is None:
            hint = at_least
        error = _KINDS[verdict](message, status=response.status, hint_s=hint)
        error.by_rule = rule is not None
        raise error


def refuse_unframed(pages: PageFormat[Any], response: Response) -> None:
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


def kind_of(response: Response) -> str:
    """The Content-Type, in lower case, without its parameters."""
    return response.headers.get("content-type", "").partition(";")[0].strip().lower()


def is_long(headers: Mapping[str, str]) -> bool:
    """Whether the body was announced as larger than an answer that is no page may be."""
    announced = headers.get("content-length", "")
    return announced.isdecimal() and int(announced[:20]) > ERROR_BODY_BYTES


def _answered(status: int, by_rule: bool, snippet: bytes, advice: str, what: str = "") -> str:
    """An answer in words: its status, and the beginning of what the server said."""
    try:
        phrase = f" {HTTPStatus(status).phrase}"
    except ValueError:
        phrase = ""
    said = " ".join(snippet.decode("utf-8", "replace").split())
    if len(snippet) == SNIPPET_BYTES:
        said += "…"  # `Secrets.redact` looks before it for the beginning of a secret
    rule = " (a response_actions rule)" if by_rule else ""
    what_next = "" if by_rule else advice
    said = f": {said}" if said else ""
    return f"the server answered {status}{phrase}{what}{rule}{said}{what_next}"
