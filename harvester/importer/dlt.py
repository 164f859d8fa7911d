"""Reads configurations of dlt's `rest_api` source, whose vocabulary the YAML's own follows.

What dlt finds out while it runs (`auto` paginators) is named as missing; where it looks for the
records by itself, a comment says so. Values of `dlt.secrets` and `dlt.config`, and secrets that are
written out, become variables of the environment.
"""

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final

from harvester.importer.outcome import Group, Stream, UnsaidError
from harvester.patterns import pattern
from harvester.security import is_secret_name
from harvester.values import dataclass

_STORED: Final = pattern(r"dlt\.(?:secrets|config)(?:\.value|\[['\"]([^'\"]+)['\"]\])")
_PARENT: Final = pattern(r"\{resources\.([^.{}]+)\.([^{}]+)\}")
_SINCE: Final = pattern(r"\{incremental\.(?:start_value|last_value|initial_value)\}")
_AUTH_SECRETS: Final = {
    "bearer": ("token",),
    "api_key": ("api_key",),
    "http_basic": ("username", "password"),
    "oauth2_client_credentials": ("client_id", "client_secret"),
}
_MERGED: Final = ("params", "headers")
_MISSHAPEN: Final = (TypeError, ValueError, AttributeError, KeyError)
_ORDER: Final = (
    "name", "path", "method", "params", "headers", "json", "form", "partitions", "incremental",
    "data_selector", "allow_missing", "key", "paginator", "response_actions",
)  # fmt: skip


def is_rest_api(tree: Any) -> bool:
    """Whether a document is such a configuration."""
    if not isinstance(tree, Mapping) or "version" in tree:
        return False
    client, resources = tree.get("client"), tree.get("resources")
    return isinstance(client, Mapping) and "base_url" in client and isinstance(resources, list)


def read_rest_api(tree: Mapping[str, Any]) -> tuple[list[Stream], list[Group]]:
    """The streams with what is missing, and the resources of those that are whole."""
    defaults = tree.get("resource_defaults") or {}
    client = tree["client"]
    found = [
        _Resource(one, defaults, client, f"resource_{at}").read()
        for at, one in enumerate(tree["resources"], 1)
    ]
    by_name = {one.name: one for one in found}
    for one in found:
        for parent in one.parents:
            if parent not in by_name:
                one.missing.append(f"its parent {parent}, which is no resource here")
            else:
                one.missing += [f"its parent {parent}: {why}" for why in by_name[parent].missing]
    missing: list[str] = []
    said: dict[str, Any] = {"base_url": _text(client["base_url"])}
    try:
        if scheme := _auth(client.get("auth")):
            said["auth"] = scheme
        if headers := client.get("headers"):
            said["headers"] = {str(name): str(_value(name, each)) for name, each in headers.items()}
    except UnsaidError as error:
        missing.append(str(error))
    except _MISSHAPEN as error:
        missing.append(f"a client with a part that is not of the usual shape ({error})")
    outcomes = [Stream(one.name, (*missing, *one.missing)) for one in found]
    whole = [one for one in found if not one.missing and not missing]
    group = Group(said, tuple(one.ordered for one in whole), {one.name: one.notes for one in whole})
    return outcomes, [group]


def _auth(auth: Any) -> dict[str, Any] | None:
    if not auth:
        return None
    if isinstance(auth, str):
        auth = {"type": auth}
    kind = auth.get("type", "bearer")
    if kind not in _AUTH_SECRETS:
        raise UnsaidError(f"auth of the type {kind}")
    found: dict[str, Any] = {"type": kind}
    for key in _AUTH_SECRETS[kind]:
        found["value" if key == "api_key" else key] = _secret(key, auth.get(key))
    if kind == "api_key":
        found["name"] = str(auth.get("name") or "Authorization")
        location = auth.get("location", "header")
        if location not in ("header", "query"):
            raise UnsaidError(f"an API key in {location}")
        found["location"] = location
    if kind == "oauth2_client_credentials":
        found["access_token_url"] = _text(auth.get("access_token_url"))
        data = auth.get("access_token_request_data") or {}
        if data:
            found["access_token_request_data"] = {k: _value(k, each) for k, each in data.items()}
    return found


