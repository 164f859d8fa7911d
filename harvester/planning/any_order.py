"""Tells whether the partitions of a resource may be worked on in any order, many at a time."""

from harvester.config import Resource
from harvester.model import FromFile, FromResource, Range, Values, Windows


def in_any_order(resource: Resource) -> bool:
    """Whether which partitions there are does not follow from pages of others among them."""
    return resource.incremental is None and all(
        isinstance(spec, Values | Range | FromFile | FromResource)
        or (isinstance(spec, Windows) and spec.split is None)
        for spec in resource.partitions.values()
    )
