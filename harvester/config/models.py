"""Models of the YAML's top level: what a harvest is asked to do, as frozen, checked values.

The models mirror the YAML key by key; where a key is a Python word or taken (`json`, `validate`,
`in`), the attribute has another name and the YAML's is the alias. What one value must be is said
by its type (`options`), what one section must be by its model, and whether references lead
anywhere by `references`. Text becomes a `Config` in `load`, where every problem gets its line.

Values that may hold references (`params`, a token) stay text here and are rendered when a request
is made, so that neither a dump nor a repr of a configuration holds a secret of the environment.

The text under each attribute is its description in the JSON Schema (`schema`).
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from harvester.config.auth_forms import auth_secrets
from harvester.config.auth_options import RenewableOptions
from harvester.config.client import Budget, Client
from harvester.config.formats import (
    FormatConfig,
    JsonFormat,
    RawFormat,
)
from harvester.config.named_counts import without_usual_count
from harvester.config.options import (
    Count,
    DurationOrZero,
    KeyName,
    Name,
    OneOrMany,
    PagePath,
    Section,
    SectionError,
    Text,
)
from harvester.config.paginators import (
    Cursor,
    HeaderLink,
    JsonLink,
    Keyset,
    Offset,
    PageNumber,
    PaginatorConfig,
    SinglePage,
)
from harvester.config.parent_members import with_members
from harvester.config.partition_forms import PartitionSpec
from harvester.config.references import REQUEST_PARTS, references_in
from harvester.config.request_options import Headers, JsonBody, Parameters, URLPath
from harvester.config.response_actions import ResponseAction
from harvester.config.secret_text import MASK, SecretLine, masked
from harvester.config.wording import KeyPath, listed, unknown
from harvester.model import (
    PARENT,
    Address,
    Crawl,
    FromResource,
    OpenWindows,
    Scope,
    parse,
    place_of_text,
    render,
    split_key,
)
from harvester.security import is_secret_name, masked_url

# --- Resources -----------------------------------------------------------------------------------


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


class Refresh(Section):
    """Asks again for what is complete: each time is the next generation of a partition."""

    after: DurationOrZero
    """How old a partition is when it is asked for again, from its last page on: `7d`; 0 asks in
    each run."""
    conditional: bool = False
    """Whether each page is asked for with the ETag or Last-Modified that it had: where the server
    answers 304, the stored page is kept, and no body comes."""


class Incremental(Section):
    """Runs that go on from the largest value seen, or from what the last page of the run before
    gave, each as a partition of its own.
    """

    cursor_path: PagePath | None = None
    """Path to the records' values, such as `data[*].updated_at`."""
    delta_path: PagePath | None = None
    """Path to what the last page of a run gives for the next run to begin with, instead of
    `cursor_path`: a link (`['@odata.deltaLink']`), or a token for `param` (`nextSyncToken`). The
    first run has none, and so asks for all."""
    param: Text | None = None
    """The query parameter that carries the value to start at. Left out: the request, or
    `stop_before`, names it as `{since}` or `{since:FORMAT}`."""
    initial_value: str | int | None = None
    """The value that the first run starts at."""
    lookback: DurationOrZero = 0
    """How far before the largest value seen a run starts, for records that change late."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        faults: list[tuple[KeyPath, str]] = []
        if (self.cursor_path is None) == (self.delta_path is None):
            told = "needs one of cursor_path and delta_path, where the next run's start stands"
            faults.append(((), told))
        elif self.cursor_path is not None and self.initial_value is None:
            faults.append((("initial_value",), "missing: what does the first run start at?"))
        elif self.delta_path is not None:
            faults += [
                ((name,), "is for cursor_path: what delta_path leads to is sent as it came")
                for name in ("initial_value", "lookback")
                if getattr(self, name)
            ]
        if faults:
            raise SectionError(faults)
        return self


_MOST_KEYS: Final = 16  # of partitions: 200 bytes of a path each, where 4,096 are the most


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
    partitions: dict[KeyName, PartitionSpec] = Field(default_factory=dict)
    """Independent slices: keys and their values. Several keys make the product."""
    format: FormatConfig = JsonFormat(type="json")
    """What its pages are written in. Left out: JSON, unless the server says JSON Lines, CSV or XML
    by its Content-Type."""
    data_selector: PagePath | None = None
    """Path to the records in a page. Left out: the page itself."""
    key: Annotated[tuple[PagePath, ...], Field(strict=False), OneOrMany()] = ()
    """What makes a record the same record: a path into it, such as `id`, or a list of paths. With
    it every record is counted, so that one which comes twice does not stay unnoticed."""
    allow_missing: bool = False
    """Whether a page may lack what `data_selector` names."""
    paginator: PaginatorConfig = SinglePage(type="single_page")
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
        """The resources whose records give the values of partition keys, each once."""
        return list(dict.fromkeys(spec.resource for spec in self.parents.values()))

    @property
    def inherited(self) -> list[str]:
        """The values of parents that its requests name, such as `parent.org`."""
        named = (each.name for _, each in references_in(self.request_parts) if each.kind == "value")
        return list(dict.fromkeys(name for name in named if name.startswith(PARENT)))

    @property
    def seeds_from(self) -> str | None:
        """The resource whose records give the values that a crawl begins with."""
        for spec in self.partitions.values():
            if isinstance(spec, Crawl) and isinstance(spec.seeds, FromResource):
                return spec.seeds.resource
        return None

    @property
    def records_named(self) -> list[tuple[KeyPath, FromResource]]:
        """Where the records of other resources are named: those of parents, and those of seeds."""
        found: list[tuple[KeyPath, FromResource]] = []
        for key, spec in self.partitions.items():
            if isinstance(spec, FromResource):
                found.append((("partitions", key), spec))
            elif isinstance(spec, Crawl) and isinstance(spec.seeds, FromResource):
                found.append((("partitions", key, "seeds"), spec.seeds))
        return found

    @property
    def above(self) -> list[str]:
        """The resources that are harvested first: parents, and where seeds come from."""
        return list(dict.fromkeys(spec.resource for _, spec in self.records_named))

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
        }

    @model_validator(mode="before")
    @classmethod
    def _completed(cls, tree: Any) -> Any:
        """Take `url` for the path, and of a parent's record what the request names."""
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
        if found := [
            *self._format_faults(),
            *self._key_faults(),
            *self._body_faults(),
            *self._cursor_faults(),
            *self._rule_faults(),
            *self._since_faults(),
        ]:
            raise SectionError(found)
        return self

    def _format_faults(self) -> Iterable[tuple[KeyPath, str]]:
        at = self.data_selector
        if isinstance(self.format, RawFormat) and at not in (None, "$"):
            yield ("data_selector",), "a file is one record; take it out"
        rows_at = getattr(self.format, "rows_path", None)
        if rows_at is not None and at is not None and parse(at) != parse(rows_at):
            yield ("data_selector",), "the records are the rows of format (rows_path); take it out"

    def _key_faults(self) -> Iterable[tuple[KeyPath, str]]:
        used = {r.name for _, r in references_in(self.request_parts) if r.kind == "value"}
        for key, spec in self.partitions.items():
            if not isinstance(spec, Crawl):
                continue
            if len(self.partitions) > 1:
                yield ("partitions", key), "a crawl is the only key of its resource"
            if self.incremental:
                yield ("incremental",), "a crawl has no runs: each value is one partition"
            if getattr(spec.seeds, "include", ()):
                yield ("partitions", key, "seeds", "include"), "what a crawl finds includes nothing"
            if getattr(spec.seeds, "batch", None):
                yield ("partitions", key, "seeds", "batch"), "a crawl asks for one value at a time"
        if self.refresh and self.incremental:
            yield ("refresh",), "incremental runs ask for what is new by themselves"
        elif self.refresh and any(isinstance(s, Crawl) for s in self.partitions.values()):
            yield ("refresh",), "a crawl is not refreshed: harvester redo asks for it again"
        splits = [key for key, spec in self.partitions.items() if getattr(spec, "split", None)]
        for key in splits[1:]:
            yield ("partitions", key), f"one key may be split, and {splits[0]!r} is already"
        if len(self.partitions) > _MOST_KEYS:
            yield (
                ("partitions",),
                (
                    f"{len(self.partitions)} keys make paths that are longer than systems take; "
                    f"{_MOST_KEYS} at most"
                ),
            )
        open_keys = [k for k, spec in self.partitions.items() if isinstance(spec, OpenWindows)]
        if open_keys and open_keys != list(self.partitions)[-1:]:
            yield ("partitions", open_keys[0]), "open windows are the last key, and the only ones"
        elif self.incremental and split_key(self.partitions):
            yield ("incremental",), "a partition that is split has no runs: leave out split_above"
        elif open_keys and self.incremental:
            yield ("incremental",), "open windows go on from run to run by themselves"
        taken = {"env", "cursor", "page", *(("run",) if self.incremental else ())}
        for key, spec in self.partitions.items():
            included = [name for name, _ in getattr(spec, "include", ())]
            if twice := taken & {key, *included}:
                yield (
                    ("partitions", key),
                    f"{{{min(twice)}}} means something else; choose another name",
                )
            elif not used & {key, *included}:
                yield (
                    ("partitions", key),
                    f"no part of the request holds {{{key}}}: every partition would ask the same",
                )
            taken |= {key, *included}

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

    def _since_faults(self) -> Iterable[tuple[KeyPath, str]]:
        incremental = self.incremental
        if incremental is None or incremental.param is not None or self.names("since"):
            return
        stop = self.paginator.stop_before
        if stop and any(each.name == "since" for _, each in references_in(stop.value)):
            return
        if incremental.delta_path is None:
            told = "the value goes nowhere: add param, or {since} to the request or to stop_before"
            yield ("incremental",), told
        elif not isinstance(self.paginator, JsonLink | HeaderLink):
            told = (
                "the token goes nowhere: add param, or {since} to the request; a delta link is "
                "followed by paginator types json_link and header_link"
            )
            yield ("incremental",), told

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

    def _body_faults(self) -> Iterable[tuple[KeyPath, str]]:
        following = self.next_request
        given = (
            ("json", self.json_body is not None),
            ("form", bool(self.form)),
            ("body", self.text_body is not None),
        )
        bodies = [name for name, there in given if there]
        for name in bodies[1:]:
            yield (name,), f"a request has one body: {bodies[0]} or {name}"
        for name in bodies:
            if not self.sends_body:
                yield (name,), "a GET sends no body; add method: POST"
        later_method, can = self.method, self.sends_body
        if following and following.method:
            later_method, can = following.method, following.json_body is not None
        no_body = later_method == "GET" and not can
        if following and following.json_body is not None and no_body:
            yield ("next_request", "json"), "a GET sends no body; add method: POST"
        for name in ("cursor_body_path", "page_body_path", "offset_body_path"):
            if getattr(self.paginator, name, None) is None:
                continue
            if no_body:
                yield ("paginator", name), "a GET sends no body; add method: POST"
            if self.form or self.text_body is not None:
                kind = "form" if self.form else "text"
                yield ("paginator", name), f"is a place in json, but the body is a {kind}"

    def _cursor_faults(self) -> Iterable[tuple[KeyPath, str]]:
        places = {r.kind: path for path, r in references_in(self.request_parts)}
        match self.paginator:
            case Cursor() | Keyset() if not self.paginator.places and "cursor" not in places:
                yield (
                    ("paginator",),
                    "the cursor goes nowhere: add cursor_param, cursor_body_path or cursor_header",
                )
            case SinglePage() | JsonLink() | HeaderLink() if "cursor" in places:
                yield places["cursor"], f"{self.paginator.type} has no {{cursor}}"
            case PageNumber(page_param=str(name)):
                yield from self._twice("page_param", name)
            case Offset(offset_param=str(name)):
                yield from self._twice("offset_param", name)
        for option in ("page_size_param", "limit_param"):
            if self.paginator.full_page and (size := getattr(self.paginator, option, None)):
                yield from self._twice(option, size)

    def _rule_faults(self) -> Iterable[tuple[KeyPath, str]]:
        for index, rule in enumerate(self.response_actions):
            if rule.action == "restart" and isinstance(self.paginator, SinglePage):
                yield (
                    ("response_actions", index, "action"),
                    "restart begins a chain of cursors again; single_page has none",
                )

    def _twice(self, option: str, name: str) -> Iterable[tuple[KeyPath, str]]:
        """Find what the paginator sends as parameter `name` in the request's parameters too."""
        for part in ("params", "first_params"):
            if name in getattr(self, part):
                told = f"the paginator sends {name!r} itself, as its {option}; take it out here"
                yield (part, name), told


