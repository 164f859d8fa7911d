"""Declares the ways in which a partition key's values may be written.

    query: ["from:nasa", "from:esa"]
    shard: {range: [1, 100]}
    number: {range: [1, 1000000], split_above: 1000, total_path: total}
    window: {start: 2021-01-01, end: now, step: 1mo, settle: 1h}
    id: {file: ids.csv, column: id}
    repo: {resource: repos, field: full_name, include: {repo_id: id}}

What is written becomes one of the plain values of `partitions`, and can be written again.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import groupby
from typing import Annotated, Any, Literal, Self, assert_never

from pydantic import (
    AfterValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    Tag,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

from harvester.config import quantities
from harvester.config.options import (
    Count,
    DurationOrZero,
    KeyName,
    MemberName,
    Name,
    OneOrMany,
    PagePath,
    Reads,
    Scalar,
    Section,
    SectionError,
    Text,
)
from harvester.config.response_actions import Conditions
from harvester.config.split_forms import (
    PrefixForm,
    SplitKeys,
    StretchForm,
    prefixes_of,
    prefixes_written,
    split_written,
    stretches_of,
    stretches_written,
)
from harvester.config.wording import KeyPath, shown
from harvester.model import (
    FIRST_RUN,
    Crawl,
    FromFile,
    FromResource,
    OpenWindows,
    Outside,
    Prefixes,
    Range,
    Seeds,
    Spec,
    Step,
    Stretches,
    Values,
    Windows,
    as_text,
)

_STEP = {
    "anyOf": [
        {"type": "string", "pattern": quantities.STEP_PATTERN},
        {"type": "number", "exclusiveMinimum": 0},
    ],
    "examples": ["1h", "1d", "1w", "1mo", "1y"],
}
_MOMENT = {"type": "string", "pattern": quantities.MOMENT_PATTERN, "examples": ["2021-01-01"]}


def _value(value: object) -> Scalar:
    if isinstance(value, Scalar):
        return value
    raise ValueError(f"expected text, a number, true or false, got {shown(value)}")


def _pair(value: object) -> tuple[int, int]:
    match value:
        case [int(), int()] if not any(isinstance(item, bool) for item in value):
            return value[0], value[1]
    raise ValueError("expected two whole numbers, the first and the last: [1, 100]")


def _end(value: object) -> datetime | Literal["now"]:
    return "now" if value == "now" else _start(value)


def _start(value: object) -> datetime:
    return FIRST_RUN if value == "first_run" else quantities.moment(value)


def _moment_written(moment: datetime) -> str:
    return "first_run" if moment == FIRST_RUN else quantities.moment_text(moment)


def _distinct(values: tuple[Scalar, ...]) -> tuple[Scalar, ...]:
    """Refuse values that are the same as text, and so would share a folder."""
    first: dict[str, int] = {}
    faults: list[tuple[KeyPath, str]] = []
    for place, value in enumerate(values):
        if (text := as_text(value)) in first:
            faults.append(((place,), f"{shown(value)} stands twice; first as [{first[text]}]"))
        first.setdefault(text, place)
    if faults:
        raise SectionError(faults)
    return values


class RangeForm(SplitKeys):
    """Whole numbers, from the first to the last, both included; with `split_above` stretches of
    them, `{key.start}` to `{key.end}` (excluded) or `{key.last}`.
    """

    range: Annotated[
        tuple[int, int],
        Reads(_pair, {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}),
    ]
    """The first and the last number."""
    step: int = 1
    """The distance between two numbers; negative counts down."""
    smallest: Count = 1
    """How many numbers the shortest stretch has that is split off."""

    @model_validator(mode="after")
    def _splits(self) -> Self:
        if self.split_above is None:
            faults = self.lone("total_path", "smallest", "plan_from")
        elif self.step != 1:
            told = "numbers that are split have no step; say start, end and step instead of range"
            faults = [(("step",), told)]
        elif self.range[1] < self.range[0]:
            faults = [(("range",), "numbers that are split go up: the last is below the first")]
        else:
            faults = []
        if faults:
            raise SectionError(faults)
        return self


class WindowForm(SplitKeys):
    """Windows of time, from `start` (included) to `end` (excluded), one after another."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": ["step"]},
                {"required": ["open"]},
                {"required": ["split_above"]},
            ]
        }
    )

    start: Annotated[datetime, Reads(_start, {"anyOf": [{"const": "first_run"}, _MOMENT]})]
    """Where the first window begins: a date or time, UTC if it says no zone; or `first_run`, the
    time of this harvest's first run, which itself has no window then."""
    end: Annotated[
        datetime | Literal["now"],
        Reads(_end, {"anyOf": [{"enum": ["now", "first_run"]}, _MOMENT]}),
    ]
    """Where the last window ends, or `now`: only windows that have closed, so that a run each
    day adds a day; or `first_run`: later runs add none."""
    step: Annotated[Step, Reads(quantities.step, _STEP)] | None = None
    """The length of a window: `1h`, `1d`, `1w`, `1mo`, `1y`. Needed unless `open`: then, without
    it, each run has one window; or `split_above` with a fixed end: then one window has all."""
    settle: DurationOrZero = 0
    """How long after its end a window is left alone, for data that comes late."""
    open: bool = False
    """Whether the last window ends at the time of the run, and the next run's begins there."""
    overlap: DurationOrZero = 0
    """How long before its start an open window asks, for records that change late; those come
    again."""

    smallest: DurationOrZero = 1
    """The shortest window that is split off; one that is no longer than that, and still above
    `split_above`, is a gap: what the API shows of it is kept, and the rest is told as missing."""

    @model_validator(mode="after")
    def _step_or_open(self) -> Self:
        faults = list(self._split_faults())
        if self.step is None and not self.open and self.split_above is None:
            faults.append((("step",), "missing: how long is a window? (or open: true)"))
        if self.overlap and not self.open:
            faults.append((("overlap",), "is for open windows: add open: true"))
        if faults:
            raise SectionError(faults)
        return self

    def _split_faults(self) -> Iterator[tuple[KeyPath, str]]:
        if self.split_above is None:
            yield from self.lone("total_path", "smallest", "plan_from")
            return
        if self.open:
            yield ("split_above",), "open windows are not split: say step instead of open"
        elif self.step is None and self.end == "now":
            yield ("step",), "missing: how long is a window, where the end is now?"
        if self.smallest < 1 or self.smallest != int(self.smallest):
            yield ("smallest",), "whole seconds, from 1s up: windows are named to the second"
        if self.end != "now" and self.end <= self.start:
            yield ("end",), "is not after the start"


