"""Turns requests that were collected or recorded into resources, for Postman and HAR alike.

Neither says how an API pages: where an answer was kept with the request, it is looked at as `init`
looks at a first page. A comment in the YAML says what the paginator goes by.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import field, replace
from typing import Any, Final
from urllib.parse import urlsplit

from harvester.errors import ConfigError
from harvester.importer.outcome import Group, Stream
from harvester.patterns import pattern
from harvester.scaffold import Ask, Recorded, mark, plain_name, recorded, with_login
from harvester.values import dataclass

#: Last parts of paths whose POST asks and changes nothing.
_READS: Final = pattern(
    r"(?i)(?:^|[^a-z])(_?search|query|queries|graphql|find|list|filter|lookup|reports?|export)"
)
_NOWHERE: Final = "base.invalid"
_VARIABLE: Final = pattern(rf"{mark('N').replace('N', '([A-Z_][A-Z0-9_]*)')}")


@dataclass(frozen=True, slots=True)
class Call:
    """One request by its name; `missing` is what stands against it from the start."""

    name: str
    ask: Ask | None = field(repr=False)
    page: Any = field(default=None, repr=False)
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def resources(calls: Iterable[Call], prefix: str) -> tuple[list[Stream], list[Group]]:
    """The streams, and the resources by the client that they share."""
    outcomes: list[Stream] = []
    clients: list[tuple[Any, list[Any], dict[str, tuple[str, ...]]]] = []
    for call in _named(calls):
        missing = list(call.missing) or list(_faults(call))
        found = None
        if not missing and call.ask is not None:
            try:
                found = _recorded(call.ask, call, prefix)
            except (ConfigError, ValueError) as error:
                missing = [str(error)]
        outcomes.append(Stream(call.name, tuple(missing)))
        if found is None:
            continue
        said = f"how it pages: {found.why}" if call.page is not None else (
            "how it pages is not known: no answer was kept; see `harvester check --live`"
        )  # fmt: skip
        notes = (*call.notes, *found.notes, said)
        among = next((one for one in clients if one[0] == found.client), None)
        if among is None:
            clients.append((found.client, [found.resource], {call.name: notes}))
        else:
            among[1].append(found.resource)
            among[2][call.name] = notes
    return outcomes, [Group(client, tuple(each), notes) for client, each, notes in clients]


def _recorded(ask: Ask, call: Call, prefix: str) -> Recorded:
    """The request as the YAML says it, also where a variable stands for the address itself."""
    begins = _VARIABLE.match(ask.url)
    if begins is None:
        return recorded(ask, call.name, prefix, call.page)
    stand_in = f"https://{_NOWHERE}{ask.url[begins.end() :]}"
    found = recorded(replace(ask, url=stand_in), call.name, prefix, call.page)
    base = str(found.client["base_url"]).replace(f"https://{_NOWHERE}", f"{{env.{begins[1]}}}", 1)
    return replace(found, client={**found.client, "base_url": base})


def _faults(call: Call) -> Iterator[str]:
    if call.ask is None:
        yield "a request without a URL"
        return
    if call.ask.method not in ("GET", "POST"):
        yield f"a request by {call.ask.method}, which changes something"
    elif call.ask.method == "POST" and not _only_reads(call.ask):
        yield "a POST that may change something: only those that search, list or query are taken"


def _only_reads(ask: Ask) -> bool:
    body = ask.json if isinstance(ask.json, dict) else {}
    text = body.get("query")
    if isinstance(text, str) and not text.lstrip().startswith("mutation"):
        return True
    return _READS.search(urlsplit(ask.url).path.rpartition("/")[2]) is not None


def _named(calls: Iterable[Call]) -> Iterator[Call]:
    """Each under a name of its own that a folder may have."""
    taken: dict[str, int] = {}
    for call in calls:
        ask = with_login(call.ask) if call.ask else None
        plain = plain_name(call.name, ask)
        own = name = re.sub(r"[^A-Za-z0-9.-]+", "_", plain).strip("_.-")[:100] or "request"
        while own.lower() in taken:
            number = taken[name.lower()] = taken[name.lower()] + 1
            own = f"{name}_{number}"
        taken[own.lower()] = 1
        yield Call(own, ask, call.page, call.missing, call.notes)
