"""Computes the question that a harvest asks, and whether two configurations ask the same.

One folder holds the answers to one question. What chooses records, and how a record is found in a
page, is compared with what was asked before; a value of the environment that does so is compared by
a keyed digest, so that harvest.json says neither the value nor whether two harvests have the same.

What may change at any time is left out: secrets, rates, timeouts, limits, `response_actions`,
headers that choose nothing (`variables.is_free_header`), and every key that only says when paging
ends (`WHEN_PAGING_ENDS`), which our own messages advise to add.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from harvester.config.models import Config
from harvester.config.references import REQUEST_PARTS, is_given, references_in
from harvester.config.resource import Resource
from harvester.config.variables import is_free_header, renewable
from harvester.config.wording import listed
from harvester.security import is_secret_name
from harvester.values import dataclass

#: The keys of a resource that shape its requests, or say what in a page is a record.
_SHAPING: Final = (
    "path", "method", "params", "json", "form", "body", "first_params", "next_request", "format",
    "data_selector", "paginator", "incremental", "job",
)  # fmt: skip

#: The keys of a paginator that only say when paging ends, and shape no request.
WHEN_PAGING_ENDS: Final = frozenset(
    (
        "cursor_may_repeat", "has_more_path", "last_page_path", "maximum_empty_pages",
        "maximum_page", "maximum_pages", "repeated_page", "stop_after_empty_page", "stop_before",
        "stop_after_short_page", "total_header", "total_path",
        "total_unit",
    )
)  # fmt: skip
#: As soon as a run has begun, it goes on from its own value: this is for the next one.
_OF_THE_NEXT_RUN: Final = frozenset(("lookback",))
#: What is taken for a page, and not how one is read.
_OF_WHAT_COMES: Final = frozenset(("allow_unframed", "content_types"))
_FREE: Final[Mapping[str, frozenset[str]]] = {
    "format": _OF_WHAT_COMES,
    "paginator": WHEN_PAGING_ENDS,
    "incremental": _OF_THE_NEXT_RUN,
}

#: What cannot be accepted either: with another value, what is kept would mean something else, and
#: runs would lie in other folders.
_FIXED: Final = (
    ("data_selector",),
    ("format",),
    ("incremental",),
    ("paginator", "type"),
    ("paginator", "base_page"),
    ("paginator", "base_offset"),
    ("paginator", "initial_cursor"),
)
_BASE_URL: Final = "client.base_url"


@dataclass(frozen=True, slots=True)
class Change:
    """A difference between two questions, in words. `acceptable`: a run may go on with the new one,
    if it is asked to, and what is kept stays right. `advised`: our own messages say to make it, so
    a run goes on without being asked.
    """

    message: str
    acceptable: bool = False
    advised: bool = False


def shapes(config: Config) -> dict[str, dict[str, Any]]:
    """What shapes the requests of each resource, without secrets; what they are compared by.

    base_url counts by its path only: an API may move to another host in the middle of a harvest.
    """
    tree = config.reference_dict()
    return {
        written["name"]: _shape(config, tree, written)
        for written in tree["resources"]
        if "inside" not in written  # which asks for nothing
    }


def shape(config: Config, resource: Resource) -> dict[str, Any]:
    """The shape of one resource; see `shapes`."""
    return shapes(config)[resource.name]


def fingerprint(value: Any) -> str:
    """A short digest of a JSON value, the same on every machine."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def former_fingerprints(config: Config) -> dict[str, str]:
    """The fingerprints in journals that an earlier version began: more keys counted, and no value
    of the environment.
    """
    tree = config.reference_dict()
    return {
        written["name"]: fingerprint(_shape(config, tree, written, former=True))
        for written in tree["resources"]
        if "inside" not in written
    }


def fingerprints(config: Config, salt: str) -> dict[str, str]:
    """The fingerprint of each resource: of its shape, and, where values of the environment shape
    its requests, behind it the salt and a digest of these. So a journal can be compared with a YAML
    and an environment also where harvest.json is lost.
    """
    digests = digested(config, salt)
    found = {}
    for name, shaped in shapes(config).items():
        shape = fingerprint(shaped)
        used = {each: digests[each] for each in _used(shaped) if each in digests}
        if _BASE_URL in digests:
            used[_BASE_URL] = digests[_BASE_URL]
        found[name] = f"{shape}:{salt}:{fingerprint(used)}" if used else shape
    return found


def fits(config: Config, found: str, resource: str) -> bool:
    """Whether a journal with this fingerprint was asked with this configuration and environment."""
    today = fingerprints(config, salt_of(found))[resource]
    return found in (today, former_fingerprints(config)[resource])


def salt_of(found: str) -> str:
    """The salt in a fingerprint; "" where no value of the environment is in it."""
    return found.partition(":")[2].partition(":")[0]


