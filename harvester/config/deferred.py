"""Builds the validator of a section when the YAML first has that section.

pydantic builds a model's validator together with those of all models in its fields, so the
configuration's would be built out of 58, of which a YAML names eight. Here a section within another
one is a function in its validator, which builds the section's own when a value comes. pydantic puts
the faults that such a function raises at their places, so messages are the same.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property, partial
from importlib import import_module
from typing import Any, Final, get_args

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter
from pydantic_core import CoreSchema, core_schema

JSONSchema = dict[str, Any]

_building: Final[ContextVar[bool]] = ContextVar("a validator is being built", default=False)


def schema_of(section: Any, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
    """The whole schema of the section that a validator is built for, or a function's in place of
    one within it.
    """
    if _building.get():
        return _later(section)
    token = _building.set(True)
    try:
        return handler(source)
    finally:
        _building.reset(token)


def json_schema_of(section: Any, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JSONSchema:
    """The JSON Schema of a section, also where a function stands for it."""
    if schema["type"] == "function-plain":
        whole = built(section).__pydantic_core_schema__
        schema = core_schema.chain_schema([whole])  # a step is described with all that it has
    return handler(schema)


def built(section: Any) -> Any:
    """The section, with its validator."""
    if not section.__pydantic_complete__:
        with _no_plugins():
            section.model_rebuild()
    return section


class ByType:
    """Marks a union of sections that are told apart by their `type`."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """A choice of functions, by the types."""
        choices = {
            name: handler.generate_schema(each)
            for each in get_args(source)
            for name in types_of(each)
        }
        return core_schema.tagged_union_schema(choices, "type")

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JSONSchema:
        """What any of them allows."""
        return handler(schema)


class Elsewhere:
    """Marks what a value is by the module and the name of its type; the module is imported when
    there is such a value.
    """

    def __init__(self, module: str, name: str) -> None:
        self._module = module
        self._name = name

    @property
    def form(self) -> Any:
        """The type."""
        return _named(self._module, self._name)

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        if isinstance(self.form, type):
            return TypeAdapter(self.form)
        with _no_plugins():
            return TypeAdapter(self.form, config=ConfigDict(strict=True))

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Leave the check to the type's own."""
        return core_schema.no_info_plain_validator_function(
            lambda value: self._adapter.validate_python(value),
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda value, info: self._adapter.dump_python(value, **_asked_for(info)),
                info_arg=True,
            ),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JSONSchema:
        """What the type allows."""
        return handler(core_schema.chain_schema([self._adapter.core_schema]))


class EachElsewhere(Elsewhere):
    """Marks a union of sections that are told apart by their `type`, of which each has a module of
    `package`, with the name of that type: a section is imported when there is one. `union` is the
    place of the union in the package, for whoever must know all of them.
    """

    def __init__(self, package: str, models: Mapping[str, str], union: str) -> None:
        module, _, name = union.partition(".")
        super().__init__(f"{package}.{module}", name)
        self._models = {
            kind: partial(_named, f"{package}.{kind}", name) for kind, name in models.items()
        }

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """A choice of functions, by the types."""
        choices = {kind: _when_there(model) for kind, model in self._models.items()}
        return core_schema.tagged_union_schema(choices, "type")


def _named(module: str, name: str) -> Any:
    return getattr(import_module(module), name)


def types_of(section: Any) -> list[str]:
    """The values of `type` that mean this section."""
    return list(get_args(section.model_fields["type"].annotation))


def _later(section: Any) -> CoreSchema:
    reference = f"{section.__module__}.{section.__qualname__}:{id(section)}"  # as pydantic names it
    return _when_there(lambda: section, reference)


def _when_there(section: Callable[[], Any], reference: str | None = None) -> CoreSchema:
    """The function that validates a section, which is made when there is one."""

    def validate(value: Any) -> Any:
        return built(section()).model_validate(value)

    return core_schema.no_info_plain_validator_function(
        validate,
        serialization=core_schema.plain_serializer_function_ser_schema(_dump, info_arg=True),
        ref=reference,
    )


def _dump(value: BaseModel, info: Any) -> Any:
    return value.model_dump(**_asked_for(info))


def _asked_for(info: Any) -> dict[str, Any]:
    return {
        "mode": info.mode,
        "by_alias": info.by_alias,
        "exclude_unset": info.exclude_unset,
        "exclude_defaults": info.exclude_defaults,
        "exclude_none": info.exclude_none,
    }


@contextmanager
def _no_plugins() -> Iterator[None]:
    """Build validators without a look for plugins of pydantic: it opens the metadata of every
    distribution that is installed, which takes longer than to build the validators.
    """
    name = "PYDANTIC_DISABLE_PLUGINS"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
