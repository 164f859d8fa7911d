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
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, PrivateAttr, Tag, model_validator

from harvester.config.auth_options import RenewableOptions
from harvester.config.client import Client
from harvester.config.deferred import Elsewhere, built
from harvester.config.options import (
    Name,
    Section,
    SectionError,
)
from harvester.config.output import STORE_OPTIONS, Concurrency, Output
from harvester.config.references import JOB_STEPS, REQUEST_PARTS
from harvester.config.resource import Resource
from harvester.config.secret_text import MASK, masked
from harvester.config.wording import KeyPath, listed, unknown
from harvester.model import (
    PARENT,
    Address,
    Scope,
    place_of_text,
    render,
    split_key,
)
from harvester.security import is_secret_name, masked_url

if TYPE_CHECKING:
    from harvester.config.embedded import Embedded
else:
    Embedded = Annotated[Any, Elsewhere("harvester.config.embedded", "Embedded")]


def _which(value: object) -> str:
    return "embedded" if isinstance(value, Mapping) and "inside" in value else "resource"


AnyResource = Annotated[
    Annotated[Resource, Tag("resource")] | Annotated[Embedded, Tag("embedded")],
    Discriminator(_which),
]
"""What stands in `resources`: told apart by `inside`."""


class Config(Section):
    """A harvest, as declared in one YAML file."""

    version: Literal[1]
    """The version of this format: 1."""
    name: Name
    """The name of the harvest."""
    client: Client
    """The API: where it is, and how to behave towards it."""
    declared: Annotated[
        tuple[AnyResource, ...], Field(strict=False, min_length=1, alias="resources")
    ]
    """The endpoints to harvest, and records inside records that are resources of their own."""
    concurrency: Concurrency = Concurrency.as_it_is()
    """How much is harvested at once."""
    output: Output = Output.as_it_is()
    """Where the harvest goes."""

    _env: Mapping[str, str] = PrivateAttr(default_factory=dict)
    _home: Path = PrivateAttr(default_factory=Path)

    @property
    def resources(self) -> tuple[Resource, ...]:
        """The endpoints to harvest."""
        return tuple(each for each in self.declared if isinstance(each, Resource))

    @property
    def embedded(self) -> "tuple[Embedded, ...]":
        """The resources without a request, which stand inside the records of others."""
        found: Any = (each for each in self.declared if not isinstance(each, Resource))
        return tuple(found)

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

    def named(self, name: str) -> AnyResource:
        """The resource of this name."""
        return next(each for each in self.declared if each.name == name)

    def harvested(self, name: str) -> Resource:
        """The endpoint whose pages hold the records of a resource. Raises `KeyError`."""
        found = next((each for each in self.declared if each.name == name), None)
        if found is None:
            raise KeyError(name)
        return found.source

    def place_of(self, resource: str, key: str) -> str:
        """Where a key of a resource stands in the YAML, for messages."""
        index = next(at for at, one in enumerate(self.declared) if one.name == resource)
        return f"resources[{index}].{key}"

    @property
    def placed(self) -> Iterator[tuple[int, Resource]]:
        """The endpoints, each with its place among all that are declared."""
        for index, each in enumerate(self.declared):
            if isinstance(each, Resource):
                yield index, each

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Give a copy with other values; `resources` are all that are declared."""
        changes = {
            "declared" if key == "resources" else key: v for key, v in (update or {}).items()
        }
        return super().model_copy(update=changes, deep=deep)

    def with_env(self, env: Mapping[str, str], home: Path | None = None) -> Self:
        """Give the same configuration with the values of the variables that it names."""
        copy = self.model_copy()
        copy._env = dict(env)
        copy._home = home or self._home
        return copy

    @model_validator(mode="after")
    def _embedded_are_held(self) -> Self:
        if len(self.resources) == len(self.declared):
            return self
        from harvester.config.embedded import connect

        places = {each.name: index for index, each in enumerate(self.declared)}
        found = connect({each.name: each for each in self.declared})
        if faults := [(("resources", places[name], *at), why) for name, at, why in found]:
            raise SectionError(faults)
        return self

    @model_validator(mode="after")
    def _can_renew(self) -> Self:
        auth = self.client.auth
        message = (
            "reauth needs credentials that can be renewed; "
            f"{f'those of {auth.type} cannot' if auth else 'there is no auth'}"
        )
        faults: list[tuple[KeyPath, str]] = [
            (("resources", index, "response_actions", number, "action"), message)
            for index, resource in self.placed
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
        named = {item.name: item for item in self.declared}
        parents = {
            item.name: [*item.above, *filter(None, [item.planned_from])] for item in self.resources
        }
        faults: list[tuple[KeyPath, str]] = []
        for index, resource in self.placed:
            if (counted := resource.planned_from) is not None:
                found = split_key(resource.partitions)
                where = ("resources", index, "partitions", found[0] if found else "", "plan_from")
                if counted not in named:
                    faults.append((where, unknown("resource", counted, list(named))))
                elif not isinstance(named[counted], Resource):
                    faults.append((where, f"{counted!r} is embedded: it asks for nothing"))
                elif resource.name in _ancestors(counted, parents):
                    faults.append((where, f"{counted!r} waits for {resource.name!r} itself"))
            for at, spec in resource.records_named:
                place: KeyPath = ("resources", index, *at, "resource")
                if spec.resource not in named:
                    faults.append((place, unknown("resource", spec.resource, list(named))))
                elif resource.name in _ancestors(spec.source, parents):
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
        for resource, written in zip(self.declared, tree["resources"], strict=True):
            if not isinstance(resource, Resource):
                continue
            if resource.method == "GET" and resource.has_body and resource.sends_body:
                written["method"] = "GET"  # its default, and written all the same: see sends_body
        client = tree["client"]
        if "proxy" in client:
            client["proxy"] = re.sub("//[^/@]*@", f"//{MASK}@", client["proxy"])
        if "auth" in client:  # also where a token is asked for with parameters of these names
            from harvester.config.auth_forms import auth_secrets

            of_auth = auth_secrets()
            client["auth"] = _masked(client["auth"], lambda n: n in of_auth or is_secret_name(n))
        for section, part in (
            (client, "headers"),
            *((resource, part) for resource in tree["resources"] for part in REQUEST_PARTS),
            *(
                (resource["job"][step], part)
                for resource in tree["resources"]
                for step in JOB_STEPS
                if step in resource.get("job", {})
                for part in REQUEST_PARTS
            ),
        ):
            if part in section:
                section[part] = _masked(section[part], is_secret_name)
        return tree

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what harvest.json says, without any secret; `with_env` brings the environment."""
        return _unpickled, (self.reference_dict(), self._home)


def validated(tree: Any) -> Config:
    """The configuration that a tree is; raises pydantic's ValidationError."""
    config: Config = built(Config).model_validate(tree)
    return config


def _unpickled(tree: dict[str, Any], home: Path) -> Config:
    return validated(tree).with_env({}, home)


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