def digested(config: Config, salt: str) -> dict[str, str]:
    """A keyed digest of each value of the environment that shapes requests and is no credential, by
    the variable's name; and of the path that base_url comes to, where it names any.
    """
    free = renewable(config)
    shaping = {name for shaped in shapes(config).values() for name in _used(shaped)}
    values = {name: config.env[name] for name in shaping - free if name in config.env}
    unset = shaping - free - config.env.keys()
    if unset <= _optional(config):  # else nobody has the environment: a reader
        values |= dict.fromkeys(unset, "")
    in_url = {each.name for _, each in references_in(config.client.base_url)}
    if in_url - free and in_url <= config.env.keys():
        same = {name: "-" if name in free else value for name, value in config.env.items()}
        values[_BASE_URL] = urlsplit(config.with_env(same).base_url).path
    return {name: _keyed(salt, name, value) for name, value in sorted(values.items())}


def changed_shapes(before: Config, now: Config) -> Iterator[Change]:
    """What differs in the shapes of the resources that both have."""
    new = shapes(now)
    for name, old in shapes(before).items():
        if name in new:
            for place, difference in _differences((), old, new[name]):
                fixed = any(place[: len(each)] == each for each in _FIXED)
                advised = place == ("paginator", "step") and new[name]["paginator"] == {
                    **old["paginator"],
                    "step": "limit",
                }
                yield Change(
                    f"{'.'.join(('resources', name, *place))} {difference}", not fixed, advised
                )


def changed_values(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Change]:
    """Which of the values of the environment that shape requests are others than before."""
    others = [name for name, digest in now.items() if before.get(name, digest) != digest]
    for name in others:
        if name == _BASE_URL:
            yield Change(f"{_BASE_URL} has another path, by a variable of the environment", True)
    if names := [name for name in others if name != _BASE_URL]:
        what = "the environment variable" if len(names) == 1 else "the environment variables"
        have = "has another value" if len(names) == 1 else "have other values"
        yield Change(f"{what} {listed(names, 'and')} {have} than before", True)


def _shape(
    config: Config, tree: Mapping[str, Any], written: Mapping[str, Any], *, former: bool = False
) -> dict[str, Any]:
    headers = {**tree["client"].get("headers", {}), **written.get("headers", {})}
    return {
        "base_url": urlsplit(config.client.base_url).path,
        "headers": {
            name.lower(): value
            for name, value in sorted(headers.items())
            if not is_secret_name(name)
            and not (name.lower() == "user-agent" if former else is_free_header(name))
        },
        **{
            key: _without_secrets(written[key] if former else _without_free(key, written[key]))
            for key in _SHAPING
            if key in written
        },
    }


def _without_free(key: str, value: Any) -> Any:
    if key == "job":
        return _asked_by_job(value)
    if not isinstance(value, Mapping) or key not in _FREE:
        return value
    kept = {name: each for name, each in value.items() if name not in _FREE[key]}
    if key == "paginator" and "page_size_param" not in kept:
        kept.pop("page_size", None)  # never sent: it says what a short page is
    return kept


def _asked_by_job(job: Mapping[str, Any]) -> dict[str, Any]:
    """What a job is made with and what is downloaded of it; not how it is waited for."""
    create = {part: each for part, each in job["create"].items() if part in REQUEST_PARTS}
    create |= {part: each for part, each in job["create"].items() if part == "method"}
    return {"create": create, "download": job.get("download", {})}


def _without_secrets(tree: Any) -> Any:
    """`tree` with its secrets alike, whether they are masked or references to the environment."""
    if isinstance(tree, Mapping):
        return {
            key: "***"
            if is_secret_name(key) and isinstance(branch, str) and is_given(branch)
            else _without_secrets(branch)
            for key, branch in tree.items()
        }
    return [_without_secrets(branch) for branch in tree] if isinstance(tree, list) else tree


def _used(shaped: Mapping[str, Any]) -> set[str]:
    """The variables that a shape names; of those in base_url only the path counts."""
    parts = {key: part for key, part in shaped.items() if key != "base_url"}
    return {reference.name for _, reference in references_in(parts) if reference.kind == "env"}


def _optional(config: Config) -> set[str]:
    """The variables that may be unset: that is a value too."""
    found = references_in(list(shapes(config).values()))
    return {reference.name for _, reference in found if reference.default is not None}


def _keyed(salt: str, name: str, value: str) -> str:
    text = f"{name}\0{value}".encode(errors="surrogateescape")
    return hmac.new(salt.encode(), text, hashlib.sha256).hexdigest()[:16]


def _differences(
    place: tuple[str, ...], old: Any, new: Any
) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in {**old, **new}:
            yield from _differences((*place, key), old.get(key), new.get(key))
    elif old != new:
        yield place, f"was {json.dumps(old)}, is {json.dumps(new)}"
