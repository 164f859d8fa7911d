"""Declares a request that was recorded or collected, with its answer if that is known.

Secrets become variables, and the page says where its records are and how it goes on.
"""

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any, Final
from urllib.parse import quote, unquote

from harvester.patterns import pattern
from harvester.scaffold.ask import Ask
from harvester.scaffold.deciding import decide_offline
from harvester.scaffold.declaring import client_of, resource_of
from harvester.scaffold.hiding import hide
from harvester.scaffold.shapes import SHAPES
from harvester.values import dataclass

_LOGIN: Final = pattern(r"(?<=://)([^/?#@\s:]*)(?::([^/?#@\s]*))?@")
_QUERY: Final = pattern(r"\?\S*=\S*")
_SHORTEST: Final = 4  # a shorter secret would be found in words


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request as the YAML says it; `why` is what speaks for its paginator."""

    client: Mapping[str, Any]
    resource: Mapping[str, Any]
    why: str
    notes: tuple[str, ...] = field(default=())


def recorded(ask: Ask, name: str, prefix: str, page: Any = None) -> Recorded:
    """The request, whose variables begin with `prefix`. Raises ConfigError."""
    hidden = hide(ask, prefix, {})
    decided = decide_offline(hidden.ask, page)
    client = client_of(decided.ask, hidden.auth, None)
    resource = resource_of(decided.ask, name, decided.selector, decided.guess, decided.key)
    if headers := client.pop("headers", None):
        resource["headers"] = headers
    notes = (*hidden.notes, *decided.notes)
    return Recorded(client, resource, decided.guess.why, tuple(notes))


def with_login(ask: Ask) -> Ask:
    """The request, with a user and a password that stand in its URL taken out of it."""
    found = _LOGIN.search(ask.url)
    if found is None:
        return ask
    url = ask.url[: found.start()] + ask.url[found.end() :]
    return replace(ask, url=url, user=unquote(found[1]), password=unquote(found[2] or ""))


def plain_name(name: str, ask: Ask | None) -> str:
    """The name of a request without what is secret of it: many are called by their address."""
    values = () if ask is None else hide(ask, "X", {}).values.values()
    for value in sorted(values, key=len, reverse=True):
        for spelling in (value, unquote(value), quote(value, safe="")):
            name = name.replace(spelling, "") if len(value) >= _SHORTEST else name
    return SHAPES.sub("", _LOGIN.sub("", _QUERY.sub("", name)))
