"""Holds the parts of a request that a paginator may change, and writes into them. Pure."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import field, replace
from typing import Any

from harvester.errors import PageRefused
from harvester.model import Key, as_text, parse
from harvester.values import dataclass


@dataclass(frozen=True, slots=True)
class RequestParts:
    """The query parameters, the JSON body and the resource's own headers."""

    params: list[tuple[str, str]]
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CursorPlaces:
    """Where a request carries the cursor: in a query parameter (`*`: its members are merged into
    them), at a place in the JSON body, in a header; and the parameters that go with every page.
    """

    param: str | None = None
    body_path: str | None = None
    header: str | None = None
    always: Mapping[str, Any] = field(default_factory=dict)

    def filled(self, parts: RequestParts, cursor: Any) -> RequestParts:
        """The parts with the cursor in them; None is the cursor of a first page without one."""
        params, body, headers = parts.params, parts.body, parts.headers
        if self.always:
            params = with_params(params, self.always)
        if cursor is None:
            return replace(parts, params=params)
        if self.param == "*":
            if not isinstance(cursor, Mapping):
                raise PageRefused(f"cursor_param '*' merges an object; the cursor is {cursor!r}")
            params = with_params(params, cursor)
        elif self.param:
            params = with_params(params, {self.param: cursor})
        if self.body_path:
            body = _put(body, self.body_path, cursor)
        if self.header:
            headers = {**headers, self.header: as_text(cursor)}
        return RequestParts(params, body, headers)


def pairs(params: Any) -> Iterable[tuple[str, str]]:
    """Name and text of each parameter; a list repeats the name, None leaves it out."""
    for name, value in (params or {}).items():
        for item in value if isinstance(value, list) else [value]:
            if item is not None:
                yield name, as_text(item)


def with_params(params: list[tuple[str, str]], more: Mapping[str, Any]) -> list[tuple[str, str]]:
    """`params` where those of `more` replace any of the same name."""
    return [pair for pair in params if pair[0] not in more] + list(pairs(more))


def _put(body: Any, path: str, value: Any) -> Any:
    """A copy of the JSON body with `value` at a dotted path, whose objects are made as needed."""
    names = [segment.name for segment in parse(path) if isinstance(segment, Key)]
    body = deepcopy(body) if isinstance(body, dict) else {}
    place = body
    for name in names[:-1]:
        if not isinstance(place.get(name), dict):
            place[name] = {}
        place = place[name]
    place[names[-1]] = value
    return body
