"""Explains what pydantic found: in words for people, with the places of the YAML.

pydantic says where in the models an error is and of which type; its own wording is for
programmers and never shown. `_WORDS` has the sentence for each type that the models can raise.

The way from the models to the YAML is not one to one: a location also names the member of a
union that was tried, and items of a list that was written as a single value. So the location is
walked through the models' annotations and the YAML tree at once; the walk also meets the section
whose keys were the known ones.
"""

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import Tag, ValidationError
from pydantic_core import ErrorDetails

from harvester.config.document import Document
from harvester.config.models import Config
from harvester.config.options import Section, SectionError
from harvester.config.wording import KeyPath, kind, listed, nearest, shown, unknown
from harvester.errors import Problem
from harvester.security import is_secret_name

_MISSING: Final = "this key is missing"

#: For each type of error what was expected; what was found is added.
_EXPECTED: Final = {
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "model_type": "a mapping (key: value)",
    "model_attributes_type": "a mapping (key: value)",
    "dict_type": "a mapping (name: value)",
    "mapping_type": "a mapping (name: value)",
    "tuple_type": "a list",
}


def explain(error: ValidationError, document: Document) -> Iterator[Problem]:
    """Give every problem that pydantic found in the document's tree."""
    faults = [fault for details in error.errors(include_url=False)
              for fault in _faults(details, document.tree)]  # fmt: skip
    meant = {near for *_, near in faults if near}
    for path, message, _ in faults:
        if not (message == _MISSING and path in meant):  # the typo says it already
            yield document.problem(path, message)


_Fault = tuple[KeyPath, str, KeyPath | None]
"""Path, message, and the path of the key that was probably meant."""


def _faults(details: ErrorDetails, tree: Any) -> Iterator[_Fault]:
    walk = _Walk(details["loc"], tree)
    context = details.get("ctx", {})
    match details["type"]:
        case "value_error" if isinstance(error := context["error"], SectionError):
            for below, message in error.faults:
                yield (*walk.path, *below), message, None
        case "too_short" if details["input"]:
            return  # its items have faults of their own
        case "extra_forbidden":
            yield walk.unknown_key()
        case "union_tag_invalid" | "union_tag_not_found":
            yield walk.unknown_member()
        case _:
            yield walk.path, _message(details, walk), None


def _message(details: ErrorDetails, walk: "_Walk") -> str:
    value, context = details["input"], details.get("ctx", {})
    secret = {"auth", "headers", "proxy"} & {*walk.path} or any(
        isinstance(key, str) and is_secret_name(key) for key in walk.path
    )
    found = kind(value) if secret or isinstance(value, dict | list) else shown(value)
    match details["type"]:
        case "missing":
            return _MISSING
        case "value_error":
            return str(context["error"])
        case "literal_error" | "int_parsing_size":  # a number too large for pydantic to compare
            return _unlike(value, walk)
        case "greater_than_equal":
            return f"must be at least {context['ge']}, got {found}"
        case "less_than_equal":
            return f"must be at most {context['le']}, got {found}"
        case "string_too_short":
            return "is empty"
        case "too_short":
            return "an empty list; give at least one, or leave the key out"
        case "string_type" if isinstance(value, int | float):
            return f"expected text, got {found}; put it in quotes"
        case known if known in _EXPECTED:
            return f"expected {_EXPECTED[known]}, got {found}"
    return f"does not fit here: {found}"


def _unlike(value: object, walk: "_Walk") -> str:
    """Say that a value is not one of the few it may be."""
    known = get_args(_bare(walk.kind))
    if not isinstance(value, str) or not all(isinstance(word, str) for word in known):
        return f"expected {listed(map(shown, known))}, got {shown(value)}"
    return unknown(str(walk.path[-1]), value, known)


#: What may stand where nothing is called a type, by a member that only it has, or the first has.
_FORMS: Final = {
    "window": "a list of values, {range: [1, 100]} or {start: 2021-01-01, end: now, step: 1d}",
    "plan": "the name of a resource that counts, or {resource: tweets_counts, start: from, end: "
    "to, count: n}",
    "value": "a value, {file: seeds.csv, column: id} or {resource: roots, field: id}",
    "several": "a list such as [root], {file: seeds.csv, column: id} or {resource: roots, field: "
    "id}",
}

