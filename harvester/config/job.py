"""Declares `job`: an API that is asked for a result first, and gives it when it is ready.

    job:
      create: {path: jobs, json: {query: "{query}"}, id_path: id}
      poll: {path: "jobs/{job.id}", until: {path: state, equals: done}, every: 10s, for: 2h}
      download: {urls_path: files, format: jsonl}

The pages of such a resource are those of `download`; what makes their requests is put where every
other resource has it, so that the page loop, the paginators and the formats see nothing new.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from pydantic import Field, model_validator

from harvester.config.formats import FormatConfig
from harvester.config.options import Duration, KeyName, PagePath, Section, SectionError, Text
from harvester.config.paginators import JobFiles
from harvester.config.request_options import HeaderName, Headers, JsonBody, Parameters, URLPath
from harvester.config.response_actions import Conditions
from harvester.config.wording import KeyPath

#: What the names of a job's values begin with in references: `{job.id}`.
JOB: Final = "job"
#: The reference by which the URL of one of its files is asked for.
JOB_FILE: Final = "{job.file}"
_TAKEN: Final = ("id", "file")
#: What of a download stands in the resource, by the names of the YAML.
_OF_THE_PAGES: Final = ("path", "method", "params", "json", "form", "body", "format")


class _Asking(Section):
    """One request."""

    params: Parameters = Field(default_factory=dict)
    """Query parameters. A list repeats the name; null leaves the parameter out."""
    headers: Headers = Field(default_factory=dict)
    """Headers, on top of the resource's."""
    json_body: JsonBody = Field(default=None, alias="json")
    """A JSON body."""
    form: Parameters = Field(default_factory=dict)
    """A form as the body, instead of `json`."""
    text_body: Text | None = Field(default=None, alias="body")
    """A text as the body, instead of `json`."""

    @property
    def bodies(self) -> list[str]:
        """The bodies that are given, by the names of the YAML."""
        given = (
            ("json", self.json_body is not None),
            ("form", self.form),
            ("body", self.text_body),
        )
        return [name for name, value in given if value]

    def parts(self) -> dict[str, Any]:
        """What may hold references, by the names of the YAML."""
        named = {"path", "params", "headers", "json_body", "form", "text_body"}
        written = self.model_dump(by_alias=True, include=named, exclude_none=True)
        return {name: value for name, value in written.items() if value}


class JobCreate(_Asking):
    """The request that begins a job."""

    path: URLPath
    """The path, relative to base_url, or a full URL."""
    method: Literal["GET", "POST"] = "POST"
    """The method."""
    id_path: PagePath = "id"
    """Path to the job's id in the answer, which is `{job.id}` from then on; it is in the journal
    before anything is asked with it."""
    id_header: HeaderName | None = None
    """The response header with the id instead, such as `Location`: a URL, or a path."""
    include: dict[KeyName, PagePath] = Field(default_factory=dict)
    """Further values of the answer: `{status_url: links.self}` is `{job.status_url}`."""


class JobPoll(_Asking):
    """The request that asks whether the result is ready."""

    path: URLPath
    """The path, such as `jobs/{job.id}`, or a URL that an answer gave: `"{job.status_url}"`."""
    method: Literal["GET", "POST"] | None = None
    """The method. Left out: POST where there is a body, else GET."""
    until: Conditions | None = None
    """What the answer says once the result is ready: a condition, or a list of those that must all
    hold. Left out: its status is 200, where 202 means not yet."""
    fail: Conditions | None = None
    """What it says of a job that came to nothing, which is begun anew."""
    empty: Conditions | None = None
    """What it says of a job that has ended and has no data, which ends the partition."""
    every: Duration = 10.0
    """How long to wait between two such requests, where the answer has no Retry-After, or 0."""
    for_: Duration = Field(default=86400.0, alias="for")
    """How long a job may take, from when it was made; then it is begun anew."""
    include: dict[KeyName, PagePath] = Field(default_factory=dict)
    """Values of the answer that says that the result is ready: `{document: reportDocumentId}` is
    `{job.document}` in `download`."""


