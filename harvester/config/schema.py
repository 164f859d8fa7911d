"""Generates the JSON Schema (draft 2020-12) of the YAML as people write it.

pydantic derives it from the models; here it gets what pydantic does not know: the text under each
attribute as its description, and `resource_defaults`, which no model has because they are merged
away before the models are made.
"""

import ast
import inspect
from collections.abc import Iterator
from textwrap import dedent
from typing import Any

from harvester.config import models
from harvester.config.options import JSONSchema, Section

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> JSONSchema:
    """Give the schema; what the loader refuses for its shape, the schema refuses too.

    What needs more than the shape (references, paths, contradictions) only the loader sees.
    """
    schema = models.Config.model_json_schema()
    definitions = schema["$defs"]
    for section in _sections():
        owner = schema if section is models.Config else definitions.get(section.__name__)
        if owner is not None:
            _describe(section, owner)
    resource = definitions["Resource"]
    definitions["ResourceDefaults"] = {
        **{key: value for key, value in resource.items() if key != "required"},
        "description": "What every resource has, unless it says otherwise.",
        "properties": {k: v for k, v in resource["properties"].items() if k != "name"},
    }
    schema["properties"]["resource_defaults"] = {"$ref": "#/$defs/ResourceDefaults"}
    tidy: JSONSchema = _tidy(schema)
    return {"$schema": _DIALECT, **tidy, "title": "harvester configuration"}


def _sections(root: type[Section] = Section) -> Iterator[type[Section]]:
    """All models."""
    for section in root.__subclasses__():
        yield section
        yield from _sections(section)


def _describe(section: type[Section], schema: JSONSchema) -> None:
    schema["description"] = _one_line(inspect.getdoc(section) or "")
    for attribute, text in _attribute_texts(section).items():
        name = section.model_fields[attribute].alias or attribute
        schema["properties"][name]["description"] = _one_line(text)


def _attribute_texts(section: type[Section]) -> dict[str, str]:
    """Read the string under each attribute of a section and its ancestors."""
    found: dict[str, str] = {}
    for ancestor in reversed(section.__mro__):
        if not issubclass(ancestor, Section) or ancestor is Section:
            continue
        definition = ast.parse(dedent(inspect.getsource(ancestor))).body[0]
        assert isinstance(definition, ast.ClassDef)  # noqa: S101 - getsource of a class
        for line, below in zip(definition.body, definition.body[1:], strict=False):
            match line, below:
                case (
                    ast.AnnAssign(target=ast.Name(id=attribute)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ) if attribute in section.model_fields:
                    found[attribute] = text
    return found


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _tidy(schema: Any) -> Any:
    """Take out what only pydantic or OpenAPI reads, and close what was left open."""
    if isinstance(schema, list):
        return [_tidy(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    tidy = {
        key: _tidy(value)
        for key, value in schema.items()
        # A property may be called title too, but then its value is a schema.
        if key != "discriminator"
        and not (key == "title" and isinstance(value, str))
        # An editor would write the default out, whole sections of it.
        and not (key == "default" and isinstance(value, dict | list | None))
    }
    if "patternProperties" in tidy:
        tidy["additionalProperties"] = False
    return tidy
