"""What the YAML says about the format of pages: one frozen model for each `format`.

How a page of a format is read is decided in `page.formats`; here only its options are. Most take
none, so `format: csv` is short for `format: {type: csv}`.
"""

from typing import Annotated, Any, Literal

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from harvester.config.options import JSONSchema, Section


class FormatOptions(Section):
    """What every page format takes: nothing but its name."""


class JsonFormat(FormatOptions):
    """Each page is one JSON text."""

    type: Literal["json"]


class OrJustType:
    """Marks a union of formats of which one may also be written as its type alone."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Put the lone text into a section."""

        def section(value: object) -> object:
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


FormatConfig = Annotated[JsonFormat, OrJustType()]
"""Any of them, told apart by `type`."""
