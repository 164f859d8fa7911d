"""Guess at how an API pages, and the view of a page and its request that leads to it."""

import re
from collections.abc import Collection, Mapping
from dataclasses import field, replace
from typing import Any, Final

from harvester.paging import more_than
from harvester.scaffold import names
from harvester.scaffold.ask import Ask
from harvester.scaffold.looking import Records, Sample, first_named, keys_text, scalars, signs_of
from harvester.scaffold.names import plain
from harvester.values import dataclass

_ROUND: Final = frozenset({5, 10, 12, 15, 20, 24, 25, 30, 40, 48, 50, 60, 64, 75, 80, 90, 96})


@dataclass(frozen=True, slots=True)
class Guess:
    """One way to page. `why` is what speaks for it; `without` names parameters that the paginator
    sends itself; `first` those that go with the first page only; `resource` are further keys of
    the YAML; `form` is what takes the form's parameters' place; `stated`: the page says so;
    `spread` are names that the number goes to all at once, to find out with few requests which of
    them is heeded.
    """

    paginator: Mapping[str, Any]
    why: str
    without: tuple[str, ...] = ()
    first: tuple[str, ...] = ()
    resource: Mapping[str, Any] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    stated: bool = True
    unsure: tuple[str, ...] = ()
    spread: tuple[str, ...] = ()

    @property
    def type(self) -> str:
        """The paginator's type."""
        return str(self.paginator["type"])


SINGLE: Final = Guess({"type": "single_page"}, "nothing on the page says that there is another")


@dataclass(frozen=True, slots=True)
class Place:
    """A value of the request: in the query, the form, or the JSON body (`name` is its path)."""

    part: str
    name: str
    value: Any = field(repr=False)

    @property
    def word(self) -> str:
        """The last name of it, for the tables."""
        return plain(self.name if self.part != "json" else self.name.rpartition(".")[2])


def places(ask: Ask) -> list[Place]:
    """Every single value of a request."""
    found = [Place("params", name, value) for name, value in ask.params]
    found += [Place("form", name, value) for name, value in ask.form]
    if isinstance(ask.json, dict):
        found += [
            Place("json", keys_text(path), value)
            for path, value in scalars(ask.json)
            if not isinstance(value, dict)
        ]
    return found


def page_size(ask: Ask) -> int | None:
    """How many records the request asks for, where it says."""
    for place in places(ask):
        if place.word in names.SIZE_PARAMS and str(place.value).isdigit():
            return int(place.value)
    return None


def from_the_start(ask: Ask) -> tuple[Ask, list[str]]:
    """The request of the first page, and the parameters by which the line began behind it."""
    later = [place for place in places(ask) if place.part == "params" and _is_later(place)]
    counted = {place.name: "1" if place.word in names.PAGE_PARAMS else "0" for place in later}
    gone = {place.name for place in later if place.word in names.CURSOR_PARAMS}
    params = tuple((n, counted.get(n, value)) for n, value in ask.params if n not in gone)
    return replace(ask, params=params), [place.name for place in later]


def _is_later(place: Place) -> bool:
    value = str(place.value).lower()
    if place.word in names.CURSOR_PARAMS:
        return value not in names.INITIAL
    if place.word in names.PAGE_PARAMS:
        return number(value, 0) > 1
    return place.word in ("offset", "startat", "skip") and number(value, 0) > 0


