"""Checks that the references of a configuration lead somewhere.

These checks read the bare YAML tree, after defaults are merged and before it is a `Config`, and
step over whatever has the wrong shape: so a reference to nothing is reported together with all
other problems, and not only once those are mended.

References are read in the parts of a request, where partition keys, the cursor, the page and the
environment can be named, and in a few options of the client, where only the environment can.
Anywhere else braces are text, and `{env.…}` there is a mistake.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from harvester.config.wording import KeyPath, listed, nearest
from harvester.model import (
    OF_THE_RUN,
    PARENT,
    WINDOW_ATTRIBUTES,
    Reference,
    Template,
    TemplateError,
    strings,
)
from harvester.patterns import pattern

#: The keys of a resource that make its requests.
REQUEST_PARTS: Final = (
    "url", "path", "params", "headers", "json", "form", "body", "first_params", "next_request",
)  # fmt: skip

_ENVIRONMENT_ONLY: Final[tuple[KeyPath, ...]] = (
    ("client", "base_url"),
    ("client", "headers"),
    ("client", "ca_bundle"),
    ("client", "proxy"),
    ("output", "path"),
    ("output", "endpoint"),
    ("output", "region"),
    ("output", "access_key_id"),
    ("output", "secret_access_key"),
    ("output", "account_name"),
    ("output", "account_key"),
)


#: The steps of a job, each of which makes requests.
JOB_STEPS: Final = ("create", "poll", "download")


def parts_of(resource: Mapping[Any, Any]) -> dict[str, Any]:
    """The parts of a resource, as written, that make its requests; those of its job by step."""
    names = (*REQUEST_PARTS, "json_body")
    parts = {part: resource[part] for part in names if part in resource}
    job = resource.get("job")
    steps = {s: job[s] for s in JOB_STEPS if s in job} if isinstance(job, Mapping) else {}
    asked = {
        step: {part: given[part] for part in REQUEST_PARTS if part in given}
        for step, given in steps.items()
        if _is_map(given)
    }
    return {**parts, "job": asked} if asked else parts


def _is_map(value: Any) -> bool:
    return isinstance(value, Mapping)


def references_in(tree: Any) -> Iterator[tuple[KeyPath, Reference]]:
    """Walk a tree: every reference, with the path to its string; what is no template is skipped."""
    for path, text in strings(tree):
        try:
            found = Template.parse(text).references
        except TemplateError:
            continue
        yield from ((path, reference) for reference in found)


def is_given(text: str) -> bool:
    """Whether a text seems to refer to a variable, or to a secret's file."""
    return any(begins in text for begins in ("{env.", "{file./", "{command."))


def variables(tree: Any) -> Iterator[tuple[KeyPath, Reference]]:
    """List the references to the environment of a configuration, with the places."""
    for path, text in strings(tree):
        if _environment_only(path) or _request_of(path, tree) is not None:
            for _, reference in references_in(text):
                if reference.kind == "env":
                    yield path, reference


def faults(tree: Any) -> Iterator[tuple[KeyPath, str]]:
    """Find references to nothing, and strings that are no templates."""
    for path, text in strings(tree):
        resource = _request_of(path, tree)
        if resource is None and not _environment_only(path):
            if ("{file./" in text or "{command." in text) and "partitions" in path:
                yield path, "a secret here would name a folder; write the value"
            continue
        try:
            found = Template.parse(text).references
        except TemplateError as error:
            yield path, error.message
            continue
        for reference in found:
            if reference.raw and path[-1] not in ("path", "url"):
                yield path, f"{reference}: only a path takes |raw; elsewhere values are encoded"
            fault = (
                _misplaced(reference)
                if resource is None
                else _of_its_job(reference, resource, path)
                if reference.kind == "value" and _names_job(reference, resource)
                else _unanswered(reference, resource)
            )
            fault = fault and f"{fault}{_meant(reference, text)}"
            if fault or (fault := _cannot_be_left_out(reference, path)):
                yield path, fault


def unread(tree: Any) -> Iterator[tuple[KeyPath, str]]:
    """Find references to the environment where nobody reads references.

    Only worth telling once all keys are known ones: under a misspelt key nothing is read.
    """
    for path, text in strings(tree):
        read = _environment_only(path) or _request_of(path, tree) is not None
        filled = "partitions" in path or path[-2:] == ("incremental", "initial_value")
        if is_given(text) and not read and not filled:
            yield path, "references are not read here"


def _cannot_be_left_out(reference: Reference, path: KeyPath) -> str | None:
    """Say so where a variable that is not set would leave nothing."""
    can = path[-1] not in ("path", "url") and (
        "resources" in path[:1] or path[:2] == ("client", "headers")
    )
    if reference.kind == "env" and reference.default == "" and not can:
        return f"{reference}: this cannot be left out; give a value behind the '?'"
    return None


def _environment_only(path: KeyPath) -> bool:
    if path[:2] == ("client", "auth"):
        from harvester.config.auth_forms import auth_references

        return any(path[2:3] == (name,) for name in auth_references())
    return any(path[: len(place)] == place for place in _ENVIRONMENT_ONLY)


#: The keys of what has no times.
_NOT_WINDOWS: Final = frozenset(("range", "file", "resource", "prefixes"))


def _request_of(path: KeyPath, tree: Any) -> Mapping[str, Any] | None:
    """Give the resource that a place in a request belongs to, or None for other places."""
    match path:
        case ("resources", int(index), part, *_) if part in REQUEST_PARTS:
            resource: Mapping[str, Any] = tree["resources"][index]
            return resource
        case ("resources", int(index), "job", step, part, *_) if (
            step in JOB_STEPS and part in REQUEST_PARTS
        ):
            return tree["resources"][index]  # type: ignore[no-any-return]
        case ("resources", int(index), "paginator", "stop_before", "value"):
            return tree["resources"][index]  # type: ignore[no-any-return]
    return None


