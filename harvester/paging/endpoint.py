"""Builds the request that a cursor asks for. Pure: no socket, no clock."""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import field
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl, quote, quote_plus, urlencode, urlsplit

from harvester import __version__
from harvester.config import Resource
from harvester.errors import PageRefused
from harvester.http import Credentials, Request
from harvester.model import (
    ABSENT,
    WINDOW_ATTRIBUTES,
    Partition,
    Reference,
    Scope,
    Template,
    as_text,
    render,
)
from harvester.page import JsonPages, format_of
from harvester.paging.batches import refuse_commas
from harvester.paging.page_fields import RUN_NOW, RUN_START
from harvester.paging.paginators import paginator_of
from harvester.paging.request_parts import RequestParts, pairs, with_params
from harvester.patterns import pattern
from harvester.security import Origins, Secrets, resolve
from harvester.values import dataclass

#: What a value may keep in a path: RFC 3986's pchar and the slash, so `owner/name` is two levels.
_PATH_SAFE: Final = "/:@!$&'()*+,;=~"
#: What a parameter's name may keep. Brackets may not stand there, and Tomcat refuses them.
_NAME_SAFE: Final = "$@:!*(),/~"
_ENCODED: Final = pattern("(%[0-9A-Fa-f]{2})")
_TEXT: Final = "text/plain; charset=utf-8"
_FULL_URL: Final = pattern("https?://", re.IGNORECASE)
#: What is encoded nowhere, and a URL without a query, which taking it apart would not change.
_UNRESERVED: Final = pattern("[A-Za-z0-9_.~-]*+")
_BARE: Final = pattern('https?://[a-z0-9.-]++(?::[0-9]++)?/[!-"$->@-~]*+')
_HARMLESS_HEADERS: Final = {
    "User-Agent": f"harvester/{__version__}",
    # gzip only: its end and CRC can be checked, and its bytes are the part file.
    "Accept-Encoding": "gzip",
}


