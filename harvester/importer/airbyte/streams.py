"""Turns one stream of a manifest into a resource of the YAML, or says what stands against it."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import field
from functools import partial
from typing import Any

from harvester.importer.airbyte.auth import auth
from harvester.importer.airbyte.formats import format_of
from harvester.importer.airbyte.jobs import job_of
from harvester.importer.airbyte.paginators import Paging, paging, put_into
from harvester.importer.airbyte.partitions import Routed, routed
from harvester.importer.airbyte.paths import dotted, selector
from harvester.importer.airbyte.rules import rules
from harvester.importer.airbyte.texts import Texts
from harvester.importer.airbyte.unread import unread
from harvester.importer.airbyte.windows import Intervals, intervals
from harvester.importer.outcome import UnsaidError
from harvester.values import dataclass


@dataclass(slots=True)
class Translated:
    """A stream as far as the YAML says it: its client, its resource, its parents by key."""

    name: str
    base_url: str = ""
    auth: dict[str, Any] | None = None
    resource: dict[str, Any] = field(default_factory=dict)
    parents: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    later: "Translated | None" = None  # what runs after the first one ask instead
    condition: str | None = None  # that its records must meet to be kept by the source


def translated(stream: Mapping[str, Any], name: str, spec: Mapping[str, Any]) -> Translated:
    """One resolved stream."""
    found = Translated(name)
    retriever = stream.get("retriever") or {}
    kind = retriever.get("type", "SimpleRetriever")
    if kind not in ("SimpleRetriever", "AsyncRetriever"):
        found.missing.append(f"the retriever {kind}: {retriever.get('class_name')}")
        return found
    _Reading(found, stream, retriever, spec).read()
    found.missing += [why for why in dict.fromkeys(unread(stream)) if why not in found.missing]
    return found


class _Reading:
    """Reads the parts of one stream, and goes on behind what cannot be said."""

    def __init__(
        self,
        found: Translated,
        stream: Mapping[str, Any],
        retriever: Mapping[str, Any],
        spec: Mapping[str, Any],
    ) -> None:
        self._found, self._stream, self._retriever = found, stream, retriever
        self._is_job = retriever.get("type") == "AsyncRetriever"
        asks = "creation_requester" if self._is_job else "requester"
        self._requester: Mapping[str, Any] = retriever.get(asks) or {}
        self._spec = spec
        self._keys: list[str] = []
        self._texts = Texts(spec, stream.get("$parameters") or {}, {})

    def read(self) -> None:
        """Fill in what was found."""
        found, resource = self._found, self._found.resource
        times = self._try(lambda: intervals(self._stream.get("incremental_sync"), self._texts))
        times = times or Intervals()
        found.notes += times.notes
        parameters = self._requester.get("$parameters") or self._stream.get("$parameters") or {}
        texts = Texts(self._spec, parameters, times.references)
        keys = self._try(lambda: routed(self._retriever.get("partition_router"), texts)) or Routed()
        found.parents = keys.parents
        specs = [spec for spec in keys.keys.values() if isinstance(spec, Mapping)]
        self._keys = [*keys.keys, *(name for spec in specs for name in spec.get("include", ()))]
        at = self._try(lambda: self._selector(texts)) or "$"
        pages = self._retriever.get("download_paginator" if self._is_job else "paginator")
        paged = self._try(lambda: paging(pages, at, texts)) or Paging()
        resource["name"] = found.name
        if self._is_job:
            self._try(lambda: self._job(texts, paged, [*keys.options, *times.options]))
        else:
            self._try(lambda: self._request(texts))
        for option, value in () if self._is_job else (*keys.options, *times.options):
            self._try(partial(put_into, paged.put, option, value))
        resource["paginator"] = paged.options
        if not self._is_job:
            self._put(paged.put)
        self._partition(keys, times)
        self._counted(paged, texts)
        if pages or at:
            resource["data_selector"] = at
            resource["allow_missing"] = True
        if key := _key(self._stream.get("primary_key")):
            resource["key"] = key
        resource["paginator"] = paged.options
        if self._is_job and "urls_path" in (resource.get("job") or {}).get("download", {}):
            del resource["paginator"]
        self._try(lambda: self._feed(times, at))
        if actions := self._try(lambda: self._rules(texts)):
            resource["response_actions"] = actions
        found.auth = self._try(lambda: auth(self._requester.get("authenticator"), texts))
        found.notes += [note for note in dict.fromkeys(texts.notes) if note not in found.notes]

    def _try(self, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except UnsaidError as error:
            if str(error) not in self._found.missing:
                self._found.missing.append(str(error))
        except (TypeError, ValueError, AttributeError, KeyError) as error:
            self._found.missing.append(f"a part that is not of the usual shape ({error})")
        return None

    def _job(self, texts: Texts, paged: Paging, options: list[Any]) -> None:
        """A job in the place of a request."""
        if options:
            raise UnsaidError("a request option of a job")
        said = job_of(self._retriever, texts, self._asked)
        if said.has_files and (self._retriever.get("download_paginator") or paged.put):
            raise UnsaidError("files of a job that are paged")
        for part, values in paged.put.items():
            own = said.job["download"]
            own[part] = {**(own.get(part) or {}), **values}
        self._found.base_url, self._found.resource["job"] = said.base_url, said.job

    def _asked(self, requester: Mapping[str, Any], texts: Texts) -> tuple[str, dict[str, Any]]:
        """The base URL and the request of one step of a job."""
        step = Translated(self._found.name)
        retriever = {"requester": requester}
        parameters = requester.get("$parameters") or self._stream.get("$parameters") or {}
        below = texts.below({"$parameters": parameters})
        reading = _Reading(step, self._stream, retriever, self._spec)
        reading._keys = self._keys
        reading._request(below)
        own = auth(requester.get("authenticator"), below)
        lets_in = auth(self._requester.get("authenticator"), below)
        if own is not None and own != lets_in:
            raise UnsaidError("other credentials for a step of a job than for its making")
        return step.base_url, step.resource

    def _rules(self, texts: Texts) -> list[dict[str, Any]]:
        """The rules for answers; for those of a job's steps together."""
        if not self._is_job:
            return rules(self._requester.get("error_handler"), texts)
        steps = ("creation", "polling", "download_target", "download")
        asked = [self._retriever.get(f"{step}_requester") or {} for step in steps]
        found = [rule for each in asked for rule in rules(each.get("error_handler"), texts)]
        if any(rule["action"] in ("ignore", "restart") for rule in found):
            raise UnsaidError("an error of one step of a job that is ignored")
        return [rule for at, rule in enumerate(found) if rule not in found[:at]]

    def _selector(self, texts: Texts) -> str:
        records = self._retriever.get("record_selector") or {}
        if self._is_job:
            of_download = self._retriever.get("download_extractor") or {}
            if of_download.get("type") == "ResponseToFileExtractor":
                of_download = {}
            records = {**records, "extractor": of_download}
        else:
            decoder = self._retriever.get("decoder") or records.get("decoder")
            written = format_of(decoder)
            if written is not None:
                self._found.resource["format"] = written
                if written != "xml" and (records.get("extractor") or {}).get("field_path"):
                    raise UnsaidError("a path into lines that are not JSON pages")
        extractor = records.get("extractor") or {}
        kind = extractor.get("type", "DpathExtractor")
        if kind != "DpathExtractor":
            raise UnsaidError(f"the extractor {kind} {extractor.get('class_name', '')}".rstrip())
        if condition := records.get("record_filter"):
            if condition.get("type", "RecordFilter") != "RecordFilter":
                raise UnsaidError(f"the record filter {condition.get('class_name')}")
            shown = " ".join(str(condition.get("condition")).split())
            self._found.condition = shown
            self._found.notes.append(f"the source keeps of these records: {shown}")
        texts = texts.below(extractor)
        keys = [texts.constant(key) for key in extractor.get("field_path") or ()]
        at = selector([key for key in keys if key not in ("", None)])
        return _expanded(at, extractor.get("record_expander"), texts)

    def _request(self, texts: Texts) -> None:
        asked, resource = self._requester, self._found.resource
        if asked.get("type", "HttpRequester") != "HttpRequester":
            raise UnsaidError(f"the requester {asked.get('type')} {asked.get('class_name', '')}")
        base, path = asked.get("url_base") or asked.get("url") or "", asked.get("path") or ""
        self._found.base_url = str(texts.text(base)).strip()
        resource["path"] = str(texts.text(path)).strip().lstrip("/")
        method = str(texts.constant(asked.get("http_method") or "GET")).upper()
        if method not in ("GET", "POST"):
            raise UnsaidError(f"requests by {method}")
        if method == "POST":
            resource["method"] = method
        self._params(texts)
        for part, key in (("json", "request_body_json"), ("form", "request_body_data")):
            if body := asked.get(key):
                if isinstance(body, str):
                    self._text(body, texts)
                else:
                    resource[part] = self._mapping(body, key, texts)
        if body := asked.get("request_body"):
            self._body(body, texts)

    def _params(self, texts: Texts) -> None:
        for part, key in (("params", "request_parameters"), ("headers", "request_headers")):
            if values := self._requester.get(key):
                said = self._mapping(values, key, texts)
                if part == "headers":
                    said = {name: str(value) for name, value in said.items()}
                self._found.resource[part] = {
                    name: value
                    for name, value in said.items()
                    if value not in ("", None) and not self._is_nothing(name, value)
                }

    def _is_nothing(self, name: str, value: Any) -> bool:
        """Whether a value is a member that a slice does not have: the source sends nothing."""
        found = re.fullmatch(r"\{([A-Za-z_]\w*)\}", str(value))
        if found is None or found[1] in (*self._keys, "cursor"):
            return False
        self._found.notes.append(f"{name}: the source has no value for it, and sends nothing")
        return True

    def _mapping(self, value: Any, key: str, texts: Texts) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise UnsaidError(f"{key} as one text")
        value = {name: _properties(each) for name, each in value.items()}
        said: dict[str, Any] = texts.tree(value, typed=key == "request_body_json")
        return said

    def _body(self, body: Mapping[str, Any], texts: Texts) -> None:
        kind, value = str(body.get("type")), body.get("value")
        resource = self._found.resource
        match kind:
            case "RequestBodyJsonObject":
                resource["json"] = self._mapping(value, "request_body_json", texts)
            case "RequestBodyGraphQL":
                resource["json"] = self._mapping(value, "request_body_json", texts)
            case "RequestBodyUrlEncodedForm":
                resource["form"] = self._mapping(value, kind, texts)
            case "RequestBodyPlainText":
                self._text(value, texts)
            case _:
                raise UnsaidError(f"the body {kind}")

    def _text(self, value: Any, texts: Texts) -> None:
        """A body that is a text; one that is a JSON object is that."""
        try:
            tree = json.loads(str(value))
        except (ValueError, RecursionError):
            tree = None
        if isinstance(tree, Mapping):
            self._found.resource["json"] = texts.tree(tree)
        else:
            self._found.resource["body"] = texts.text(str(value))

    def _put(self, put: Mapping[str, Mapping[str, Any]]) -> None:
        resource = self._found.resource
        for part, values in put.items():
            resource[part] = {**(resource.get(part) or {}), **values}
        paginator = resource.get("paginator") or {}
        in_body = any(name.endswith("_body_path") for name in paginator)
        if any(resource.get(name) for name in ("json", "form", "body")) or in_body:
            resource.setdefault("method", "GET")

    def _counted(self, paged: Paging, texts: Texts) -> None:
        """A page number or offset that no option sends, but a template of the request."""
        options = paged.options
        if not {"page_param", "offset_param"} & options.keys() or paged.by_option:
            return
        parts = ("path", "params", "headers", "json", "form", "body")
        if "{cursor}" not in str([self._found.resource.get(part) for part in parts]):
            paged.options = {"type": "single_page"}
        elif any(str(options.get("base_page", 0)) != str(each) for each in texts.cursors):
            self._found.missing.append("a page number that the first request leaves out")

    def _feed(self, times: Intervals, selector: str) -> None:
        """A list that is left at what is older than the run before."""
        if times.feed is None:
            return
        resource, field = self._found.resource, dotted(times.feed_field.split("."))
        base = selector.removesuffix("[*]")
        base = "" if base == "$" and not selector.endswith("[*]") else base.removeprefix("$")
        resource["incremental"] = {"cursor_path": f"{base or '$'}[*].{field}", **times.feed}
        if resource["paginator"].get("type") != "single_page":
            last = {"path": f"{base or '$'}[-1].{field}", "value": "{since}"}
            resource["paginator"] = {**resource["paginator"], "stop_before": last}
        elif "{since" not in str(resource):
            raise UnsaidError("a feed of one page, without a start that is sent")

    def _partition(self, keys: Routed, times: Intervals) -> None:
        """The keys that the request names; those it does not would ask the same again."""
        parts = ("path", "params", "headers", "json", "form", "body", "job")
        used = str([self._found.resource.get(part) for part in parts])
        partitions = dict(keys.keys)
        if times.window and "{window." in used:
            partitions["window"] = times.window
        if unused := [key for key in keys.keys if not _is_named(key, used)]:
            specs = [spec for key in unused if isinstance(spec := keys.keys[key], Mapping)]
            included = [name for spec in specs for name in spec.get("include", ())]
            if not any(_is_named(name, used) for name in included):
                self._found.missing.append(f"a partition value that no request names: {unused[0]}")
        if partitions:
            self._found.resource["partitions"] = partitions


