"""Declares page formats: one frozen model of options for each `format` of the YAML.

How a page of a format is read is decided in `page.formats`; here only its options are. Most take
none, so `format: csv` is short for `format: {type: csv}`.
"""

import codecs
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

from harvester.config.deferred import ByType
from harvester.config.options import (
    JSONSchema,
    OneOrMany,
    PagePath,
    Section,
    SectionError,
    Text,
)
from harvester.config.wording import listed, nearest
from harvester.model import Every, Index, Key, parse


class FormatOptions(Section):
    """What every page format takes: nothing but its name."""


class PackedOptions(FormatOptions):
    """What formats take whose pages may come in an archive."""

    member: Text | None = None
    """Which file of a zip archive is the page, such as `data*.csv`. Left out: its only one. Needs
    `pip install 'api-harvester[zip]'`."""

    @property
    def records_at(self) -> str | None:
        """Path to the records, where the format says where they are."""
        return None


class JsonFormat(PackedOptions):
    """Each page is one JSON text."""

    type: Literal["json"]
    rows_path: PagePath | None = None
    """Path to rows that are lists of values, such as `rows`. Their records are objects, by the
    names of the columns."""
    columns_path: PagePath | None = None
    """Path to those names, such as `columns` or `meta.view.columns[*].name`; `[0]` behind
    `rows_path` where the first row has them. Best where they come before the rows."""
    columns: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """The names themselves, where the page has none, or has them behind many rows."""

    @property
    def records_at(self) -> str | None:
        """The rows."""
        return self.rows_path

    @model_validator(mode="after")
    def _both_paths(self) -> Self:
        if self.rows_path is None and (self.columns_path or self.columns):
            raise SectionError([(("rows_path",), "missing: where are the rows?")])
        if self.rows_path is not None and not (self.columns_path or self.columns):
            raise SectionError(
                [(("columns_path",), "missing: where are the names of the columns?")]
            )
        for name in ("rows_path", "columns_path"):
            path = parse(getattr(self, name) or "$")
            steps = (Key, Index, Every) if name == "columns_path" else (Key, Index)
            if not all(isinstance(step, steps) for step in path):
                raise SectionError([((name,), "takes names and numbers only, such as a.b or a[0]")])
        return self


def _encoding(name: str) -> str:
    """An encoding of text that Python knows."""
    try:
        if not "a".encode(name):
            raise LookupError
        codecs.getincrementaldecoder(name)
    except (LookupError, ValueError):
        message = f"{name!r} is no encoding of text; for instance utf-8, latin-1, cp1252, utf-16"
        raise ValueError(message) from None
    return name


def _one_character(text: str) -> str:
    if len(text) != 1 or text in "\r\n\0":
        raise ValueError(f'{text!r} is not one character (a tab is "\\t")')
    return text


Encoding = Annotated[Text, AfterValidator(_encoding)]
Character = Annotated[str, AfterValidator(_one_character)]


class UnendedOptions(FormatOptions):
    """What formats take whose pages do not show by themselves that they are whole."""

    allow_unframed: bool = False
    """Whether a body counts of which the server does not say where it ends (no Content-Length, no
    chunks, no gzip), so that nobody can know that it was cut."""


class JsonLinesFormat(UnendedOptions, PackedOptions):
    """Each line of a page is one JSON value, a record."""

    type: Literal["jsonl"]


class CsvFormat(UnendedOptions, PackedOptions):
    """Each row of a page is a record: an object of texts, named by the header."""

    type: Literal["csv"]
    delimiter: Character = ","
    """What stands between two values."""
    quote: Character = '"'
    """What stands around a value that holds a delimiter or a line break; doubled within."""
    encoding: Encoding | None = None
    """How the text is encoded. Left out: UTF-8, or UTF-16 where a byte order mark says so."""
    columns: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """The names of the columns, where the page has no header of its own."""
    skip_lines: Annotated[int, Field(ge=0)] = 0
    """How many lines stand before the header, or before the first row where there is none."""
    comment: Character | None = None
    """What a line begins with that is no row."""
    uneven: Literal["refuse", "keep"] = "refuse"
    """What becomes of a row with more or fewer values than there are columns. `keep`: what is
    missing is left out, and what is too much is a list under the name `…`."""

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if self.delimiter == self.quote:
            raise SectionError([(("quote",), "the same character as the delimiter")])
        twice = sorted({name for name in self.columns if self.columns.count(name) > 1})
        if twice:
            raise SectionError([(("columns",), f"{twice[0]!r} is the name of two columns")])
        return self


class XmlFormat(PackedOptions):
    """Each page is one XML document. Elements are read as objects, attributes as `@name`, text
    beside others as `#text`; document types with declarations of their own are refused.
    """

    type: Literal["xml"]
    lists: Annotated[tuple[Text, ...], Field(strict=False), OneOrMany()] = ()
    """Names of elements that are always lists, also where one comes alone."""


class RawFormat(UnendedOptions):
    """Each page is a file, stored as it is. Its record is its size and SHA-256."""

    type: Literal["raw"]
    content_types: Annotated[tuple[Text, ...], Field(strict=False), OneOrMany()] = ()
    """The Content-Types that its files have, such as `application/pdf` or `image/*`; others are
    refused. Left out: any."""


class OrJustType:
    """Marks a union of formats of which one may also be written as its type alone."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Put the lone text into a section."""
        members = get_args(source)
        members = members if isinstance(members[0], type) else get_args(members[0])
        names = [get_args(each.model_fields["type"].annotation)[0] for each in members]

        def section(value: object) -> object:
            if isinstance(value, str) and value not in names:
                near = nearest(value, names)
                meant = f"did you mean {near}?" if near else f"known are {listed(names, 'and')}"
                raise ValueError(f"unknown format {value!r}: {meant}")
            return {"type": value} if isinstance(value, str) else value

        return core_schema.no_info_before_validator_function(section, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JSONSchema:
        """Allow the names beside the sections."""
        section = handler(schema)
        members = section.get("oneOf", [section])
        types = [handler.resolve_ref_schema(each)["properties"]["type"] for each in members]
        return {"anyOf": [{"enum": [each["const"] for each in types]}, section]}


FormatConfig = Annotated[
    JsonFormat | JsonLinesFormat | CsvFormat | XmlFormat | RawFormat,
    ByType(),
    OrJustType(),
]
"""Any of them, told apart by `type`."""