@dataclass(frozen=True, slots=True)
class View:
    """One page and its request, as guesses look at them. `hints` are what is known of its API."""

    ask: Ask
    sample: Sample
    records: Records | None
    hints: tuple[Mapping[str, Any], ...] = ()

    @property
    def page(self) -> Any:
        """The page."""
        return self.sample.page

    @property
    def places(self) -> list[Place]:
        """Every single value of the request."""
        return places(self.ask)

    @property
    def values(self) -> list[tuple[tuple[str, ...], Any]]:
        """Every value of the page outside of arrays, with its keys."""
        return list(scalars(self.page)) if isinstance(self.page, dict) else []

    @property
    def query(self) -> str | None:
        """The text of a GraphQL query, where the request is one."""
        query = self.ask.json.get("query") if isinstance(self.ask.json, dict) else None
        return query if isinstance(query, str) and "{" in query else None

    def variables(self, words: Collection[str]) -> list[str]:
        """The variables that a GraphQL query gives to an argument of such a name."""
        pairs = re.findall(r"\b(\w+)\s*:\s*\$(\w+)", self.query or "")
        return list(dict.fromkeys(name for argument, name in pairs if plain(argument) in words))

    @property
    def new_part(self) -> str:
        """The part of the request that a cursor goes into, where nothing stands there yet."""
        return "params" if self.ask.method == "GET" else self.body_part()

    def body_part(self) -> str:
        """The part of the request that a POST pages by."""
        if self.ask.json is not None:
            return "json"
        return "form" if self.ask.form else "params"

    def id_path(self) -> str | None:
        """The path to the ids of the records, where they have some."""
        if self.records is None or not self.records.values:
            return None
        first = self.records.values[0]
        if not isinstance(first, dict):
            return None
        key = next((k for k in ("id", "_id", "Id", "ID", "uuid", "name") if k in first), None)
        if key is None or isinstance(first[key], dict | list | float):
            return None
        every = "" if self.records.selector.endswith("[*]") else "[*]"
        whole = self.records.selector
        within = whole if "[*]" in whole else whole + every
        return f"{within.removeprefix('$')}.{key}" if within != "$" else f"[*].{key}"

    def ids(self) -> list[int]:
        """The records' ids, where they are numbers."""
        values = self.records.values if self.records else []
        ids = [str(value.get("id")) for value in values if isinstance(value, dict)]
        return [int(one) for one in ids if one.isdigit() and len(one) < 30]

    def more_flag(self) -> bool | None:
        """What the page says of there being more."""
        found = first_named(self.page, names.MORE, lambda value: isinstance(value, bool))
        return found[1] if found else None

    def may_have_more(self) -> bool:
        """Whether the page is full, or says that there is more."""
        if self.records is None or not self.records.values:
            return False
        if not self.records.path and not isinstance(self.page, list):
            return False  # the page is a record itself
        if self.more_flag():
            return True
        came, size = len(self.records.values), page_size(self.ask)
        if self.says_more():
            return True
        return came == size if size else came in _ROUND or (came >= 100 and came % 50 == 0)

    def says_more(self) -> bool:
        """Whether the page, or a header, says that there is more."""
        came = len(self.records.values) if self.records else 0
        return more_than(signs_of(self.sample, self.records), came) is not None

    def into(self, place: Place) -> Guess:
        """A guess that sends the cursor to a place of the request."""
        initial = place.value if str(place.value).lower() in names.INITIAL else None
        start: dict[str, Any] = {"initial_cursor": initial} if initial is not None else {}
        if place.part == "params":
            return Guess(
                {"cursor_param": place.name, **start}, f"sent back as {place.name}", (place.name,)
            )
        if place.part == "json":
            where = f"sent back as {place.name} of the body"
            return Guess({"cursor_body_path": place.name, **start}, where, (place.name,))
        return Guess(start, f"sent back as {place.name}", form={place.name: "{cursor}"})


def is_link(text: str, name: str) -> bool:
    """Whether a text is a URL, whole, from the root, or a bare query."""
    if re.match(r"https?://|/[^/\s]|\?\S", text):
        return True
    return name.endswith(names.LINKISH) and re.fullmatch(r"[^\s]+[/?=][^\s]*", text) is not None


def is_whole(value: Any) -> bool:
    """Whether a JSON value is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def number(value: Any, otherwise: int) -> int:
    """A value, or text, as a whole number from 0 up."""
    text = str(value)
    return int(text) if text.isdigit() and len(text) < 20 else otherwise


def first_number(asked: Any, echoed: Any) -> int | None:
    """The number of the first page, where the request or its answer shows it."""
    for value in (asked, echoed):
        if str(value) in ("0", "1"):
            return int(value)
    return 1 if number(asked, 0) > 1 else None
