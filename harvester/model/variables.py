"""Reads variables of the environment as the type that a reference asks for.

`{env.N:int}` and `{env.B:bool}` are a number and true or false where the whole string is the
reference (`{env.F:float}` a number with a fraction); `{env.L:list}` is a list, written with commas
or, where its values have some, as a JSON array;
`{env.T:%Y-%m-%d}` is a date or time in another form. `?` says what stands where the variable is
not set: `{env.NAME?}` leaves the parameter, header or member out, `{env.NAME?text}` is the text.
"""

import json
import math
from typing import Any, Final

TYPES: Final = ("int", "float", "list", "bool")
_WORDS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def typed(text: str, kind: str | None) -> Any:
    """The value of a variable's text. Raises `ValueError` that says what was expected, and never
    the text, which may be a secret.
    """
    match kind:
        case None:
            return text
        case "list" if (items := _in_json(text)) is not None:
            return items
        case "list":
            return [part for each in text.split(",") if (part := each.strip())]
        case "bool":
            if text.strip().lower() in _WORDS:
                return _WORDS[text.strip().lower()]
            raise ValueError("is neither true nor false")
    if kind == "float":
        try:
            number = float(text)
        except ValueError:
            raise ValueError("is no number") from None
        if not math.isfinite(number):
            raise ValueError("is no number")
        return number
    try:
        return int(text)
    except ValueError:
        raise ValueError("is no whole number") from None


def _in_json(text: str) -> list[Any] | None:
    """The items of a JSON array of plain values; None for any other text."""
    if not text.lstrip().startswith("["):
        return None
    try:
        items = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(items, list) or any(isinstance(each, dict | list) for each in items):
        return None
    return [each for each in items if each is not None]
