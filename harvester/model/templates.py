"""Renders references in strings, `{query}` or `{window.start:%Y-%m-%d}`, as values.

There is no expression language: a `Template` is a string cut into literals and `Reference`s, and
rendering puts values in their place. Two rules carry most of the weight. A string that is one
reference and nothing else keeps the value's type, so that `{page}` stays a number in a JSON body
and an array cursor stays an array. And what has no value yet (`{cursor}` before the first page)
renders to `ABSENT`, which takes the whole string with it and then the mapping entry or list item
that held it: a parameter is left out, never sent empty.

Trees (a request's `params`, its `json`) are walked here too, so that the rest of the code need not
know where strings may hide. Keys of mappings are names, not templates.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import datetime
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any, Final, Self

from harvester.model.moments import moment_of
from harvester.model.reference import (
    LIST,
    OF_THE_RUN,
    Reference,
    TemplateError,
    file_of,
    parts_of,
)
from harvester.model.stretches import Stretch
from harvester.model.variables import TYPES, typed
from harvester.model.window import WINDOW_ATTRIBUTES, Window, formatted, iso
from harvester.values import dataclass


class _Absent(Enum):
    ABSENT = "ABSENT"

    def __repr__(self) -> str:
        return self.value


ABSENT: Final = _Absent.ABSENT
"""Leave the parameter out. Distinct from None, which is sent."""


class Batch(tuple[Any, ...]):
    """Several values of one partition key, for one request: in JSON a list, else joined by commas;
    `{ids:list}` repeats a parameter.
    """

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """What references may stand for. `page` is the number of the page: that by which it is asked
    for, where the API counts pages, else its place in the partition, from 1.
    """

    env: Mapping[str, str] = field(default_factory=dict, repr=False)  # secrets: not in a repr
    values: Mapping[str, Any] = field(default_factory=dict)
    cursor: Any = ABSENT
    page: Any = 1


@dataclass(frozen=True, slots=True)
class Template:
    """A string as literals and references, in order; literals are never empty or adjacent."""

    parts: tuple[str | Reference, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a string; TemplateError where a brace is neither a reference nor doubled."""
        return cls(_parts(text))

    @property
    def references(self) -> tuple[Reference, ...]:
        """The references, in the order they stand in the string."""
        return tuple(part for part in self.parts if isinstance(part, Reference))

    def render(self, scope: Scope) -> Any:
        """Give a lone reference's value with its type; otherwise a string, written by `as_text`.

        ABSENT where a reference of the string is. Raises TemplateError for a name that the scope
        does not have, or a format or attribute that does not suit the value.
        """
        if len(self.parts) == 1 and isinstance(self.parts[0], Reference):
            return _value(self.parts[0], scope)
        values = [p if isinstance(p, str) else _value(p, scope) for p in self.parts]
        if any(value is ABSENT for value in values):
            return ABSENT
        return "".join(map(as_text, values))


@lru_cache(maxsize=256)  # each page is asked for with the same few
def _parts(text: str) -> tuple[str | Reference, ...]:
    return tuple(parts_of(text))