class JobDownload(_Asking):
    """How the result comes."""

    path: URLPath | None = None
    """The path of its pages, which the resource's paginator goes through. With `urls_path`: that of
    a request whose answer names the files. Left out: the result stands in the poll's answer."""
    method: Literal["GET", "POST"] | None = None
    """The method. Left out: POST where there is a body, else GET."""
    urls_path: PagePath | None = None
    """Path to the URL of a file, or a list of them: each file is one page, in that order. Hosts
    other than base_url's are named in `client.allowed_hosts`, or allowed by `any_host`, and get no
    credentials."""
    any_host: bool = False
    """Whether the files may lie at any host, over https: one that only the answer names. None gets
    credentials but base_url's."""
    format: FormatConfig | None = None
    """What the pages, or the files, are written in; as `format` of any resource."""


class Job(Section):
    """Makes the API prepare a result, waits for it, and harvests it. A run that was interrupted
    goes on with the same job; one that failed, took too long or is gone is begun anew, three times
    in a run at most.
    """

    create: JobCreate
    """The request that begins the job."""
    poll: JobPoll
    """The request that asks whether the result is ready."""
    download: JobDownload = JobDownload.as_it_is()
    """How the result comes. Left out: it stands in the poll's answer."""

    @property
    def has_files(self) -> bool:
        """Whether the result comes as files whose URLs an answer gives."""
        return self.download.urls_path is not None

    @property
    def steps(self) -> dict[str, dict[str, Any]]:
        """What may hold references, by step and by the names of the YAML."""
        steps = {"create": self.create, "poll": self.poll, "download": self.download}
        return {name: step.parts() for name, step in steps.items()}

    @model_validator(mode="after")
    def _consistent(self) -> "Job":
        if found := [*self._faults()]:
            raise SectionError(found)
        return self

    def _faults(self) -> Iterator[tuple[KeyPath, str]]:
        for name, step in (
            ("create", self.create), ("poll", self.poll), ("download", self.download)
        ):  # fmt: skip
            for body in step.bodies[1:]:
                yield (name, body), f"a request has one body: {step.bodies[0]} or {body}"
        for name, step in (("create", self.create), ("poll", self.poll)):
            for taken in sorted({*_TAKEN} & {*step.include}):
                yield (name, "include", taken), f"{{job.{taken}}} means something else"
        for twice in sorted({*self.create.include} & {*self.poll.include}):
            yield ("poll", "include", twice), f"{{job.{twice}}} is a value of create already"
        if self.create.id_header and "id_path" in self.create.model_fields_set:
            yield ("create", "id_header"), "only one of id_path and id_header"
        given = [each for each in ("params", "json", "form", "body", "headers") if each in
                 self.download.parts()]  # fmt: skip
        if self.download.any_host and not self.has_files:
            yield ("download", "any_host"), "is for files: add urls_path"
        if self.download.path is None and given:
            yield ("download", given[0]), "belongs to path, which is not given"


def with_pages_of_job(tree: Any) -> Any:
    """The tree of a resource, with the requests of its pages where `job` says how the result comes.

    Raises `SectionError` where the resource says so, too.
    """
    job = tree.get("job") if isinstance(tree, Mapping) else None
    if not isinstance(job, Mapping):
        return tree
    given = job.get("download")
    download = given if isinstance(given, Mapping) else {}
    format_of = {key: download[key] for key in ("format",) if key in download}
    if download.get("urls_path") is not None:
        asked: dict[str, Any] = {"path": JOB_FILE, **format_of}
        tree = {**tree, "paginator": _files(tree.get("paginator"))}
    elif download.get("path") is not None:
        asked = {key: download[key] for key in _OF_THE_PAGES if key in download}
    else:
        poll = job.get("poll")
        polled = poll if isinstance(poll, Mapping) else {}
        asked = {key: polled[key] for key in _OF_THE_PAGES if key in polled} | format_of
    if any(asked.get(body) for body in ("json", "form", "body")):
        asked.setdefault("method", "POST")
    faults: list[tuple[KeyPath, str]] = [
        ((key,), "a job's requests are those of create, poll and download; take it out")
        for key in ("url", *_OF_THE_PAGES)
        if tree.get(key) is not None and tree[key] != asked.get(key) and key != "format"
    ]
    if faults:
        raise SectionError(faults)
    return {**tree, **{key: value for key, value in asked.items() if value is not None}}


def _files(given: Any) -> Any:
    """The paginator of a job's files. Raises `SectionError` where another one is given."""
    kind = given.get("type") if isinstance(given, Mapping) else given
    if isinstance(given, JobFiles):
        return given
    if kind in (None, "single_page"):
        return {**(given or {}), "type": "job_files"}
    if kind != "job_files":
        told = "the pages are the files of job.download.urls_path, one after the other; take it out"
        raise SectionError([(("paginator",), told)])
    return given