#: Keys that people look for elsewhere, and where they stand.
_HOMES: Final = {
    "restart_after": "the paginator of a resource (offset, page_number)",
    "split_above": "a window, or a stretch of numbers, of partitions",
    "plan_from": "a window, or a stretch of numbers, of partitions",
    "per_host": "client",
    "adaptive_pace": "client",
    "retry_after_path": "client.retry, or a rule of response_actions",
}


class _Walk:
    """A location of pydantic's, followed through the annotations and the tree at once.

    `path` is the place in the tree, `kind` the annotation there, `value` what stands there, and
    `owner` the section that the last step was taken from.
    """

    def __init__(self, location: tuple[int | str, ...], tree: Any) -> None:
        self.path: KeyPath = ()
        self.kind: Any = Config
        self.value = tree
        self.owner: type[Section] | None = None
        for step in location:
            self._take(step)

    def _take(self, step: int | str) -> None:
        here = _bare(self.kind)
        if step in (members := _members(here)):
            self.kind = members[step]
            return
        if step == "[key]":  # the step before this one is the key that is wrong
            return
        self.owner = here if isinstance(here, type) and issubclass(here, Section) else None
        self.kind = _below(here, step)
        if isinstance(self.value, list if isinstance(step, int) else dict):
            self.path = (*self.path, step)
            if isinstance(self.value, list):
                self.value = self.value[int(step)]
            else:
                self.value = self.value.get(step)

    def unknown_key(self) -> _Fault:
        key = self.path[-1]
        known = _keys(self.owner) if self.owner else []
        near = nearest(str(key), known)
        meant = (*self.path[:-1], near) if near else None
        message = unknown("key", str(key), known)
        if near is None and (home := _HOMES.get(str(key))):
            message = f"unknown key {str(key)!r} here: it stands in {home}"
        return self.path, message, meant

    def unknown_member(self) -> _Fault:
        """Say why a mapping is none of those that may stand here."""
        known = [str(tag) for tag in _members(_bare(self.kind))]
        for member, forms in _FORMS.items():
            if member in known:
                return self.path, f"expected {forms}, got {shown(self.value)}", None
        if not isinstance(self.value, dict):
            return self.path, f"expected a mapping with a type, got {kind(self.value)}", None
        path = (*self.path, "type")
        tag = self.value.get("type")
        if isinstance(tag, str):
            return path, unknown("type", tag, known), None
        return path, f"expected a type: {listed(known)}", None


def _bare(annotation: Any) -> Any:
    """Take off what does not change where a location leads: metadata and `| None`."""
    while True:
        if get_origin(annotation) is Annotated:
            first, *metadata = get_args(annotation)
            annotation = next((mark.form for mark in metadata if hasattr(mark, "form")), first)
        elif get_origin(annotation) in (Union, UnionType):
            some = [member for member in get_args(annotation) if member is not type(None)]
            if len(some) > 1:
                return annotation
            annotation = some[0]
        else:
            return annotation


def _members(annotation: Any) -> dict[int | str, Any]:
    """Give the members of a union by the tags that a location names them with."""
    if get_origin(annotation) not in (Union, UnionType):
        return {}
    return {tag: member for member in get_args(annotation) for tag in _tags(member)}


def _tags(member: Any) -> list[str]:
    if get_origin(member) is Annotated:
        return [mark.tag for mark in get_args(member)[1:] if isinstance(mark, Tag)]
    if isinstance(member, type) and issubclass(member, Section) and "type" in member.model_fields:
        return list(get_args(member.model_fields["type"].annotation))
    return []


def _below(annotation: Any, step: int | str) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        for name, field in annotation.model_fields.items():
            if step == (field.alias or name):
                # A mark that changes the form stands in the field's own metadata.
                forms = [mark.form for mark in field.metadata if hasattr(mark, "form")]
                return forms[0] if forms else field.annotation
        return None
    arguments = get_args(annotation)
    if get_origin(annotation) is tuple:
        return arguments[0]
    return arguments[1] if len(arguments) > 1 and get_origin(annotation) is not Literal else None


def _keys(section: type[Section]) -> list[str]:
    return [field.alias or name for name, field in section.model_fields.items()]