class FileForm(Section):
    """Values from a file, one a line: a CSV with a header, JSON Lines (`.jsonl`, `.ndjson`), or
    plain text. A relative path is relative to the YAML file.
    """

    file: Text
    """The file's path."""
    column: Text | None = None
    """The CSV's column, or the member of each JSON line. Left out: each line is a value."""
    include: dict[KeyName, Text] = Field(default_factory=dict)
    """Further columns, by the name that a reference to each has."""

    @model_validator(mode="after")
    def _columns_are_named(self) -> Self:
        if self.include and self.column is None:
            raise SectionError([(("include",), "needs column: which one holds the values?")])
        return self


class ParentForm(Section):
    """Values from the records of another resource, the parents."""

    resource: Name
    """The name of the parents' resource."""
    field: PagePath
    """Path to the value, from the record."""
    include: dict[MemberName, PagePath] = Field(default_factory=dict)
    """Further paths, by the name that a reference to each has. `{key.member}` needs none: it is
    that member of the record."""
    only: Conditions | None = None
    """A condition on the parents' records, or a list of those that must all hold: only such a
    parent has children. The paths lead into a record."""
    batch: Annotated[int, Field(ge=2, le=10_000)] | None = None
    """How many values go into one request: in JSON as a list, else joined by commas; `{ids:list}`
    repeats a parameter. Each batch is a partition."""

    @model_validator(mode="after")
    def _batches_are_alike(self) -> Self:
        if self.batch is not None and self.include:
            raise SectionError([(("include",), "a batch has many records: take include out")])
        return self


ListForm = Annotated[
    tuple[
        Annotated[Scalar, Reads(_value, {"type": ["string", "number", "boolean"]})],
        ...,
    ],
    Field(strict=False, min_length=1),
    AfterValidator(_distinct),
]


