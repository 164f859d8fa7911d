"""Makes a secret a type of its own, and tells which options of a section hold one.

What is done with secrets follows from the type: a dump has a mask in the place of one that is
written out (a reference to the environment stays), no repr shows it and no pickle holds it, `lint`
advises against writing it out, `variables` takes what it names for a credential, and what it comes
to is redacted. So an option that is declared with one of these types is safe everywhere.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Self, get_args

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from harvester.config.options import Section, one_line
from harvester.config.request_options import JsonBody, Parameters
from harvester.model import Template, TemplateError

#: What stands in harvest.json where a secret stood in the YAML.
MASK: Final = "***"


def masked(tree: Any) -> Any:
    """A JSON value with a mask in the place of all but references to secrets."""
    if isinstance(tree, Mapping):
        return {key: masked(branch) for key, branch in tree.items()}
    if isinstance(tree, list | tuple):
        return [masked(branch) for branch in tree]
    if tree is None or (isinstance(tree, str) and _has_reference(tree)):
        return tree
    return MASK


def _has_reference(text: str) -> bool:
    try:
        return bool(Template.parse(text).references)
    except TemplateError:
        return False


class SecretText(str):
    """Text that lets somebody in, or a reference to it. Equal to its plain text."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(MASK)

    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        # What is pickled leaves the process: there a reference means the same, and a value is none.
        return type(self), (str(masked(self)),)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Any text; masked in every dump."""
        return _secret(cls, core_schema.str_schema())


def _secret(kind: Any, text: CoreSchema) -> CoreSchema:
    shown = core_schema.plain_serializer_function_ser_schema(lambda held: held and masked(held))
    return core_schema.no_info_after_validator_function(kind, text, serialization=shown)


class _OneLine:
    """Marks a secret that goes into a header."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Text that a header can hold, not empty."""
        text = core_schema.str_schema(min_length=1)
        return _secret(lambda value: SecretText(one_line(value)), text)


SecretLine = Annotated[SecretText, _OneLine()]
"""A secret that a header can hold, not empty."""


class _Block:
    """Marks a secret of several lines."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Any text, not empty."""
        return _secret(SecretText, core_schema.str_schema(min_length=1))


SecretBlock = Annotated[SecretText, _Block()]
"""A secret that may have several lines, such as a private key. It goes into no header."""


class _Masked:
    """Marks values any of which may be a secret."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """As without the mark, but for dumps."""
        schema = handler(source)
        schema["serialization"] = core_schema.plain_serializer_function_ser_schema(masked)  # type: ignore[index]
        return schema


SecretParameters = Annotated[Parameters, _Masked()]
"""Names and values of a login: each value is masked where it is written out."""

SecretBody = Annotated[JsonBody, _Masked()]
"""A JSON body of a login, likewise."""


class Referring:
    """Marks an option in which `{env.NAME}` stands for a variable's value. Secrets need no mark."""


def secret_options(section: type[Section]) -> tuple[str, ...]:
    """The options that hold a secret, by their names in the YAML."""
    return _options(section, SecretText)


def block_options(section: type[Section]) -> tuple[str, ...]:
    """The options whose secret may have several lines."""
    return _options(section, _Block)


def referring_options(section: type[Section]) -> tuple[str, ...]:
    """The options that may hold references to the environment."""
    return _options(section, SecretText, Referring, _Masked)


def _options(section: type[Section], *kinds: type) -> tuple[str, ...]:
    return tuple(
        option.alias or name
        for name, option in section.model_fields.items()
        if any(isinstance(mark, kinds) for mark in option.metadata)
        or _is_of(option.annotation, kinds)
    )


def _is_of(annotation: Any, kinds: tuple[type, ...]) -> bool:
    """Whether a type, or one that it is made of, is one of `kinds` or is marked with it."""
    if isinstance(annotation, type) and issubclass(annotation, kinds):
        return True
    if isinstance(annotation, kinds):
        return True
    return any(_is_of(part, kinds) for part in get_args(annotation))
