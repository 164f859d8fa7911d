"""Logs each exchange with the API, for `-v`: what was asked, what was answered, no secret.

It goes to the logger `harvester.exchange` at DEBUG. A program that uses the library turns it on
with `logging.getLogger("harvester.exchange").setLevel(logging.DEBUG)` and a handler of its own.
"""

import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from harvester.errors import AttemptFailed, RunStopped
from harvester.http import Request, Response
from harvester.model import one_line
from harvester.patterns import pattern
from harvester.security import Secrets, is_secret_name

LOGGER: Final = logging.getLogger("harvester.exchange")
LOGGER.addHandler(logging.NullHandler())
_HIDDEN: Final = pattern(r"auth|cookie|key|secret|token|session|signature|password", re.IGNORECASE)
_MOST_CHARS: Final = 1000  # of a value, or of a body


def log_request(secrets: Secrets, request: Request) -> None:
    """A request is about to leave. What signs it when it leaves is not in it yet."""
    if not LOGGER.isEnabledFor(logging.DEBUG):
        return
    lines = [f"> {request.method} {one_line(secrets.redact(request.url))}"]
    lines += _headers(">", secrets, request.headers)
    if request.body:
        body = request.body.decode("utf-8", "replace")
        lines.append(f">   {_cut(one_line(secrets.redact(body)))}")
    LOGGER.debug("%s", "\n".join(lines))


def log_answer(secrets: Secrets, response: Response, seconds: float) -> None:
    """The head of an answer has come, `seconds` after its request was made."""
    if not LOGGER.isEnabledFor(logging.DEBUG):
        return
    try:
        phrase = f" {HTTPStatus(response.status).phrase}"
    except ValueError:
        phrase = ""
    lines = [f"< {response.status}{phrase}, {seconds:.2f} s"]
    lines += _headers("<", secrets, response.headers)
    LOGGER.debug("%s", "\n".join(lines))


def log_failure(secrets: Secrets, error: AttemptFailed | RunStopped) -> None:
    """An exchange came to nothing."""
    if LOGGER.isEnabledFor(logging.DEBUG):
        LOGGER.debug("%s", f"! {_cut(one_line(secrets.redact(str(error))))}")


def _headers(mark: str, secrets: Secrets, headers: Mapping[str, str]) -> list[str]:
    return [
        f"{mark}   {one_line(name)}: {_value(secrets, name, str(value))}"
        for name, value in headers.items()
    ]


def _value(secrets: Secrets, name: str, value: str) -> str:
    if is_secret_name(name) or _HIDDEN.search(name):
        return "***"
    return _cut(one_line(secrets.redact(value)))


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_CHARS else f"{text[: _MOST_CHARS - 1]}…"
