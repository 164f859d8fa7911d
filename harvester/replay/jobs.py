"""Makes up the answers of a job's API, of which the journal kept only what was taken from them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any
from urllib.parse import urlsplit

from harvester.config import JOB, Job, Resource
from harvester.model import Every, Key, parse
from harvester.replay.answers import both, met, put
from harvester.replay.links import is_absolute
from harvester.store import JOB_EMPTY, JOB_MADE, JOB_READY, Entry
from harvester.values import dataclass


@dataclass(frozen=True, slots=True)
class Said:
    """What a request of a job is answered with."""

    request: Mapping[str, Any]
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


def said_of_job(
    resource: Resource, entries: Iterator[Entry], urls: Sequence[str]
) -> Iterator[Said]:
    """The answers for the job of one partition, by all its lines and the URLs of its files."""
    if resource.job is None:
        return
    last: dict[str | None, Entry] = {}
    for entry in entries:
        if entry.restarts:
            last.clear()
        elif entry.reason in (JOB_MADE, JOB_READY, JOB_EMPTY):
            last[entry.reason] = entry
    if (made := last.get(JOB_MADE)) is not None:
        yield _made(resource.job, made)
    if (empty := last.get(JOB_EMPTY)) is not None:
        body = _meeting({}, resource.job.poll.empty)
        yield Said(empty.request, _with_urls(body, resource.job, []))
    if (ready := last.get(JOB_READY)) is not None:
        yield from _ready(resource.job, ready, urls)


def _made(job: Job, entry: Entry) -> Said:
    values = dict(entry.fields.get(JOB) or {})
    identity = _here(values.get("id"))
    in_header = job.create.id_header
    headers = {} if in_header is None else {in_header: str(identity)}
    body = {} if in_header is not None else put(job.create.id_path, identity) or {}
    return Said(entry.request, _with_values(body, job.create.include, values), headers)


def _ready(job: Job, entry: Entry, urls: Sequence[str]) -> Iterator[Said]:
    values = dict(entry.fields.get(JOB) or {})
    body = _with_values(_meeting({}, job.poll.until), job.poll.include, values)
    named_by = entry.fields.get("named_by")
    if isinstance(named_by, Mapping):
        yield Said(named_by, _with_urls({}, job, urls))
    else:
        body = _with_urls(body, job, urls)
    yield Said(entry.request, body)


def _with_values(body: Any, paths: Mapping[str, str], values: Mapping[str, Any]) -> Any:
    for name, path in paths.items():
        if name in values and (member := put(path, _here(values[name]))) is not None:
            body = both(body, member)
    return body


def _meeting(body: Any, conditions: Any) -> Any:
    for when in conditions or ():
        if (member := put(when.path, met(when.operator, when.operand))) is not None:
            body = both(body, member)
    return body


def _with_urls(body: Any, job: Job, urls: Sequence[str]) -> Any:
    """A body with the URLs where they are looked for; as it is where that is no path of keys."""
    if job.download.urls_path is None:
        return body
    value: Any = [_here(url) for url in urls]
    segments = list(parse(job.download.urls_path))
    every = next((at for at, each in enumerate(segments) if isinstance(each, Every)), None)
    for at, segment in reversed([*enumerate(segments)]):
        if isinstance(segment, Key):
            above = every is None or at < every
            value = {segment.name: value} if above else [{segment.name: each} for each in value]
        elif at != every:
            return body
    return both(body, value)


def _here(value: Any) -> Any:
    """A value that leads to this server, if it is a URL."""
    if not isinstance(value, str) or not is_absolute(value):
        return value
    return urlsplit(value)._replace(scheme="", netloc="").geturl()
