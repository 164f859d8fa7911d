"""Types of the YAML's options, annotated so that pydantic checks each in the same way.

Each type is three things in one place: what the models hold, the check that turns the YAML value
into it (ValueError with a whole message, see `quantities`), and the JSON Schema of what people
may write. All of them are strict: text is text, a number is a number, and nothing is coerced.

`Section` is the root of all models: one mapping of the YAML, frozen, with no unknown keys.
"""

import re
import warnings
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, core_schema

from harvester.config import deferred, quantities
from harvester.config.wording import KeyPath, shown
from harvester.model import Key, parse
from harvester.patterns import pattern

JSONSchema = dict[str, Any]
Scalar = str | int | float | bool


class Section(BaseModel):
    """One mapping of the YAML. Frozen; an unknown key is a fault."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)

    @classmethod
    def as_it_is(cls, **given: Any) -> Self:
        """A section of what is usual, without a look at it: for defaults, which are made when their
        module is imported. A validator takes milliseconds to build, and not every command needs it.
        """
        return cls.model_construct(**given)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Leave a section within another one until there is one."""
        return deferred.schema_of(cls, source, handler)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JSONSchema:
        """Give the section's, also where it was left."""
        return deferred.json_schema_of(cls, schema, handler)


class SectionError(ValueError):
    """Several faults found by one check, each with its path from the section that was checked."""

    def __init__(self, faults: Sequence[tuple[KeyPath, str]]) -> None:
        super().__init__("; ".join(message for _, message in faults))
        self.faults = tuple(faults)


