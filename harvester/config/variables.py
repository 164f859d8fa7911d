"""Classifies each variable of the environment: a credential, or a part of the question.

A credential lets one in, and may be another one tomorrow: what `auth` shows, what stands under the
name of a secret, and a variable whose own name says that it is one. Any other variable that
requests are made from chooses what comes (a query, a tenant, a year): with another value it is
another harvest. Two such values in one folder are a mixture that nobody can take apart again.

What may be hidden is another question. A year or a word is left alone wherever it appears, since a
cursor that happens to hold it is no secret; a value that has the look of a token is hidden in any
case, whatever it is called.
"""

import re
from collections.abc import Iterator
from typing import Final

from harvester.config.models import Config
from harvester.config.references import references_in
from harvester.config.secret_variables import is_secret_variable
from harvester.config.wording import KeyPath
from harvester.model import command_of, file_of
from harvester.patterns import pattern
from harvester.security import is_secret_name

#: Tokens are as long, and mix letters of both kinds with digits, or are hexadecimal.
_TOKEN_CHARS: Final = 12
_MIXED: Final = pattern(r"(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])", re.DOTALL)
_HEXADECIMAL: Final = pattern(r"(?=.*[0-9])(?=.*[a-fA-F])[0-9a-fA-F-]{20,}")

#: Headers that say who asks, and how to send it, and choose no record; lower case.
_FREE_HEADERS: Final = frozenset(
    (
        "accept", "accept-charset", "accept-encoding", "baggage", "cache-control", "connection",
        "dnt", "from", "origin", "pragma", "priority", "referer", "te", "traceparent",
        "tracestate", "user-agent", "x-requested-with",
    )
)  # fmt: skip
_TRACING: Final = pattern(
    r"(?:x-)?(?:b3|(?:amzn|cloud|datadog|parent|span)?-?trace|correlation|request|span)"
    r"(?:[-_].*|id)?|x-datadog-.*|sec-.*"
)


def is_free_header(name: str) -> bool:
    """Whether a request header may change in the middle of a harvest: it says who asks
    (`User-Agent`), how to write it down (`Accept`) or which request it is (tracing). Any other may
    choose records: `X-Tenant`, `Accept-Language`, `Range`.
    """
    lower = name.lower()
    return lower in _FREE_HEADERS or _TRACING.fullmatch(lower) is not None


def looks_secret(value: str) -> bool:
    """Whether a value has the look of a token: long, letters of both kinds mixed with digits."""
    return len(value) >= _TOKEN_CHARS and bool(_MIXED.match(value) or _HEXADECIMAL.fullmatch(value))


def renewable(config: Config) -> frozenset[str]:
    """The variables that hold credentials, so that their values may change at any time."""
    secret = (is_secret_variable, file_of, command_of)
    named = {name for name in config.env if any(says(name) for says in secret)}
    return frozenset(named | {name for path, name in _places(config) if _lets_in(config, path)})


def hidden(config: Config) -> frozenset[str]:
    """The variables whose values are hidden, in cursors too: credentials, all else that `auth` and
    the proxy are told, and what has the look of a token, but in headers that choose nothing.
    """
    places = list(_places(config))
    of_auth = {
        name for path, name in places if path[:2] in (("client", "auth"), ("client", "proxy"))
    }
    asked = {name for path, name in places if not _in_free_header(path)}
    alike = {name for name in asked if looks_secret(config.env.get(name, ""))}
    return renewable(config) | of_auth | alike


def _places(config: Config) -> Iterator[tuple[KeyPath, str]]:
    """Where the configuration names variables."""
    tree = config.reference_dict()
    for path, reference in references_in(tree):
        if reference.kind == "env":
            yield path, reference.name


def _lets_in(config: Config, path: KeyPath) -> bool:
    keys = [key for key in path if isinstance(key, str)]
    if path[:2] == ("client", "auth"):
        auth = config.client.auth
        shown = auth.secrets if auth else {}
        return keys[2] in shown or any(map(is_secret_name, keys[3:]))
    return path[:2] == ("client", "proxy") or any(map(is_secret_name, _below_headers(keys)))


def _below_headers(keys: list[str]) -> list[str]:
    """The keys that name a header, parameter or member, without those of the YAML itself."""
    return keys[2:] if keys[0] == "resources" else keys[1:]


def _in_free_header(path: KeyPath) -> bool:
    if "headers" not in path:
        return False
    return is_free_header(str(path[path.index("headers") + 1]))