_Content = tuple[bytes | None, str | None]
"""A body and its type."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What the requests of one resource are made from."""

    resource: Resource = field(repr=False)
    base_url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)  # the client's, rendered
    origins: Origins
    secrets: Secrets
    env: Mapping[str, str] = field(repr=False)

    def request(
        self, partition: Partition, cursor: Any, page: int, credentials: Credentials
    ) -> Request:
        """The request for page `page` (from 1) of a partition, with the credentials of now.

        Raises `PageRefused` for a link that leads where the harvest may not go, and for values
        and cursors that no request can be made from.
        """
        ask = self._asked(page)
        paginator = paginator_of(self.resource.paginator)
        named = None if paginator.leaves_out(cursor) else paginator.counted(cursor)
        values = {"offset": named, **reference_values(partition)}
        refuse_commas(self.resource, values)
        number = paginator.counted(cursor) if paginator.counts_pages else page
        if named is None:  # the first request, where it is left out; a path cannot be without it
            left_out = ABSENT if paginator.counts_pages else page
            scope, in_path = (Scope(self.env, values, ABSENT, each) for each in (left_out, number))
        else:
            scope = in_path = Scope(self.env, values, named, number)
        params = list(pairs(render(ask.params, scope)))
        link = paginator.link_in(cursor, self.resource)
        if page == 1 and link is None:  # a delta link holds what the first page was asked with
            params = with_params(params, render(self.resource.first_params, scope))
        if self.resource.incremental and self.resource.incremental.param:
            start = partition.included[RUN_START]
            params = with_params(params, {self.resource.incremental.param: start})
        body = render(ask.json, scope)
        rendered = render(self.resource.headers, scope)
        headers = {name: as_text(value) for name, value in rendered.items()}
        url = resolve(self.base_url, _path(ask.path, in_path))
        method = ask.method
        if link is None:
            parts = paginator.place_in(RequestParts(params, body, headers), cursor)
            params, body, headers = parts.params, parts.body, {**parts.headers}
            url = _without(url, {name for name, _ in params})
        else:
            url = resolve(url, link["href"])
            method, body = _linked(link, method, body)
        content: _Content = (None, None)
        if method != "GET" or (ask.method == "GET" and ask.sends_body):
            members = credentials.body if self.origins.check(url) else {}
            content = self._body(body, scope, members)
        return self._complete(method, url, params, content, headers, credentials)

    def _body(self, body: Any, scope: Scope, members: Mapping[str, str]) -> "_Content":
        """What is sent as the body, and its type; `members` are those of credentials."""
        if self.resource.text_body is not None:
            text = render(self.resource.text_body, scope)
            return (None, None) if text is ABSENT else (as_text(text).encode(), _TEXT)
        form = render(self.resource.form, scope)
        if members:
            body, form = _with_members(body, form, members)
        return _content(body, form)

    def _asked(self, page: int) -> "_Asked":
        resource, following = self.resource, self.resource.next_request
        asked = _Asked(
            resource.path,
            resource.method,
            resource.params,
            resource.json_body,
            resource.sends_body,
        )
        if page == 1 or following is None:
            return asked
        return _Asked(
            asked.path if following.path is None else following.path,
            asked.method if following.method is None else following.method,
            asked.params if following.params is None else following.params,
            asked.json if following.json_body is None else following.json_body,
            asked.sends_body if following.method is None else following.json_body is not None,
        )

    def _complete(
        self,
        method: str,
        url: str,
        params: list[tuple[str, str]],
        body: _Content,
        headers: dict[str, str],
        credentials: Credentials,
    ) -> Request:
        content, kind = body
        sign = None
        sent = {"Accept": format_of(self.resource).accept, **_sent_with(kind)}
        trusted = self.origins.check(url)
        if trusted:
            sent = _merged(sent, self.headers, headers, credentials.headers)
            params = with_params(params, credentials.params)
            sign = credentials.sign
        else:
            # An allowed host without credentials gets the link as it stands and nothing of ours
            # that is secret.
            params = [pair for pair in params if self.secrets.is_open(*pair)]
            ours = _merged(self.headers, headers).items()
            sent = _merged(sent, {n: value for n, value in ours if self.secrets.is_open(n, value)})
            if content is not None and self.secrets.redact(content.decode()) != content.decode():
                raise PageRefused(
                    "the body holds a secret, and the link leads to a host that "
                    "gets no credentials (allowed_hosts: credentials)"
                )
        sent["Accept-Encoding"] = "gzip"
        idempotent = method != "POST" or self.resource.idempotent
        elsewhere = None
        if method == "GET":
            elsewhere = partial(self._elsewhere, headers, credentials)
        asked = _with_query(url, params)
        return Request(method, asked, sent, content, idempotent, sign, elsewhere, trusted)

    def _elsewhere(self, headers: dict[str, str], credentials: Credentials, url: str) -> Request:
        """The request that a redirect to another origin asks for. Raises `PageRefused`."""
        return self._complete("GET", url, [], (None, None), headers, credentials)


def reference_values(partition: Partition) -> dict[str, Any]:
    """What references may stand for in a partition: its values, what they include, and the times
    of the run where no key has their name.
    """
    included = partition.included
    found = {}
    if RUN_START in included:
        found["since"] = included[RUN_START]
    if RUN_NOW in included:
        found["now"] = found["until"] = included[RUN_NOW]
    return {**found, **included, **partition.values}


def bare_request(
    method: str,
    url: str,
    *,
    params: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    json: Any = None,
    form: Mapping[str, Any] | None = None,
) -> Request:
    """A request with nothing of the harvest's in it but what is given: for a token."""
    content, kind = _content(json, form)
    sent = {"Accept": JsonPages.accept, **_sent_with(kind)}
    asked = _with_query(url, list(pairs(params)))
    headers = {**_merged(sent, headers or {}), "Accept-Encoding": "gzip"}
    # A signature that changes nothing: credentials of the environment have no place here.
    return Request(method, asked, headers, content, sign=lambda prepared: prepared)


@dataclass(frozen=True, slots=True)
class _Asked:
    path: str
    method: str
    params: Mapping[str, Any]
    json: Any
    sends_body: bool  # also where its method is GET


def _sent_with(kind: str | None) -> dict[str, str]:
    """The headers of every request; `kind` is the type of its body."""
    return {**_HARMLESS_HEADERS, **({"Content-Type": kind} if kind else {})}


def _linked(link: Mapping[str, Any], method: str, body: Any) -> tuple[str, Any]:
    """The method and body that a link asks for; STAC's `merge` adds its body to the one sent."""
    asked = str(link.get("method") or method).upper()
    if asked not in ("GET", "POST"):
        raise PageRefused(f"the next link asks for a {asked}; only GET and POST read")
    given = link.get("body")
    if given is None:
        return asked, body if asked == method else None
    if link.get("merge") and isinstance(body, Mapping) and isinstance(given, Mapping):
        return asked, {**body, **given}
    return asked, given


