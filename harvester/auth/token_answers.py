"""Reads what a token endpoint or a login answers.

Its answers hold secrets, so no message quotes one but for the error that it names.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from harvester.config import Limits
from harvester.errors import AttemptFailed, NotJSON, PageRefused, PageRejected
from harvester.http import Response, server_wait
from harvester.model import as_text, parse
from harvester.page import Field, FieldParser, is_supported, tee
from harvester.paging import judge

_MOST_BYTES: Final = 1 << 20
_MOST_CHARS: Final = 300  # of an error that the endpoint tells
#: Where endpoints tell what is wrong: RFC 6749 section 5.2, and what others are used to.
_ERRORS_AT: Final = ("error", "error_description", "message", "detail")
_ERRORS: Final = tuple(Field(name, parse(name), advisory=True) for name in _ERRORS_AT)


def fields_of(
    paths: tuple[Field, ...], response: Response, limits: Limits
) -> Mapping[str, Any] | None:
    """The fields of an answer, those that tell of errors included; None where it is no JSON."""
    if not is_supported(response.encodings):
        return None
    limits = limits.model_copy(update={"wire_bytes": _MOST_BYTES, "decoded_bytes": _MOST_BYTES})
    parser = FieldParser([*paths, *_ERRORS], limits)
    try:
        for _, decoded in tee(response.chunks(), response.encodings, limits):
            parser.feed(decoded)
        return parser.close()
    except NotJSON:
        return None


def failure(
    response: Response,
    found: Mapping[str, Any] | None,
    now: float,
    advice: Callable[[Mapping[str, Any]], str],
) -> AttemptFailed:
    """What an answer that brings no token means: `PageRejected` where another try may help, else
    `PageRefused`, with advice.
    """
    status = response.status
    try:
        answered = f"answered {status} {HTTPStatus(status).phrase}"
    except ValueError:
        answered = f"answered {status}"
    if status < 300:
        return PageRejected(f"{answered} with what is no JSON", status=status)
    message = f": {text}" if (text := server_message(found or {})) else ""
    if judge((), status, response.headers, None)[0] == "retry":
        hint = server_wait(response.headers, now)
        return PageRejected(f"{answered}{message}", status=status, hint_s=hint)
    return PageRefused(f"{answered}{message}; {advice(found or {})}", status=status)


def server_message(found: Mapping[str, Any]) -> str:
    """The error that an answer names."""
    texts = [
        as_text(found[name]) for name in _ERRORS_AT if found.get(name) not in (None, "", {}, [])
    ]
    text = " ".join(": ".join(texts).split())
    return text if len(text) <= _MOST_CHARS else f"{text[: _MOST_CHARS - 1]}…"
