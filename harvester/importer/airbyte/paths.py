"""Writes a list of keys as a path of the YAML: `["data", "*", "id"]` as `data[*].id`."""

import re
from collections.abc import Sequence
from typing import Any, Final

from harvester.importer.outcome import UnsaidError
from harvester.patterns import pattern

_PLAIN: Final = pattern(r"[A-Za-z_][A-Za-z0-9_-]*")


def dotted(keys: Sequence[Any]) -> str:
    """The path. Raises `UnsaidError` for keys with wildcards inside, which dpath matches."""
    written = ""
    for key in keys:
        text = str(key)
        if text == "*":
            written += "[*]"
        elif isinstance(key, int) or re.fullmatch(r"-?[0-9]+", text):
            if int(text) not in (0, -1):
                raise UnsaidError(f"the item {text} of a list")
            written += f"[{int(text)}]"
        elif any(sign in text for sign in "*?[]") and text != "**":
            raise UnsaidError(f"keys by a pattern: {text}")
        elif text == "**":
            raise UnsaidError("keys at any depth: **")
        elif _PLAIN.fullmatch(text):
            written += f".{text}" if written else text
        else:
            quoted = text.replace("\\", "\\\\").replace("'", "\\'")
            written += f"['{quoted}']"
    return f"${written}" if written.startswith("[") else written or "$"


def selector(field_path: Sequence[Any]) -> str:
    """Where records are: a list's items are meant where the path ends at a list."""
    return dotted(field_path) if field_path else "$"
