"""Says how a source changes the records of a stream after they came, which no harvest does."""

from collections.abc import Mapping
from typing import Any

from harvester.importer.airbyte.references import dereferenced, merged
from harvester.importer.outcome import UnsaidError


def changes_of(stream: Any, tree: Mapping[str, Any]) -> list[str]:
    """A note that names the transformations of a stream, if it has any."""
    try:
        stream = {"$ref": stream} if isinstance(stream, str) else stream
        found = dereferenced(merged(stream, tree).get("transformations") or [], tree)
    except (UnsaidError, TypeError, ValueError, AttributeError):
        return []
    steps = [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []
    names = [f"{each.get('type')} {each.get('class_name') or ''}".strip() for each in steps]
    if not names:
        return []
    return [f"the source changes its records afterwards: {', '.join(dict.fromkeys(names))}"]
