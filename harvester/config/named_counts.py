"""Leaves a paginator's own parameter out where the request names the page or the offset itself.

`path: "items/page/{page}"` would otherwise ask with `?page=2` as well. Who writes the parameter
down has it sent in both places.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from harvester.config.references import parts_of, references_in

#: By the paginator's type: its parameter, and the references that are its count.
_COUNTS: Final[Mapping[Any, tuple[str, tuple[str, ...]]]] = {
    "page_number": ("page_param", ("cursor", "page")),
    "offset": ("offset_param", ("cursor", "offset")),
}
_BODY_PATHS: Final = ("page_body_path", "offset_body_path")


def without_usual_count(resource: dict[Any, Any]) -> dict[Any, Any]:
    """A resource as it is written, or with `page_param: null` in its paginator."""
    paginator = resource.get("paginator")
    if not isinstance(paginator, Mapping):
        return resource
    kind = paginator.get("type")
    param, counts = _COUNTS.get(kind if isinstance(kind, str) else "", ("", ()))
    if not param or param in paginator or any(path in paginator for path in _BODY_PATHS):
        return resource
    partitions = resource.get("partitions")
    keys = partitions if isinstance(partitions, Mapping) else {}
    if any(name in counts and name not in keys for name in _named(resource)):
        return {**resource, "paginator": {**paginator, param: None}}
    return resource


def _named(resource: Mapping[Any, Any]) -> Iterator[str]:
    yield from (reference.name for _, reference in references_in(parts_of(resource)))
