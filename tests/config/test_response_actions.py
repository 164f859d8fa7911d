"""Rules for responses, as written."""

import pytest

from harvester.config import HeaderWhen, ResponseAction, When
from tests.yaml_texts import config, said


def rule(text: str) -> ResponseAction:
    """Read one rule."""
    return config(f"response_actions: [{text}]").resources[0].response_actions[0]


@pytest.mark.parametrize(
    ("status", "meant"),
    [("429", (429,)), ("4XX", ("4xx",)), ("[404, 5xx]", (404, "5xx"))],
)
def test_a_status_is_a_number_a_class_or_a_list(status: str, meant: tuple[object, ...]) -> None:
    """Always a tuple in the end."""
    assert rule(f"{{status: {status}, action: ignore}}").status == meant


@pytest.mark.parametrize(
    ("written", "operator", "operand"),
    [
        ("equals: 1", "equals", 1),
        ("equals: null", "equals", None),
        ("not_equals: ok", "not_equals", "ok"),
        ("in: [1, null, a]", "in", (1, None, "a")),
        ("matches: '^a'", "matches", "^a"),
        ("exists: false", "exists", False),
    ],
)
def test_a_comparison_is_an_operator_and_an_operand(
    written: str, operator: str, operand: object
) -> None:
    """Also where the operand is null, which is no operand for the others; and it reads back."""
    (when,) = rule(f"{{when: {{path: a.b, {written}}}, action: fail}}").when or ()
    assert (when.path, when.operator, when.operand) == ("a.b", operator, operand)
    assert When.model_validate(when.model_dump()) == when


def test_a_condition_on_a_header() -> None:
    """It has a name instead of a path."""
    header = rule("{header: {name: X-Quota, equals: '0'}, action: stop}").header
    assert isinstance(header, HeaderWhen)
    assert (header.name, header.operator, header.operand) == ("X-Quota", "equals", "0")


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("{action: stop}", ": needs a condition: status, when, header or body_matches"),
        ("{status: 404}", ".action: this key is missing"),
        ("{status: 404, action: retyr}", ".action: unknown action 'retyr': did you mean 'retry'?"),
        ("{status: 410, action: restart}", (".action: restart begins a chain of cursors again; "
         "single_page has none")),
        ("{status: 4x, action: stop}", (".status: expected a status such as 429, or a class such "
         "as 4xx, got '4x'")),
        ("{status: [200, 999], action: stop}", (".status[1]: expected a status such as 429, or a "
         "class such as 4xx, got 999")),
        ("{status: [], action: stop}", (".status: an empty list; give at least one, or leave the "
         "key out")),
        ("{when: {path: a}, action: stop}", (".when: needs exactly one of equals, not_equals, in, "
         "matches or exists; there is none")),
        ("{when: {path: a, equals: 1, exists: true}, action: stop}", (".when: needs exactly one of "
         "equals, not_equals, in, matches or exists; not equals and exists")),
        ("{when: {path: a, equals: [1]}, action: stop}", (".when.equals: expected text, a number, "
         "true, false or null, got a list")),
        ("{when: {path: a, matches: '('}, action: stop}", (".when.matches: not a regular "
         "expression: missing ), unterminated subpattern at position 0")),
    ],
)  # fmt: skip
def test_faults(written: str, fault: str) -> None:
    """Each at its place."""
    assert said(f"response_actions: [{written}]") == [f"resources[0].response_actions[0]{fault}"]
