"""Hides secrets of a request in variables, so that what is written holds references only.

What is secret is known by its place (the password, a Cookie), by its name (`is_secret_name`, and
the names of `_TOLD`), by its shape (see `shapes`), and by being the value of a variable of the
environment, which a shell has put into the line.
"""

import re
from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any, Final

from harvester.patterns import pattern
from harvester.scaffold.ask import Ask, changed
from harvester.scaffold.curl import basic_login
from harvester.scaffold.shapes import SHAPES, cookie_parts, in_url, is_random, without_secrets
from harvester.scaffold.variables import mark, names
from harvester.security import is_secret_name
from harvester.values import dataclass

#: Names that hold a secret wherever they end a header's or parameter's.
_TOLD: Final = pattern(
    r"(?:.*[-_.])?(?:api[-_]?key|h?apikey|token|secret|passwd|password|passphrase|pwd|auth"
    r"|authorization|authentication|credentials?|session(?:[-_]?id)?|[a-z]*sess?id|sid|csrf|xsrf"
    r"|signature|sig|key|jwt|bearer|appid)"
    r"|[a-z0-9$]*(?:[Aa]pi[Kk]ey|AccessToken|AuthToken|Password|Secret|SessionId)",
)
#: Names of the like that hold none: where a page begins, and how to sort.
_PAGING: Final = pattern(
    r"(?:.*[-_])?(?:page|next|continuation|sync|skip|pagination|cursor|delta|resume|start|sort"
    r"|primary|foreign|idempotency|partition|order|group|row|range)[-_]?(?:key|token)",
    re.IGNORECASE,
)
_SCHEME: Final = pattern(r"([A-Za-z][\w-]*)\s+(\S.*)", re.DOTALL)
_ONCE: Final = ("oauth", "aws4-hmac-sha256", "digest", "hawk", "signature")
_IN_LINE: Final = "the token that stands in its place in the line"
#: Headers whose values are random, and open nothing.
_TRACING: Final = ("traceparent", "tracestate", "x-request-id", "x-correlation-id", "user-agent",
                   "x-b3-traceid", "idempotency-key")  # fmt: skip
_SHORTEST_GIVEN: Final = 8  # a shorter value of a variable may stand in a line by chance


@dataclass(slots=True)
class Hidden:
    """A request without secrets. `auth` is the YAML's `client.auth`; `values` are those of the
    variables that were made, `explanations` what each is in words, `derived` what gives one away.
    """

    ask: Ask
    auth: dict[str, Any] | None = None
    values: dict[str, str] = field(default_factory=dict, repr=False)
    explanations: dict[str, str] = field(default_factory=dict)
    derived: list[str] = field(default_factory=list, repr=False)
    notes: list[str] = field(default_factory=list)


def hide(ask: Ask, prefix: str, env: Mapping[str, str]) -> Hidden:
    """Move every secret of the request into a variable whose name begins with `prefix`."""
    found = Hidden(ask)
    if ask.auth is not None:
        found.auth = dict(ask.auth)
        found.explanations |= {
            name: f"the {part.replace('_', ' ')} that the API's owner gave to this client"
            for part in ("client_id", "client_secret")
            for name in names(str(ask.auth.get(part, "")))
        }
    hiding = _Hiding(found, prefix, env)
    found.ask = replace(ask, **changed(ask, hiding.of_the_environment))
    hiding.login()
    hiding.path()
    hiding.headers()
    hiding.parameters()
    hiding.body()
    hiding.proxy()
    found.ask = replace(found.ask, **changed(found.ask, hiding.by_shape))
    return found


