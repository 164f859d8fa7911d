"""Finds what references such as `{file.url}` take of a parent's record, beside its value.

In `partitions: {file: {resource: papers, field: id}}`, `{file.url}` is the member `url` of the
paper. It stands in the spec's `include` by that name, as what is included by hand does by its own.
"""

from collections.abc import Mapping
from typing import Any

from harvester.config.references import parts_of, references_in


def with_members(resource: Any) -> Any:
    """The tree of a resource with every member that its request takes of a parent's record."""
    if not isinstance(resource, Mapping) or not isinstance(resource.get("partitions"), Mapping):
        return resource
    specs = dict(resource["partitions"])
    for _, reference in references_in(parts_of(resource)):
        spec = specs.get(reference.name)
        if reference.kind != "value" or reference.attribute is None:
            continue
        if isinstance(spec, Mapping) and "resource" in spec:
            include = spec.get("include") or {}
            name = f"{reference.name}.{reference.attribute}"
            if isinstance(include, Mapping) and name not in include:
                included = {**include, name: f"['{reference.attribute}']"}
                specs[reference.name] = {**spec, "include": included}
    return {**resource, "partitions": specs}
