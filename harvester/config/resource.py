"""A resource of the YAML: one endpoint, the requests that it takes and the pages that come.

Values that may hold references (`params`, a header) stay text here and are rendered when a request
is made, so that neither a dump nor a repr of a configuration holds a secret of the environment.
Which keys do not go together is said by `resource_faults`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from harvester.config.client import Budget
from harvester.config.coming_back import Incremental, Refresh
from harvester.config.deferred import Elsewhere
from harvester.config.formats import (
    FormatConfig,
    JsonFormat,
)
from harvester.config.named_counts import without_usual_count
from harvester.config.options import (
    KeyName,
    Name,
    OneOrMany,
    PagePath,
    Section,
    SectionError,
    Text,
)
from harvester.config.paginators import (
    PaginatorConfig,
    SinglePage,
)
from harvester.config.parent_members import with_members
from harvester.config.references import references_in
from harvester.config.request_options import Headers, JsonBody, Parameters, URLPath
from harvester.config.resource_faults import resource_faults
from harvester.config.response_actions import ResponseAction
from harvester.config.wording import KeyPath
from harvester.model import (
    PARENT,
    Crawl,
    FromResource,
    split_key,
)

if TYPE_CHECKING:
    from harvester.config.embedded import Embedded
    from harvester.config.job import Job
    from harvester.config.partition_forms import PartitionSpec
else:
    Job = Annotated[Any, Elsewhere("harvester.config.job", "Job")]
    PartitionSpec = Annotated[Any, Elsewhere("harvester.config.partition_forms", "PartitionSpec")]


class NextRequest(Section):
    """What replaces the parts of the request on every page after the first."""

    path: URLPath | None = None
    """The path, relative to base_url, or a full URL."""
    method: Literal["GET", "POST"] | None = None
    """The method."""
    params: Parameters | None = None
    """The query parameters."""
    json_body: JsonBody = Field(default=None, alias="json")
    """The JSON body."""

    def written(self) -> dict[str, Any]:
        """Give the parts that are replaced, by their names in the YAML."""
        return self.model_dump(by_alias=True, exclude_none=True)


class Resource(Section):
    """One endpoint to harvest."""

    name: Name
    """Its name, and that of its folder."""
    path: URLPath = ""
    """The path, relative to base_url, or a full URL."""
    url: URLPath | None = None
    """The URL, in the place of `path`: that of a file which another resource's record names,
    `"{file.url}"`. What one reference gives is asked for as it stands."""
    method: Literal["GET", "POST"] = "GET"
    """The method; POST only for what reads. A GET has a body only where `method: GET` is written
    out: left out with a body, it is mostly a POST that was forgotten."""
    params: Parameters = Field(default_factory=dict)
    """Query parameters. A list repeats the name; null leaves the parameter out."""
    headers: Headers = Field(default_factory=dict)
    """Headers, on top of the client's."""
    json_body: JsonBody = Field(default=None, alias="json")
    """A JSON body."""
    form: Parameters = Field(default_factory=dict)
    """A form as the body, instead of `json`."""
    text_body: Text | None = Field(default=None, alias="body")
    """A text as the body, instead of `json`; its Content-Type is the header of that name, else
    `text/plain`. A text is left out whole while a `{cursor}` in it has no value."""
    first_params: Parameters = Field(default_factory=dict)
    """Query parameters of the first page only."""
    next_request: NextRequest | None = None
    """What replaces the parts of the request on every page after the first."""
    job: Job | None = None
    """An API that prepares a result and gives it when it is ready: the request that begins a job,
    the one that asks how it stands, and how the result comes."""
    partitions: dict[KeyName, PartitionSpec] = Field(default_factory=dict)
    """Independent slices: keys and their values. Several keys make the product."""
    format: FormatConfig = JsonFormat.as_it_is(type="json")
    """What its pages are written in. Left out: JSON, unless the server says JSON Lines, CSV or XML
    by its Content-Type."""
    data_selector: PagePath | None = None
    """Path to the records in a page. Left out: the page itself."""
    key: Annotated[tuple[PagePath, ...], Field(strict=False), OneOrMany()] = ()
    """What makes a record the same record: a path into it, such as `id`, or a list of paths. With
    it every record is counted, so that one which comes twice does not stay unnoticed."""
    allow_missing: bool = False
    """Whether a page may lack what `data_selector` names."""
    paginator: PaginatorConfig = SinglePage.as_it_is(type="single_page")
    """How one page leads to the next."""
    response_actions: Annotated[tuple[ResponseAction, ...], Field(strict=False)] = ()
    """Rules for responses; the first that matches counts."""
    idempotent: bool = True
    """Whether asking twice is harmless; a POST that is not is never tried again."""
    validation: Literal["structure", "full"] = Field(default="structure", alias="validate")
    """Of no effect any more: the grammar of every byte of a page is checked, always."""
    rate_limit: Annotated[tuple[Budget, ...], Field(strict=False), OneOrMany()] = ()
    """Budgets of this resource's own, on top of the client's."""
    incremental: Incremental | None = None
    """Each run after a finished one asks only for what is newer than the largest value seen."""
    refresh: Refresh | None = None
    """When a complete partition is asked for again, for what has changed since."""
    progress_path: PagePath | None = None
    """Path to a value by which a page tells how far its window has been gone through: a date, a
    time, an epoch, or an id that holds one, such as `meta.oldest_id`. Shown, never acted upon."""

    @property
    def source(self) -> Self:
        """The resource whose pages hold its records: itself."""
        return self

    @property
    def chain(self) -> tuple["Embedded", ...]:
        """Through what its records are found in its pages' records: nothing."""
        return ()

    @property
    def partition_keys(self) -> list[str]:
        """The keys of its partitions; those of parents that belong to them, too."""
        run = ("run",) if self.incremental else ()
        return [*self.inherited, *self.partitions, *run]

    @property
    def parents(self) -> dict[str, FromResource]:
        """The keys whose values are of other resources' records."""
        return {
            key: spec for key, spec in self.partitions.items() if isinstance(spec, FromResource)
        }

    @property
    def parent_names(self) -> list[str]:
        """The resources whose pages hold the records that give the values of partition keys, each
        once.
        """
        return list(dict.fromkeys(spec.source for spec in self.parents.values()))

    @property
    def inherited(self) -> list[str]:
        """The values of parents that its requests name, such as `parent.org`."""
        named = (each.name for _, each in references_in(self.request_parts) if each.kind == "value")
        return list(dict.fromkeys(name for name in named if name.startswith(PARENT)))

    @property
    def seeds_from(self) -> list[str]:
        """The resources whose pages hold the values that a crawl begins with, each once."""
        found = [
            place.source
            for spec in self.partitions.values()
            if isinstance(spec, Crawl)
            for place in spec.seed_places
            if isinstance(place, FromResource)
        ]
        return list(dict.fromkeys(found))

    @property
    def planned_from(self) -> str | None:
        """The resource whose records say how many there are in each window, if one is named."""
        found = split_key(self.partitions)
        return found[2].plan_from.resource if found and found[2].plan_from else None

    @property
    def records_named(self) -> list[tuple[KeyPath, FromResource]]:
        """Where the records of other resources are named: those of parents, and those of seeds."""
        found: list[tuple[KeyPath, FromResource]] = []
        for key, spec in self.partitions.items():
            if isinstance(spec, FromResource):
                found.append((("partitions", key), spec))
            elif isinstance(spec, Crawl):
                places = [each for each in spec.seed_places if isinstance(each, FromResource)]
                found += [(("partitions", key, "seeds"), place) for place in places]
        return found

    @property
    def above(self) -> list[str]:
        """The resources that are harvested first: parents, and where seeds come from."""
        return list(dict.fromkeys(spec.source for _, spec in self.records_named))

    @property
    def request_parts(self) -> dict[str, Any]:
        """What may hold references, by the names of the YAML."""
        return {
            "path": self.path,
            "params": self.params,
            "headers": self.headers,
            "json": self.json_body,
            "form": self.form,
            "body": self.text_body,
            "first_params": self.first_params,
            "next_request": self.next_request and self.next_request.written(),
            **({"job": self.job.steps} if self.job else {}),
        }

    @model_validator(mode="before")
    @classmethod
    def _completed(cls, tree: Any) -> Any:
        """Take `url` for the path, what a job's pages are asked for with, and of a parent's record
        what the request names.
        """
        if isinstance(tree, Mapping) and isinstance(tree.get("job"), Mapping):
            from harvester.config.job import with_pages_of_job

            tree = with_pages_of_job(tree)
        if isinstance(tree, Mapping) and tree.get("url") is not None:
            if tree.get("path"):
                raise SectionError([(("url",), "stands in the place of path; take one out")])
            tree = {**{k: v for k, v in tree.items() if k != "url"}, "path": tree["url"]}
        return with_members(tree)

    @model_validator(mode="after")
    def _totals_are_one(self) -> Self:
        """The total by which windows are split is the one that tells the paginator its end."""
        found = split_key(self.partitions)
        if found and found[2].total_path is not None and self.paginator.total_place is None:
            total = {"total_path": found[2].total_path, "total_unit": "records"}
            object.__setattr__(self, "paginator", self.paginator.model_copy(update=total))
        return self

    @model_validator(mode="before")
    @classmethod
    def _count_named(cls, data: Any) -> Any:
        """Leave the paginator's own parameter out where the request names the count itself."""
        return without_usual_count(data) if isinstance(data, dict) else data

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if found := list(resource_faults(self)):
            raise SectionError(found)
        return self

    @property
    def has_body(self) -> bool:
        """Whether anything of it says what stands in a body."""
        following = self.next_request and self.next_request.json_body
        places = ("cursor_body_path", "page_body_path", "offset_body_path")
        bodies = (self.json_body, self.form or None, self.text_body, following)
        in_body = [getattr(self.paginator, place, None) for place in places]
        return any(each is not None for each in (*bodies, *in_body))

    @property
    def sends_body(self) -> bool:
        """Whether its requests may have a body: those by GET only where the method is written."""
        return self.method == "POST" or "method" in self.model_fields_set

    def names(self, *names: str) -> bool:
        """Whether the request refers to one of these names, and no partition key has it."""
        taken = set(self.partitions) | {
            name for spec in self.partitions.values() for name, _ in getattr(spec, "include", ())
        }
        wanted = set(names) - taken
        return any(
            each.kind == "value" and each.name in wanted
            for _, each in references_in(self.request_parts)
        )
