"""Declares a request, its records and a guess as the tree of the YAML. Pure."""

import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from harvester.model import Key, parse
from harvester.patterns import pattern
from harvester.scaffold.ask import Ask, Pairs
from harvester.scaffold.guess import Guess
from harvester.scaffold.names import SIZE_PARAMS, plain, table
from harvester.scaffold.variables import mapped, names, template, unmarked

#: Parts of a URL's path that end what all of an API's paths begin with.
_ROOTS: Final = pattern(
    r"(?:api|rest|v?[0-9]{1,2}(?:\.[0-9]{1,2})*|v[0-9][\w.-]*|[0-9]{4}-[0-9]{2}(?:-[0-9]{2})?|xrpc)",
    re.IGNORECASE,
)
#: Last parts of a path that say what is done, not what comes.
_VERBS: Final = table(
    "search all list query items new recent find get fetch index latest top json info.0 _search "
    "graphql api results search_by_date datastore_search"
)
_IDLE_LABELS: Final = table(
    "api apis www rest data oauth graph com org net io gov edu co ac uk eu de ch fr app dev int "
    "services service public gateway"
)
_INTEGER: Final = pattern(r"-?(?:0|[1-9][0-9]{0,14})")


def address(url: str) -> tuple[str, str]:
    """A URL as base_url and path: what ends in a version, `api` or the host, and the rest."""
    parts = urlsplit(url)
    segments = parts.path.lstrip("/").split("/")
    roots = [at for at, one in enumerate(segments[:-1]) if _ROOTS.fullmatch(one) and at < 5]
    cut = roots[-1] + 1 if roots else 0
    base = "".join(f"{one}/" for one in segments[:cut])
    return f"{parts.scheme}://{parts.netloc}/{base}", "/".join(segments[cut:])


def last_word(url: str) -> str:
    """What the records are called: the last part of the URL's path that names something."""
    path = unquote(urlsplit(url).path)
    parts = [unmarked(one) for one in path.split("/") if one and not names(one)]
    parts = [part for one in parts for part in re.split(r"[.:]", re.sub(r"\.json$", "", one))]
    words = [one for one in parts if re.search(r"[A-Za-z]{2}", one) and not _is_id(one)]
    named = [one for one in words if one.lower() not in _VERBS and not _ROOTS.fullmatch(one)]
    found = (named or words or ["records"])[-1]
    return re.sub(r"[^A-Za-z0-9_-]+", "_", found).strip("_-") or "records"


def _is_id(part: str) -> bool:
    """Whether a part of a path is an id rather than a word: over 20 characters, or many digits."""
    return len(part) > 24 or sum(character.isdigit() for character in part) > 3


def api_word(url: str) -> str:
    """What the API is called, by its host; nothing for an address or this machine."""
    host = urlsplit(url).hostname or ""
    if not re.search("[a-z]", host) or host == "localhost":
        return ""
    above = host.rpartition(".")[0] or host
    labels = [label for label in above.split(".") if label not in _IDLE_LABELS]
    return re.sub(r"[^a-z0-9-]", "", (labels or [""])[-1])


def tree_of(
    ask: Ask,
    name: str,
    resource: str,
    auth: Mapping[str, Any] | None,
    selector: str | None,
    guess: Guess,
    rate_limit: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """The whole of a configuration with one resource."""
    return whole(
        name, client_of(ask, auth, rate_limit), [resource_of(ask, resource, selector, guess)]
    )


def whole(name: str, client: dict[str, Any], resources: list[dict[str, Any]]) -> dict[str, Any]:
    """A configuration."""
    return {"version": 1, "name": name, "client": client, "resources": resources}


def client_of(
    ask: Ask, auth: Mapping[str, Any] | None, rate_limit: list[dict[str, Any]] | None
) -> dict[str, Any]:
    """The `client` part."""
    client: dict[str, Any] = {"base_url": template(address(ask.url)[0])}
    if auth:
        client["auth"] = mapped(auth, template)
    if ask.headers:
        client["headers"] = mapped(ask.headers, template)
    client |= mapped(ask.client, template)
    if rate_limit:
        client["rate_limit"] = rate_limit
    return client


def resource_of(
    ask: Ask, name: str, selector: str | None, guess: Guess, key: str | None = None
) -> dict[str, Any]:
    """One entry of `resources`; `key` is what makes a record the same record."""
    further = dict(guess.resource)
    found: dict[str, Any] = {"name": name, "path": template(address(ask.url)[1])}
    if ask.method == "POST" or ask.json is not None or ask.form:
        found["method"] = ask.method  # GET is written out where it has a body
    kept = tuple(pair for pair in ask.params if pair[0] not in guess.without)
    params = [pair for pair in kept if pair[0] not in guess.first]
    first = [pair for pair in kept if pair[0] in guess.first]
    for part, pairs in (("params", tuple(params)), ("first_params", tuple(first))):
        if pairs:
            found[part] = _parameters(pairs)
    if guess.spread:
        found["params"] = {**found.get("params", {}), **dict.fromkeys(guess.spread, "{cursor}")}
    if ask.json is not None:
        found["json"] = mapped(_body(ask.json, guess), template)
    if ask.form:
        form = _parameters(tuple(pair for pair in ask.form if pair[0] not in guess.form))
        found["form"] = {**form, **guess.form}
    found |= {k: further.pop(k) for k in ("idempotent", "next_request") if k in further}
    if ask.format is not None:
        found["format"] = ask.format
    if selector is not None:
        found["data_selector"] = selector
    if "allow_missing" in further:
        found["allow_missing"] = further.pop("allow_missing")
    if key is not None:
        found["key"] = key
    found["paginator"] = dict(guess.paginator)
    return {**found, **{key: value for key, value in further.items() if key != "method"}}


def movable(ask: Ask, guess: Guess) -> tuple[str, ...]:
    """The parameters that may go with the first page only: all but a page's size."""
    return tuple(
        name
        for name, _ in ask.params
        if name not in guess.without and plain(name) not in SIZE_PARAMS
    )


def _parameters(pairs: Pairs) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        typed = _typed(template(value))
        if name not in found:
            found[name] = typed
        elif isinstance(found[name], list):
            found[name].append(typed)
        else:
            found[name] = [found[name], typed]
    return found


def _typed(text: str) -> Any:
    """Numbers and truths as the YAML writes them; what they are sent as stays the same."""
    if _INTEGER.fullmatch(text) and text != "-0":
        return int(text)
    return {"true": True, "false": False}.get(text, text)


def _body(body: Any, guess: Guess) -> Any:
    """The JSON body without what the paginator puts there."""
    body = deepcopy(body)
    for name in guess.without:
        *above, last = [key.name for key in parse(name) if isinstance(key, Key)] or [name]
        place = body
        for key in above:
            place = place.get(key) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place.pop(last, None)
    return body