class _Hiding:
    def __init__(self, found: Hidden, prefix: str, env: Mapping[str, str]) -> None:
        self._found = found
        self._prefix = prefix
        self._given = {
            value: name
            for name, value in env.items()
            if len(value) >= _SHORTEST_GIVEN and _is_secret(name.lower())
        }

    def of_the_environment(self, text: str) -> str:
        """What a shell has filled in becomes the variable again."""
        for value, name in self._given.items():
            text = text.replace(value, mark(name))
        return text

    def by_shape(self, text: str) -> str:
        """A token that gives itself away, wherever it stands."""
        return SHAPES.sub(lambda token: self._variable(token[0], "TOKEN", _IN_LINE), text)

    def path(self) -> None:
        """Bots and web hooks have their token in the path."""
        ask = self._found.ask
        root = re.match(r"[a-z]+://[^/]*", ask.url)
        at = root.end() if root else 0

        def variable(text: str, kind: str) -> str:
            return self._variable(text, kind, "what stands in its place in the URL's path")

        path = without_secrets(ask.url[at:], variable, _is_secret)
        self._found.ask = replace(ask, url=ask.url[:at] + path)

    def proxy(self) -> None:
        """A proxy's login stands in its URL."""
        ask = self._found.ask
        url = str(ask.client.get("proxy", ""))
        if "@" in url:
            proxy = self._variable(url, "PROXY_URL", "the proxy's URL, with its login")
            self._found.ask = replace(ask, client={**ask.client, "proxy": proxy})

    def login(self) -> None:
        ask = self._found.ask
        if ask.user is None:
            return
        user, password = map(self.of_the_environment, (ask.user, ask.password))
        self._basic(user, password, "of curl's -u or the URL")
        self._found.ask = replace(ask, user=None, password="")

    def headers(self) -> None:
        headers = {}
        for name, value in self._found.ask.headers.items():
            where = f"the whole value of the header {name}"
            if name.lower() == "authorization" and self._found.auth is None:
                self._authorization(name, value)
            elif name.lower() in ("cookie", "proxy-authorization"):
                self._found.derived += cookie_parts(value)
                headers[name] = self._variable(value, _upper(name), where)
            elif name.lower() == "referer" and in_url(value, _is_secret):
                headers[name] = self._variable(value, _upper(name), where)
            elif not _is_secret(name):
                random = is_random(value) and name.lower() not in _TRACING
                headers[name] = self._variable(value, _upper(name), where) if random else value
            elif self._found.auth is None:
                self._found.auth = self._key(name, value)
            else:
                headers[name] = self._variable(value, _upper(name), where)
        self._found.ask = replace(self._found.ask, headers=headers)

    def parameters(self) -> None:
        for part in ("params", "form"):
            kept = []
            for name, value in getattr(self._found.ask, part):
                if not _is_secret(name) or not value:
                    kept.append((name, value))
                elif self._found.auth is None and part == "params":
                    where = f"the value of the parameter {name}"
                    value = self._variable(value, _kind(name), where)
                    self._found.auth = {
                        "type": "api_key", "name": name, "value": value, "location": "query",
                    }  # fmt: skip
                else:
                    where = f"the value of the parameter {name}"
                    kept.append((name, self._variable(value, _upper(name), where)))
            changes: dict[str, Any] = {part: tuple(kept)}
            self._found.ask = replace(self._found.ask, **changes)

    def body(self) -> None:
        self._found.ask = replace(self._found.ask, json=self._tree(self._found.ask.json))

    def _tree(self, tree: Any) -> Any:
        if isinstance(tree, dict):
            return {
                key: self._variable(value, _upper(key), f"the value of {key!r} in the body")
                if isinstance(value, str) and value and _is_secret(key)
                else self._tree(value)
                for key, value in tree.items()
            }
        return [self._tree(item) for item in tree] if isinstance(tree, list) else tree

    def _authorization(self, name: str, value: str) -> None:
        scheme = _SCHEME.fullmatch(value)
        kind, rest = (scheme[1], scheme[2]) if scheme else ("", value)
        where = f"what follows `{kind} ` in the header {name}, without that prefix"
        if kind.lower() in _ONCE:
            self._found.notes.append(
                f"the Authorization header holds a signature of one request ({kind}), which is "
                "good for no other; see auth in the documentation"
            )
        elif kind.lower() == "bearer":
            self._found.auth = {"type": "bearer", "token": self._variable(rest, "TOKEN", where)}
        elif kind.lower() == "basic" and (login := basic_login(rest)):
            user, password = map(self.of_the_environment, login)
            self._basic(user, password, f"of the header {name} (in Base64 there, here without it)")
        else:
            self._found.auth = self._key(name, value)

    def _key(self, name: str, value: str) -> dict[str, Any]:
        """A header as `auth`; a scheme before the secret (`Token …`) is its prefix."""
        scheme = _SCHEME.fullmatch(value)
        own = "KEY" if name.lower() == "authorization" else _kind(name)
        if scheme is None:
            where = f"the whole value of the header {name}"
            return {"type": "api_key", "name": name, "value": self._variable(value, own, where)}
        where = f"what follows `{scheme[1]} ` in the header {name}, without that prefix"
        secret = self._variable(scheme[2], "TOKEN" if own == "KEY" else own, where)
        return {"type": "api_key", "name": name, "prefix": f"{scheme[1]} ", "value": secret}

    def _basic(self, user: str, password: str, where: str) -> None:
        kind, name = ("USER", "user name") if password else ("API_KEY", "user name (a key)")
        user = self._variable(user, kind, f"the {name} {where}")
        self._found.auth = {"type": "http_basic", "username": user}
        if password:
            password = self._variable(password, "PASSWORD", f"the password {where}")
            self._found.auth["password"] = password

    def _variable(self, text: str, kind: str, where: str) -> str:
        """The text as a variable of its own; one that holds a variable already stays as it is."""
        if not text or names(text):
            return text
        values, wanted = self._found.values, f"{self._prefix}_{kind}"
        if known := next((name for name, value in values.items() if value == text), None):
            return mark(known)
        name, number = wanted, 2
        while values.get(name, text) != text:
            name, number = f"{wanted}_{number}", number + 1
        values[name] = text
        self._found.explanations[name] = where
        return mark(name)


def _is_secret(name: str) -> bool:
    if _PAGING.fullmatch(name):
        return False
    return is_secret_name(name) or any(map(_TOLD.fullmatch, (name, name.lower())))


def _kind(name: str) -> str:
    return "TOKEN" if "token" in name.lower() else "API_KEY"


def _upper(name: str) -> str:
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return re.sub(r"[^A-Za-z0-9]+", "_", words).strip("_").upper() or "SECRET"
