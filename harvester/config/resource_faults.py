"""Faults of one resource: the keys that do not go together, each with its place and why.

What one value must be is said by its type, and what one section must be by its model. Here stands
what only a whole resource can tell: two bodies, a cursor that goes nowhere, a partition key that no
request holds.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from harvester.config.formats import RawFormat
from harvester.config.references import references_in
from harvester.config.wording import KeyPath
from harvester.model import Crawl, OpenWindows, parse, split_key

if TYPE_CHECKING:
    from harvester.config.resource import Resource

_MOST_KEYS: Final = 16  # of partitions: 200 bytes of a path each, where 4,096 are the most


def resource_faults(resource: "Resource") -> Iterable[tuple[KeyPath, str]]:
    """Find what does not go together, each with its place within the resource."""
    yield from _format_faults(resource)
    yield from _crawl_faults(resource)
    yield from _run_faults(resource)
    yield from _key_faults(resource)
    yield from _body_faults(resource)
    yield from _cursor_faults(resource)
    yield from _rule_faults(resource)
    yield from _since_faults(resource)
    yield from _job_faults(resource)
    yield from _restart_faults(resource)


def _restart_faults(resource: "Resource") -> Iterable[tuple[KeyPath, str]]:
    restart, place = resource.paginator.restart_after, ("paginator", "restart_after")
    if restart is None:
        return
    if not resource.key:
        yield place, "needs key, by which readers know the records that come a second time"
    if split_key(resource.partitions):
        yield place, "split_above keeps each partition below the cap already; take one of them out"
    if restart.into_body_path and resource.form:
        yield (*place, "into_body_path"), "is for a JSON body, and this is a form"


def _format_faults(resource: "Resource") -> Iterable[tuple[KeyPath, str]]:
    at = resource.data_selector
    if isinstance(resource.format, RawFormat) and at not in (None, "$"):
        yield ("data_selector",), "a file is one record; take it out"
    rows_at = getattr(resource.format, "rows_path", None)
    if rows_at is not None and at is not None and parse(at) != parse(rows_at):
        yield ("data_selector",), "the records are the rows of format (rows_path); take it out"


def _crawl_faults(resource: "Resource") -> Iterable[tuple[KeyPath, str]]:
    for key, spec in resource.partitions.items():
        if not isinstance(spec, Crawl):
            continue
        if len(resource.partitions) > 1:
            yield ("partitions", key), "a crawl is the only key of its resource"
        if resource.incremental:
            yield ("incremental",), "a crawl has no runs: each value is one partition"
        elif resource.refresh:
            yield ("refresh",), "a crawl is not refreshed: harvester redo asks for it again"
        if any(getattr(place, "include", ()) for place in spec.seed_places):
            yield ("partitions", key, "seeds", "include"), "what a crawl finds includes nothing"
        if any(getattr(place, "batch", None) for place in spec.seed_places):
            yield ("partitions", key, "seeds", "batch"), "a crawl asks for one value at a time"


def _run_faults(resource: "Resource") -> Iterable[tuple[KeyPath, str]]:
    """Find what asks for the same again in more than one way."""
    if resource.refresh and resource.incremental:
        yield ("refresh",), "incremental runs ask for what is new by themselves"
    specs = resource.partitions.items()
    splits = [key for key, spec in specs if getattr(spec, "split", None)]
    for key in splits[1:]:
        yield ("partitions", key), f"one key may be split, and {splits[0]!r} is already"
    open_keys = [key for key, spec in specs if isinstance(spec, OpenWindows)]
    if open_keys and open_keys != list(resource.partitions)[-1:]:
        yield ("partitions", open_keys[0]), "open windows are the last key, and the only ones"
    elif resource.incremental and splits:
        yield ("incremental",), "a partition that is split has no runs: leave out split_above"
    elif open_keys and resource.incremental:
        yield ("incremental",), "open windows go on from run to run by themselves"


def _key_faults(resource: "Resource") -> Iterable[tuple[KeyPath, str]]:
    """Find partition keys that are too many, mean two things, or that no request holds."""
    if len(resource.partitions) > _MOST_KEYS:
        told = (
            f"{len(resource.partitions)} keys make paths that are longer than systems take; "
            f"{_MOST_KEYS} at most"
        )
        yield ("partitions",), told
    used = {r.name for _, r in references_in(resource.request_parts) if r.kind == "value"}
    taken = {"env", "cursor", "page"}
    taken |= {"run"} if resource.incremental else set()
    taken |= {"job"} if resource.job else set()
    for key, spec in resource.partitions.items():
        names = {key, *(name for name, _ in getattr(spec, "include", ()))}
        if twice := taken & names:
            told = f"{{{min(twice)}}} means something else; choose another name"
            yield ("partitions", key), told
        elif not used & names:
            told = f"no part of the request holds {{{key}}}: every partition would ask the same"
            yield ("partitions", key), told
        taken |= names


def _since_faults(resource: "Resource") -> Iterable[tuple[KeyPath, str]]:
    incremental = resource.incremental
    if incremental is None or incremental.param is not None or resource.names("since"):
        return
    stop = resource.paginator.stop_before
    if stop and any(each.name == "since" for _, each in references_in(stop.value)):
        return
    if incremental.delta_path is None:
        told = "the value goes nowhere: add param, or {since} to the request or to stop_before"
        yield ("incremental",), told
    elif not resource.paginator.follows_links:
        told = (
            "the token goes nowhere: add param, or {since} to the request; a delta link is "
            "followed by paginator types json_link and header_link"
        )
        yield ("incremental",), told


def _body_faults(resource: "Resource") -> Iterable[tuple[KeyPath, str]]:
    following = resource.next_request
    given = (
        ("json", resource.json_body is not None),
        ("form", bool(resource.form)),
        ("body", resource.text_body is not None),
    )
    bodies = [name for name, there in given if there]
    for name in bodies[1:]:
        yield (name,), f"a request has one body: {bodies[0]} or {name}"
    for name in bodies:
        if not resource.sends_body:
            yield (name,), "a GET sends no body; add method: POST"
    later_method, can = resource.method, resource.sends_body
    if following and following.method:
        later_method, can = following.method, following.json_body is not None
    no_body = later_method == "GET" and not can
    if following and following.json_body is not None and no_body:
        yield ("next_request", "json"), "a GET sends no body; add method: POST"
    for name in ("cursor_body_path", "page_body_path", "offset_body_path"):
        if getattr(resource.paginator, name, None) is None:
            continue
        if no_body:
            yield ("paginator", name), "a GET sends no body; add method: POST"
        if resource.form or resource.text_body is not None:
            kind = "form" if resource.form else "text"
            yield ("paginator", name), f"is a place in json, but the body is a {kind}"


def _cursor_faults(resource: "Resource") -> Iterable[tuple[KeyPath, str]]:
    places = {r.kind: path for path, r in references_in(resource.request_parts)}
    paginator = resource.paginator
    if paginator.lacks_place and "cursor" not in places:
        told = "the cursor goes nowhere: add cursor_param, cursor_body_path or cursor_header"
        yield ("paginator",), told
    if not paginator.has_cursor and "cursor" in places:
        yield places["cursor"], f"{paginator.type} has no {{cursor}}"
    if counted := paginator.counted_in:
        yield from _twice(resource, *counted)
    for option in ("page_size_param", "limit_param"):
        if paginator.full_page and (size := getattr(paginator, option, None)):
            yield from _twice(resource, option, size)


def _rule_faults(resource: "Resource") -> Iterable[tuple[KeyPath, str]]:
    for index, rule in enumerate(resource.response_actions):
        if (
            rule.action == "restart"
            and resource.paginator.type == "single_page"
            and not resource.job
        ):
            yield (
                ("response_actions", index, "action"),
                "restart begins a chain of cursors again; single_page has none",
            )


def _job_faults(resource: "Resource") -> Iterable[tuple[KeyPath, str]]:
    if resource.job is None:
        if resource.paginator.type == "job_files":
            yield ("paginator", "type"), "job_files are the files of a job; this resource has none"
        return
    if resource.incremental and resource.incremental.param:
        yield ("incremental", "param"), "is no parameter of a job; say {since} in job.create"
    if any(isinstance(spec, Crawl) for spec in resource.partitions.values()):
        yield ("job",), "a crawl asks for its values as they are found, without a job for each"
    if split_key(resource.partitions):
        yield ("job",), "a window is split by what its first page says, and a job's page comes late"
    if resource.refresh and resource.refresh.conditional:
        yield ("refresh", "conditional"), "the pages of a job have no former ones"


def _twice(resource: "Resource", option: str, name: str) -> Iterable[tuple[KeyPath, str]]:
    """Find what the paginator sends as parameter `name` in the request's parameters too."""
    for part in ("params", "first_params"):
        if name in getattr(resource, part):
            told = f"the paginator sends {name!r} itself, as its {option}; take it out here"
            yield (part, name), told