def _expanded(at: str, expander: Any, texts: Texts) -> str:
    """The path to the records inside records, where these are what the source gives."""
    if not expander:
        return at
    keys = [texts.constant(key) for key in expander.get("expand_records_from_field") or ()]
    kept = expander.get("remain_original_record")
    if kept or expander.get("on_no_records", "skip") != "skip" or not keys or "*" in keys:
        raise UnsaidError("records inside records that are given with the outer one")
    return f"{at.removesuffix('[*]')}[*].{dotted(keys)}"


def _properties(value: Any) -> Any:
    """The names of fields that are asked for, in one text; anything else is as it was."""
    if not isinstance(value, Mapping) or value.get("type") != "QueryProperties":
        return value
    listed, chunks = value.get("property_list"), value.get("property_chunking") or {}
    if not isinstance(listed, list):
        raise UnsaidError("names of fields that another request gives (QueryProperties)")
    always = value.get("always_include_properties") or []
    if chunks and not _fits(chunks, listed):
        raise UnsaidError("fields that are asked for in several requests (PropertyChunking)")
    return ",".join(dict.fromkeys(map(str, [*always, *listed])))


def _fits(chunks: Mapping[str, Any], listed: list[Any]) -> bool:
    limit = chunks.get("property_limit")
    if not isinstance(limit, int) or chunks.get("property_limit_type") != "property_count":
        return limit is None
    return len(listed) <= limit


def _is_named(key: str, used: str) -> bool:
    """Whether a request refers to a key of a partition, in whichever form."""
    return any(f"{{{key}{sign}" in used for sign in "}|:.")


def _key(primary: Any) -> Any:
    """The key of a record; none where it is a path of several keys into lists."""
    keys = [primary] if isinstance(primary, str) else primary
    if not isinstance(keys, list) or not keys or not all(isinstance(k, str) for k in keys):
        return None
    if not all(key.replace("_", "a").isalnum() and not key[0].isdecimal() for key in keys):
        return None
    return keys[0] if len(keys) == 1 else keys
