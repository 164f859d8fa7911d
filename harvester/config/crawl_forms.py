"""Form of a partition key whose values the resource's own pages lead to.

folder: {crawl: "children[*].id", seeds: [root]}
"""

from itertools import groupby
from typing import Annotated, Any, assert_never

from pydantic import Discriminator, Field, Tag

from harvester.config.form_kinds import kind_of
from harvester.config.options import OneOrMany, PagePath, Scalar, Section
from harvester.config.outside_forms import (
    FileForm,
    ParentForm,
    file_of,
    file_written,
    parents_written,
)
from harvester.config.value_forms import ListForm, OneValue
from harvester.model import Crawl, FromFile, FromResource, Seeds, Values


def _which_seeds(value: object) -> str | None:
    if isinstance(value, list | tuple) and any(isinstance(each, dict) for each in value):
        return "several"
    kind = kind_of(value)
    return kind if kind in ("list", "file", "parent") else None


def _which_seed(value: object) -> str | None:
    return "value" if isinstance(value, Scalar) else _which_seeds(value)


OneSeedForm = Annotated[
    Annotated[OneValue, Tag("value")]
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


def crawl_of(form: CrawlForm) -> Crawl:
    """The plain value of a form."""
    return Crawl(form.crawl, _seeds_of(form.seeds), form.maximum_depth)


def crawl_written(spec: Crawl) -> dict[str, Any]:
    """The form that reads back as the same."""
    deepest = {} if spec.maximum_depth is None else {"maximum_depth": spec.maximum_depth}
    return {"crawl": list(spec.paths), "seeds": _seeds_written(spec.seeds), **deepest}


def _seeds_of(form: "SeedForm") -> Values | FromFile | FromResource | Seeds:
    if isinstance(form, tuple) and not all(isinstance(each, Scalar) for each in form):
        return Seeds(
            tuple(
                _place_of(tuple(group)) if is_value else _place_of(each)
                for is_value, group in groupby(form, lambda each: isinstance(each, Scalar))
                for each in (None,) * is_value or group
            )
        )
    return _place_of(form)


def _place_of(form: Any) -> Values | FromFile | FromResource:
    match form:
        case FileForm():
            return file_of(form)
        case ParentForm():
            return FromResource(form.resource, form.field, tuple(form.include.items()))
    return Values(form)


def _seeds_written(seeds: Values | FromFile | FromResource | Seeds) -> Any:
    if not isinstance(seeds, Seeds):
        return _place_written(seeds)
    found: list[Any] = []
    for place in seeds.places:
        found += place.values if isinstance(place, Values) else (_place_written(place),)
    return found


def _place_written(place: Values | FromFile | FromResource) -> Any:
    match place:
        case Values():
            return list(place.values)
        case FromFile():
            return file_written(place)
        case FromResource():
            return parents_written(place)
    assert_never(place)
