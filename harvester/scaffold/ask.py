"""Request as a person gave it, taken apart. Its texts may hold marks of `variables`."""

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from harvester.errors import ConfigError
from harvester.patterns import pattern
from harvester.scaffold.variables import mapped, shown
from harvester.values import dataclass

Pairs = tuple[tuple[str, str], ...]

_HOST: Final = pattern(r"[A-Za-z0-9.-]+\.[A-Za-z]{2,}|localhost|[0-9.]+")


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. `url` has no query; `client` are further keys of the YAML's `client`; `notes`
    say what could not be honoured; `known` are the names of parameters that the API documents
    (None: nobody says); `format` what its pages are written in, where that is not JSON; `auth` the
    YAML's `client.auth`, where a document says it.
    """

    url: str = field(repr=False)
    method: str = "GET"
    params: Pairs = field(default=(), repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    json: Any = field(default=None, repr=False)
    form: Pairs = field(default=(), repr=False)
    user: str | None = field(default=None, repr=False)
    password: str = field(default="", repr=False)
    client: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    known: tuple[str, ...] | None = None
    title: str = ""
    format: str | None = None
    auth: Mapping[str, Any] | None = field(default=None, repr=False)

    @property
    def sent(self) -> dict[str, Any]:
        """What goes with the request by name: query, form, and the JSON body's own keys."""
        body = self.json if isinstance(self.json, dict) else {}
        return {**dict(self.params), **dict(self.form), **body}


def ask_of_url(url: str) -> Ask:
    """A GET of a URL as people type it: the scheme may be missing."""
    base, params, user, password = url_parts(url)
    return Ask(base, params=params, user=user, password=password)


def url_parts(url: str) -> tuple[str, Pairs, str | None, str]:
    """A URL as its address, its query, and the user and password in it; ConfigError."""
    if "://" not in url:
        host = re.split("[/?:]", url, maxsplit=1)[0]
        if not _HOST.fullmatch(host):
            raise ConfigError(f"{shown(host)!r} is no URL: it names no host")
        url = f"https://{url}"  # curl would say http://; an API that wants that is rare
    try:
        parts = urlsplit(url.replace(" ", "%20"))
        _ = parts.port
    except ValueError as error:
        raise ConfigError(f"the line's URL is none: {error}") from None
    if parts.scheme.lower() not in ("http", "https"):
        raise ConfigError(f"a {parts.scheme} URL; harvester asks over http and https only")
    login, _, host = parts.netloc.rpartition("@")
    if not host:
        raise ConfigError("the line's URL is none: it names no host")
    user, _, password = login.partition(":")
    params = tuple(parse_qsl(parts.query, keep_blank_values=True))
    base = f"{parts.scheme.lower()}://{host}{parts.path}"
    return base, params, unquote(user) if login else None, unquote(password)


def form_pairs(text: str) -> Pairs:
    """A form's text as names and values."""
    return tuple(parse_qsl(text, keep_blank_values=True))


def changed(ask: Ask, change: Any) -> dict[str, Any]:
    """The parts of a request with every text changed; for `dataclasses.replace`."""
    return {
        "url": change(ask.url),
        "params": tuple((name, change(value)) for name, value in ask.params),
        "headers": {name: change(value) for name, value in ask.headers.items()},
        "json": mapped(ask.json, change),
        "form": tuple((name, change(value)) for name, value in ask.form),
    }
