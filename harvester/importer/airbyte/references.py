"""Resolves `$ref` and `$parameters` of a manifest, as its own reader does, for one component.

A reference may have siblings, which win over what it leads to. A component's `$parameters` reach
all components inside it: each takes those as keys that it lacks, and inner ones win over outer.
"""

from collections.abc import Mapping
from typing import Any, Final

from harvester.importer.outcome import UnsaidError

PARAMETERS: Final = "$parameters"
_MOST_NESTED: Final = 60
#: What says how records look and not which ones come; it is most of a manifest's size.
_LEFT_OUT: Final = frozenset(("schema_loader", "transformations", "spec", "metadata", "$schema"))
#: Where a component may stand without its `type`.
_COMPONENTS: Final = frozenset(
    (
        "retriever", "requester", "record_selector", "extractor", "record_filter", "paginator",
        "pagination_strategy", "page_token_option", "page_size_option", "partition_router",
        "incremental_sync", "error_handler", "authenticator", "stream", "parent_stream_configs",
        "creation_requester", "polling_requester", "download_requester", "status_extractor",
        "download_target_requester", "download_target_extractor", "download_extractor",
        "download_decoder", "download_paginator",
        "error_handlers", "response_filters", "request_option", "start_time_option",
        "end_time_option", "start_datetime", "end_datetime", "decoder", "login_requester",
    )
)  # fmt: skip


def resolved(node: Any, root: Mapping[str, Any], outer: Mapping[str, Any] | None = None) -> Any:
    """A component with all references followed. Raises `UnsaidError` where one leads nowhere."""
    return _resolved(node, root, outer or {}, "stream", 0)


def dereferenced(node: Any, root: Mapping[str, Any], depth: int = 0) -> Any:
    """A part of a manifest with all references followed, and parameters where they were written.
    Raises `UnsaidError` where one leads nowhere.
    """
    if depth > _MOST_NESTED:
        raise UnsaidError("references that lead back to themselves")
    if isinstance(node, str) and node.startswith("#/"):
        return dereferenced(_target(node, root), root, depth + 1)
    if isinstance(node, list):
        return [dereferenced(item, root, depth + 1) for item in node]
    if not isinstance(node, Mapping):
        return node
    if (plain := _plain(node, root)) is not None:
        return dereferenced(plain, root, depth + 1)
    merged = _merged(node, root, depth)
    return {
        name: dereferenced(value, root, depth + 1)
        for name, value in merged.items()
        if name not in _LEFT_OUT
    }


def _resolved(
    node: Any, root: Mapping[str, Any], outer: Mapping[str, Any], key: str, depth: int
) -> Any:
    if depth > _MOST_NESTED:
        raise UnsaidError("references that lead back to themselves")
    if isinstance(node, str) and node.startswith("#/"):
        return _resolved(_target(node, root), root, outer, key, depth + 1)
    if isinstance(node, list):
        return [_resolved(item, root, outer, key, depth + 1) for item in node]
    if not isinstance(node, Mapping):
        return node
    if (plain := _plain(node, root)) is not None:
        return _resolved(plain, root, outer, key, depth + 1)
    node = _merged(node, root, depth)
    kind = node.get("type")
    is_component = key in _COMPONENTS or (isinstance(kind, str) and kind[:1].isupper())
    if is_component:
        outer = {**outer, **(node.get(PARAMETERS) or {})}
        node = {**node, **{name: value for name, value in outer.items() if not node.get(name)}}
    found = {
        name: _resolved(value, root, _without(outer, name), name, depth + 1)
        for name, value in node.items()
        if name not in _LEFT_OUT and name != PARAMETERS
    }
    return {**found, PARAMETERS: outer} if is_component and outer else found


def _without(outer: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return {key: value for key, value in outer.items() if key != name}


def _plain(node: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    """What a `$ref` leads to where that is no mapping, whatever stands around it; else None."""
    if "$ref" not in node:
        return None
    found = _target(str(node["$ref"]), root)
    return None if isinstance(found, Mapping) else found


def merged(node: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """A component with what its own `$ref` leads to, and no other. Raises `UnsaidError`."""
    return _merged(node, root, 0)


def _merged(node: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> dict[str, Any]:
    """A mapping with what its `$ref` leads to under its own keys."""
    if "$ref" not in node:
        return dict(node)
    if depth > _MOST_NESTED:
        raise UnsaidError("references that lead back to themselves")
    own = {key: value for key, value in node.items() if key != "$ref"}
    target = _target(str(node["$ref"]), root)
    if not isinstance(target, Mapping):
        raise UnsaidError(f"$ref {node['$ref']} with keys of its own leads to no mapping")
    return _both(_merged(target, root, depth + 1), own)


def _both(under: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of both; where both have a mapping that is no reference, its keys too."""
    found = dict(under)
    for key, value in over.items():
        below = under.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping) and "$ref" not in value:
            found[key] = _both(dict(below), value) if "$ref" not in below else value
            if "$ref" in below:
                found[key] = {**below, **value}
        else:
            found[key] = value
    return found


def _target(reference: str, root: Mapping[str, Any]) -> Any:
    found: Any = root
    for part in reference.removeprefix("#/").split("/"):
        if isinstance(found, list) and part.isdecimal() and int(part) < len(found):
            found = found[int(part)]
        elif isinstance(found, Mapping) and part in found:
            found = found[part]
        elif isinstance(found, Mapping) and "$ref" in found:
            found = _merged(found, root, 0).get(part)
        else:
            raise UnsaidError(f"the reference {reference} leads nowhere")
    return found
