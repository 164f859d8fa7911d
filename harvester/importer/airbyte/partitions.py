"""Turns partition routers into keys of `partitions`, and says which parents they need."""

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any

from harvester.importer.airbyte.paths import dotted
from harvester.importer.airbyte.texts import Texts, key_name
from harvester.importer.outcome import UnsaidError
from harvester.values import dataclass


@dataclass(slots=True)
class Routed:
    """The keys, the parents by the key that they give, and what is put into the request."""

    keys: dict[str, Any] = field(default_factory=dict)
    parents: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    options: list[tuple[Mapping[str, Any], str]] = field(default_factory=list)


def routed(router: Any, texts: Texts) -> Routed:
    """The partition keys of a stream. Raises `UnsaidError`."""
    found = Routed()
    for each in _each(router):
        match each.get("type"):
            case "ListPartitionRouter":
                _list(found, each, texts.below(each))
            case "SubstreamPartitionRouter":
                _parent(found, each, texts.below(each))
            case "GroupingPartitionRouter":
                _grouped(found, each, texts.below(each))
            case kind:
                name = each.get("class_name", "")
                raise UnsaidError(f"the partition router {kind} {name}".rstrip())
    return found


def _each(router: Any) -> Iterator[Mapping[str, Any]]:
    """The routers whose product is taken: those of a list, or of a component that says so."""
    for each in router if isinstance(router, list) else [router] if router else []:
        if each.get("type") == "CartesianProductStreamSlicer":
            yield from _each(each.get("stream_slicers"))
        else:
            yield each


def _grouped(found: Routed, router: Mapping[str, Any], texts: Texts) -> None:
    """Several values of a parent in one request."""
    inner = router.get("underlying_partition_router") or {}
    before = set(found.keys)
    if inner.get("type") != "SubstreamPartitionRouter":
        raise UnsaidError("groups of values that are no parent's")
    _parent(found, inner, texts.below(inner))
    (key,) = found.keys.keys() - before
    found.keys[key]["batch"] = int(texts.constant(router.get("group_size") or 2))
    found.keys[key].pop("include", None)
    texts.batches.add(key)


def _list(found: Routed, router: Mapping[str, Any], texts: Texts) -> None:
    key = key_name(texts.constant(router.get("cursor_field")))
    values = router.get("values")
    if not isinstance(values, list):
        of = texts.term(values)
        values = of.value if of.kind == "const" else texts.list_of(of)
    else:
        values = [texts.constant(value) for value in values]
    if isinstance(values, list):
        values = list(dict.fromkeys(map(str, values)))
    found.keys[key] = values
    if option := router.get("request_option"):
        found.options.append((option, f"{{{key}}}"))


def _parent(found: Routed, router: Mapping[str, Any], texts: Texts) -> None:
    configs = router.get("parent_stream_configs") or []
    if len(configs) != 1:
        raise UnsaidError("values from the records of several parents, one after another")
    config = configs[0]
    key = key_name(texts.constant(config.get("partition_field")))
    if config.get("lazy_read_pointer"):
        texts.notes.append("the source takes first pages out of the parents' records")
    path = str(texts.constant(config.get("parent_key"))).replace("/", ".").split(".")
    spec: dict[str, Any] = {"resource": "", "field": dotted(path)}
    if extra := config.get("extra_fields"):
        spec["include"] = {key_name(str(keys[-1])): dotted(keys) for keys in extra}
    found.keys[key] = spec
    found.parents[key] = config.get("stream") or {}
    if option := config.get("request_option"):
        found.options.append((option, f"{{{key}}}"))