def _misplaced(reference: Reference) -> str | None:
    if reference.kind == "env":
        return None
    return f"only {{env.NAME}} can stand here, not {reference}"


def _unanswered(reference: Reference, resource: Mapping[str, Any]) -> str | None:
    """Say why a partition key's reference has no value, or None."""
    if reference.kind != "value":
        return None
    partitions = resource.get("partitions")
    keys = partitions if isinstance(partitions, Mapping) else {}
    included = [name for spec in keys.values() for name in _included(spec)]
    if reference.name.startswith(PARENT):
        has = any(isinstance(spec, Mapping) and "resource" in spec for spec in keys.values())
        return None if has else f"{reference}: this resource has no parents"
    if reference.name == "offset" and reference.name not in (*keys, *included):
        paginator = resource.get("paginator")
        if isinstance(paginator, Mapping) and paginator.get("type") == "offset":
            plain = not reference.attribute and not reference.format
            return None if plain else f"{reference}: {{offset}} is a number, and takes no format"
    if reference.name in OF_THE_RUN and reference.name not in (*keys, *included):
        return _of_the_run(reference, resource)
    if reference.name not in keys and reference.name not in included:
        return _unknown_key(reference, [*keys, *included])
    return _unfit(reference, keys.get(reference.name))


def _unfit(reference: Reference, spec: Any) -> str | None:
    """Say why the values of a key cannot be named so, or None; `spec` is what the YAML has."""
    if isinstance(spec, Mapping) and "resource" in spec and reference.attribute:
        return None if reference.format is None else f"{reference}: a member takes no format"
    is_stretch = _is_stretch(spec)
    is_windows = isinstance(spec, Mapping) and not spec.keys() & _NOT_WINDOWS
    if reference.format == "list":
        is_batch = isinstance(spec, Mapping) and "batch" in spec
        return None if is_batch else f"{reference}: {reference.name!r} is no batch, which is a list"
    if is_stretch and reference.format:
        return f"{reference}: {reference.name!r} is a stretch of numbers, which takes no format"
    if (is_windows or is_stretch) and reference.attribute not in (None, *WINDOW_ATTRIBUTES):
        has_not = f"'.{reference.attribute}' is unknown"
        return f"{reference}: {has_not}: a window has .start, .end and .last"
    if not (is_windows or is_stretch) and (reference.attribute or reference.format):
        return f"{reference}: {reference.name!r} is no window of time; only those have times"
    if is_windows and reference.format and not reference.attribute:
        return (
            f"{reference}: a window has two times; say {{{reference.name}.start:…}} "
            f"or {{{reference.name}.end:…}}"
        )
    return None


_NAMES_A_VARIABLE: Final = pattern(r"[A-Z][A-Z0-9_]*|\$")


def _meant(reference: Reference, text: str) -> str:
    """The spelling of a variable of the environment, where a shell's was used."""
    name = reference.name if reference.kind == "value" else ""
    if name and (f"${{{name}" in text or _NAMES_A_VARIABLE.fullmatch(name)):
        shell = ", without the $" if f"${{{name}" in text else ""
        return f"; a variable of the environment is written {{env.{name}}}{shell}"
    return ""


def _is_stretch(spec: Any) -> bool:
    """Whether a key's values are stretches of numbers, as they are written."""
    if not isinstance(spec, Mapping):
        return False
    if "range" in spec:
        return "split_above" in spec
    ends = (spec.get("start"), spec.get("end"))
    return all(isinstance(end, int) and not isinstance(end, bool) for end in ends)


def _of_the_run(reference: Reference, resource: Mapping[str, Any]) -> str | None:
    if reference.attribute:
        return f"{reference}: {reference.name!r} is a time already"
    if reference.name == "since" and not resource.get("incremental"):
        return f"{reference} is what an incremental run starts at: this resource is not incremental"
    return None


def _names_job(reference: Reference, resource: Mapping[str, Any]) -> bool:
    """Whether a reference is to a value of the resource's job."""
    partitions = resource.get("partitions")
    is_key = isinstance(partitions, Mapping) and "job" in partitions
    return reference.name == "job" and resource.get("job") is not None and not is_key


def _of_its_job(reference: Reference, resource: Mapping[str, Any], path: KeyPath) -> str | None:
    """Say why a reference to a job has no value where it stands, or None."""
    job = resource["job"] if _is_map(resource["job"]) else {}
    create, poll = (_included(job.get(step)) for step in ("create", "poll"))
    before = [] if "create" in path else ["id", *create]
    known = before if path[2:4] in (("job", "create"), ("job", "poll")) else [*before, *poll]
    if reference.format is not None:
        return f"{reference}: a value of a job takes no format"
    if reference.attribute in known:
        return None
    if "create" in path:
        return f"{reference}: there is no job yet when it is created"
    if reference.attribute == "file" and path[2] == "path":
        return None
    answers = listed([f"{{job.{name}}}" for name in known], "and")
    return f"unknown reference {reference}: known here are {answers}"


def _included(spec: Any) -> list[str]:
    included = spec.get("include") if isinstance(spec, Mapping) else None
    return list(included) if isinstance(included, Mapping) else []


def _unknown_key(reference: Reference, keys: list[str]) -> str:
    if near := nearest(reference.name, [*keys, "cursor", "page"]):
        return f"unknown reference {reference}: did you mean {{{near}}}?"
    if not keys:
        return f"unknown reference {reference}: this resource has no partitions"
    return f"unknown reference {reference}: the partition keys are {listed(keys, 'and')}"
