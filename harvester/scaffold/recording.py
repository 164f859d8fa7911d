"""Declares a request that was recorded or collected, with its answer if that is known.

Secrets become variables, and the page says where its records are and how it goes on.
"""

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from harvester.scaffold.ask import Ask
from harvester.scaffold.deciding import decide_offline
from harvester.scaffold.declaring import client_of, resource_of
from harvester.scaffold.hiding import hide
from harvester.values import dataclass


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
