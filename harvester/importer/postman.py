"""Reads Postman collections (2.0 and 2.1): one stream for each request of theirs.

`{{variable}}` becomes `{env.VARIABLE}`; the collection's own value stands behind it where the name
is not that of a secret. Credentials are inherited from the folders above, as in Postman.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qsl

from harvester.errors import ConfigError
from harvester.importer.recordings import Call
from harvester.patterns import pattern
from harvester.scaffold import Ask, mark
from harvester.security import is_secret_name

_VARIABLE: Final = pattern(r"\{\{\s*([^{}]+?)\s*\}\}")
_DEEPEST: Final = 40
_OPENS: Final = mark("X")[:1]


def is_collection(tree: Any) -> bool:
    """Whether a document is a collection."""
    return (
        isinstance(tree, Mapping)
        and isinstance(tree.get("item"), list)
        and isinstance(tree.get("info"), Mapping)
    )


def calls(tree: Mapping[str, Any]) -> Iterator[Call]:
    """The requests, in the order of the collection."""
    given = {
        str(each.get("key") or each.get("id")): str(each.get("value") or "")
        for each in tree.get("variable") or ()
        if isinstance(each, Mapping)
    }
    reading = _Reading(given)
    yield from reading.items(tree["item"], (), tree.get("auth"), 0)


class _Reading:
    """The requests of one collection; `given` are the values of its variables."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given

    def items(self, items: Any, above: tuple[str, ...], auth: Any, depth: int) -> Iterator[Call]:
        """The requests of a folder, and of those in it."""
        if items and depth == _DEEPEST:
            why = f"requests in folders more than {_DEEPEST} deep"
            yield Call("_".join(above), None, missing=(why,))
            return
        for item in items if isinstance(items, list) else ():
            if not isinstance(item, Mapping):
                continue
            name = str(item.get("name") or "request")
            if "request" not in item:
                own = item.get("auth") or auth
                yield from self.items(item.get("item"), (*above, name), own, depth + 1)
                continue
            yield self._call(item, "_".join((*above, name)), auth)

    def _call(self, item: Mapping[str, Any], name: str, auth: Any) -> Call:
        request = item["request"]
        request = {"url": request} if isinstance(request, str) else request
        try:
            ask = self._ask(request)
            ask = self._let_in(ask, request.get("auth") or auth)
        except (ConfigError, ValueError, TypeError, AttributeError, KeyError) as error:
            return Call(name, None, missing=(f"a request that cannot be read: {error}",))
        return Call(name, ask, self._page(item.get("response")))

    def _ask(self, request: Mapping[str, Any]) -> Ask:
        url = request.get("url") or ""
        parts: Mapping[str, Any] = url if isinstance(url, Mapping) else {}
        written = url if isinstance(url, str) else str(url.get("raw") or _address(parts))
        base, _, query = written.partition("?")
        params = tuple(
            (str(one["key"]), self._text(str(one.get("value") or "")))
            for one in parts.get("query") or ()
            if isinstance(one, Mapping) and one.get("key") and not one.get("disabled")
        )
        if "query" not in parts:
            given = parse_qsl(query.partition("#")[0], keep_blank_values=True)
            params = tuple((name, self._text(value)) for name, value in given)
        for one in parts.get("variable") or ():
            key = str(one.get("key"))
            value = self._text(str(one.get("value") or "")) or mark(_env(key))
            base = "/".join(value if part == f":{key}" else part for part in base.split("/"))
        base = self._text(base).partition("#")[0]
        if not base:
            raise ValueError("it has no URL")
        if "://" not in base and not base.startswith(_OPENS):
            base = f"https://{base}"
        headers = {
            str(one["key"]): self._text(str(one.get("value") or ""))
            for one in request.get("header") or ()
            if isinstance(one, Mapping) and one.get("key") and not one.get("disabled")
        }
        headers = {n: v for n, v in headers.items() if n.lower() not in ("content-type", "accept")}
        ask = Ask(base, str(request.get("method") or "GET").upper(), params, headers)
        return self._with_body(ask, request.get("body") or {})

    def _with_body(self, ask: Ask, body: Mapping[str, Any]) -> Ask:
        match body.get("mode"):
            case "raw" if str(body.get("raw") or "").strip() and ask.method != "GET":
                return replace(ask, json=json.loads(self._text(str(body["raw"]))))
            case "urlencoded":
                fields = body.get("urlencoded") or ()
                form = tuple((str(one["key"]), self._text(str(one.get("value") or "")))
                             for one in fields if not one.get("disabled"))  # fmt: skip
                return replace(ask, form=form)
            case "graphql":
                asked = body.get("graphql") or {}
                given = asked.get("variables") or "{}"
                variables = json.loads(self._text(given)) if isinstance(given, str) else given
                return replace(ask, json={"query": str(asked.get("query")), "variables": variables})
            case "formdata" | "file" as kind:
                raise ValueError(f"a body of the kind {kind}")
        return ask

    def _let_in(self, ask: Ask, auth: Any) -> Ask:
        if not isinstance(auth, Mapping) or auth.get("type") in (None, "noauth"):
            return ask
        kind = str(auth["type"])
        given = auth.get(kind) or []
        pairs = (
            [(one.get("key"), one.get("value")) for one in given]
            if isinstance(given, list)
            else list(given.items())
        )
        values = {str(key): _put(str(value or "")) for key, value in pairs}
        match kind:
            case "bearer" | "oauth2":
                token = values.get("token") or values.get("accessToken") or mark("TOKEN")
                return replace(ask, headers={**ask.headers, "Authorization": f"Bearer {token}"})
            case "basic":
                user = values.get("username") or mark("USERNAME")
                return replace(ask, user=user, password=values.get("password", ""))
            case "apikey":
                key, value = values.get("key", "X-Api-Key"), values.get("value", "")
                value = value if _OPENS in value else mark("API_KEY")  # a secret by its place
                if values.get("in") == "query":
                    return replace(ask, params=(*ask.params, (key, value)))
                return replace(ask, headers={**ask.headers, key: value})
        raise ValueError(f"auth of the type {kind}")

    def _text(self, text: str) -> str:
        """A text with its variables: by the collection's own value where that is no secret."""

        def put(found: re.Match[str]) -> str:
            name = found[1]
            value = self._given.get(name, "")
            if value and not is_secret_name(name) and not _VARIABLE.search(value):
                return value
            return mark(_env(name))

        return _VARIABLE.sub(put, text)

    def _page(self, responses: Any) -> Any:
        """The first example of an answer that is a page."""
        for each in responses if isinstance(responses, list) else ():
            code = each.get("code") if isinstance(each, Mapping) else None
            if isinstance(code, int) and 200 <= code < 300:
                try:
                    return json.loads(str(each.get("body") or ""))
                except (ValueError, RecursionError):
                    continue
        return None


def _put(text: str) -> str:
    """A text of an `auth` with its variables: their own values are secrets there."""
    return _VARIABLE.sub(lambda found: mark(_env(found[1])), text)


def _address(parts: Mapping[str, Any]) -> str:
    """The URL of a request that has it in parts only."""
    host, path = (
        sign.join(map(str, given)) if isinstance(given, list) else str(given or "")
        for sign, given in ((".", parts.get("host")), ("/", parts.get("path")))
    )
    host += f":{parts['port']}" if parts.get("port") else ""
    root = host if host.startswith("{{") else f"{parts.get('protocol') or 'https'}://{host}"
    return f"{root}/{path}" if host else ""


def _env(name: str) -> str:
    found = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").upper() or "VALUE"
    return f"_{found}" if found[0].isdecimal() else found
