"""Builds from a configuration what the page loop asks and reads with: a `Source` a resource."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from harvester.auth import scheme_of
from harvester.config import (
    Config,
    RenewableOptions,
    Resource,
    fingerprints,
    hidden,
    references_in,
    secret_options,
)
from harvester.engine.page_reader import PageReader
from harvester.model import Reference, Scope, Template, command_of, file_of, render, strings
from harvester.paging import Endpoint
from harvester.patterns import pattern
from harvester.planning import CountedWindows
from harvester.security import Origin, Origins, Secrets, is_secret_name, origin_of, written_in
from harvester.values import dataclass

#: A URL whose host the user spelled out, rather than one that partition values or cursors make.
_SPELLED_OUT: Final = pattern(r"https?://[^/?#{}\s]+(?=[/?#]|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Source:
    """How one resource is asked and read. `fingerprint` is of what shapes its requests."""

    endpoint: Endpoint
    reader: PageReader
    fingerprint: str
    names_now: bool = False  # whether a request, or where it stops, names when it was begun
    counted: CountedWindows | None = None  # what is known beforehand of its windows


def sources_of(config: Config, secrets: Secrets, salt: str = "") -> dict[str, Source]:
    """The sources of all resources, by name; `salt` is the key of their fingerprints' digests."""
    marks = fingerprints(config, salt)
    client = config.client
    scope = Scope(env=config.env)
    headers = {name: str(value) for name, value in render(client.headers, scope).items()}
    allowed = {host.host: host.credentials for host in client.allowed_hosts}
    origins = Origins(frozenset(_configured(config)), allowed)
    return {
        resource.name: Source(
            Endpoint(
                resource,
                config.base_url,
                headers,
                replace(origins, anywhere=_any_host(resource)),
                secrets,
                config.env,
            ),
            PageReader(
                resource,
                client.limits,
                retry_after_path=client.retry.retry_after_path,
                place=f"resources[{index}]",
            ),
            marks[resource.name],
            _names_now(resource),
            CountedWindows(config, resource) if resource.planned_from else None,
        )
        for index, resource in config.placed
    }


def _any_host(resource: Resource) -> bool:
    """Whether its pages may lie at hosts that nobody has named."""
    return resource.job is not None and resource.job.download.any_host


def secrets_of(config: Config) -> Secrets:
    """Every secret of a configuration: variables that are to be hidden, and what is written
    straight into the YAML.
    """
    kept_back = hidden(config)
    values = {_named(name): config.env[name] for name in config.env if name in kept_back}
    # In journals that were begun before only credentials were concealed.
    former = {_named(name): value for name, value in config.env.items() if name not in kept_back}
    scope = Scope(env=config.env)
    scheme = scheme_of(config.client.auth, config.env)
    for place, url in _urls(config):
        values |= {f"{place}.{name}": text for name, text in written_in(url).items()}
    if client_proxy := config.client.proxy:  # sent as a header of its own
        password = urlsplit(str(render(client_proxy, scope))).password
        values["client.proxy"] = unquote(password or "")
    values |= {f"auth.{name}": text for name, text in scheme.secrets()}
    at_store = secret_options(type(config.output))
    values |= {
        f"output.{name}": text for name, text in config.store_options.items() if name in at_store
    }
    for place, parts in (
        ("client", {"headers": config.client.headers}),
        ("auth", _asked_with(config)),
        *((resource.name, resource.request_parts) for resource in config.resources),
    ):
        for path, text in strings(parts):
            names = [key for key in path if isinstance(key, str) and is_secret_name(key)]
            references = Template.parse(text).references
            # What a partition or a page fills in is no secret: `token: "{cursor}"`.
            if names and all(reference.kind == "env" for reference in references):
                name = re.sub("[{}:]", "_", ".".join(map(str, (place, *path))))
                values[name] = str(render(text, scope))
    return Secrets(values, scheme.derived(), former)


def _names_now(resource: Resource) -> bool:
    stop = resource.paginator.stop_before
    in_stop = {each.name for _, each in references_in(stop.value)} if stop else set()
    return resource.names("now", "until") or not in_stop.isdisjoint(("now", "until"))


def _named(name: str) -> str:
    return name if file_of(name) or command_of(name) else f"env.{name}"


def _urls(config: Config) -> Iterator[tuple[str, str]]:
    """The URLs and paths of the YAML, each with whose it is."""
    auth = config.client.auth
    for resource in config.resources:
        yield resource.name, resource.path
        if resource.next_request and resource.next_request.path:
            yield f"{resource.name}.next_request", resource.next_request.path
    if isinstance(auth, RenewableOptions) and auth.asked_at is not None:
        place, url = auth.asked_at
        yield ".".join(map(str, ("auth", *place[:-1]))), url


def _asked_with(config: Config) -> Mapping[str, Any]:
    """What a token is asked for with, other than the secrets themselves."""
    auth = config.client.auth
    return auth.asked_with[1] if isinstance(auth, RenewableOptions) else {}


def _configured(config: Config) -> Iterator[Origin]:
    yield origin_of(config.base_url)
    for resource in config.resources:
        following = resource.next_request.path if resource.next_request else None
        for path in filter(None, (resource.path, following)):
            if found := _SPELLED_OUT.match(_spelled(path, config.env)):
                yield origin_of(found[0])


def _spelled(path: str, env: Mapping[str, str]) -> str:
    """The path with the environment's references filled in; others stay references."""
    return "".join(
        str(render(str(part), Scope(env=env)))
        if isinstance(part, Reference) and part.kind == "env"
        else str(part)
        for part in Template.parse(path).parts
    )