def _with_members(body: Any, form: Any, members: Mapping[str, str]) -> tuple[Any, Any]:
    """The body, or the form, with further members."""
    if form:
        return body, {**form, **members}
    if body is None or isinstance(body, Mapping):
        return {**(body or {}), **members}, form
    raise PageRefused("the body is a list: the key of auth has no place in it")


def _path(template: str, scope: Scope) -> str:
    """The rendered path, percent-encoded where values stand. One that is nothing but a cursor,
    or a value that is a full URL, stays as it is.
    """
    parts = Template.parse(template).parts
    path = ""
    for part in parts:
        if isinstance(part, str):
            path += part
            continue
        value = Template((part,)).render(scope)
        if value is ABSENT:
            raise PageRefused(
                "the path needs {cursor}, which the first page has only with an initial_cursor"
            )
        text = as_text(value)
        lone = len(parts) == 1
        if lone and (part.kind == "cursor" or _is_member(part) or _FULL_URL.match(text)):
            return text
        if part.kind == "env":
            path += text
        else:
            path += _quoted(text, "" if "?" in path else _PATH_SAFE, raw=part.raw)
    if _climbs(path) != _climbs(template):
        raise PageRefused(f"a value turns the path into {path!r}, which leads to another place")
    first, _, _ = path.partition("/")
    # Without a scheme, `documents:search` is a path: RFC 3986 section 4.2 writes it so.
    return f"./{path}" if ":" in first.partition("?")[0] and not _FULL_URL.match(path) else path


def _is_member(part: Reference) -> bool:
    """Whether it is a member of a parent's record."""
    return part.kind == "value" and part.attribute not in (None, *WINDOW_ATTRIBUTES)


def _quoted(text: str, safe: str, *, raw: bool) -> str:
    """A value in a path; of a `raw` one the percent signs that encode something stay."""
    if not raw:
        return quote(text, safe=safe)
    return "".join(
        piece if _ENCODED.fullmatch(piece) else quote(piece, safe=safe)
        for piece in _ENCODED.split(text)
    )


def _climbs(path: str) -> int:
    """How many segments of a path are `.` or `..`."""
    if "." not in path and "%" not in path:
        return 0
    # Requests writes an encoded dot plain, and what it makes of one is what counts.
    segments = path.partition("?")[0].replace("%2e", ".").replace("%2E", ".").split("/")
    return sum(segment in (".", "..") for segment in segments)


def _merged(*layers: Mapping[str, str]) -> dict[str, str]:
    """Headers, the later in place of the earlier; their names' case does not count."""
    found = {name.lower(): (name, value) for layer in layers for name, value in layer.items()}
    return dict(found.values())


def _without(url: str, names: Collection[str]) -> str:
    """`url` without the query parameters of these names, the others untouched."""
    if "?" not in url:
        return url
    parts = urlsplit(url)
    kept = [pair for pair in parts.query.split("&") if not _names(pair) & set(names)]
    return parts._replace(query="&".join(kept)).geturl()


def _with_query(url: str, params: list[tuple[str, str]]) -> str:
    """`url` with those parameters that it does not have yet: none is ever repeated."""
    if _BARE.fullmatch(url):
        query = _encoded(params)
        return f"{url}?{query}" if query else url
    parts = urlsplit(url)
    present = _names(parts.query)
    missing = _encoded(pair for pair in params if pair[0] not in present)
    query = "&".join(filter(None, (parts.query, missing)))
    return parts._replace(query=query, fragment="").geturl()


def _encoded(params: Iterable[tuple[str, str]]) -> str:
    """A query, its names as they are spelled where RFC 3986 lets them stand: there are servers
    that know `$top` and `%24top` as two names, and one of them is ignored.
    """
    return "&".join(
        f"{name if _UNRESERVED.fullmatch(name) else quote(name, safe=_NAME_SAFE)}="
        f"{text if _UNRESERVED.fullmatch(text) else quote_plus(text)}"
        for name, text in params
    )


def _names(query: str) -> set[str]:
    return {name for name, _ in parse_qsl(query, keep_blank_values=True)}


def _content(body: Any, form: Any) -> _Content:
    if body is not None:
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        return text.encode(), "application/json"
    if form:
        return urlencode(list(pairs(form))).encode(), "application/x-www-form-urlencoded"
    return None, None
