"""Fills in variables of the environment where they decide which partitions there are.

Partition values, the ends of windows and the value that incremental runs begin at name folders: so
what is asked for is the value, from the moment the YAML is loaded, and harvest.json holds it too.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from harvester.config.document import Document
from harvester.config.given import given
from harvester.config.references import references_in
from harvester.config.secret_variables import is_secret_variable
from harvester.config.wording import KeyPath
from harvester.model import ABSENT, Scope, TemplateError, render, strings

_PLACES: Final = (
    ("partitions",),
    ("incremental", "initial_value"),
    ("paginator", "stop_before", "value"),
)


def fill(document: Document, env: Mapping[str, str]) -> None:
    """Put values in place of references; what cannot be is a problem of the document."""
    resources = document.tree.get("resources") if isinstance(document.tree, dict) else None
    for index, resource in enumerate(resources if isinstance(resources, list) else ()):
        for place in _PLACES if isinstance(resource, dict) else ():
            for path, text in list(_texts(resource, place)):
                fault = _put(resource, path, text, env)
                if fault:
                    document.problems.append(document.problem(("resources", index, *path), fault))


def _texts(resource: Mapping[str, Any], place: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    part: Any = resource
    for key in place:
        part = part.get(key) if isinstance(part, dict) else None
    for below, text in strings(part):
        if "{env." in text:
            yield (*place, *below), text


def _put(resource: Any, path: KeyPath, text: str, env: Mapping[str, str]) -> str | None:
    """Write one value; say what keeps it from being one."""
    names = [reference.name for _, reference in references_in(text)]
    if secret := next(filter(is_secret_variable, names), None):
        return f"the variable {secret} has the name of a secret, and this would name a folder"
    try:
        value = render(text, Scope(env=given(names, env, runs=False)))
    except TemplateError as error:
        return error.message
    if value is ABSENT:
        return "this must have a value: give one behind the '?'"
    *above, last = path
    for key in above:
        resource = resource[key]
    resource[last] = value
    return None
