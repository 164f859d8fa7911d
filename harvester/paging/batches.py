"""Refuses a batch of values that commas would join, where a value has one: the API would read two.

In a parameter that is repeated, and alone in a JSON body, the values stay apart.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from harvester.config import Resource, references_in
from harvester.errors import PageRefused
from harvester.model import Batch, as_text


def refuse_commas(resource: Resource, values: Mapping[str, Any]) -> None:
    """Raise `PageRefused` where `values`, by the names of references, have such a batch."""
    for key, batch in values.items():
        if not isinstance(batch, Batch):
            continue
        odd = next((value for value in batch if "," in as_text(value)), None)
        if odd is not None and _are_joined(resource.request_parts, key):
            raise PageRefused(
                f"a value of {{{key}}} is {odd!r}, and a batch is joined by commas, so the API "
                f"would read two; where it takes a repeated one, say {{{key}:list}}, or write "
                "the values into json; else leave batch out"
            )


def _are_joined(parts: Mapping[str, Any], key: str) -> bool:
    """Whether the values of a key are written into a text anywhere."""
    alone = f"{{{key}}}"
    return any(
        each.kind == "value" and each.name == key and each.attribute is None and not each.format
        for path, each in references_in(parts)
        if "json" not in path or _at(parts, path) != alone
    )


def _at(tree: Any, path: Iterable[Any]) -> Any:
    for step in path:
        tree = tree[step]
    return tree