@dataclass(slots=True)
class _Resource:
    """One resource of the list, as far as the YAML says it."""

    given: Any
    defaults: Mapping[str, Any]
    client: Mapping[str, Any]
    fallback: str
    name: str = ""
    said: dict[str, Any] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    parents: list[str] = field(default_factory=list)
    _notes: list[str] = field(default_factory=list)

    @property
    def notes(self) -> tuple[str, ...]:
        """What stands above it as comments."""
        return tuple(self._notes)

    @property
    def ordered(self) -> dict[str, Any]:
        """The resource with its keys in their usual order."""
        return {key: self.said[key] for key in _ORDER if key in self.said}

    def read(self) -> "_Resource":
        """Fill in what was found."""
        given = {"name": self.given} if isinstance(self.given, str) else self.given
        if not isinstance(given, Mapping):
            self.name = self.fallback
            self.missing.append("a resource that is no mapping")
            return self
        self.name = str(given.get("name") or self.fallback)
        try:
            self._read(given)
        except UnsaidError as error:
            self.missing.append(str(error))
        except _MISSHAPEN as error:
            self.missing.append(f"a part that is not of the usual shape ({error})")
        return self

    def _read(self, given: Mapping[str, Any]) -> None:
        endpoint = _endpoint(given.get("endpoint"))
        usual = _endpoint(self.defaults.get("endpoint"))
        endpoint = {**usual, **endpoint} | {
            key: {**(usual.get(key) or {}), **(endpoint.get(key) or {})}
            for key in _MERGED
            if key in usual or key in endpoint
        }
        if given.get("processing_steps"):
            self._notes.append("processing_steps of dlt are not applied: records come as they are")
        said = self.said
        said["name"] = self.name
        said["path"] = self._template(str(endpoint.get("path") or self.name)).lstrip("/")
        method = str(endpoint.get("method") or "GET").upper()
        if method not in ("GET", "POST"):
            raise UnsaidError(f"requests by {method}")
        if method == "POST":
            said["method"] = method
        for part, key in (("params", "params"), ("headers", "headers"), ("json", "json"),
                          ("form", "data")):  # fmt: skip
            if value := endpoint.get(key):
                said[part] = self._tree(value, part)
        if any(part in said for part in ("json", "form")):
            said["method"] = method
        self._selector(endpoint)
        if incremental := endpoint.get("incremental"):
            self._incremental(incremental, incremental.get("start_param"))
        if "incremental" in said:
            base = said["data_selector"].removesuffix("[*]")
            said["incremental"]["cursor_path"] = f"{base}[*].{said['incremental']['cursor_path']}"
        said["paginator"] = _paginator(endpoint.get("paginator") or self.client.get("paginator"))
        if rules := endpoint.get("response_actions"):
            said["response_actions"] = [_rule(rule) for rule in rules]
        if key := given.get("primary_key", self.defaults.get("primary_key")):
            said["key"] = key

    def _selector(self, endpoint: Mapping[str, Any]) -> None:
        selector = endpoint.get("data_selector")
        self.said["data_selector"] = str(selector) if selector else "$"
        if selector:
            self.said["allow_missing"] = True
        else:
            self._notes.append(
                "dlt looks for the list of records by itself; where the page is no list, name it "
                "in data_selector"
            )

    def _tree(self, node: Any, part: str) -> Any:
        if isinstance(node, Mapping) and node.get("type") in ("resource", "incremental"):
            raise UnsaidError(f"a reference of the type {node['type']} in {part}")
        if isinstance(node, Mapping):
            found = {}
            for key, value in node.items():
                kind = value.get("type") if isinstance(value, Mapping) else None
                if kind == "resource" and part == "params":
                    self._parent(str(key), str(value["resource"]), str(value["field"]))
                    if f"{{{key}}}" not in self.said["path"]:
                        found[str(key)] = f"{{{key}}}"
                elif kind == "incremental" and part == "params":
                    self._incremental(value, str(key))
                else:
                    found[str(key)] = (
                        self._tree(value, part)
                        if isinstance(value, Mapping | list)
                        else self._leaf(key, value)
                    )
            return found
        if isinstance(node, list):
            return [self._tree(item, part) if isinstance(item, Mapping | list)
                    else self._leaf("", item) for item in node]  # fmt: skip
        raise UnsaidError(f"{part} as one text")

    def _leaf(self, name: Any, value: Any) -> Any:
        return self._template(_value(name, value)) if isinstance(value, str) else value

    def _template(self, text: str) -> str:
        """A text with its placeholders as references."""

        def parent(found: re.Match[str]) -> str:
            key = re.sub(r"\W+", "_", f"{found[1]}_{found[2]}")
            self._parent(key, found[1], found[2])
            return f"{{{key}}}"

        text = _SINCE.sub("{since}", _PARENT.sub(parent, text))
        if "{incremental." in text:
            raise UnsaidError(f"the placeholder in {text[:60]}")
        return text

    def _parent(self, key: str, resource: str, path: str) -> None:
        self.said.setdefault("partitions", {})[key] = {"resource": resource, "field": path}
        if resource not in self.parents:
            self.parents.append(resource)

    def _incremental(self, given: Mapping[str, Any], param: Any) -> None:
        if given.get("convert") or given.get("end_param") or given.get("end_value"):
            raise UnsaidError("an incremental value that is converted, or that ends somewhere")
        if given.get("last_value_func") not in (None, "max"):
            raise UnsaidError(f"an incremental value by {given['last_value_func']}")
        path = str(given["cursor_path"]).removeprefix("$.")
        self.said["incremental"] = {
            "cursor_path": path,
            "initial_value": given.get("initial_value"),
            **({"param": str(param)} if param else {}),
        }