def strings(tree: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Walk a tree of mappings, lists and tuples: every string, with the path of keys to it.

    The keys themselves are not among the strings.
    """
    if isinstance(tree, str):
        yield (), tree
    elif isinstance(tree, Mapping):
        for key, branch in tree.items():
            yield from (((key, *path), text) for path, text in strings(branch))
    elif isinstance(tree, list | tuple):
        for place, branch in enumerate(tree):
            yield from (((place, *path), text) for path, text in strings(branch))


def references(tree: Any) -> Iterator[tuple[tuple[str | int, ...], Reference]]:
    """Walk a tree: every reference, with the path of keys to its string.

    Raises TemplateError at the first string that is no template; to gather all of those, parse
    what `strings` gives.
    """
    for path, text in strings(tree):
        yield from ((path, reference) for reference in Template.parse(text).references)


def render(tree: Any, scope: Scope) -> Any:
    """Render every string of a tree; an entry or item that is ABSENT is left out.

    Mappings come back as dicts, lists and tuples as lists, other values as they are. A tree that
    is one string may itself be ABSENT. A container is never left out for having become empty.
    """
    if isinstance(tree, str):
        return Template.parse(tree).render(scope)
    if isinstance(tree, Mapping):
        rendered = ((key, render(branch, scope)) for key, branch in tree.items())
        return {key: value for key, value in rendered if value is not ABSENT}
    if isinstance(tree, list | tuple):
        return [value for branch in tree if (value := render(branch, scope)) is not ABSENT]
    return tree


def as_text(value: Any) -> str:
    """Write a value into a string.

    `true`, nothing for None, decimal numbers, a window's label, a datetime in ISO 8601, compact
    JSON for arrays and objects.
    """
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value, "f")  # str() would write 1E+2
        case Window() | Stretch():
            return value.label
        case datetime():
            return iso(value)
        case Batch():
            return ",".join(map(as_text, value))
        case Mapping() | list() | tuple():
            return _json(value)
    return str(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> Any:
    """Translate what json does not know: a Decimal of ijson, a mapping that is no dict."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return dict(value) if isinstance(value, Mapping) else as_text(value)


# --- Values --------------------------------------------------------------------------------------


def _value(reference: Reference, scope: Scope) -> Any:
    match reference.kind:
        case "cursor":
            if reference.format is None or scope.cursor is ABSENT:
                return scope.cursor
            return _json(scope.cursor)
        case "page":
            return scope.page
        case "env":
            if reference.name not in scope.env:
                if file_of(reference.name):
                    raise TemplateError(f"the file of {reference} has not been read")
                if reference.default is None:
                    raise TemplateError(f"the environment variable {reference.name} is not set")
            return _variable(reference, scope.env.get(reference.name) or reference.default)
        case "value":
            return _partition_value(reference, scope.values)


def _variable(reference: Reference, text: str | None) -> Any:
    if not text:
        return ABSENT if reference.default is not None else text
    try:
        if reference.format is not None and reference.format not in TYPES:
            if (moment := moment_of(text)) is None:
                raise ValueError("is no date or time")
            return formatted(moment, reference.format)
        return typed(text, reference.format)
    except ValueError as error:
        raise TemplateError(f"the environment variable {reference.name} {error}") from None


def _partition_value(reference: Reference, values: Mapping[str, Any]) -> Any:
    if reference.name not in values:
        known = ", ".join(values) or "none"
        raise TemplateError(f"{reference}: no partition key {reference.name!r} (known: {known})")
    value = values[reference.name]
    if value is None and reference.name in (*OF_THE_RUN, "offset"):
        return ABSENT
    if (attribute := reference.attribute) is not None:
        if (member := f"{reference.name}.{attribute}") in values:
            return values[member]
        if not isinstance(value, Window | Stretch) or attribute not in WINDOW_ATTRIBUTES:
            raise TemplateError(f"{reference}: only a window has a .{attribute}")
        if isinstance(value, Window) and attribute == "start":
            value = value.asked_from
        else:
            value = getattr(value, attribute)
    if isinstance(value, datetime):
        return formatted(value, reference.format or "iso")
    if isinstance(value, Batch) and reference.format == LIST:
        return list(value)
    if reference.format is not None and reference.name in OF_THE_RUN:
        if (moment := moment_of(value)) is None:
            raise TemplateError(f"{reference}: {value!r} is no time that can be written otherwise")
        return formatted(moment, reference.format)
    if reference.format is not None:
        raise TemplateError(
            f"{reference}: a format needs a time; for a window say {{{reference.name}.start:…}} "
            f"or {{{reference.name}.end:…}}"
        )
    return value.label if isinstance(value, Window | Stretch) else value
