"""Reads HAR files, the recordings of browsers and proxies.

There is one stream for each address that was answered with JSON.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from harvester.errors import ConfigError
from harvester.importer.recordings import Call
from harvester.scaffold import Ask

#: Headers that a browser sends by itself, and that choose no record.
_OF_THE_BROWSER: Final = frozenset(
    ("accept", "accept-encoding", "accept-language", "cache-control", "connection",
     "content-length", "content-type", "dnt", "host", "if-modified-since", "if-none-match",
     "origin", "pragma", "priority", "referer", "te", "user-agent", "upgrade-insecure-requests")
)  # fmt: skip


def is_har(tree: Any) -> bool:
    """Whether a document is a recording."""
    log = tree.get("log") if isinstance(tree, Mapping) else None
    return isinstance(log, Mapping) and isinstance(log.get("entries"), list)


def calls(tree: Mapping[str, Any]) -> Iterator[Call]:
    """The requests that were answered with JSON, each address once."""
    seen: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for entry in tree["log"]["entries"]:
        if not isinstance(entry, Mapping):
            continue
        request, response = entry.get("request") or {}, entry.get("response") or {}
        if not (isinstance(request, Mapping) and isinstance(response, Mapping)):
            continue
        if not isinstance(response.get("content") or {}, Mapping):
            continue
        kind = str((response.get("content") or {}).get("mimeType") or "").partition(";")[0]
        if "json" in kind and str(request.get("url") or "").startswith("http"):
            url = str(request["url"]).partition("?")[0].partition("#")[0]
            seen.setdefault((str(request.get("method") or "GET"), url), []).append(entry)
    for (method, url), entries in seen.items():
        yield _call(method.upper(), url, entries)


def _call(method: str, url: str, entries: list[Mapping[str, Any]]) -> Call:
    request, response = entries[0]["request"], entries[0]["response"]
    names = [part for part in urlsplit(url).path.split("/") if part]
    name = "_".join(names[-2:]) or urlsplit(url).netloc
    notes: tuple[str, ...] = ()
    if len(entries) > 1:
        notes = (f"recorded {len(entries):,} times; this is the first",)
    try:
        ask = _ask(method, url, request)
    except (ConfigError, ValueError, TypeError, AttributeError, KeyError) as error:
        return Call(name, None, missing=(f"a request that cannot be read: {error}",))
    status = response.get("status")
    if isinstance(status, int) and status >= 400:
        return Call(name, ask, missing=(f"answered {response['status']} when it was recorded",))
    return Call(name, ask, _page(response.get("content") or {}), notes=notes)


def _ask(method: str, url: str, request: Mapping[str, Any]) -> Ask:
    given = request.get("queryString")
    query = str(request["url"]).partition("?")[2].partition("#")[0]
    params = (
        tuple((str(each["name"]), str(each.get("value") or "")) for each in given)
        if isinstance(given, list) and given
        else tuple(parse_qsl(query, keep_blank_values=True))
    )
    headers = {
        str(each["name"]): str(each.get("value") or "")
        for each in request.get("headers") or ()
        if not str(each["name"]).startswith(":") and not _is_idle(str(each["name"]).lower())
    }
    body = request.get("postData") or {}
    kind, text = str(body.get("mimeType") or ""), str(body.get("text") or "")
    if "json" in kind and text:
        return Ask(url, method, params, headers, json=json.loads(text))
    form = tuple(
        (str(one["name"]), str(one.get("value") or "")) for one in body.get("params") or ()
    )
    if "urlencoded" in kind:
        form = form or tuple(parse_qsl(text, keep_blank_values=True))
        return Ask(url, method, params, headers, form=form)
    if text and method == "POST":
        raise ValueError(f"a body of type {kind or 'unknown'}")
    return Ask(url, method, params, headers)


def _is_idle(name: str) -> bool:
    return name in _OF_THE_BROWSER or name.startswith(("sec-", "x-requested-with"))


def _page(content: Mapping[str, Any]) -> Any:
    """The answer, where the recording has it whole."""
    text = content.get("text")
    if not isinstance(text, str):
        return None
    try:
        raw = base64.b64decode(text) if content.get("encoding") == "base64" else text.encode()
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None
