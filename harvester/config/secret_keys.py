"""Finds partition keys whose values would be secrets: they would be written into folder names.

A partition's values are the names of its folders, and stand in its journal and in every message:
they cannot be hidden there. So a key whose name says that its values open something is refused
before a folder is made, wherever the values come from: the YAML, a CSV or a parent's records.

Like `references`, this reads the bare YAML tree and steps over whatever has the wrong shape.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from harvester.config.references import parts_of, references_in
from harvester.config.wording import KeyPath
from harvester.security import is_secret_name

#: Names that hold secrets in a request, and harmless things at least as often elsewhere: the key
#: of a work or an issue, the symbol of a coin. Only `key` may name a partition.
_COMMON: Final = ("key", "token", "auth", "sig", "pass", "id_token", "cookie")


def faults(tree: Any) -> Iterator[tuple[KeyPath, str]]:
    """Find partition keys, and what travels with them, whose values are secrets by their name, or
    by the name under which they are sent.
    """
    resources = tree.get("resources") if isinstance(tree, Mapping) else None
    for index, resource in enumerate(resources if isinstance(resources, list) else ()):
        partitions = resource.get("partitions") if isinstance(resource, Mapping) else None
        if not isinstance(partitions, Mapping):
            continue
        place: KeyPath = ("resources", index)
        keys: set[str] = set()
        for key, spec in partitions.items():
            path = (*place, "partitions", key)
            include = spec.get("include") if isinstance(spec, Mapping) else None
            included = list(include) if isinstance(include, Mapping) else []
            keys |= {key, *included}
            if is_secret_name(key) and key != "key":
                yield path, _REFUSED.format(name=key, variable=_variable(key))
            elif isinstance(spec, Mapping) and _says_secret(spec.get("column")):
                name = spec["column"]
                yield (*path, "column"), _REFUSED.format(name=name, variable=_variable(name))
            for name in filter(_says_secret, included):
                at = (*path, "include", name)
                yield at, _REFUSED.format(name=name, variable=_variable(name))
        yield from _sent_as_secrets(resource, place, keys)


def _sent_as_secrets(
    resource: Mapping[str, Any], place: KeyPath, keys: set[str]
) -> Iterator[tuple[KeyPath, str]]:
    for path, reference in references_in(parts_of(resource)):
        name = next((step for step in reversed(path) if isinstance(step, str)), "")
        sent = reference.kind == "value" and reference.name in keys and _says_secret(name)
        if sent and not is_secret_name(reference.name):
            yield (*place, *path), _REFUSED.format(name=name, variable=_variable(name))


def _says_secret(name: Any) -> bool:
    return isinstance(name, str) and is_secret_name(name) and name.lower() not in _COMMON


def _variable(name: str) -> str:
    letters = "".join(letter if letter.isalnum() else "_" for letter in name.upper()).strip("_")
    return letters if letters and not letters[0].isdigit() else f"SECRET_{letters}"


_REFUSED: Final = (
    "the values of {name!r} are secrets by its name, and a partition's values become names of "
    'folders and stand in the journal; put the secret into a variable, "{{env.{variable}}}", and '
    "harvest with each into a folder of its own (--out); if they are none, give it another name"
)
