"""Forms of a partition key whose values are written down: a list, or a range of whole numbers.

query: ["from:nasa", "from:esa"]
shard: {range: [1, 100]}
number: {range: [1, 1000000], split_above: 1000, total_path: total}
"""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from harvester.config.options import Count, Reads, Scalar, SectionError
from harvester.config.split_forms import SplitKeys
from harvester.config.wording import KeyPath, shown
from harvester.model import Range, Stretches, as_text


def _value(value: object) -> Scalar:
    if isinstance(value, Scalar):
        return value
    raise ValueError(f"expected text, a number, true or false, got {shown(value)}")


def _pair(value: object) -> tuple[int, int]:
    match value:
        case [int(), int()] if not any(isinstance(item, bool) for item in value):
            return value[0], value[1]
    raise ValueError("expected two whole numbers, the first and the last: [1, 100]")


def _distinct(values: tuple[Scalar, ...]) -> tuple[Scalar, ...]:
    """Refuse values that are the same as text, and so would share a folder."""
    first: dict[str, int] = {}
    faults: list[tuple[KeyPath, str]] = []
    for place, value in enumerate(values):
        if (text := as_text(value)) in first:
            faults.append(((place,), f"{shown(value)} stands twice; first as [{first[text]}]"))
        first.setdefault(text, place)
    if faults:
        raise SectionError(faults)
    return values


OneValue = Annotated[Scalar, Reads(_value, {"type": ["string", "number", "boolean"]})]
"""A text, a number, true or false."""

ListForm = Annotated[
    tuple[OneValue, ...], Field(strict=False, min_length=1), AfterValidator(_distinct)
]
"""Values one by one."""


class RangeForm(SplitKeys):
    """Whole numbers, from the first to the last, both included; with `split_above` stretches of
    them, `{key.start}` to `{key.end}` (excluded) or `{key.last}`.
    """

    range: Annotated[
        tuple[int, int],
        Reads(_pair, {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}),
    ]
    """The first and the last number."""
    step: int = 1
    """The distance between two numbers; negative counts down."""
    smallest: Count = 1
    """How many numbers the shortest stretch has that is split off."""

    @model_validator(mode="after")
    def _splits(self) -> Self:
        if self.split_above is None:
            faults = self.lone("total_path", "smallest", "plan_from")
        elif self.step != 1:
            told = "numbers that are split have no step; say start, end and step instead of range"
            faults = [(("step",), told)]
        elif self.range[1] < self.range[0]:
            faults = [(("range",), "numbers that are split go up: the last is below the first")]
        else:
            faults = []
        if faults:
            raise SectionError(faults)
        return self


def range_of(form: RangeForm) -> Range | Stretches:
    """The plain value of a form."""
    first, last = form.range
    if form.split is None:
        return Range(first, last, form.step)
    return Stretches(first, last + 1, form.split, smallest=form.smallest)


def range_written(spec: Range) -> dict[str, Any]:
    """The form that reads back as the same."""
    step = {"step": spec.step} if spec.step != 1 else {}
    return {"range": [spec.start, spec.stop], **step}
