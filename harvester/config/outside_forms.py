"""Forms of a partition key whose values lie outside of the YAML: in a file, or in parents.

id: {file: ids.csv, column: id}
repo: {resource: repos, field: full_name, include: {repo_id: id}}
"""

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from harvester.config.options import (
    KeyName,
    MemberName,
    Name,
    PagePath,
    Section,
    SectionError,
    Text,
)
from harvester.config.response_actions import Conditions
from harvester.model import FromFile, FromResource, Outside


class FileForm(Section):
    """Values from a file, one a line: a CSV with a header, JSON Lines (`.jsonl`, `.ndjson`), or
    plain text. A relative path is relative to the YAML file.
    """

    file: Text
    """The file's path."""
    column: Text | None = None
    """The CSV's column, or the member of each JSON line. Left out: each line is a value."""
    include: dict[KeyName, Text] = Field(default_factory=dict)
    """Further columns, by the name that a reference to each has."""

    @model_validator(mode="after")
    def _columns_are_named(self) -> Self:
        if self.include and self.column is None:
            raise SectionError([(("include",), "needs column: which one holds the values?")])
        return self


class ParentForm(Section):
    """Values from the records of another resource, the parents."""

    resource: Name
    """The name of the parents' resource."""
    field: PagePath
    """Path to the value, from the record."""
    include: dict[MemberName, PagePath] = Field(default_factory=dict)
    """Further paths, by the name that a reference to each has. `{key.member}` needs none: it is
    that member of the record."""
    only: Conditions | None = None
    """A condition on the parents' records, or a list of those that must all hold: only such a
    parent has children. The paths lead into a record."""
    batch: Annotated[int, Field(ge=2, le=10_000)] | None = None
    """How many values go into one request: in JSON as a list, else joined by commas; `{ids:list}`
    repeats a parameter. Each batch is a partition."""

    @model_validator(mode="after")
    def _batches_are_alike(self) -> Self:
        if self.batch is not None and self.include:
            raise SectionError([(("include",), "a batch has many records: take include out")])
        return self


def file_of(form: FileForm) -> FromFile:
    """The plain value of a form."""
    return FromFile(form.file, form.column, tuple(form.include.items()))


def parents_of(form: ParentForm) -> FromResource:
    """The plain value of a form."""
    only = tuple(when.condition for when in form.only or ())
    return FromResource(form.resource, form.field, tuple(form.include.items()), only, form.batch)


def file_written(spec: FromFile) -> dict[str, Any]:
    """The form that reads back as the same."""
    column = {"column": spec.column} if spec.column is not None else {}
    return {"file": spec.path, **column, **_included(spec)}


def parents_written(spec: FromResource) -> dict[str, Any]:
    """The form that reads back as the same."""
    written = {"resource": spec.resource, "field": spec.field, **_included(spec)}
    batch = {"batch": spec.batch} if spec.batch else {}
    return {**written, **_only_written(spec), **batch}


def _only_written(spec: FromResource) -> dict[str, Any]:
    conditions = [{"path": each.path, each.operator: _plain(each.operand)} for each in spec.only]
    return {"only": conditions[0] if len(conditions) == 1 else conditions} if conditions else {}


def _plain(operand: Any) -> Any:
    return list(operand) if isinstance(operand, tuple) else operand


def _included(spec: Outside) -> dict[str, Any]:
    return {"include": dict(spec.include)} if spec.include else {}
