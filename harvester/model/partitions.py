"""Enumerates partitions in order: a pure function of their specs and the time.

A `Spec` says which values one key takes: a list, a range of whole numbers, or windows of time.
The plan is their product, in the order the keys are written, the last one fastest. It is lazy and
knows its length without listing, so that a plan of ten million windows costs nothing.
"""

import json
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import field
from datetime import datetime
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import quote

from harvester.model.conditions import Condition
from harvester.model.cycle_guard import LoopGuard
from harvester.model.stretches import Prefixes, Stretches
from harvester.model.templates import as_text
from harvester.model.time_windows import OpenWindows, Windows, open_windows, window_count, windows
from harvester.patterns import pattern
from harvester.values import dataclass

_LEVEL_BYTES: Final = 200  # file systems take 255; temporary names and copies need some room
_HASH_DIGITS: Final = 16
_TITLE_CHARS: Final = 80


@dataclass(frozen=True, slots=True)
class Values:
    """The values of a list, in its order. ValueError where it is empty."""

    values: tuple[str | int | float | bool, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("an empty list leaves no partition to harvest")


@dataclass(frozen=True, slots=True)
class Range:
    """Whole numbers from `start` to `stop`, both included; a negative step counts down.

    ValueError where no number lies in it.
    """

    start: int
    stop: int
    step: int = 1

    def __post_init__(self) -> None:
        if self.step == 0:
            raise ValueError("a range with step 0 never ends")
        if not self.numbers:
            raise ValueError(f"no number from {self.start} to {self.stop} with step {self.step}")

    @property
    def numbers(self) -> range:
        """The same numbers as a Python range."""
        return range(self.start, self.stop + (1 if self.step > 0 else -1), self.step)


@dataclass(frozen=True, slots=True)
class FromFile:
    """Values in a file: the column `column` of a CSV, or that member of each JSON line.

    `column` None takes each line of a plain text file. `include` names further columns, by the
    reference that each answers.
    """

    path: str
    column: str | None = None
    include: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class FromResource:
    """Values from another resource's records, the parents: the value at `field` (a path into a
    record) of each. `include` names further paths, by the reference that each answers; `only` are
    conditions on a record, which all hold of the parents that count. `batch` puts so many values
    into one `Batch`. `pages_of` is the resource whose pages hold the records, where these are
    embedded in another one's.
    """

    resource: str
    field: str
    include: tuple[tuple[str, str], ...] = ()
    only: tuple[Condition, ...] = ()
    batch: int | None = None
    pages_of: str = ""

    @property
    def source(self) -> str:
        """The resource that is harvested before there are such values."""
        return self.pages_of or self.resource


#: What the name of a value begins with that is the parent's own: `parent.org`. Such a value belongs
#: to what a partition is.
PARENT: Final = "parent."


@dataclass(frozen=True, slots=True)
class Seeds:
    """Values that a crawl begins with, from several places, in their order."""

    places: tuple[Values | FromFile | FromResource, ...]


@dataclass(frozen=True, slots=True)
class Crawl:
    """Values that the resource's own pages lead to, at `paths` into each page, beginning with
    `seeds`: a tree, or any graph, breadth first. Each value is one partition, however many pages
    name it. What lies deeper than `maximum_depth` is not asked for; the seeds lie at 0.
    """

    paths: tuple[str, ...]
    seeds: Values | FromFile | FromResource | Seeds
    maximum_depth: int | None = None

    @property
    def seed_places(self) -> tuple[Values | FromFile | FromResource, ...]:
        """Where its seeds come from, in order."""
        return self.seeds.places if isinstance(self.seeds, Seeds) else (self.seeds,)


Spec = (
    Values | Range | Windows | OpenWindows | Stretches | Prefixes | FromFile | FromResource | Crawl
)
Outside = FromFile | FromResource
"""Specs whose values lie outside the YAML."""

OutsideValues = Callable[[Outside], Iterable[tuple[Any, Mapping[str, Any]]]]
"""Gives the values of an outside spec in order, each with what it includes."""


def no_outside_values(spec: Outside) -> Iterable[tuple[Any, Mapping[str, Any]]]:
    """For plans that know of nothing outside the YAML: no values."""
    return ()


@dataclass(frozen=True, slots=True)
class Partition:
    """One combination of values of a resource's partition keys, in the order of the keys.

    `included` answers further references and says nothing of which partition this is. `cased` are
    the keys whose value differs from another one's only in what is a small letter and what a
    capital, or in dots at its end: many file systems (macOS, Windows, network shares) would take
    both for one folder.
    `place` is the sum of the places that the values have in their keys.
    """

    resource: str
    values: Mapping[str, Any]
    included: Mapping[str, Any] = field(default_factory=dict)
    cased: tuple[str, ...] = ()
    place: int = field(default=0, compare=False)
    _known_path: list[str] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def labels(self) -> dict[str, str]:
        """Each value as text: a window's label, `true`, decimal numbers, a string as it is."""
        return {key: as_text(value) for key, value in self.values.items()}

    @property
    def folder(self) -> PurePosixPath:
        """`<resource>/<key>=<value>/…`, relative to the harvest's folder, all ASCII.

        Values are percent-encoded as UTF-8 (RFC 3986; everything but letters, digits and `_.-`),
        so that readers of Hive-style folders get them back. A level of over 200 bytes keeps its
        first bytes, whole %XX only, then `~` and 16 hex digits of the SHA-256 of the encoded
        value. `~` itself is always encoded, so no other value can take the shortened name.
        """
        return PurePosixPath(self.path)

    @property
    def path(self) -> str:
        """The same folder as text, which is made once."""
        if not self._known_path:
            self._known_path.append(self._path(()))
        return self._known_path[0]

    @property
    def cased_folder(self) -> PurePosixPath:
        """The same, but with the capitals of each value and the dots at its end encoded too (of
        one without capitals, its first letter or sign): no other value's folder is this one, even
        where case does not count.
        """
        return PurePosixPath(self._path(self.cased or tuple(self.values)))

    @property
    def first_folder(self) -> PurePosixPath:
        """The folder to begin in: where a value could be taken for another one, that with capitals
        or a dot at its end is `cased`, whichever of them comes first.
        """
        capitals = [key for key in self.cased if _is_marked(self.labels[key])]
        return PurePosixPath(self._path(capitals))

    @property
    def former_folder(self) -> PurePosixPath:
        """The cased folder as it was before dots at the end were encoded in it."""
        return PurePosixPath(self._path(self.cased or tuple(self.values), dots=False))

    def _path(self, cased: Container[str], *, dots: bool = True) -> str:
        levels = [
            _level(f"{key}=", as_text(value), cased=key in cased, dots=dots)
            for key, value in self.values.items()
        ]
        return "/".join([_level("", self.resource), *levels])

    @property
    def title(self) -> str:
        """For people: `tweets query=from:nasa window=2021-01-01_2021-02-01`. Not an identity:
        long values are cut, and values with blanks or unprintable characters are quoted.
        """
        return " ".join([self.resource, *(f"{k}={_shown(v)}" for k, v in self.labels.items())])


def partitions_of(
    resource: str,
    specs: Mapping[str, Spec],
    now: datetime,
    outside: OutsideValues = no_outside_values,
) -> Iterator[Partition]:
    """List every partition, lazily: the product of the specs, the last key fastest.

    No specs: one partition without values. `now` (aware) decides which windows have closed;
    `outside` gives the values that lie outside the YAML.
    """
    alike = {key: _alike(spec) for key, spec in specs.items()}
    for values, included, cased, place in _product(tuple(specs.items()), now, outside, alike):
        yield Partition(resource, values, included, cased, place)


def count(
    specs: Mapping[str, Spec], now: datetime, outside: OutsideValues = no_outside_values
) -> int:
    """Count what `partitions_of` gives without listing it (but outside values are listed)."""
    total = 1
    for spec in specs.values():
        total *= _size(spec, now, outside)
    return total


_Alike = Callable[[Any], bool]
"""Whether another value differs from this one only in case, or in dots at its end."""


def _alike(spec: Spec) -> Callable[[], _Alike] | None:
    """Begins a test of the values of a spec, each time that they are gone through: those in a list
    are compared with all others; those from outside, which are never all known, with those met
    before. None where there can be none.
    """
    match spec:
        case Values():
            counts = Counter(_folded(as_text(value)) for value in spec.values)
            if twice := {text for text, count in counts.items() if count > 1}:
                return lambda: lambda value: _folded(as_text(value)) in twice
        case FromFile() | FromResource():
            return _met_before
    return None


def _met_before() -> _Alike:
    met, folded = LoopGuard(forgets=False), LoopGuard(forgets=False)

    def is_alike(value: Any) -> bool:
        text = as_text(value)
        if text.isdecimal():  # most: nothing to remember
            return False
        small = _folded(text)
        return met.add(text) and not folded.add(small)

    return is_alike


def _product(
    items: tuple[tuple[str, Spec], ...],
    now: datetime,
    outside: OutsideValues,
    alike: Mapping[str, Callable[[], _Alike] | None],
) -> Iterator[tuple[dict[str, Any], dict[str, Any], tuple[str, ...], int]]:
    # itertools.product would first list every spec in memory
    if not items:
        yield {}, {}, (), 0
        return
    *slower, (key, spec) = items
    for values, included, cased, place in _product(tuple(slower), now, outside, alike):
        begin = alike[key]
        is_alike = begin() if begin else None
        for at, (value, more) in enumerate(_each(spec, now, outside), place):
            own = (*cased, key) if is_alike and is_alike(value) else cased
            inherited = {name: each for name, each in more.items() if name.startswith(PARENT)}
            yield {**values, **inherited, key: value}, {**included, **more}, own, at


def _each(
    spec: Spec, now: datetime, outside: OutsideValues
) -> Iterable[tuple[Any, Mapping[str, Any]]]:
    match spec:
        case Values():
            return ((value, {}) for value in spec.values)
        case Range():
            return ((number, {}) for number in spec.numbers)
        case Windows():
            return ((window, {}) for window in windows(spec, now))
        case OpenWindows():
            return ((window, {}) for window in open_windows(spec, (), now))
        case Stretches():
            return ((stretch, {}) for stretch in spec.stretches)
        case Prefixes():
            return ((sign, {}) for sign in spec.signs)
        case Crawl():
            return ()  # only the folder knows; see planning.crawling
    return outside(spec)


def _size(spec: Spec, now: datetime, outside: OutsideValues) -> int:
    match spec:
        case Values():
            return len(spec.values)
        case Range():
            numbers = spec.numbers  # len() refuses over 2**63
            return (numbers[-1] - numbers[0]) // spec.step + 1
        case Windows():
            return window_count(spec, now)
        case OpenWindows():
            return sum(1 for _ in open_windows(spec, (), now))
        case Stretches():
            return len(spec)
        case Prefixes():
            return len(spec.signs)
        case Crawl():
            return 0
    return sum(1 for _ in outside(spec))


# --- Text ----------------------------------------------------------------------------------------


_LETTER: Final = pattern("[a-z]")  # of percent-encoded text: in %XX they are capitals
_SIGN: Final = pattern("(?:%[0-9A-F]{2})*[^%]")  # the first that is not encoded
_CAPITAL: Final = pattern("%[0-9A-F]{2}|([A-Z])")


def _folded(text: str) -> str:
    """What two values have in common that some file systems would take for one."""
    return text.lower().rstrip(".")


def _is_marked(text: str) -> bool:
    """Whether it has what `_with_case` encodes; all signs but these are encoded as they are."""
    return text.endswith(".") or any("A" <= sign <= "Z" for sign in text)


def _with_case(encoded: str, *, dots: bool) -> str:
    """Percent-encoded text to be told apart where neither case counts nor a dot at the end."""
    kept = encoded.rstrip(".") if dots else encoded
    encoded = kept + "%2E" * (len(encoded) - len(kept))
    marked = _CAPITAL.sub(lambda found: f"%{ord(found[1]):02X}" if found[1] else found[0], encoded)
    if marked == encoded:
        first = _LETTER.search(encoded) or _SIGN.match(encoded)
        if first is not None:
            at = first.end() - 1
            marked = f"{encoded[:at]}%{ord(encoded[at]):02X}{encoded[at + 1 :]}"
    return marked


def _level(prefix: str, text: str, *, cased: bool = False, dots: bool = True) -> str:
    """One level of a folder's path; see `Partition.folder`."""
    if (
        not cased and text.isascii() and text.isalnum() and len(prefix) + len(text) <= _LEVEL_BYTES
    ):  # as most are
        return prefix + text
    # YAML can spell half a surrogate pair, which strict UTF-8 cannot.
    encoded = quote(text, safe="", errors="surrogatepass").replace("~", "%7E")
    if cased:
        encoded = _with_case(encoded, dots=dots)
    if not prefix and encoded in (".", ".."):
        encoded = encoded.replace(".", "%2E")
    if len(prefix) + len(encoded) <= _LEVEL_BYTES:
        return prefix + encoded
    kept = encoded[: max(0, _LEVEL_BYTES - len(prefix) - 1 - _HASH_DIGITS)]
    if "%" in kept[-2:]:
        kept = kept[: kept.rindex("%")]
    return f"{prefix}{kept}~{sha256(encoded.encode()).hexdigest()[:_HASH_DIGITS]}"


def _shown(text: str) -> str:
    shown = text if len(text) <= _TITLE_CHARS else text[: _TITLE_CHARS - 1] + "…"
    if shown.isprintable() and shown and " " not in shown:
        return shown
    return json.dumps(shown, ensure_ascii=not shown.isprintable())
