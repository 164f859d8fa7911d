"""Words for faults of a configuration: values, places and near misses.

Every message about the YAML goes through these few functions, so that a value, a key's place and
a suggestion look the same whichever check found the fault. Pure text, nothing is looked up.
"""

from collections.abc import Iterable

from harvester.patterns import pattern

KeyPath = tuple[str | int, ...]
"""The keys and list indexes that lead from the root of a YAML file to a value."""

_BARE_KEY = pattern(r"[^\s.\[\]'\"()*]+")
_SHOWN_CHARS = 40
_MOST_KNOWN = 40


def dotted(path: KeyPath) -> str:
    """Write a place as people do: `resources[0].params['odd.name']`.

    `--set` reads the same spelling.
    """
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        elif _BARE_KEY.fullmatch(key) and key != "$":  # which would be the root of a path
            text += f".{key}" if text else key
        else:
            quoted = key.replace("\\", "\\\\").replace("'", "\\'")
            text += f"['{quoted}']"
    return text


def kind(value: object) -> str:
    """Name a YAML value's kind without showing it: what may be said of a secret."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case str():
            return "text"
        case int() | float():
            return "a number"
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
    return "something else"


def shown(value: object) -> str:
    """Write a value for a message: `'abc'`, `3`, `true`; long text is cut, containers named."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case str():
            return repr(value if len(value) <= _SHOWN_CHARS else value[: _SHOWN_CHARS - 1] + "…")
        case int() | float():
            return repr(value) if abs(value) < 10**_SHOWN_CHARS else "a huge number"
        case []:
            return "an empty list"
        case {} if not value:
            return "an empty mapping"
    return kind(value)


def listed(words: Iterable[object], last: str = "or") -> str:
    """Join words into `a, b or c`."""
    *most, final = map(str, words)
    return f"{', '.join(most)} {last} {final}" if most else final


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Find the known word that was most likely meant, or None."""
    from difflib import get_close_matches  # only needed once something is wrong

    by_folded = {name.casefold(): name for name in known}
    found = get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.61)
    return by_folded[found[0]] if found else None


def unknown(what: str, word: str, known: Iterable[str]) -> str:
    """Say that a word is unknown, and the nearest known one or else all of them."""
    known = tuple(known)
    if near := nearest(word, known):
        return f"unknown {what} {word!r}: did you mean {near!r}?"
    shown_ones = (*known[:_MOST_KNOWN], "…") if len(known) > _MOST_KNOWN else known
    return f"unknown {what} {word!r}" + (f" (known: {', '.join(shown_ones)})" if known else "")
