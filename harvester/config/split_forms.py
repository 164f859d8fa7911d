"""The keys that split partitions: windows of time, stretches of numbers, prefixes of a key.

window: {start: 2021-01-01, end: 2022-01-01, split_above: 1000, total_path: total_count}
id: {start: 0, end: 5000000, split_above: 1000}
name: {prefixes: abcdefghijklmnopqrstuvwxyz, split_above: 1000}
"""

from typing import Annotated, Any, Self

from pydantic import Discriminator, Field, Tag, model_validator

from harvester.config.options import (
    Count,
    Name,
    PagePath,
    Section,
    SectionError,
    Text,
)
from harvester.config.wording import KeyPath
from harvester.model import PlanFrom, Prefixes, Split, Stretches


class PlanForm(Section):
    """A resource whose records count how many there are in each stretch."""

    resource: Name
    """Its name."""
    start: PagePath = "start"
    """Path, in its record, to where the stretch begins: a time, or a number."""
    end: PagePath = "end"
    """Path to where it ends; what is at it is not part of the stretch."""
    count: PagePath | None = None
    """Path to how many there are. Left out: the first of `count`, `tweet_count`, `post_count`,
    `doc_count`, `total_count` and `total` that a record has."""


def _which_plan(value: object) -> str | None:
    return "name" if isinstance(value, str) else "plan" if isinstance(value, dict) else None


PlanFromForm = Annotated[
    Annotated[Name, Tag("name")] | Annotated[PlanForm, Tag("plan")], Discriminator(_which_plan)
]
"""The name of a resource that counts, or how its records are read."""


class SplitKeys(Section):
    """What says when a partition is split into smaller ones."""

    split_above: Count | None = None
    """The most records that the API shows of one window. One for which it has more is split into
    shorter ones before more of it is fetched, and so are these, down to `smallest`."""
    total_path: PagePath | None = None
    """Path to the API's total in a page, for `split_above`. Left out: the paginator's total, and
    without one a window is split when as many records have come as the API shows."""

    plan_from: PlanFromForm | None = None
    """For windows and numbers: a resource whose records count how many there are in each stretch,
    such as `tweets_counts`. It is harvested first, and partitions that have too many by it are
    split before they are asked for. Keys that both have (`query`) belong together."""

    @property
    def split(self) -> Split | None:
        """When to split; None: never."""
        return None if self.split_above is None else _split_of(self)

    def lone(self, *names: str) -> list[tuple[KeyPath, str]]:
        """Keys that say nothing without `split_above`."""
        given = [name for name in names if name in self.model_fields_set]
        return [((name,), "is for windows that are split: add split_above") for name in given]


def _split_of(form: SplitKeys) -> Split:
    plan = form.plan_from
    counted = None
    if isinstance(plan, str):
        counted = PlanFrom(plan)
    elif plan is not None:
        counted = PlanFrom(plan.resource, plan.start, plan.end, plan.count)
    return Split(form.split_above or 1, form.total_path, counted)


class StretchForm(SplitKeys):
    """Stretches of whole numbers, from `start` (included) to `end` (excluded): `{window.start}` and
    `{window.end}` are numbers.
    """

    start: int
    """The first number."""
    end: int
    """The number behind the last one."""
    step: Count | None = None
    """How many numbers a stretch has before it is split. Left out: one stretch has all."""
    split_above: Count
    """The most records that the API shows of one stretch. One for which it has more is split into
    shorter ones before more of it is fetched, and so are these, down to `smallest`."""
    smallest: Count = 1
    """How many numbers the shortest stretch has."""

    @model_validator(mode="after")
    def _has_numbers(self) -> Self:
        if self.end <= self.start:
            raise SectionError([(("end",), f"is not after the start, {self.start}")])
        return self


class PrefixForm(SplitKeys):
    """Prefixes of a key: each of the signs that it may begin with, then two of them, and so on."""

    prefixes: Annotated[Text, Field(max_length=1000)]
    """The signs that the key is made of, each once: `0123456789abcdef`. A value that ends where a
    prefix is split belongs to none of the longer ones."""
    split_above: Count
    """The most records that the API shows of one prefix. One for which it has more is split into
    longer ones before more of it is fetched, and so are these, up to `longest`."""
    longest: Annotated[int, Field(ge=1, le=64)] = 16
    """How many signs the longest prefix has."""

    @model_validator(mode="after")
    def _signs_differ(self) -> Self:
        twice = [sign for at, sign in enumerate(self.prefixes) if sign in self.prefixes[:at]]
        if self.plan_from is not None:
            message = "is for windows and numbers, which have an order"
            raise SectionError([(("plan_from",), message)])
        if twice:
            raise SectionError([(("prefixes",), f"{twice[0]!r} stands twice")])
        return self


def stretches_of(form: StretchForm) -> Stretches:
    """The plain value of a form."""
    return Stretches(form.start, form.end, _split_of(form), form.step, form.smallest)


def prefixes_of(form: PrefixForm) -> Prefixes:
    """The plain value of a form."""
    return Prefixes(form.prefixes, Split(form.split_above, form.total_path), form.longest)


def split_written(split: Split | None) -> dict[str, Any]:
    """The keys that say when to split, as they are read back."""
    if split is None:
        return {}
    total = {} if split.total_path is None else {"total_path": split.total_path}
    plan = split.plan_from
    if plan is not None:
        usual = PlanFrom(plan.resource)
        own = {name: getattr(plan, name) for name in ("start", "end", "count")}
        told = {name: path for name, path in own.items() if path != getattr(usual, name)}
        written = {"resource": plan.resource, **told} if told else plan.resource
        return {"split_above": split.above, **total, "plan_from": written}
    return {"split_above": split.above, **total}


def stretches_written(spec: Stretches) -> dict[str, Any]:
    """The form that reads back as the same."""
    step = {} if spec.step is None else {"step": spec.step}
    written = {"start": spec.start, "end": spec.end, **step, **split_written(spec.split)}
    return {**written, "smallest": spec.smallest} if spec.smallest != 1 else written


def prefixes_written(spec: Prefixes) -> dict[str, Any]:
    """The form that reads back as the same."""
    longest = {} if spec.longest == PrefixForm.model_fields["longest"].default else {
        "longest": spec.longest
    }  # fmt: skip
    return {"prefixes": spec.signs, **split_written(spec.split), **longest}