def _which_seeds(value: object) -> str | None:
    if isinstance(value, list | tuple) and any(isinstance(each, dict) for each in value):
        return "several"
    kind = _which(value)
    return kind if kind in ("list", "file", "parent") else None


def _which_seed(value: object) -> str | None:
    return "value" if isinstance(value, Scalar) else _which_seeds(value)


OneSeedForm = Annotated[
    Annotated[
        Annotated[Scalar, Reads(_value, {"type": ["string", "number", "boolean"]})], Tag("value")
    ]
    | Annotated[FileForm, Tag("file")]
    | Annotated[ParentForm, Tag("parent")],
    Discriminator(_which_seed),
]
"""A value that a crawl begins with, or where several come from."""

#: A list of nothing but values is the first form, in the schema as well.
_SEVERAL: Any = Field(strict=False, json_schema_extra={"contains": {"type": "object"}})

SeedForm = Annotated[
    Annotated[ListForm, Tag("list")]
    | Annotated[FileForm, Tag("file")]
    | Annotated[ParentForm, Tag("parent")]
    | Annotated[Annotated[tuple[OneSeedForm, ...], _SEVERAL], Tag("several")],
    Discriminator(_which_seeds),
]
"""What people write for the values that a crawl begins with."""


class CrawlForm(Section):
    """Values that the resource's own pages lead to: folders, threads, graphs. Breadth first, each
    value once in the whole harvest, in cycles too.
    """

    crawl: Annotated[tuple[PagePath, ...], Field(strict=False, min_length=1), OneOrMany()]
    """Path into a page to the values that it leads to, such as `children[*].id`, or a list of
    paths."""
    seeds: SeedForm
    """The values to begin with: a list, `{file: …}` or `{resource: …, field: …}`; or a list of all
    of these, which lead into one walk."""
    maximum_depth: Annotated[int, Field(ge=0, le=10**9)] | None = None
    """How many steps from the seeds are gone; 0 asks for the seeds only. Left out: to the end."""


def _which(value: object) -> str | None:
    match value:
        case list() | tuple():
            return "list"
        case {"range": _}:
            return "range"
        case {"crawl": _} | {"seeds": _}:
            return "crawl"
        case {"prefixes": _}:
            return "prefixes"
        case {"start": int(start), "end": int(end)} if not (
            isinstance(start, bool) or isinstance(end, bool)
        ):
            return "stretch"
        case {"file": _}:
            return "file"
        case {"resource": _}:
            return "parent"
        case dict() if value.keys() & WindowForm.model_fields.keys():
            return "window"
    return None


Form = Annotated[
    Annotated[ListForm, Tag("list")]
    | Annotated[RangeForm, Tag("range")]
    | Annotated[WindowForm, Tag("window")]
    | Annotated[StretchForm, Tag("stretch")]
    | Annotated[PrefixForm, Tag("prefixes")]
    | Annotated[CrawlForm, Tag("crawl")]
    | Annotated[FileForm, Tag("file")]
    | Annotated[ParentForm, Tag("parent")],
    Discriminator(_which),
]
"""What people write for one key."""

AnyForm = (
    tuple[Scalar, ...] | RangeForm | WindowForm | StretchForm | PrefixForm | FileForm | ParentForm
)


def _spec(form: AnyForm) -> Spec:
    match form:
        case FileForm():
            return FromFile(form.file, form.column, tuple(form.include.items()))
        case ParentForm():
            only = tuple(when.condition for when in form.only or ())
            include = tuple(form.include.items())
            return FromResource(form.resource, form.field, include, only, form.batch)
        case RangeForm():
            first, last = form.range
            if form.split is None:
                return Range(first, last, form.step)
            return Stretches(first, last + 1, form.split, smallest=form.smallest)
        case StretchForm():
            return stretches_of(form)
        case PrefixForm():
            return prefixes_of(form)
        case CrawlForm():
            return Crawl(form.crawl, _seeds_of(form.seeds), form.maximum_depth)
        case WindowForm():
            return _windows_of(form)
        case tuple():
            return Values(form)
    assert_never(form)


def _seeds_of(form: "SeedForm") -> Values | FromFile | FromResource | Seeds:
    if isinstance(form, tuple) and not all(isinstance(each, Scalar) for each in form):
        return Seeds(
            tuple(
                _seed_place(tuple(group)) if is_value else _seed_place(each)
                for is_value, group in groupby(form, lambda each: isinstance(each, Scalar))
                for each in (None,) * is_value or group
            )
        )
    return _seed_place(form)