# --- The whole -----------------------------------------------------------------------------------


class Concurrency(Section):
    """How much is harvested at once."""

    partitions: Count = 4
    """Partitions at once."""
    pages: Annotated[int, Field(ge=1, le=64)] = 1
    """Pages of one partition that are asked for at once, where the next cursor is known
    beforehand (`page_number`, and `offset` with a `limit`); elsewhere one after the other. As many
    are asked for again after a kill."""


#: What the YAML may say of an object store, in the words of the library that speaks to it.
STORE_OPTIONS: Final = ("endpoint", "region", "access_key_id", "secret_access_key")


class Output(Section):
    """Where the harvest goes."""

    path: Text | None = None
    """The folder, or the URL of an object store: `s3://BUCKET/PREFIX`, `gs://…`, `az://…`. Left
    out: `data/<name>`."""
    endpoint: Text | None = None
    """Where the object store answers, if it is not that of Amazon: MinIO, R2, SeaweedFS, Ceph. Else
    `AWS_ENDPOINT_URL`."""
    region: Text | None = None
    """The region of the bucket. Else `AWS_REGION`."""
    path_style: bool = True
    """Whether the bucket stands in the path of a request, and not in the name of the host."""
    access_key_id: SecretLine | None = None
    """Who asks the object store, as `{env.NAME}`. Else `AWS_ACCESS_KEY_ID`, or the role of the
    machine."""
    secret_access_key: SecretLine | None = None
    """The key that belongs to it, as `{env.NAME}`. Else `AWS_SECRET_ACCESS_KEY`, or the role of the
    machine."""
    fsync: bool = True
    """Whether pages are forced to the disk. Off, a power cut can lose any of them, and what is left
    may be refused."""
    durability: Literal["group", "page"] = "group"
    """When. `group`: pages are kept at once, so that no kill of the process loses one, and become
    safe from a power cut in groups, behind the fetches: it costs at most the last second, and at
    most 64 pages, which are asked for again. `page`: each is safe before the next of its partition
    is asked for, as with `idempotent: false`; so none is asked for ahead."""

    @model_validator(mode="after")
    def _syncs(self) -> "Output":
        if self.durability == "page" and not self.fsync:
            told = "page forces each page to the disk, and fsync: false forbids that; leave one out"
            raise SectionError([(("durability",), told)])
        return self


