"""Declares `response_actions`: rules that look at a response and say what to do.

    - {status: 429, when: {path: title, equals: UsageCapExceeded}, action: stop}
    - {status: [404, 410], action: ignore}
    - {when: {path: ok, equals: false}, action: fail}
    - {when: [{path: ok, equals: false}, {path: code, in: [7, 8]}], action: retry}
    - {status: 4xx, body_matches: "not enabled", action: ignore}

Here they are only read; `retry` is where the first one that matches decides.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, PlainSerializer, model_serializer, model_validator

from harvester.config.options import OneOrMany, PagePath, Reads, Regex, Scalar, Section
from harvester.config.request_options import HeaderName
from harvester.config.wording import listed, shown
from harvester.model import Condition

_OPERATORS = ("equals", "not_equals", "in", "matches", "exists")
_CONDITIONS = ("status", "when", "header", "body_matches")
_SCALAR = {"type": ["string", "number", "boolean", "null"]}


def _operand(value: object) -> Scalar | None:
    if value is None or isinstance(value, Scalar):
        return value
    raise ValueError(f"expected text, a number, true, false or null, got {shown(value)}")


def _status(value: object) -> int | str:
    if isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 599:
        return value
    if isinstance(value, str) and value.lower() in ("1xx", "2xx", "3xx", "4xx", "5xx"):
        return value.lower()
    raise ValueError(f"expected a status such as 429, or a class such as 4xx, got {shown(value)}")


_Operand = Annotated[Scalar | None, Reads(_operand, _SCALAR)]
_Status = Annotated[
    int | str,
    Reads(
        _status,
        {
            "anyOf": [
                {"type": "integer", "minimum": 100, "maximum": 599},
                {"type": "string", "pattern": "^[1-5][xX]{2}$"},
            ]
        },
    ),
]


_Statuses = Annotated[tuple[_Status, ...], Field(strict=False, min_length=1), OneOrMany()]


class _Comparison(Section):
    """A value compared with one operand; exactly one of the operators is given."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": [name]} for name in _OPERATORS]}
    )

    equals: _Operand = None
    """The value is this."""
    not_equals: _Operand = None
    """The value is there, and is not this."""
    among: Annotated[tuple[_Operand, ...], Field(strict=False, alias="in", min_length=1)] = ()
    """The value is one of these."""
    matches: Regex | None = None
    """The value holds a match of this regular expression."""
    exists: bool | None = None
    """Whether the value is there."""

    @property
    def operator(self) -> Literal["equals", "not_equals", "in", "matches", "exists"]:
        """The operator that was given, by its name in the YAML."""
        operator: Literal["equals", "not_equals", "in", "matches", "exists"] = self._given()[0]
        return operator

    @property
    def operand(self) -> Any:
        """What the operator compares with."""
        return getattr(self, "among" if self.operator == "in" else self.operator)

    def _given(self) -> list[Any]:
        names = (("among" if name == "in" else name, name) for name in _OPERATORS)
        return [name for attribute, name in names if attribute in self.model_fields_set]

    @model_validator(mode="after")
    def _one_operator(self) -> Self:
        given = self._given()
        if len(given) != 1:
            found = f"not {listed(given, 'and')}" if given else "there is none"
            raise ValueError(f"needs exactly one of {listed(_OPERATORS)}; {found}")
        return self

    @model_serializer(mode="plain")
    def _as_written(self) -> dict[str, Any]:
        # An operand may be null, which is also the default of the operators not given.
        operand = list(self.operand) if self.operator == "in" else self.operand
        return {**self._subject(), self.operator: operand}

    def _subject(self) -> dict[str, str]:
        return {}


class When(_Comparison):
    """A condition on a value of the page."""

    path: PagePath
    """Path to the value."""

    @property
    def condition(self) -> Condition:
        """The same as a plain value."""
        return Condition(self.path, self.operator, self.operand)

    def _subject(self) -> dict[str, str]:
        return {"path": self.path}


class HeaderWhen(_Comparison):
    """A condition on a header of the response, whose value is text."""

    name: HeaderName
    """The header's name."""

    def _subject(self) -> dict[str, str]:
        return {"name": self.name}


def _one_or_all(conditions: tuple[When, ...]) -> Any:
    written = [condition.model_dump(by_alias=True) for condition in conditions]
    return written[0] if len(written) == 1 else written


Conditions = Annotated[
    tuple[When, ...],
    Field(strict=False, min_length=1),
    OneOrMany(),
    PlainSerializer(_one_or_all),
]
"""One condition on a value, or several that must all hold."""


class ResponseAction(Section):
    """A rule for responses: where all its conditions hold, its action is taken."""

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": [name]} for name in _CONDITIONS]}
    )

    status: _Statuses | None = None
    """A status (`429`), a class (`4xx`), or a list of them."""
    when: Conditions | None = None
    """A condition on a value of the page, or a list of those that must all hold."""
    header: HeaderWhen | None = None
    """A condition on a header."""
    body_matches: Regex | None = None
    """The body, as the server wrote it, holds a match of this regular expression anywhere; one of
    at most 4,096 characters. It need not be JSON."""
    action: Literal["retry", "ignore", "fail", "stop", "reauth", "restart"]
    """`retry` the page; `ignore` it (the partition is done); `fail` the partition, others go on;
    `stop` the whole run, which can be resumed; `reauth`: renew the credentials and ask again;
    `restart` the partition's chain of cursors from its first page (an expired cursor)."""

    retry_after_path: PagePath | None = None
    """Path to how long the answer asks to wait, as `client.retry.retry_after_path`, for `retry`."""

    @model_validator(mode="after")
    def _some_condition(self) -> Self:
        if all(getattr(self, name) is None for name in _CONDITIONS):
            raise ValueError(f"needs a condition: {listed(_CONDITIONS)}")
        return self