def _seed_place(form: Any) -> Values | FromFile | FromResource:
    match form:
        case FileForm():
            return FromFile(form.file, form.column, tuple(form.include.items()))
        case ParentForm():
            return FromResource(form.resource, form.field, tuple(form.include.items()))
    return Values(form)


def _windows_of(form: WindowForm) -> Windows | OpenWindows:
    end = None if form.end == "now" else form.end
    settle = timedelta(seconds=form.settle)
    if form.open:
        overlap = timedelta(seconds=form.overlap)
        return OpenWindows(form.start, end, form.step, settle, overlap)
    whole = (end - form.start).total_seconds() if end else 1
    step = form.step or Step(seconds=whole)
    smallest = timedelta(seconds=form.smallest)
    return Windows(form.start, end, step, settle, form.split, smallest)


def _written(spec: Spec) -> Any:
    """Write a spec in the form that reads back as the same."""
    match spec:
        case Values():
            return list(spec.values)
        case Range():
            step = {"step": spec.step} if spec.step != 1 else {}
            return {"range": [spec.start, spec.stop], **step}
        case FromFile():
            column = {"column": spec.column} if spec.column is not None else {}
            return {"file": spec.path, **column, **_included(spec)}
        case FromResource():
            written = {"resource": spec.resource, "field": spec.field, **_included(spec)}
            batch = {"batch": spec.batch} if spec.batch else {}
            return {**written, **_only_written(spec), **batch}
        case Stretches():
            return stretches_written(spec)
        case Prefixes():
            return prefixes_written(spec)
        case Crawl():
            deepest = {} if spec.maximum_depth is None else {"maximum_depth": spec.maximum_depth}
            return {"crawl": list(spec.paths), "seeds": _seeds_written(spec.seeds), **deepest}
        case Windows() | OpenWindows():
            return _window_written(spec)
    assert_never(spec)


def _seeds_written(seeds: Values | FromFile | FromResource | Seeds) -> Any:
    if not isinstance(seeds, Seeds):
        return _written(seeds)
    found: list[Any] = []
    for place in seeds.places:
        found += place.values if isinstance(place, Values) else (_written(place),)
    return found


def _window_written(spec: Windows | OpenWindows) -> dict[str, Any]:
    end = "now" if spec.end is None else _moment_written(spec.end)
    settle = {"settle": spec.settle.total_seconds()} if spec.settle else {}
    step = {"step": quantities.step_text(spec.step)} if spec.step else {}
    written = {"start": _moment_written(spec.start), "end": end, **step, **settle}
    if isinstance(spec, OpenWindows):
        overlap = {"overlap": spec.overlap.total_seconds()} if spec.overlap else {}
        return {**written, "open": True, **overlap}
    smallest = spec.smallest.total_seconds()
    shortest = {"smallest": smallest} if smallest != 1 else {}
    return {**written, **split_written(spec.split), **shortest}


def _only_written(spec: FromResource) -> dict[str, Any]:
    conditions = [{"path": each.path, each.operator: _plain(each.operand)} for each in spec.only]
    return {"only": conditions[0] if len(conditions) == 1 else conditions} if conditions else {}


def _plain(operand: Any) -> Any:
    return list(operand) if isinstance(operand, tuple) else operand


def _included(spec: Outside) -> dict[str, Any]:
    return {"include": dict(spec.include)} if spec.include else {}


class WrittenAs:
    """Marks a plain value that people write in another form.

    pydantic validates `form`, then calls `read` on it; `write` gives what a dump holds.
    """

    def __init__(self, form: Any, read: Callable[[Any], Any], write: Callable[[Any], Any]) -> None:
        self.form = form
        self._read = read
        self._write = write

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Validate the form in place of the value."""
        return core_schema.no_info_after_validator_function(
            self._read,
            handler.generate_schema(self.form),
            serialization=core_schema.plain_serializer_function_ser_schema(self._write),
        )


PartitionSpec = Annotated[Spec, WrittenAs(Form, _spec, _written)]
"""One key's values; the forms are told apart by what they hold."""
