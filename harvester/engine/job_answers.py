"""Reads the answers of a job's API: its id, how it stands, and where its files are.

They are small beside the result, and none of them is kept. What is looked for is found while the
answer streams by; only one that names files is held, up to a limit.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import datetime
from typing import Any, Final

from harvester.config import JobCreate, JobPoll, JsonFormat, Limits, Resource, SinglePage, When
from harvester.engine.answers import ERROR_BODY_BYTES, SNIPPET_BYTES, Answers
from harvester.engine.page_result import PageResult
from harvester.errors import Malformed, PageRefused, PageRejected
from harvester.http import Response, server_wait
from harvester.model import is_met, parse
from harvester.page import Came, Field, JsonPages, Take, is_supported, iter_elements, tee
from harvester.paging import BodyTexts, judge
from harvester.values import dataclass

_ID: Final = "job.id"
_URLS: Final = "job.urls"
_ACCEPTED: Final = 202


@dataclass(frozen=True, slots=True)
class Heard:
    """What an answer said. `ended`: a rule of the YAML ends the partition by it."""

    status: int
    headers: Mapping[str, str]
    values: Mapping[str, Any] = field(default_factory=dict)
    urls: tuple[str, ...] | None = None
    snippet: bytes = b""
    ended: PageResult | None = None
    is_ready: bool = False
    is_empty: bool = False
    has_failed: bool = False


@dataclass(frozen=True, slots=True)
class _Looked:
    """What was found in an answer's body."""

    fields: Mapping[str, Any]
    snippet: bytes
    body: bytes
    texts: BodyTexts


class JobAnswers:
    """Reads the answers to one step of a resource's job."""

    def __init__(
        self,
        resource: Resource,
        limits: Limits,
        step: JobCreate | JobPoll | None,
        urls_path: str | None,
        place: str,
        retry_after_path: str | None,
    ) -> None:
        """`step` None: the request whose answer names the files. `urls_path` is given where this
        step's answer names them.
        """
        self._resource = resource
        self._limits = limits
        self._step = step
        self._urls_path = urls_path
        self._place = place
        pages = JsonPages(JsonFormat(type="json"), ())
        self._answers = Answers(resource, limits, pages, retry_after_path, place)
        self._pages = pages
        self._wanted = [*self._answers.fields, *_of_conditions(step), *_of_values(step)]
        if urls_path is not None:
            self._wanted.append(Field(_URLS, parse(urls_path), Take.COUNT))

    def read(self, response: Response, now: datetime) -> Heard:
        """What an answer says. Raises `PageRejected`, `PageRefused`, `RunStopped` (a rule)."""
        status, epoch = response.status, now.timestamp()
        if not 200 <= status < 300:
            ended = self._answers.no_page(response, 1, epoch)
            return Heard(status, response.headers, ended=ended)
        looked = self._looked(response)
        rules = self._resource.response_actions
        verdict, rule = judge(rules, status, response.headers, looked.fields, looked.texts.found)
        if rule is not None and verdict != "keep":
            ended = self._answers.judged(
                response, looked.fields, epoch, looked.texts, looked.snippet
            )  # type: ignore[assignment]
            return Heard(status, response.headers, ended=ended)
        return self._heard(response, looked)

    def _heard(self, response: Response, looked: _Looked) -> Heard:
        step, found = self._step, looked.fields
        polled = step if isinstance(step, JobPoll) else None
        failed = polled is not None and _all_hold("fail", polled.fail, found)
        empty = polled is not None and not failed and _all_hold("empty", polled.empty, found)
        ready = polled is None
        if polled is not None and not failed and not empty:
            by_status = response.status != _ACCEPTED
            ready = by_status if polled.until is None else _all_hold("until", polled.until, found)
        urls = self._urls(looked) if ready and self._urls_path is not None else None
        return Heard(
            response.status,
            response.headers,
            self._values(response, found) if ready else {},
            urls,
            looked.snippet,
            is_ready=ready,
            is_empty=empty,
            has_failed=failed,
        )

    def _values(self, response: Response, found: Mapping[str, Any]) -> dict[str, Any]:
        """What `{job.NAME}` is by this answer. Raises `PageRefused` where something is missing."""
        step = self._step
        if step is None:
            return {}
        values = {}
        if isinstance(step, JobCreate):
            value = found.get(_ID)
            told = f"nothing at {step.id_path!r} ({self._place}.id_path)"
            if step.id_header is not None:
                value = response.headers.get(step.id_header.lower())
                told = f"no header {step.id_header} ({self._place}.id_header)"
            if value is None or value == "" or isinstance(value, dict | list | bool):
                raise PageRefused(f"the answer that makes a job has {told}", status=response.status)
            values["id"] = value
        for name, path in step.include.items():
            if found.get(name) is None:
                raise PageRefused(
                    f"the job's answer has nothing at {path!r} ({self._place}.include.{name})",
                    status=response.status,
                )
            values[name] = found[name]
        return values

    def _urls(self, looked: _Looked) -> tuple[str, ...]:
        """The URLs of the files, in their order."""
        path = self._urls_path or ""
        if _URLS not in looked.fields:
            if self._resource.allow_missing:
                return ()
            raise PageRefused(
                f"the answer has nothing at {path!r} ({self._place}: urls_path), where the URLs of "
                "the files should stand; if a job may have none, say allow_missing: true"
            )
        urls = tuple(json.loads(each) for each in iter_elements([looked.body], parse(path), 1))
        for url in urls:
            if not isinstance(url, str) or not url:
                raise PageRefused(
                    f"what stands at {path!r} ({self._place}: urls_path) is no URL but "
                    f"{json.dumps(url)[:60]}"
                )
        return urls

    def _looked(self, response: Response) -> _Looked:
        """The body, streamed by. Raises `PageRejected` where it is no JSON and should be."""
        texts = BodyTexts(self._resource.response_actions, response.status)
        if not self._wanted or not is_supported(response.encodings):
            return _Looked({}, b"", b"", texts)
        translator = self._pages.translator(self._limits)
        parser = self._pages.field_reader(self._wanted, self._limits)
        snippet, body, came = b"", bytearray(), Came()
        try:
            for stored, decoded in tee(response.chunks(), response.encodings, self._limits):
                came.add(stored, decoded)
                snippet += decoded[: SNIPPET_BYTES - len(snippet)]
                texts.feed(decoded)
                body += decoded if self._urls_path is not None else b""
                if len(body) > ERROR_BODY_BYTES:
                    raise PageRefused(
                        f"the answer that names the files has more than {ERROR_BODY_BYTES:,} "
                        "bytes, a limit",
                        status=response.status,
                    )
                parser.feed(translator.feed(decoded))
            if not came.decoded:
                return _Looked({}, b"", b"", texts)
            parser.feed(translator.close())
            return _Looked(parser.close(), snippet, bytes(body), texts)
        except Malformed as error:
            self._answers.refuse_other_type(response, snippet)
            said = " ".join(snippet.decode("utf-8", "replace").split())
            raise PageRejected(
                f"the answer of {self._place} is no JSON ({error}): {said}", status=response.status
            ) from error


