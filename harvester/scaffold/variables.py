"""Texts with holes for environment variables, before they are references of the YAML.

While a request is taken apart its texts hold anything, braces too. So a variable stands in them
as a mark of two private-use characters, which `template` turns into `{env.NAME}` once the rest of
the text has had its braces doubled, and `filled` into the variable's value.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from harvester.patterns import pattern

_OPEN, _CLOSE = "\ue0f0", "\ue0f1"
_MARK: Final = pattern(f"{_OPEN}([A-Za-z_][A-Za-z0-9_]*){_CLOSE}")
_BARE: Final = pattern(f'(?<![{_OPEN}"\\w])({_MARK.pattern})(?![\\w"])')


def mark(name: str) -> str:
    """What stands for the variable `name` in a text."""
    return f"{_OPEN}{name}{_CLOSE}"


def unmarked(text: str) -> str:
    """`text` without the two characters, which nobody types."""
    return text.replace(_OPEN, "").replace(_CLOSE, "")


def names(tree: Any) -> list[str]:
    """The variables in a tree of texts, each once, in their order."""
    return list(dict.fromkeys(_names(tree)))


def _names(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        yield from (found[1] for found in _MARK.finditer(tree))
    elif isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from _names(key)
            yield from _names(value)
    elif isinstance(tree, list | tuple):
        for item in tree:
            yield from _names(item)


def template(text: str) -> str:
    """`text` as the YAML holds it: braces doubled, variables as references."""
    doubled = text.replace("{", "{{").replace("}", "}}")
    return _MARK.sub(lambda found: f"{{env.{found[1]}}}", doubled)


def shown(text: str) -> str:
    """`text` for people: variables as `$NAME`."""
    return _MARK.sub(lambda found: f"${found[1]}", text)


def filled(text: str, env: Mapping[str, str]) -> str:
    """`text` with the values of its variables; one that is not set stays as it is."""
    return _MARK.sub(lambda found: env.get(found[1], found[0]), text)


def quoted(text: str) -> str:
    """JSON text in which a variable that stands as a value, without quotes, gets them."""
    return _BARE.sub(r'"\1"', text)


def mapped(tree: Any, change: Callable[[str], Any]) -> Any:
    """The tree with every text in it changed; keys stay."""
    if isinstance(tree, str):
        return change(tree)
    if isinstance(tree, Mapping):
        return {key: mapped(value, change) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [mapped(item, change) for item in tree]
    return tree
