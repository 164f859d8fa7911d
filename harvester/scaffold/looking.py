"""Finds in one page where its records are, and the values outside of them. Pure."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from typing import Any, Final

from harvester.model import Every, Key, Path, Segment, canonical, find, fit, one_line
from harvester.paging import Sign, envelope, of_body, of_headers
from harvester.scaffold import names
from harvester.scaffold.names import plain
from harvester.values import dataclass

_DEEPEST: Final = 5
_LONGEST_ERROR: Final = 300
_LOOKED_AT: Final = 50  # items of an array


@dataclass(frozen=True, slots=True)
class Sample:
    """A page that was fetched. `headers` have lower-case names; `body` is its JSON text, and
    `format` what it is written in where that is another.
    """

    url: str = field(repr=False)
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    page: Any = field(repr=False)
    format: str | None = None


@dataclass(frozen=True, slots=True)
class Records:
    """Where records may be, how many, and why they are taken for that; the larger `score` wins."""

    path: Path
    values: list[Any] = field(repr=False)
    score: int

    @property
    def selector(self) -> str:
        """The path as the YAML writes it."""
        return path_text(self.path)

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of the first record, where it is an object."""
        first = self.values[0] if self.values else None
        return tuple(first) if isinstance(first, dict) else ()


def path_text(path: Path) -> str:
    """A path as people write it: `meta.next_token`, `$` for the page."""
    text = canonical(path)
    return text[2:] if text.startswith("$.") else text[1:] or text


def records_in(page: Any, word: str = "", size: int | None = None) -> list[Records]:
    """The places where records may be, the likeliest first. `word` is what the URL's path ends
    with, `size` how many records were asked for. An object without any array is a record itself.
    """
    found = sorted(_arrays(page, (), word, size), key=lambda one: -one.score)
    likely = [one for one in found if one.score > 0]
    if isinstance(page, dict) and not (likely and _is_list(page, likely[0], word)):
        return [Records((), [page], 0), *likely]
    return likely


def _is_list(page: dict[str, Any], best: Records, word: str) -> bool:
    """Whether an object with arrays is a page of records, rather than one record: that has an id
    of its own, and its arrays are about other things than the URL.
    """
    last = next((one.name for one in reversed(best.path) if isinstance(one, Key)), "")
    if plain(last) in names.RECORDS or (word and plain(last) == plain(word)):
        return True
    return not any(plain(key) in ("id", "uuid", "num") for key in page)


def values_at(page: Any, path: Path) -> list[Any] | None:
    """The records at a path; None where the page has nothing there."""
    matches = list(find(page, path))
    if not matches:
        whole = path[:-1] if path and isinstance(path[-1], Every) else None
        return [] if whole is not None and any(True for _ in find(page, whole)) else None
    return [item for one in matches for item in (one if isinstance(one, list) else [one])]


def _arrays(value: Any, path: Path, word: str, size: int | None) -> Iterator[Records]:
    if isinstance(value, list):
        yield from _array(value, path, word, size)
    elif isinstance(value, dict) and len(path) < _DEEPEST:
        if _is_numbered(value):
            score = _score(list(value.values()), path, word, size) - 20
            yield Records((*path, Every()), list(value.values()), score)
            return
        for key, below in value.items():
            yield from _arrays(below, (*path, Key(key)), word, size)


def _array(items: list[Any], path: Path, word: str, size: int | None) -> Iterator[Records]:
    score = _score(items, path, word, size)
    yield Records(path, items, score)
    if inside := _envelope(items):
        deeper: tuple[Segment, ...] = (Every(), Key(inside))
        yield Records((*path, *deeper), [item[inside] for item in items], score + 5)


def _envelope(items: list[Any]) -> str | None:
    """The key that each item keeps its record under: Reddit's `data`, GraphQL's `node`."""
    few = items[:_LOOKED_AT]
    for inside, beside in (("data", {"kind"}), ("node", {"cursor"})):
        if few and all(
            isinstance(item, dict)
            and isinstance(item.get(inside), dict)
            and item.keys() - {inside} <= beside
            for item in few
        ):
            return inside
    return None


def _is_numbered(value: dict[str, Any]) -> bool:
    """Records by their ids in an object, as MediaWiki's first format has them."""
    few = list(value.items())[:_LOOKED_AT]
    return bool(few) and all(
        key.lstrip("-").isdigit() and isinstance(item, dict) for key, item in few
    )


def _score(items: list[Any], path: Path, word: str, size: int | None) -> int:
    names_on_way = [plain(segment.name) for segment in path if isinstance(segment, Key)]
    last = names_on_way[-1] if names_on_way else ""
    score = 30 - 4 * len(path)
    few = items[:_LOOKED_AT]
    if any(isinstance(item, dict) for item in few):
        score += 40
    elif few:
        score -= 0 if all(isinstance(item, list) for item in few) else 25
    score += 20 if last in names.RECORDS else 0
    score += 25 if word and last and last.rstrip("s") == plain(word).rstrip("s") else 0
    score += 20 if size and len(items) == size else 0
    score += min(len(items), 20) // 2
    if any(name in names.BESIDE for name in names_on_way) and last != plain(word):
        score -= 90
    return score


def scalars(page: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value outside of arrays, nearest to the root first, with the keys that lead to it.
    Objects are among them: some are links or cursors.
    """
    level: list[tuple[tuple[str, ...], Any]] = [(path, page)]
    for _ in range(_DEEPEST):
        following = []
        for at, value in level:
            if isinstance(value, dict):
                following += [((*at, key), below) for key, below in value.items()]
        yield from following
        level = following


def keys_text(path: tuple[str, ...]) -> str:
    """Keys as a path of the YAML."""
    return path_text(tuple(map(Key, path)))


def first_named(
    page: Any, wanted: tuple[str, ...], suits: Callable[[Any], bool]
) -> tuple[str, Any] | None:
    """The value whose name stands first in `wanted` and that suits, with its path."""
    found = [
        (wanted.index(name), len(path), keys_text(path), value)
        for path, value in scalars(page)
        if (name := plain(path[-1])) in wanted and suits(value)
    ]
    if not found:
        return None
    _, _, text, value = min(found, key=lambda one: one[:2])
    return text, value


def said_no(page: Any) -> str | None:
    """What an error in a 200 says: Slack's `ok`, GraphQL's `errors`, an `error` without records."""
    if not isinstance(page, dict):
        return None
    wrong = [page[key] for key in ("error", "errors", "fault", "exception") if page.get(key)]
    found = records_in(page)
    if any(page.get(key) is False for key in names.SOUND) or (wrong and not found[0].path):
        return fit(one_line(json.dumps(page, ensure_ascii=False)), _LONGEST_ERROR)
    return None


def signs_of(sample: Sample, records: Records | None) -> Iterator[Sign]:
    """What a page and its headers say of how many records or pages there are."""
    selected = tuple(one.name for one in records.path if isinstance(one, Key)) if records else ()
    yield from of_body(envelope(sample.page, selected))
    yield from of_headers(sample.headers)
