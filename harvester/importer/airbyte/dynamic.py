"""Expands what stands for several streams: templates with a list of parameters, and conditions."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any, Final

from harvester.importer.airbyte.references import dereferenced
from harvester.importer.airbyte.texts import Texts
from harvester.importer.outcome import UnsaidError

#: What says how records look, which no YAML needs.
_OF_RECORDS: Final = ("schema_loader", "transformations")
_MOST_STREAMS: Final = 10_000


def streams_of(tree: Mapping[str, Any]) -> Iterator[tuple[Any, str | None]]:
    """The streams of a manifest as they are listed, each with the condition that it is under."""
    for node in tree.get("streams") or ():
        if isinstance(node, Mapping) and node.get("type") == "ConditionalStreams":
            for inner in node.get("streams") or ():
                yield inner, " ".join(str(node.get("condition")).split())
        else:
            yield node, None


def expanded(node: Any, tree: Mapping[str, Any], spec: Mapping[str, Any]) -> list[Any]:
    """The streams that a template is filled in to. Raises `UnsaidError` where they are not known
    before a source runs.
    """
    node = node if isinstance(node, Mapping) else {}
    resolver = dereferenced(node.get("components_resolver") or {}, tree)
    match resolver.get("type"):
        case "ParametrizedComponentsResolver":
            parameters = resolver.get("stream_parameters") or {}
            values = parameters.get("list_of_parameters_for_stream") or []
        case "ConfigComponentsResolver":
            raise UnsaidError("streams that are made from the configuration")
        case _:
            raise UnsaidError("streams that are made from what the server answers")
    template = dereferenced(node.get("stream_template") or {}, tree)
    mappings = resolver.get("components_mapping") or []
    if len(values) > _MOST_STREAMS:
        raise UnsaidError(f"a template for {len(values):,} streams")
    return [_filled(template, mappings, each, spec) for each in values]


def _filled(
    template: Any, mappings: list[Mapping[str, Any]], values: Any, spec: Mapping[str, Any]
) -> Any:
    stream = deepcopy(template)
    texts = Texts(spec, {"components_values": values}, {})
    for mapping in mappings:
        path = [texts.constant(key) for key in mapping.get("field_path") or ()]
        if not path or path[0] in _OF_RECORDS:
            continue
        if mapping.get("condition"):
            raise UnsaidError("a part of a template that is filled in under a condition")
        value = mapping.get("value")
        value = texts.constant(value) if isinstance(value, str) else value
        _put(stream, path, value, create=bool(mapping.get("create_or_update")))
    return stream


def _put(tree: Any, path: list[Any], value: Any, *, create: bool) -> None:
    """Set what stands at a path; as the source does, nothing where there is none to set."""
    place = tree
    for at, key in enumerate(path):
        if "*" in str(key):
            raise UnsaidError(f"a template filled in at a pattern: {key}")
        last = at == len(path) - 1
        if isinstance(place, list):
            number = int(key) if str(key).isdecimal() else -1
            if not 0 <= number < len(place):
                return
            key = number
        elif not isinstance(place, dict) or (key not in place and not create):
            return
        elif key not in place and not last:
            place[key] = {}
        if last:
            place[key] = value
        else:
            place = place[key]
