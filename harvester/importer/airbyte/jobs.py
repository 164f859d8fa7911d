"""Turns an asynchronous retriever into `job`: what makes it, what asks for it, and its download."""

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, Final

from harvester.importer.airbyte.expressions import Term
from harvester.importer.airbyte.formats import format_of
from harvester.importer.airbyte.paths import dotted
from harvester.importer.airbyte.texts import Texts, key_name
from harvester.importer.outcome import UnsaidError
from harvester.values import dataclass

#: What a request asks with, by the names of the YAML; the base URL is apart.
Asked = dict[str, Any]
ReadRequest = Callable[[Mapping[str, Any], Texts], tuple[str, Asked]]
"""Gives the base URL and the request of a requester."""

_TAKEN: Final = ("id", "file")


@dataclass(slots=True)
class Names:
    """The names of a job's values: the first one that is taken of its making is its id."""

    id_path: str | None = None
    create: dict[str, str] = field(default_factory=dict)
    poll: dict[str, str] = field(default_factory=dict)
    targets: int = 0

    def reference(self, of: Term) -> str:
        """The reference for a value of an answer. Raises `UnsaidError`."""
        if of.kind == "target":
            self.targets += 1
            return "{job.file}"
        if not of.path or of.form or of.pattern:
            raise UnsaidError(f"{of.kind}_response, or a part of its values")
        path = dotted(of.path)
        if of.kind == "creation" and self.id_path in (None, path):
            self.id_path = path
            return "{job.id}"
        own = self.create if of.kind == "creation" else self.poll
        return f"{{job.{self._name(own, path, str(of.path[-1]))}}}"

    def _name(self, own: dict[str, str], path: str, last: str) -> str:
        for name, known in own.items():
            if known == path:
                return name
        wanted = key_name(last)
        others = {*self.create, *self.poll, *_TAKEN}
        names = (wanted, *(f"{wanted}_{number}" for number in range(2, 99)))
        name = next(each for each in names if each not in others)
        own[name] = path
        return name


@dataclass(slots=True)
class JobSaid:
    """A job as the YAML says it, and the base URL of its making."""

    base_url: str
    job: dict[str, Any]
    has_files: bool


def job_of(retriever: Mapping[str, Any], texts: Texts, read: ReadRequest) -> JobSaid:
    """The job of a retriever. Raises `UnsaidError`."""
    names = Names()
    base, create = read(retriever.get("creation_requester") or {}, texts)
    texts.job = names
    try:
        poll = _elsewhere(base, *read(retriever.get("polling_requester") or {}, texts))
        download = _download(base, retriever, texts, read, names)
    finally:
        texts.job = None
    if names.id_path is None:
        raise UnsaidError("a job that is asked for by nothing of its making")
    if create.pop("method", "GET") == "GET":
        create["method"] = "GET"
    create["id_path"] = names.id_path
    _include(create, names.create)
    poll |= _conditions(retriever, texts)
    _include(poll, names.poll)
    minutes = retriever.get("polling_job_timeout")
    if isinstance(minutes, int | float) and not isinstance(minutes, bool) and minutes > 0:
        poll["for"] = f"{minutes}m"
    elif isinstance(minutes, str):
        texts.notes.append(f"how long the source waits for a job is left to the default: {minutes}")
    return JobSaid(
        base, {"create": create, "poll": poll, "download": download}, "urls_path" in download
    )


def _include(step: Asked, values: Mapping[str, str]) -> None:
    if values:
        step["include"] = dict(values)


def _elsewhere(base: str, own: str, asked: Asked) -> Asked:
    """A request with its whole URL where another base is its own."""
    if own != base and not asked["path"].startswith("{job."):
        if not own.startswith("http"):
            raise UnsaidError("a step of a job at a host that only the configuration names")
        return {**asked, "path": f"{own.rstrip('/')}/{asked['path']}".rstrip("/")}
    return asked


def _download(
    base: str, retriever: Mapping[str, Any], texts: Texts, read: ReadRequest, names: Names
) -> Asked:
    requester = retriever.get("download_requester") or {}
    own, asked = read(requester, texts)
    written = _format(retriever)
    if not names.targets:
        found = _elsewhere(base, own, asked)
        return {**found, **({"format": written} if written else {})}
    target = f"{own}{asked.pop('path')}"
    if target != "{job.file}" or asked.pop("method", "GET") != "GET" or asked:
        raise UnsaidError("files that are asked for with more than their URL")
    found = {"urls_path": _path(retriever.get("download_target_extractor"), texts)}
    if more := retriever.get("download_target_requester"):
        found = {**_elsewhere(base, *read(more, texts)), **found}
    if not _lets_in(requester):
        found["any_host"] = True
    return {**found, **({"format": written} if written else {})}


def _lets_in(requester: Mapping[str, Any]) -> bool:
    kind = (requester.get("authenticator") or {}).get("type", "NoAuth")
    return bool(kind != "NoAuth")


def _format(retriever: Mapping[str, Any]) -> Any:
    """The format of what is downloaded."""
    if (retriever.get("download_extractor") or {}).get("type") == "ResponseToFileExtractor":
        return format_of(retriever.get("download_decoder")) or "csv"
    return format_of(retriever.get("download_decoder"))


def _path(extractor: Any, texts: Texts) -> str:
    extractor = extractor or {}
    if (kind := extractor.get("type", "DpathExtractor")) != "DpathExtractor":
        raise UnsaidError(f"the extractor {kind} {extractor.get('class_name', '')}".rstrip())
    keys = extractor.get("field_path") or ()
    return dotted([texts.constant(key) for key in ([keys] if isinstance(keys, str) else keys)])


def _conditions(retriever: Mapping[str, Any], texts: Texts) -> Asked:
    """What the status says, by the mapping of its values."""
    path = _path(retriever.get("status_extractor"), texts)
    mapping = retriever.get("status_mapping") or {}
    if (kind := mapping.get("type", "AsyncJobStatusMap")) != "AsyncJobStatusMap":
        raise UnsaidError(f"the states {kind} {mapping.get('class_name', '')}".rstrip())

    def values(*keys: str) -> list[Any]:
        found = [texts.constant(each) for key in keys for each in mapping.get(key) or ()]
        return list(dict.fromkeys(found))

    said: Asked = {}
    for name, keys in (
        ("until", ("completed",)), ("fail", ("failed", "timeout")), ("empty", ("skipped",))
    ):  # fmt: skip
        if them := values(*keys):
            same = {"equals": them[0]} if len(them) == 1 else {"in": them}
            said[name] = {"path": path, **same}
    if "until" not in said:
        raise UnsaidError("a job without a state that says that it is complete")
    return said
