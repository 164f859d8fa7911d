"""Partition values as written: lists, ranges and windows."""

from datetime import UTC, datetime, timedelta

import pytest

from harvester.config.load import parse_resolved
from harvester.model.partitions import Range, Spec, Values
from harvester.model.time_windows import OpenWindows, Step, Windows
from tests.yaml_texts import config, said

START = datetime(2021, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "spec"),
    [
        ("[a, 1, 1.5, true, 2021-01-01]", Values(("a", 1, 1.5, True, "2021-01-01"))),
        ("{range: [1, 100]}", Range(1, 100)),
        ("{range: [100, 1], step: -1}", Range(100, 1, -1)),
        ("{start: 2021-01-01, end: now, step: 1d}", Windows(START, None, Step(seconds=86400))),
        ("{start: 2021-01-01, end: now, open: true}", OpenWindows(START)),
        ("{start: 2021-01-01, end: now, step: 1d, open: true, overlap: 1h}",
         OpenWindows(START, None, Step(seconds=86400), overlap=timedelta(hours=1))),
        ("{start: 2021-01-01, end: 2022-01-01, step: 1mo, settle: 1h}",
         Windows(START, datetime(2022, 1, 1, tzinfo=UTC), Step(months=1), timedelta(hours=1))),
    ],
)  # fmt: skip
def test_the_forms(written: str, spec: Spec) -> None:
    """Each becomes the plain value, and is written so that it reads back the same."""
    found = config(f"params: {{a: '{{k}}'}}\npartitions: {{k: {written}}}")
    assert found.resources[0].partitions["k"] == spec
    again = parse_resolved(found.reference_dict(), "harvest.json")
    assert again.resources[0].partitions["k"] == spec


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("[]", ": an empty list; give at least one, or leave the key out"),
        ("[a, [b]]", "[1]: expected text, a number, true or false, got a list"),
        ("[a, null]", "[1]: expected text, a number, true or false, got nothing"),
        ("[1, '1']", "[1]: '1' stands twice; first as [0]"),
        ("['true', true]", "[1]: true stands twice; first as [0]"),
        ("text", (": expected a list of values, {range: [1, 100]} or {start: 2021-01-01, end: now, "
         "step: 1d}, got 'text'")),
        ("{rage: [1, 2]}", (": expected a list of values, {range: [1, 100]} or {start: 2021-01-01, "
         "end: now, step: 1d}, got a mapping")),
        ("{file: ids.csv, colum: id}", ".colum: unknown key 'colum': did you mean 'column'?"),
        ("{range: [1]}", ".range: expected two whole numbers, the first and the last: [1, 100]"),
        ("{range: [1, true]}", (".range: expected two whole numbers, the first and the last: "
         "[1, 100]")),
        ("{range: [2, 1]}", ": no number from 2 to 1 with step 1"),
        ("{range: [1, 2], step: 0}", ": a range with step 0 never ends"),
        ("{start: 2021-01-01, end: now}", ".step: missing: how long is a window? (or open: true)"),
        ("{start: 2021, end: now, step: 1d}", (".start: expected a date or time such as 2021-01-01 "
         "or 2021-01-01T12:00:00Z, got 2021")),
        ("{start: 2021-01-01, end: later, step: 1d}", (".end: expected a date or time such as "
         "2021-01-01 or 2021-01-01T12:00:00Z, got 'later'")),
        ("{start: 2021-01-01, end: now, step: 1q}", (".step: expected the length of a window such "
         "as 1h, 1d, 1w, 1mo or 1y (a bare number is seconds), got '1q'")),
        ("{start: 2021-01-01, end: now, stepp: 1d}", (".stepp: unknown key 'stepp': did you mean "
         "'step'?")),
        ("{start: 2021-01-02, end: 2021-01-01, step: 1d}", (": the end, 2021-01-01 00:00:00+00:00, "
         "is not after the start, 2021-01-02 00:00:00+00:00")),
    ],
)  # fmt: skip
def test_faults(written: str, fault: str) -> None:
    """Each at its place, with the right form shown."""
    found = said(f"params: {{a: '{{k}}'}}\npartitions: {{k: {written}}}")
    assert found == [f"resources[0].partitions.k{fault}"]


def test_a_key_is_a_name() -> None:
    """References must be able to name it."""
    assert said("partitions: {'a-b': [1]}") == [
        (
            "resources[0].partitions.a-b: expected a name of at most 100 letters, digits and '_' "
            "(it becomes a part of folders' names), got 'a-b'"
        )
    ]