class OneOrMany:
    """Marks a tuple that may also be written as a single item, without the brackets."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Put what is no list into one."""

        def many(value: object) -> object:
            return value if isinstance(value, list | tuple) else [value]

        return core_schema.no_info_before_validator_function(many, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JSONSchema:
        """Allow the item beside the list."""
        array = handler(schema)
        return {"anyOf": [array["items"], array]}


class OrJust:
    """Marks a section that may also be written as the text of one of its keys."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Put the lone text into its section."""

        def section(value: object) -> object:
            return {self._key: value} if isinstance(value, str) else value

        return core_schema.no_info_before_validator_function(section, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JSONSchema:
        """Allow the text beside the section."""
        section = handler(schema)
        key = handler.resolve_ref_schema(section)["properties"][self._key]
        return {"anyOf": [{k: v for k, v in key.items() if k != "title"}, section]}


class Reads:
    """Marks a type whose YAML value `check` turns into it, or refuses with a ValueError.

    `schema` says what may be written. A dump holds the value as it is, lists for tuples.
    """

    def __init__(self, check: Callable[[Any], Any], schema: JSONSchema) -> None:
        self._check = check
        self._schema = schema

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Leave the whole check to the function."""
        return core_schema.no_info_plain_validator_function(self._check)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JSONSchema:
        """Give what may be written."""
        return dict(self._schema)


def _text(pattern: str, expected: str) -> Reads:
    """Text of one shape; `expected` completes "expected …"."""
    shape = re.compile(pattern)

    def check(value: object) -> str:
        if isinstance(value, str) and shape.fullmatch(value):
            return value
        raise ValueError(f"expected {expected}, got {shown(value)}")

    return Reads(check, {"type": "string", "pattern": pattern})


# --- Quantities ----------------------------------------------------------------------------------


def _duration_schema(bound: str) -> JSONSchema:
    return {
        "anyOf": [
            {"type": "string", "pattern": quantities.DURATION_PATTERN},
            {"type": "number", bound: 0},
        ],
        "examples": ["10s", "15m", "1h", "1d"],
    }


def _above_zero(value: object) -> float:
    if duration := quantities.seconds(value):
        return duration
    raise ValueError("a duration here is above zero, as in 10s")


DurationOrZero = Annotated[float, Reads(quantities.seconds, _duration_schema("minimum"))]
"""Seconds, written `10s`, `15m`, `1h`, `1d`, `1w`, `500ms` or as a number of seconds."""

Duration = Annotated[float, Reads(_above_zero, _duration_schema("exclusiveMinimum"))]
"""The same, above zero."""

Size = Annotated[
    int,
    Reads(
        quantities.size,
        {
            "anyOf": [
                {"type": "string", "pattern": quantities.SIZE_PATTERN},
                {"type": "integer", "minimum": 1},
            ],
            "examples": ["64KiB", "8MiB", "1GB"],
        },
    ),
]
"""Bytes, written `8MiB`, `8MB` or as a number."""

_SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?) ?%")


def _share(value: object) -> float:
    found = _SHARE.fullmatch(value) if isinstance(value, str) else None
    number = float(found[1]) / 100 if found else value
    if isinstance(number, int | float) and not isinstance(number, bool) and 0 < number <= 1:
        return float(number)
    raise ValueError(f"expected a share above 0 and at most 1, as 0.2 or 20%, got {shown(value)}")


Share = Annotated[
    float,
    Reads(
        _share,
        {
            "anyOf": [
                {"type": "string", "pattern": r"^[0-9]{1,3}(\.[0-9]{1,6})? ?%$"},
                {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
            ],
            "examples": [0.2, "20%"],
        },
    ),
]
"""A share above 0, at most 1: `0.2`, or `20%`."""

Count = Annotated[int, Field(ge=1, le=10**9)]
"""A whole number from 1 up; more than a billion is a slip, and no container could hold it."""

Whole = Annotated[int, Field(ge=0, le=10**15)]
"""A whole number from 0 up, such as an offset."""

# --- Text ----------------------------------------------------------------------------------------

Name = Annotated[
    str,
    _text(
        r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$",
        "a name of letters, digits, '_', '.' and '-' (it becomes the name of a folder)",
    ),
]
"""A name that is safe as a folder's."""

KeyName = Annotated[
    str,
    _text(
        r"^[A-Za-z_][A-Za-z0-9_]{0,99}$",
        "a name of at most 100 letters, digits and '_' (it becomes a part of folders' names)",
    ),
]
"""A partition's key, which references can name."""

MemberName = Annotated[
    str,
    _text(
        r"^[A-Za-z_][A-Za-z0-9_]{0,99}(\.[A-Za-z_][A-Za-z0-9_]{0,99})?$",
        "a name of at most 100 letters, digits and '_'",
    ),
]
"""What a reference names of a parent's record: `name`, or `key.member`."""

Text = Annotated[str, Field(min_length=1)]
"""Text, not empty."""

_CONTROL: Final = pattern(r"[\x00-\x08\x0a-\x1f\x7f]")  # what RFC 9110 5.5 bars from a header


def one_line(text: str) -> str:
    """Check that a header can hold the text; ValueError."""
    if _CONTROL.search(text):
        raise ValueError("holds a line break or another control character")
    return text


OneLine = Annotated[str, Field(min_length=1), AfterValidator(one_line)]
"""Text that a header can hold, not empty."""

Host = Annotated[
    str,
    _text(
        r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?$",
        "a host name such as api.example.org or api.example.org:8443, without https://",
    ),
    AfterValidator(str.lower),
]
"""`host` or `host:port`, in lower case."""


HostOrAll = Annotated[
    str,
    _text(
        r"^([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?|\*)$",
        "a host name such as files.example.org, without https://, or * for all others",
    ),
    AfterValidator(str.lower),
]
"""`host`, `host:port`, or `*`."""


def _path(text: str) -> str:
    parse(text)
    return text


def _body_path(text: str) -> str:
    path = parse(text)
    if not path or not all(isinstance(segment, Key) for segment in path):
        raise ValueError(f"a place in the JSON body is names, as in variables.after, not {text}")
    return text


def _regex(text: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a later Python may read otherwise
            re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return text


PagePath = Annotated[str, AfterValidator(_path), Field(min_length=1)]
"""A path into a page, `meta.next_token`, checked by `parse`."""

BodyPath = Annotated[str, AfterValidator(_body_path), Field(min_length=1)]
"""A path into the JSON body that is sent, `variables.after`: names only."""

Regex = Annotated[
    str, AfterValidator(_regex), WithJsonSchema({"type": "string", "format": "regex"})
]
"""A regular expression of Python's `re`."""
