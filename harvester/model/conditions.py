"""Compares a value with one operand, as rules for responses and choices among parents do."""

import re
from typing import Any, Literal

from harvester.model.jsonpath import find, parse
from harvester.model.templates import as_text
from harvester.values import dataclass

Operator = Literal["equals", "not_equals", "in", "matches", "exists"]


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on the first value at a path of a record."""

    path: str
    operator: Operator
    operand: Any

    def holds(self, record: Any) -> bool:
        """Whether it holds of a record."""
        return is_met(self.operator, self.operand, next(find(record, parse(self.path)), None))


def is_met(operator: Operator, operand: Any, value: Any) -> bool:
    """Whether a value meets a condition; a null value counts as one that is not there."""
    match operator:
        case "exists":
            exists: bool = operand
            return (value is not None) == exists
        case "equals":
            return _is_same(value, operand)
        case "not_equals":
            return value is not None and not _is_same(value, operand)
        case "in":
            return value is not None and any(_is_same(value, item) for item in operand)
        case "matches":
            return value is not None and re.search(operand, as_text(value)) is not None


def _is_same(value: Any, wanted: Any) -> bool:
    # JSON's types differ where Python's compare equal: 1 == True.
    equal: bool = value == wanted
    return equal and isinstance(value, bool) == isinstance(wanted, bool)
