"""Normalizes requests, so that those of the journals and those that come in compare. Pure.

Two requests are the same if their method, path, parameters and JSON or form body are, in whatever
order. Where the journal has `***` for a secret, any value will do: the names and the places of
such values are collected in `Masked` first, and what comes in is looked up once as it is and once
with the values there taken out.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from itertools import combinations
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from harvester.values import dataclass

_MASK: Final = "***"
#: Each name more doubles the look-ups; a harvest has one or two.
_MOST_MASKED: Final = 4


@dataclass(frozen=True, slots=True)
class Asking:
    """A request taken apart. `body` is a JSON value, or the sorted pairs of a form."""

    method: str
    path: str
    pairs: tuple[tuple[str, str], ...]
    body: Any
    headers: tuple[tuple[str, str], ...] = ()  # those that tell pages apart

    @property
    def key(self) -> str:
        """Equal for equal requests."""
        parts = [self.method, self.path, self.pairs, self.body, self.headers]
        return json.dumps(parts, sort_keys=True)

    def without(self, names: frozenset[str]) -> "Asking":
        """The same, without the parameters of these names."""
        if not names:
            return self
        pairs = tuple(pair for pair in self.pairs if pair[0] not in names)
        return replace(self, pairs=pairs)


def asking(
    method: str, url: str, body: bytes | str | None, headers: Mapping[str, str] | None = None
) -> Asking:
    """Take a request apart; `headers` are those that tell pages apart, names in lower case."""
    parts = urlsplit(url)
    pairs = tuple(sorted(parse_qsl(parts.query, keep_blank_values=True)))
    sent = tuple(sorted((headers or {}).items()))
    return Asking(method, unquote(parts.path) or "/", pairs, _body(body), sent)


@dataclass(slots=True)
class Masked:
    """Where the journals have `***`: names of parameters and members, and segments of paths."""

    names: set[str] = field(default_factory=set)
    segments: set[tuple[int, int]] = field(default_factory=set)  # which of how many

    def conceal(self, found: Asking) -> Asking:
        """A journal's request with every masked value whole; remembers where they are."""
        names = [name for name, value in found.pairs if _MASK in value]
        names += _masked_members(found.body)
        self.names.update(names)
        if not names and _MASK not in found.path:  # nearly all
            return found
        segments = found.path.split("/")
        places = {(place, len(segments)) for place, each in enumerate(segments) if _MASK in each}
        self.segments |= places
        return self._concealed(found, set(names), places)

    def readings(self, asked: Asking) -> Iterator[Asking]:
        """A request that came in: as it is, then with more and more of it taken for secret."""
        present = {name for name, _ in asked.pairs} | set(_names(asked.body))
        names = sorted(self.names & present)[:_MOST_MASKED]
        for count in range(len(names) + 1):
            for some in combinations(names, count):
                yield self._concealed(asked, set(some), set())
                if self.segments:
                    yield self._concealed(asked, set(some), self.segments)

    def _concealed(self, asked: Asking, names: set[str], places: set[tuple[int, int]]) -> Asking:
        segments = asked.path.split("/")
        for place, count in places:
            if count == len(segments):
                segments[place] = _MASK
        pairs = sorted((name, _MASK if name in names else value) for name, value in asked.pairs)
        body = _with_masks(asked.body, names)
        return Asking(asked.method, "/".join(segments), tuple(pairs), body, asked.headers)


def _body(body: bytes | str | None) -> Any:
    if not body:
        return None
    text = body.decode(errors="replace") if isinstance(body, bytes) else body
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return sorted(map(list, parse_qsl(text, keep_blank_values=True)))


def _names(body: Any) -> Iterator[str]:
    """The names of all members in a JSON value, and of a form's fields."""
    if isinstance(body, dict):
        yield from body
        for value in body.values():
            yield from _names(value)
    elif isinstance(body, list):
        for item in body:
            if isinstance(item, list) and len(item) == 2 and isinstance(item[0], str):
                yield item[0]
            yield from _names(item)


def _masked_members(body: Any) -> Iterator[str]:
    if isinstance(body, dict):
        for name, value in body.items():
            if isinstance(value, str) and _MASK in value:
                yield name
            yield from _masked_members(value)
    elif isinstance(body, list):
        for item in body:
            match item:
                case [str(name), str(value)] if _MASK in value:
                    yield name
            yield from _masked_members(item)


def _with_masks(body: Any, names: set[str]) -> Any:
    if isinstance(body, dict):
        return {
            name: _MASK if name in names else _with_masks(value, names)
            for name, value in body.items()
        }
    if isinstance(body, list):
        match body:
            case [str(name), str()] if name in names:
                return [name, _MASK]
        return [_with_masks(item, names) for item in body]
    return body
