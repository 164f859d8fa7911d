"""A resource of the YAML without a request: records that stand inside another one's records.

    - name: comments
      inside: {resource: posts, path: comments.data, include: {post_id: id}}

Nothing is asked for it and nothing is stored: its records are read out of the pages of the resource
that they stand in, so they are as complete and as old as these pages, and each is there once.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, PrivateAttr

from harvester.config.formats import RawFormat
from harvester.config.options import KeyName, Name, OneOrMany, PagePath, Section
from harvester.config.response_actions import Conditions
from harvester.config.wording import KeyPath, unknown
from harvester.model import Condition, Crawl, FromResource, Seeds, Spec

if TYPE_CHECKING:
    from harvester.config.resource import Resource


class Inside(Section):
    """Where records stand that another resource's records hold."""

    resource: Name
    """The name of the resource whose records hold them; it may be embedded itself."""
    path: PagePath
    """Path to them from such a record: `comments.data`, `items[*].taxes`. An array gives its
    items."""
    include: dict[KeyName, PagePath] = Field(default_factory=dict)
    """Members that each gets of the record which holds it: `{post_id: id}`. Null where that has
    nothing there."""
    only: Conditions | None = None
    """A condition on the records that hold them, or a list of those that must all hold: any other
    gives none."""

    def written(self) -> dict[str, Any]:
        """What it is, as JSON has it."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The conditions of `only`."""
        return tuple(when.condition for when in self.only or ())


class Embedded(Section):
    """Records that stand inside another resource's records, as a resource without a request."""

    name: Name
    """Its name."""
    inside: Inside
    """Where its records stand."""
    key: Annotated[tuple[PagePath, ...], Field(strict=False), OneOrMany()] = ()
    """What makes a record the same record: a path into it, such as `id`, or a list of paths."""

    _holder: Any = PrivateAttr(default=None)

    @property
    def source(self) -> "Resource":
        """The resource whose pages hold its records."""
        source: Resource = self._holder.source
        return source

    @property
    def chain(self) -> "tuple[Embedded, ...]":
        """The embedded resources on the way from the records of the pages to its own, itself the
        last.
        """
        return (*self._holder.chain, self)

    @property
    def partition_keys(self) -> list[str]:
        """The keys of its partitions: those of the pages."""
        return self.source.partition_keys

    def held_by(self, holder: "Resource | Embedded") -> None:
        """Take note of the resource that `inside` names."""
        self._holder = holder


Declared = Mapping[str, "Resource | Embedded"]
"""All resources of a YAML, by their names."""


def connect(declared: Declared) -> Iterator[tuple[str, KeyPath, str]]:
    """Let each embedded resource know the one that holds it, and each child whose pages its parents
    stand in. Gives what is amiss: the resource, the place within it, and why.
    """
    embedded = [each for each in declared.values() if isinstance(each, Embedded)]
    amiss = list(_faults(declared, embedded))
    yield from amiss
    if amiss:
        return
    for each in embedded:
        each.held_by(declared[each.inside.resource])
    sources = {each.name: each.source.name for each in embedded}
    for resource in declared.values():
        if isinstance(resource, Embedded):
            continue
        for key, spec in resource.partitions.items():
            resource.partitions[key] = _with_pages(spec, sources)


def _faults(declared: Declared, embedded: list[Embedded]) -> Iterator[tuple[str, KeyPath, str]]:
    place: KeyPath = ("inside", "resource")
    for each in embedded:
        name = each.inside.resource
        if name not in declared:
            yield each.name, place, unknown("resource", name, list(declared))
            continue
        met, at = {each.name}, declared[name]
        while isinstance(at, Embedded) and at.name not in met and at.inside.resource in declared:
            met.add(at.name)
            at = declared[at.inside.resource]
        if at.name in met:
            yield each.name, place, f"{each.name!r} would be inside itself"
        elif not isinstance(at, Embedded) and isinstance(at.format, RawFormat):
            yield each.name, place, f"the pages of {at.name!r} are files, which have nothing inside"


def _with_pages(spec: Spec, sources: Mapping[str, str]) -> Spec:
    """What a key's values come from, with the resource whose pages hold them."""
    if isinstance(spec, Crawl):
        return replace(spec, seeds=_seeds(spec.seeds, sources))
    placed: Spec = _place(spec, sources)
    return placed


def _seeds(seeds: Any, sources: Mapping[str, str]) -> Any:
    if isinstance(seeds, Seeds):
        return Seeds(tuple(_place(each, sources) for each in seeds.places))
    return _place(seeds, sources)


def _place(spec: Any, sources: Mapping[str, str]) -> Any:
    if isinstance(spec, FromResource) and spec.resource in sources:
        return replace(spec, pages_of=sources[spec.resource])
    return spec