def _endpoint(given: Any) -> dict[str, Any]:
    return {"path": given} if isinstance(given, str) else dict(given or {})


def _paginator(given: Any) -> dict[str, Any]:
    given = {"type": given} if isinstance(given, str) else dict(given or {"type": "auto"})
    kind = given.pop("type", "auto")
    match kind:
        case "auto":
            raise UnsaidError("a paginator that dlt finds out while it runs (auto): name its type")
        case "single_page" | "header_link" | "json_link" | "json_response":
            name = "json_link" if kind == "json_response" else kind
            keys = {"links_next_key": "rel", "next_url_path": "next_url_path"}
            return {"type": name, **{keys[key]: given[key] for key in keys if key in given}}
        case "header_cursor":
            return {
                "type": kind,
                "cursor_header_name": given.get("cursor_key", "next"),
                "cursor_param": given.get("cursor_param", "cursor"),
            }
        case "cursor":
            place = {"cursor_param": given.get("cursor_param", "cursor")}
            if given.get("cursor_body_path"):
                place = {"cursor_body_path": given["cursor_body_path"]}
            path = given.get("cursor_path", "cursors.next")
            more = {"has_more_path": given["has_more_path"]} if given.get("has_more_path") else {}
            return {"type": kind, "cursor_path": path, **place, **more}
        case "page_number" | "offset":
            return _counted(kind, given)
    raise UnsaidError(f"the paginator {kind}")


def _counted(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers or offsets, by dlt's own defaults."""
    found: dict[str, Any] = {"type": kind}
    if kind == "page_number":
        found["base_page"] = int(given.get("base_page", 0))
        names = ("page_param", "page_body_path")
        if given.get("maximum_page") is not None:
            found["maximum_page"] = int(given["maximum_page"]) - 1
    else:
        names = ("offset_param", "offset_body_path")
        found |= {"limit": int(given["limit"]), "base_offset": int(given.get("offset", 0))}
        if given.get("limit_body_path"):
            raise UnsaidError("a limit in the body (limit_body_path)")
        if "limit_param" in given:
            found["limit_param"] = given["limit_param"]
        if (most := given.get("maximum_offset")) is not None:
            found["maximum_pages"] = -(-(int(most) - found["base_offset"]) // found["limit"])
    found |= {name: given[name] for name in names if given.get(name)}
    if given.get("total_path"):
        found["total_path"] = given["total_path"]
    if given.get("has_more_path"):
        found["has_more_path"] = given["has_more_path"]
    if given.get("stop_after_empty_page") is False:
        found["stop_after_empty_page"] = False
    return found


def _rule(given: Any) -> dict[str, Any]:
    if not isinstance(given, Mapping) or not isinstance(given.get("action"), str):
        raise UnsaidError("a response action that is code")
    action = str(given["action"]).lower()
    if action not in ("ignore", "retry", "fail"):
        raise UnsaidError(f"the response action {action}")
    found: dict[str, Any] = {}
    if given.get("status_code") is not None:
        found["status"] = int(given["status_code"])
    if given.get("content"):
        found["body_matches"] = re.escape(str(given["content"]))
    return {**found, "action": action}


def _text(value: Any) -> str:
    """A value that may stand in dlt's own store of values."""
    text = str(value or "")
    found = _STORED.fullmatch(text)
    return f"{{env.{_env(found[1] or 'value')}}}" if found else text


def _value(name: Any, value: Any) -> Any:
    if isinstance(value, str) and is_secret_name(str(name)) and "{" not in value:
        return _secret(str(name), value)
    return _text(value) if isinstance(value, str) else value


def _secret(name: str, value: Any) -> str:
    """A variable in the place of a secret, whether that is written out or not."""
    found = _STORED.fullmatch(str(value or ""))
    if isinstance(value, str) and value.startswith("{env.") and value.endswith("}"):
        return value
    return f"{{env.{_env(found[1] if found and found[1] else name)}}}"


def _env(name: str) -> str:
    found = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").upper() or "VALUE"
    return f"_{found}" if found[0].isdecimal() else found
