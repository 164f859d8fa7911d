"""Warns of what is allowed in a configuration but was seen to go wrong; `check` shows it.

The loader refuses what cannot work. What is here works, and harvests something else than was
meant: real configurations do these things (the numbers are from 4,940 declared streams).
"""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from harvester.config.auth_options import AuthOptions, RenewableOptions
from harvester.config.formats import XmlFormat
from harvester.config.models import Config
from harvester.config.paginators import (
    Offset,
    PageNumber,
)
from harvester.config.references import references_in
from harvester.config.resource import Resource
from harvester.config.wording import KeyPath
from harvester.config.yamlfile import read
from harvester.errors import Problem
from harvester.model import Key, Scope, parse, render, strings
from harvester.security import SHORTEST, is_secret_name, written_in

_COUNTS_PAGES: Final = ("page", "p", "pagenumber", "page_number", "page_no", "pageno", "pageindex")
_COUNTS_RECORDS: Final = ("offset", "start", "skip", "startat", "from", "$skip")
#: No file or folder of Windows is called so, whatever follows behind a dot.
_DEVICES: Final = {
    "aux",
    "con",
    "nul",
    "prn",
    *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10)),
}
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_TOO_SHORT: Final = (
    f"fewer than {SHORTEST} characters cannot be told from other text: where a server echoes them "
    "they are masked under the name of a secret only"
)
_PATHS: Final = ("cursor_path", "next_url_path", "total_path", "has_more_path", "last_page_path")

Lint = tuple[KeyPath, str]


def lints(path: Path, config: Config) -> list[Problem]:
    """Everything suspicious in `config`, each with its line in the file at `path`."""
    document = read(path.read_text(encoding="utf-8"), str(path))
    found = list(_client(config))
    for index, resource in config.placed:
        for below, message in _resource(resource):
            found.append((("resources", index, *below), message))
    return sorted(document.problem(place, message) for place, message in found)


def _client(config: Config) -> Iterator[Lint]:
    url = urlsplit(config.base_url)
    if url.scheme == "http" and config.client.auth and url.hostname not in _LOOPBACK:
        yield ("client", "base_url"), "http:// sends the credentials in clear text; use https://"
    if config.client.auth:
        yield from _auth(config.client.auth, config)
    for name, text in config.client.headers.items():
        if is_secret_name(name):
            yield from _written_out(("client", "headers", name), text)


def _auth(auth: AuthOptions, config: Config) -> Iterator[Lint]:
    section: KeyPath = ("client", "auth")
    scope = Scope(env=config.env)
    for key, text in auth.secrets.items():
        if text:
            yield from _written_out((*section, key), text)
            if 0 < len(str(render(text, scope))) < SHORTEST:
                yield (*section, key), _TOO_SHORT
    if not isinstance(auth, RenewableOptions):
        return
    place, asked_with = auth.asked_with
    for path, given in strings(asked_with):
        if any(isinstance(key, str) and is_secret_name(key) for key in path):
            yield from _written_out((*section, *place, *path), given)
    if auth.asked_at is None:
        return
    place, asked_at = auth.asked_at
    url = urlsplit(str(render(asked_at, scope)))
    if url.scheme == "http" and url.hostname not in _LOOPBACK:
        yield (*section, *place), "http:// sends the credentials in clear text; use https://"


def _resource(resource: Resource) -> Iterator[Lint]:
    for part in ("params", "headers", "first_params", "form"):
        for name, value in getattr(resource, part).items():
            if is_secret_name(name) and isinstance(value, str):
                yield from _written_out((part, name), value)
    for name in written_in(resource.path):
        why = f'{name} is a secret in the file: put it into params as "{{env.NAME}}"'
        yield ("path",), why
    if resource.name.lower().partition(".")[0] in _DEVICES:
        yield ("name",), f"{resource.name!r} is a device on Windows, where no folder has that name"
    yield from _paging(resource)
    if "validation" in resource.model_fields_set:
        yield ("validate",), "no longer needed: every byte of a page is always checked; take it out"
    if isinstance(resource.format, XmlFormat) and resource.data_selector in (None, "$"):
        why = "the whole document is one record; name the way to its records, such as feed.entry"
        yield ("format",), why
    if resource.data_selector:
        yield from _unquoted(("data_selector",), resource.data_selector)
    if resource.progress_path:
        yield from _unquoted(("progress_path",), resource.progress_path)
    for key in _PATHS:
        if text := getattr(resource.paginator, key, None):
            yield from _unquoted(("paginator", key), text)


def _paging(resource: Resource) -> Iterator[Lint]:
    paginator = resource.paginator
    size = paginator.full_page
    if size is None or size not in resource.params.values():
        for below, message in paginator.lints():
            yield ("paginator", *below), message
    if getattr(paginator, "send_first", True) is False and any(
        each.kind == "page" for _, each in references_in(resource.path)
    ):
        why = "has no effect on {page} in the path, which cannot be without it"
        yield ("paginator", "send_first"), why
    match paginator:
        case Offset(offset_param=str(name)) if name.lower() in _COUNTS_PAGES:  # 54 streams
            why = "does the API count pages? Then the type is page_number"
            yield ("paginator", "offset_param"), f"an offset called {name!r}: {why}"
        case PageNumber(page_param=str(name)) if name.lower() in _COUNTS_RECORDS:
            why = "does the API count records? Then the type is offset"
            yield ("paginator", "page_param"), f"a page number called {name!r}: {why}"


def _written_out(place: KeyPath, text: str) -> Iterator[Lint]:
    if not any(True for _ in references_in(text)):
        yield place, 'a secret in the file: put it into a variable and write "{env.NAME}"'


def _unquoted(place: KeyPath, text: str) -> Iterator[Lint]:
    """`@odata.nextLink` is one key at Microsoft, and two to a path."""
    for first, second in pairwise(parse(text)):
        match first, second:
            case Key(outer), Key(inner) if outer.startswith("@"):
                whole = f"['{outer}.{inner}']"
                yield place, f"reads {inner!r} inside {outer!r}; a key with a dot is {whole}"
