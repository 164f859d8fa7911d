"""Reads a declaration: JSON or YAML as it stands in the file, dates left as the text they are."""

import json
from pathlib import Path
from typing import Any, Final

import yaml

from harvester.errors import ConfigError

_LARGEST_FILE: Final = 64 << 20
_Fast: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Fast):  # type: ignore[misc]  # which of the two it is, is known at run time only
    """Leaves out what would turn `2021-01-01` into a date, which is written back otherwise."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, shape) for tag, shape in found if tag != "tag:yaml.org,2002:timestamp"]
    for first, found in _Fast.yaml_implicit_resolvers.items()
}


def tree_of(path: Path) -> Any:
    """The document. Raises `ConfigError` where it cannot be read."""
    try:
        content = path.read_bytes()
        if len(content) > _LARGEST_FILE:
            raise ConfigError(f"{path}: over 64 MiB: not a declaration")
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not UTF-8 text") from None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - a safe loader, less one kind of value
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(f"{path}: neither JSON nor YAML: {why}") from None
