"""Types of the parts of a request: headers, parameters, bodies and URLs.

As in `options`, each is an annotated type. References may stand in all of them, so that only what
they cannot change is checked here.
"""

import re
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, WithJsonSchema

from harvester.config.options import Reads, Scalar, SectionError, one_line
from harvester.config.wording import kind
from harvester.patterns import pattern

_HEADER_NAME: Final = pattern(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 5.6.2, token
_OWN_HEADERS: Final = ("accept-encoding", "connection", "content-length", "transfer-encoding")
_PARAMETER_KINDS: Final = ["string", "number", "boolean", "null"]

Parameter = Scalar | None | tuple[Scalar, ...]


def header_name(name: str) -> str:
    """Check the name of a header; ValueError."""
    if not _HEADER_NAME.fullmatch(name):
        raise ValueError("not the name of a header: letters, digits and '-', no blanks or colons")
    return name


def _sent_header(name: str) -> str:
    if name.lower() in _OWN_HEADERS:
        raise ValueError("harvester sets this header itself; take it out")
    return header_name(name)


def _once(headers: dict[str, str]) -> dict[str, str]:
    first: dict[str, str] = {}
    if faults := [
        ((name,), f"stands twice: {other!r} is the same header")
        for name in headers
        if (other := first.setdefault(name.lower(), name)) != name
    ]:
        raise SectionError(faults)
    return headers


def _parameter(value: object) -> Parameter:
    if isinstance(value, list | tuple) and all(isinstance(item, Scalar) for item in value):
        return tuple(value)
    if value is None or isinstance(value, Scalar):
        return value
    if isinstance(value, list | tuple):
        raise ValueError("a list here holds text, numbers, true and false, nothing else")
    raise ValueError(f"expected text, a number, true, false or a list of these, got {kind(value)}")


def _json_body(value: object) -> Any:
    if value is None or isinstance(value, dict | list):
        return value
    raise ValueError(f"expected a mapping or a list, the JSON to send, got {kind(value)}")


def _url_path(path: str) -> str:
    """Check a path relative to base_url, or a full URL; references may stand anywhere in it."""
    plain = re.sub(r"\{[^{}]*\}", "x", path)  # a format may hold blanks and colons
    if re.search(r"[\x00-\x20\x7f\\\ud800-\udfff]", plain):
        raise ValueError("a path holds no blanks, backslashes or control characters")
    if plain.startswith("//"):
        raise ValueError("a path does not begin with '//'")
    if "#" in plain:
        raise ValueError("a path has no '#' part; nothing after it is ever sent")
    full = re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", plain)
    if full and (problem := url_problem(plain)):
        raise ValueError(problem)
    return path


def url_problem(url: str) -> str | None:
    """Say what keeps `url` from being a full http(s) URL without credentials, or None.

    The message never holds the URL, which may hold a secret.
    """
    if re.search(r"[\x00-\x20\x7f\\\ud800-\udfff]", url):
        return "a URL holds no blanks, backslashes or control characters"
    try:
        parts = urlsplit(url)
        port = parts.port  # reading it checks it
    except ValueError:  # which quotes what it takes for a port: it may be half of a password
        return "not a URL: its host or port is malformed"
    if parts.scheme not in ("http", "https"):
        return "expected a URL that begins with https:// or http://"
    if not parts.hostname or port == 0:
        return "the URL names no host" if not parts.hostname else "the URL's port is 0"
    if "@" in parts.netloc:
        return "a URL holds no user name or password; use auth: {type: http_basic, …}"
    return None


HeaderName = Annotated[
    str,
    AfterValidator(header_name),
    WithJsonSchema({"type": "string", "pattern": f"^{_HEADER_NAME.pattern}$"}),
]
"""The name of a header."""

Headers = Annotated[
    dict[
        Annotated[HeaderName, AfterValidator(_sent_header)],
        Annotated[str, AfterValidator(one_line)],
    ],
    AfterValidator(_once),
]
"""Header names (RFC 9110) and values."""

Parameters = dict[
    str,
    Annotated[
        Parameter,
        Reads(
            _parameter,
            {
                "type": [*_PARAMETER_KINDS, "array"],
                "items": {"type": _PARAMETER_KINDS[:-1]},
            },
        ),
    ],
]
"""Names and values; a list repeats the name, null leaves it out."""

JsonBody = Annotated[Any, Reads(_json_body, {"type": ["object", "array", "null"]})]
"""A JSON body, nested as it is sent."""

URLPath = Annotated[str, AfterValidator(_url_path)]
"""A path relative to base_url, or a full URL."""
