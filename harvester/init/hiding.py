"""Secrets out of a request and into variables: what is written down holds references only.

What is secret is known by its place (the password, a Cookie), by its name (`is_secret_name`, and
the names of `_TOLD`), by its shape (the prefixes that vendors give their tokens), and by being the
value of a variable of the environment, which a shell has put into the line.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from harvester.init.ask import Ask, changed
from harvester.init.curl import basic_login
from harvester.init.variables import mark, names
from harvester.secrets import is_secret_name

#: Names that hold a secret wherever they end a header's or parameter's.
_TOLD: Final = re.compile(
    r"(?:.*[-_.])?(?:api[-_]?key|apikey|token|secret|passwd|password|auth|authorization|credential"
    r"s?|session(?:[-_]?id)?|csrf|xsrf|signature|key|jwt)|[a-z0-9$]*(?:ApiKey|AccessToken|AuthToken"
    r"|Password|Secret)",
)
#: Names of the like that hold none: where a page begins, and how to sort.
_PAGING: Final = re.compile(
    r"(?:.*[-_])?(?:page|next|continuation|sync|skip|pagination|cursor|delta|resume|start|sort"
    r"|primary|foreign|idempotency|partition|order|group|row|range)[-_]?(?:key|token)",
    re.IGNORECASE,
)
#: How vendors' tokens begin. Short ones would be found in words.
_SHAPES: Final = re.compile(
    r"\b(?:gh[pousr]_\w{8,}|github_pat_\w{8,}|glpat-[\w-]{8,}|[sr]k_(?:live|test)_\w{8,}"
    r"|xox[abeoprs]-[\w-]{8,}|AIza[\w-]{20,}|AKIA[0-9A-Z]{12,}|shp(?:at|ca|pa|ss)_\w{8,}"
    r"|pat-[a-z]{2,3}\d-[\w-]{6,}|(?:ntn|secret)_\w{16,}|hf_\w{16,}|sk-[\w-]{20,}|npm_\w{20,}"
    r"|SG\.[\w-]{16,}\.[\w-]{16,}|eyJ[\w-]{10,}\.[\w-]{4,}\.[\w-]{4,}|key[A-Za-z0-9]{14}"
    r"|\d{8,10}:AA[\w-]{30,})(?![\w-])"
)
_SCHEME: Final = re.compile(r"([A-Za-z][\w-]*)\s+(\S.*)", re.DOTALL)
_ONCE: Final = ("oauth", "aws4-hmac-sha256", "digest", "hawk", "signature")
_SHORTEST_GIVEN: Final = 8  # a shorter value of a variable may stand in a line by chance


@dataclass(slots=True)
class Hidden:
    """A request without secrets. `auth` is the YAML's `client.auth`; `values` are those of the
    variables that were made, `told` where each was found.
    """

    ask: Ask
    auth: dict[str, Any] | None = None
    values: dict[str, str] = field(default_factory=dict, repr=False)
    told: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def hide(ask: Ask, prefix: str, env: Mapping[str, str]) -> Hidden:
    """Move every secret of the request into a variable whose name begins with `prefix`."""
    found = Hidden(ask)
    hiding = _Hiding(found, prefix, env)
    found.ask = replace(ask, **changed(ask, hiding.of_the_environment))
    hiding.login()
    hiding.headers()
    hiding.parameters()
    hiding.body()
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
        return _SHAPES.sub(lambda token: self._variable(token[0], "TOKEN", "the line"), text)

    def login(self) -> None:
        ask = self._found.ask
        if ask.user is None:
            return
        user, password = map(self.of_the_environment, (ask.user, ask.password))
        self._basic(user, password, "curl's -u or the URL")
        self._found.ask = replace(ask, user=None, password="")

    def headers(self) -> None:
        headers = {}
        for name, value in self._found.ask.headers.items():
            if name.lower() == "authorization" and self._found.auth is None:
                self._authorization(name, value)
            elif name.lower() in ("cookie", "proxy-authorization"):
                headers[name] = self._variable(value, _upper(name), f"the header {name}")
            elif not _is_secret(name):
                headers[name] = value
            elif self._found.auth is None:
                value = self._variable(value, _kind(name), f"the header {name}")
                self._found.auth = {"type": "api_key", "name": name, "value": value}
            else:
                headers[name] = self._variable(value, _upper(name), f"the header {name}")
        self._found.ask = replace(self._found.ask, headers=headers)

    def parameters(self) -> None:
        for part in ("params", "form"):
            kept = []
            for name, value in getattr(self._found.ask, part):
                if not _is_secret(name) or not value:
                    kept.append((name, value))
                elif self._found.auth is None and part == "params":
                    value = self._variable(value, _kind(name), f"the parameter {name}")
                    self._found.auth = {
                        "type": "api_key", "name": name, "value": value, "location": "query",
                    }  # fmt: skip
                else:
                    where = f"the parameter {name}"
                    kept.append((name, self._variable(value, _upper(name), where)))
            changes: dict[str, Any] = {part: tuple(kept)}
            self._found.ask = replace(self._found.ask, **changes)

    def body(self) -> None:
        self._found.ask = replace(self._found.ask, json=self._tree(self._found.ask.json))

    def _tree(self, tree: Any) -> Any:
        if isinstance(tree, dict):
            return {
                key: self._variable(value, _upper(key), f"{key!r} in the body")
                if isinstance(value, str) and value and _is_secret(key)
                else self._tree(value)
                for key, value in tree.items()
            }
        return [self._tree(item) for item in tree] if isinstance(tree, list) else tree

    def _authorization(self, name: str, value: str) -> None:
        scheme = _SCHEME.fullmatch(value)
        kind, rest = (scheme[1], scheme[2]) if scheme else ("", value)
        where = f"the header {name}"
        if kind.lower() in _ONCE:
            self._found.notes.append(
                f"the Authorization header holds a signature of one request ({kind}), which is "
                "good for no other; see auth in the documentation"
            )
        elif kind.lower() == "bearer":
            self._found.auth = {"type": "bearer", "token": self._variable(rest, "TOKEN", where)}
        elif kind.lower() == "basic" and (login := basic_login(rest)):
            user, password = map(self.of_the_environment, login)
            self._basic(user, password, where)
        else:
            self._found.auth = {"type": "api_key", "name": name}
            if kind:
                self._found.auth["prefix"] = f"{kind} "
            self._found.auth["value"] = self._variable(rest, "TOKEN" if kind else "KEY", where)

    def _basic(self, user: str, password: str, where: str) -> None:
        kind = "USER" if password else "API_KEY"
        self._found.auth = {"type": "http_basic", "username": self._variable(user, kind, where)}
        if password:
            self._found.auth["password"] = self._variable(password, "PASSWORD", where)

    def _variable(self, text: str, kind: str, where: str) -> str:
        """The text as a variable of its own; one that holds a variable already stays as it is."""
        if not text or names(text):
            return text
        values, wanted = self._found.values, f"{self._prefix}_{kind}"
        name, number = wanted, 2
        while values.get(name, text) != text:
            name, number = f"{wanted}_{number}", number + 1
        values[name] = text
        self._found.told[name] = where
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
