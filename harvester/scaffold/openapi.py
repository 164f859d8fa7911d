"""Reads an OpenAPI 3 document as the requests of its collections.

A collection is a GET without parameters in its path whose answer is an array, or an object with
one. Of the document only what requests need is read: servers, parameters, schemas by `$ref`
within the document, security schemes. Its examples and defaults fill in required parameters; a
page made up from the response's schema (`made_up`) stands in for one where nothing is asked.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import Any, Final
from urllib.parse import unquote, urljoin, urlsplit

from harvester.config import read
from harvester.errors import ConfigError
from harvester.model import fit, one_line
from harvester.scaffold.ask import Ask
from harvester.scaffold.declaring import api_word
from harvester.scaffold.names import RECORDS, plain
from harvester.scaffold.variables import mapped, mark, unmarked
from harvester.values import dataclass

_DEEPEST: Final = 12
#: An example's bounds: values in all and in one item of an array, how often one reference is
#: followed on one way down.
_MOST_VALUES: Final = 1000
_MOST_OF_ITEM: Final = 300
_MOST_TURNS: Final = 3


@dataclass(frozen=True, slots=True)
class Operation:
    """A collection: how it is called, what it says of itself, and its request."""

    path: str
    id: str
    summary: str
    ask: Ask = field(repr=False)
    page: Any = field(default=None, repr=False)


def is_openapi(tree: Any) -> bool:
    """Whether a value is an OpenAPI 3 document."""
    return isinstance(tree, dict) and "openapi" in tree and isinstance(tree.get("paths"), dict)


def document_of(text: str, source: str) -> dict[str, Any]:
    """JSON or YAML text as an OpenAPI 3 document; ConfigError."""
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError):
        tree = read(text, source).tree
    if is_openapi(tree) and str(tree["openapi"]).startswith("3"):
        # Whoever wrote the document names no variable of this environment.
        try:
            return dict(mapped(tree, unmarked))
        except RecursionError:
            raise ConfigError(f"{source}: nested too deeply") from None
    if isinstance(tree, dict) and "swagger" in tree:
        raise ConfigError(f"{source}: Swagger 2; convert it to OpenAPI 3 first")
    raise ConfigError(f"{source}: no OpenAPI 3 document (it has no `openapi: 3…` and `paths`)")


def operations(document: Mapping[str, Any], source: str, base_url: str | None) -> list[Operation]:
    """The collections of a document, in its order. `source` is its own URL, or its file.

    The variables of its credentials are called after the server's host: a document that borrows
    another API's title gets none of that API's. ConfigError for a document that is not built as
    the specification says.
    """
    try:
        found = list(_operations(document, source, base_url))
        number, first = _elsewhere(document) if not found else (0, "")
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        raise ConfigError(
            f"{source}: not built as OpenAPI 3 says; does a validator pass it?"
        ) from None
    if number:
        raise ConfigError(
            f"{source}: no GET in it gives a list that can be seen: {number:,} references lead to "
            f"other files (such as {fit(one_line(first), 80)}), which are not read; bundle them "
            "into one document"
        )
    return found


def _operations(
    document: Mapping[str, Any], source: str, base_url: str | None
) -> Iterator[Operation]:
    root = _server(document, source, base_url)
    prefix = re.sub(r"\W+", "_", api_word(root) or "api").upper()
    for path, entry in document["paths"].items():
        item = _resolved(document, entry)
        operation = item.get("get")
        if not isinstance(operation, dict) or "{" in path:
            continue
        page = _page(document, operation)
        if page is None:
            continue
        parameters = [*item.get("parameters", ()), *operation.get("parameters", ())]
        ask = _ask(document, operation, f"{root}{unmarked(path)}", parameters, prefix)
        name = str(operation.get("operationId") or path)
        summary = str(operation.get("summary") or "")
        yield Operation(path, name, summary, ask, page)


def chosen(found: Sequence[Operation], wanted: Sequence[str], source: str) -> list[Operation]:
    """The operations that are asked for, by id or path; the only one where none is named.

    ConfigError with a list to choose from otherwise.
    """
    if not found:
        raise ConfigError(f"{source}: no GET in it gives a list; write a curl line instead")
    if not wanted:
        if len(found) == 1:
            return list(found)
        lines = [f"  --operation {_shell(one.id):<30} GET {one.path}  {one.summary}".rstrip()
                 for one in found]  # fmt: skip
        listing = "\n".join(lines)
        raise ConfigError(
            f"{source} has {len(found)} collections; name one, or several:\n{listing}"
        )
    by_name = {key: one for one in found for key in (one.path, one.id, one.path.strip("/"))}
    missing = [name for name in wanted if name not in by_name]
    if missing:
        names = ", ".join(one.id for one in found[:20])
        raise ConfigError(f"--operation {missing[0]}: {source} has no such list; it has: {names}")
    return [by_name[name] for name in wanted]


def _shell(name: str) -> str:
    return name if re.fullmatch(r"[\w./:-]+", name) else f"'{name}'"


def _server(document: Mapping[str, Any], source: str, base_url: str | None) -> str:
    if base_url:
        return base_url.rstrip("/")
    servers = document.get("servers") or [{"url": "/"}]
    server = servers[0] if isinstance(servers[0], dict) else {}
    url = str(server.get("url", "/"))
    for name, variable in (server.get("variables") or {}).items():
        url = url.replace(f"{{{name}}}", str(variable.get("default", "")))
    if source.startswith(("http://", "https://")):
        url = urljoin(source, url)
    if urlsplit(url).scheme not in ("http", "https"):
        raise ConfigError(f"{source}: names no server of its own; say --base-url URL")
    return url.rstrip("/")


def _ask(
    document: Mapping[str, Any], operation: Mapping[str, Any], url: str, parameters: list[Any],
    prefix: str,
) -> Ask:  # fmt: skip
    params, headers, known, notes = [], {}, [], []
    for parameter in (_resolved(document, one) for one in parameters):
        name, place = str(parameter.get("name", "")), parameter.get("in")
        if place == "query":
            known.append(name)
        if not parameter.get("required") or place not in ("query", "header"):
            continue
        value = _value(document, parameter)
        if value is None:
            value = mark(re.sub(r"\W+", "_", f"{prefix}_{name}").upper())
            notes.append(f"the parameter {name} is required, and has no example: a variable")
        if place == "query":
            params.append((name, str(value)))
        else:
            headers[name] = str(value)
    ask = Ask(url, params=tuple(params), headers=headers, known=tuple(known), notes=tuple(notes),
              title=_title(operation, url))  # fmt: skip
    return _secured(document, operation, ask, prefix)


def _title(operation: Mapping[str, Any], url: str) -> str:
    last = urlsplit(url).path.rstrip("/").rpartition("/")[2]
    return re.sub(r"\W+", "_", last or str(operation.get("operationId", ""))).strip("_")


def _secured(
    document: Mapping[str, Any], operation: Mapping[str, Any], ask: Ask, prefix: str
) -> Ask:
    """The request with the credentials that the document asks for, as variables."""
    wanted = operation.get("security", document.get("security")) or []
    names = [name for one in wanted[:1] if isinstance(one, dict) for name in one]
    schemes = document.get("components", {}).get("securitySchemes", {})
    for name in names:
        scheme = _resolved(document, schemes.get(name, {}))
        kind, way = scheme.get("type"), str(scheme.get("scheme", "")).lower()
        asks = [scope for one in wanted[:1] for scope in one.get(name) or ()]
        if kind == "oauth2" and (auth := _flow(scheme, ask.url, asks)):
            ask = replace(ask, auth=auth)
        elif (kind == "http" and way == "bearer") or kind in ("oauth2", "openIdConnect"):
            token = f"Bearer {mark(f'{prefix}_TOKEN')}"
            ask = replace(ask, headers={**ask.headers, "Authorization": token})
        elif kind == "http" and way == "basic":
            ask = replace(ask, user=mark(f"{prefix}_USER"), password=mark(f"{prefix}_PASSWORD"))
        elif kind == "apiKey" and scheme.get("in") == "header":
            key = {str(scheme.get("name")): mark(f"{prefix}_API_KEY")}
            ask = replace(ask, headers={**ask.headers, **key})
        elif kind == "apiKey" and scheme.get("in") == "query":
            pair = (str(scheme.get("name")), mark(f"{prefix}_API_KEY"))
            ask = replace(ask, params=(*ask.params, pair))
    return ask


#: The flows that a run can follow, in the order in which they are preferred.
_FLOWS: Final = (
    ("clientCredentials", "oauth2_client_credentials", None),
    ("authorizationCode", "oauth2_authorization_code", "authorization"),
    ("deviceAuthorization", "oauth2_device_code", "device_authorization"),
)


def _flow(scheme: Mapping[str, Any], url: str, scopes: Sequence[Any]) -> dict[str, Any] | None:
    """The `auth` of an OAuth 2 scheme; None where none of its flows can be followed.

    Its variables are called after the host that gives the token: that of another API's owner gets
    none of this one's.
    """
    flows = scheme.get("flows") or {}
    for name, kind, page in _FLOWS:
        flow = flows.get(name)
        if not isinstance(flow, dict) or not flow.get("tokenUrl"):
            continue
        token_url = urljoin(url, str(flow["tokenUrl"]))
        prefix = re.sub(r"\W+", "_", api_word(token_url) or "api").upper()
        auth = {"type": kind}
        if page is not None:
            key = "deviceAuthorizationUrl" if page.startswith("device") else "authorizationUrl"
            if not flow.get(key):
                continue
            auth[f"{page}_url"] = urljoin(url, str(flow[key]))
        auth |= {"access_token_url": token_url, "client_id": mark(f"{prefix}_CLIENT_ID")}
        if page is None:
            auth["client_secret"] = mark(f"{prefix}_CLIENT_SECRET")
        if scopes:
            auth["scope"] = " ".join(map(str, scopes))
        return auth
    return None


def _value(document: Mapping[str, Any], parameter: Mapping[str, Any]) -> Any:
    """What a required parameter is given: its example, default, or first choice."""
    schema = _resolved(document, parameter.get("schema") or {})
    examples = parameter.get("examples") or {}
    first: Any = next(iter(examples.values()), {}) if isinstance(examples, dict) else {}
    choices = schema.get("enum") or []
    for value in (parameter.get("example"), first.get("value") if isinstance(first, dict) else None,
                  schema.get("example"), schema.get("default"), *choices[:1]):  # fmt: skip
        if isinstance(value, bool):
            return "true" if value else "false"
        if value is not None and not isinstance(value, dict | list):
            return value
    return None


def _page(document: Mapping[str, Any], operation: Mapping[str, Any]) -> Any:
    """A page made up from the schema of the answer; None where it is no list."""
    responses = operation.get("responses") or {}
    for status in ("200", "2XX", "default"):
        response = _resolved(document, responses.get(status) or {})
        for kind, content in (response.get("content") or {}).items():
            if "json" in kind and isinstance(content, dict):
                page = made_up(document, content.get("schema") or {})
                return page if _has_list(page) else None
    return None


def _has_list(page: Any) -> bool:
    if isinstance(page, list):
        return True
    lists = (
        [key for key, value in page.items() if isinstance(value, list)]
        if (isinstance(page, dict))
        else []
    )
    known = [key for key in lists if plain(key) in RECORDS]
    inner = (
        [value for value in page.values() if isinstance(value, dict)]
        if lists == [] and (isinstance(page, dict))
        else []
    )
    return bool(known or (lists and "id" not in page) or any(map(_has_list, inner)))


def made_up(document: Mapping[str, Any], schema: Any) -> Any:
    """An example of a schema: one item in each array, and a value that suits each name.

    Schemas refer to themselves, and to each other, as often as they like: an example follows a
    reference thrice on one way down, and has a bounded number of values in all and in each item.
    """
    return _Example(document).of(schema, 0, (), _Budget(_MOST_VALUES))


@dataclass(slots=True)
class _Budget:
    """How many values may still be made up."""

    left: int


@dataclass(frozen=True, slots=True)
class _Example:
    document: Mapping[str, Any]

    def of(self, schema: Any, depth: int, way: tuple[str, ...], budget: _Budget) -> Any:
        """The example of a schema; `way` are the references that led to it."""
        name = schema.get("$ref") if isinstance(schema, dict) else None
        budget.left -= 1
        if depth > _DEEPEST or budget.left < 0 or (name and way.count(name) >= _MOST_TURNS):
            return None
        way = (*way, name) if isinstance(name, str) else way
        schema = _resolved(self.document, schema)
        for part in schema.get("oneOf") or schema.get("anyOf") or ():
            if _resolved(self.document, part).get("type") != "null":
                return self.of(part, depth + 1, way, budget)
        if parts := schema.get("allOf"):
            merged = [self.of(part, depth + 1, way, budget) for part in parts]
            return {k: v for one in merged if isinstance(one, dict) for k, v in one.items()}
        kind = schema.get("type")
        kinds = kind if isinstance(kind, list) else [kind]
        kind = next((one for one in kinds if one != "null"), None)
        if kind == "array" or "items" in schema:
            item = _Budget(min(budget.left, _MOST_OF_ITEM))
            budget.left -= item.left
            return [self.of(schema.get("items") or {}, depth + 1, way, item)]
        if kind == "object" or "properties" in schema:
            return {
                str(name): self._member(str(name), below, depth, way, budget)
                for name, below in (schema.get("properties") or {}).items()
                if budget.left > 0
            }
        return {"integer": 1, "number": 1.5, "boolean": True}.get(str(kind), "text")

    def _member(
        self, name: str, schema: Any, depth: int, way: tuple[str, ...], budget: _Budget
    ) -> Any:
        value = self.of(schema, depth + 1, way, budget)
        uri = _resolved(self.document, schema).get("format") in ("uri", "url", "uri-reference")
        if value == "text" and (uri or plain(name).endswith(("url", "link", "href"))):
            return "/next?page=2"
        return value


def _resolved(document: Mapping[str, Any], value: Any) -> dict[str, Any]:
    """What a `$ref` within the document leads to; nothing where it leads nowhere."""
    for _ in range(_DEEPEST):
        if not isinstance(value, dict):
            return {}
        reference = value.get("$ref")
        if not isinstance(reference, str):
            return value
        if not reference.startswith("#/"):
            return {}  # another file, or another server's: neither is read
        value = document
        for key in reference[2:].split("/"):
            name = unquote(key).replace("~1", "/").replace("~0", "~")
            value = value.get(name) if isinstance(value, dict) else None
    return {}


def _elsewhere(document: Any) -> tuple[int, str]:
    """How many references of a document lead out of it, and the first of them."""
    found: list[str] = []
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            reference = value.get("$ref")
            if isinstance(reference, str) and not reference.startswith("#"):
                found.append(reference)
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return len(found), found[-1] if found else ""