def pause(heard: Heard, poll: JobPoll, now_epoch: float) -> float:
    """The seconds until a job is asked for again: what the server names, and `every` where it
    names none, or 0, which would be to ask without end.
    """
    return server_wait(heard.headers, now_epoch) or poll.every


def step_resource(resource: Resource, step: Any, *, names_files: bool = False) -> Resource:
    """The resource as one step of its job asks: with that step's request, and nothing that is the
    pages'.
    """
    method = step.method or ("POST" if step.bodies else "GET")
    changes = {
        "path": step.path,
        "method": method,
        "params": step.params,
        "headers": {**resource.headers, **step.headers},
        "json_body": step.json_body,
        "form": step.form,
        "text_body": step.text_body,
        "first_params": {},
        "next_request": None,
        "paginator": SinglePage(type="single_page"),
        "format": JsonFormat(type="json"),
        "data_selector": None,
        "incremental": None,
    }
    return resource.model_copy(update=changes)


def _of_conditions(step: JobCreate | JobPoll | None) -> Iterator[Field]:
    if not isinstance(step, JobPoll):
        return
    for name, conditions in (("until", step.until), ("fail", step.fail), ("empty", step.empty)):
        for place, when in enumerate(conditions or ()):
            take = Take.EXISTS if when.exists is not None else Take.FIRST
            yield Field(f"job.{name}[{place}]", parse(when.path), take)


def _of_values(step: JobCreate | JobPoll | None) -> Iterator[Field]:
    if step is None:
        return
    if isinstance(step, JobCreate) and step.id_header is None:
        yield Field(_ID, parse(step.id_path))
    for name, path in step.include.items():
        yield Field(name, parse(path))


def _all_hold(name: str, conditions: tuple[When, ...] | None, found: Mapping[str, Any]) -> bool:
    return bool(conditions) and all(
        is_met(when.operator, when.operand, found.get(f"job.{name}[{place}]"))
        for place, when in enumerate(conditions or ())
    )