class Config(Section):
    """A harvest, as declared in one YAML file."""

    version: Literal[1]
    """The version of this format: 1."""
    name: Name
    """The name of the harvest."""
    client: Client
    """The API: where it is, and how to behave towards it."""
    resources: Annotated[tuple[Resource, ...], Field(strict=False, min_length=1)]
    """The endpoints to harvest."""
    concurrency: Concurrency = Concurrency()
    """How much is harvested at once."""
    output: Output = Output()
    """Where the harvest goes."""

    _env: Mapping[str, str] = PrivateAttr(default_factory=dict)
    _home: Path = PrivateAttr(default_factory=Path)

    @property
    def env(self) -> Mapping[str, str]:
        """The environment variables that references name, and no others. In no dump or repr."""
        return self._env

    @property
    def home(self) -> Path:
        """The folder that relative files of partition values are relative to: the YAML's."""
        return self._home

    @property
    def base_url(self) -> str:
        """The URL that paths are relative to: references filled in, `/` at its end.

        Raises TemplateError as `folder` does.
        """
        url = str(render(self.client.base_url, Scope(env=self.env)))
        return url if url.endswith("/") else f"{url}/"

    @property
    def folder(self) -> Path:
        """The folder of the harvest, relative to the current one unless absolute.

        Raises TemplateError where `output.path` names a variable and the environment is unknown
        (a configuration read back from harvest.json).
        """
        if self.output.path is None:
            return Path("data", self.name)
        place = place_of_text(str(render(self.output.path, Scope(env=self.env))))
        return place.reached(self.store_options) if isinstance(place, Address) else place

    @property
    def store_options(self) -> dict[str, str]:
        """What the YAML says of the object store, filled in; raises TemplateError as `folder`."""
        said = ((name, getattr(self.output, name)) for name in STORE_OPTIONS)
        options = {name: str(render(text, Scope(env=self.env))) for name, text in said if text}
        if not self.output.path_style:
            options["virtual_hosted_style_request"] = "true"
        return options

    def place_of(self, resource: str, key: str) -> str:
        """Where a key of a resource stands in the YAML, for messages."""
        index = next(at for at, one in enumerate(self.resources) if one.name == resource)
        return f"resources[{index}].{key}"

    def with_env(self, env: Mapping[str, str], home: Path | None = None) -> Self:
        """Give the same configuration with the values of the variables that it names."""
        copy = self.model_copy()
        copy._env = dict(env)
        copy._home = home or self._home
        return copy

    @model_validator(mode="after")
    def _can_renew(self) -> Self:
        auth = self.client.auth
        message = (
            "reauth needs credentials that can be renewed; "
            f"{f'those of {auth.type} cannot' if auth else 'there is no auth'}"
        )
        faults: list[tuple[KeyPath, str]] = [
            (("resources", index, "response_actions", number, "action"), message)
            for index, resource in enumerate(self.resources)
            for number, rule in enumerate(resource.response_actions)
            if rule.action == "reauth" and not isinstance(auth, RenewableOptions)
        ]
        if faults:
            raise SectionError(faults)
        return self

    @model_validator(mode="after")
    def _bodies_for_keys(self) -> Self:
        auth = self.client.auth
        if auth is None or not auth.needs_body:
            return self
        faults: list[tuple[KeyPath, str]] = [
            (("client", "auth", "location"), f"{item.name!r} sends a GET, which has no body")
            for item in self.resources
            if "GET" in (item.method, item.next_request and item.next_request.method)
        ]
        faults += [
            (
                ("client", "auth", "location"),
                f"{item.name!r} sends a text, where no key has a place",
            )
            for item in self.resources
            if item.text_body is not None
        ]
        if faults:
            raise SectionError(faults)
        return self

    @model_validator(mode="after")
    def _parents_exist(self) -> Self:
        named = {item.name: item for item in self.resources}
        parents = {item.name: item.above for item in self.resources}
        faults: list[tuple[KeyPath, str]] = []
        for index, resource in enumerate(self.resources):
            for at, spec in resource.records_named:
                place: KeyPath = ("resources", index, *at, "resource")
                if spec.resource not in named:
                    faults.append((place, unknown("resource", spec.resource, list(named))))
                elif resource.name in _ancestors(spec.resource, parents):
                    faults.append((place, f"{resource.name!r} is its own ancestor"))
            known = [key for name in resource.parent_names if name in named
                     for key in named[name].partition_keys]  # fmt: skip
            for name in resource.inherited:
                own = name.removeprefix(PARENT)
                if own not in known and name not in known:
                    message = f"unknown reference {{{name}}}: " + (
                        f"the parents' keys are {listed(known, 'and')}"
                        if known
                        else "its parents have no partitions"
                    )
                    faults.append((("resources", index), message))
        if faults:
            raise SectionError(faults)
        return self

    def reference_dict(self) -> dict[str, Any]:
        """Give the configuration as JSON values in the YAML's names: defaults merged and left
        out, references as they stand, secrets written out in the file masked.

        Equal configurations give equal dicts; `load.parse_resolved` reads one back.
        """
        tree: dict[str, Any] = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        for resource, written in zip(self.resources, tree["resources"], strict=True):
            if resource.method == "GET" and resource.has_body and resource.sends_body:
                written["method"] = "GET"  # its default, and written all the same: see sends_body
        client = tree["client"]
        if "proxy" in client:
            client["proxy"] = re.sub("//[^/@]*@", f"//{MASK}@", client["proxy"])
        of_auth = auth_secrets()
        if "auth" in client:  # also where a token is asked for with parameters of these names
            client["auth"] = _masked(client["auth"], lambda n: n in of_auth or is_secret_name(n))
        for section, part in (
            (client, "headers"),
            *((resource, part) for resource in tree["resources"] for part in REQUEST_PARTS),
        ):
            if part in section:
                section[part] = _masked(section[part], is_secret_name)
        return tree

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what harvest.json says, without any secret; `with_env` brings the environment."""
        return _unpickled, (type(self), self.reference_dict(), self._home)


def _unpickled(kind: type[Config], tree: dict[str, Any], home: Path) -> Config:
    return kind.model_validate(tree).with_env({}, home)


def _ancestors(name: str, parents: Mapping[str, Sequence[str]]) -> set[str]:
    """A resource, its parents, and theirs."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        if (each := waiting.pop()) not in found:
            found.add(each)
            waiting += parents.get(each, ())
    return found


def _masked(tree: Any, named: Callable[[str], bool]) -> Any:
    """Mask what stands under the name of a secret, unless it is a reference to it."""
    if isinstance(tree, Mapping):
        return {
            key: masked(branch) if named(key) else _masked(branch, named)
            for key, branch in tree.items()
        }
    if isinstance(tree, list):
        return [_masked(branch, named) for branch in tree]
    return masked_url(tree) if isinstance(tree, str) else tree
