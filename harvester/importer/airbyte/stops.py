"""Turns a cursor's `stop_condition` into options that say when paging ends."""

import ast
import re
from collections.abc import Iterator
from typing import Any, Final

from harvester.importer.airbyte.expressions import Term, parsed, quoted
from harvester.importer.airbyte.paths import dotted
from harvester.importer.airbyte.texts import Texts
from harvester.importer.outcome import UnsaidError
from harvester.patterns import pattern

_ALL: Final = pattern(r"\s*\{\{(.*)\}\}\s*", re.DOTALL)
_EMPTY: Final[tuple[Any, ...]] = (None, "", "null", False, [], {})


def stops(condition: Any, cursor: Term, selector: str, texts: Texts) -> dict[str, Any]:
    """The options; none where the condition says only that there is no cursor.

    Raises `UnsaidError` for a condition that the options cannot say.
    """
    if condition is None or condition is False or str(condition).strip() in ("", "False"):
        return {}
    whole = _ALL.fullmatch(str(condition))
    if whole is None:
        raise UnsaidError(f"the stop condition {str(condition)[:90]}")
    found: dict[str, Any] = {}
    for node in _either(parsed(whole[1])):
        found |= _one(node, cursor, selector, texts, whole[1])
    return found


def _either(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):
        for value in node.values:
            yield from _either(value)
    else:
        yield node


def _one(node: ast.expr, cursor: Term, selector: str, texts: Texts, text: str) -> dict[str, Any]:
    if _leads_to_itself(node, cursor, texts):
        return {"cursor_may_repeat": True}
    subject, ends_when_true = _subject(node)
    if subject is None:
        raise UnsaidError(f"the stop condition {quoted(text)}")
    if isinstance(subject, int):  # last_page_size is at most so many
        return {"stop_after_empty_page": True} if subject == 0 else _short(subject)
    # After the last record nothing comes: an empty page says the same as a Link header without it.
    if cursor.kind in ("headers", "last_record") and _of_link_header(subject):
        return {}
    place = texts.term(f"{{{{ {ast.unparse(subject)} }}}}")
    if _is_part(place, cursor):
        return {}
    if place.kind == "last_record" and not place.path and not ends_when_true:
        return {"stop_after_empty_page": True}
    if place.kind == "response" and place.path:
        at = dotted(place.path)
        if not ends_when_true and at.lstrip("$.") == selector.removesuffix("[*]").lstrip("$."):
            return {"stop_after_empty_page": True}
        return {"last_page_path" if ends_when_true else "has_more_path": at}
    if place.kind == cursor.kind == "headers":
        return {}
    raise UnsaidError(f"the stop condition {quoted(text)}")


def _of_link_header(node: Any) -> bool:
    """Whether something of the Link header is asked for, however it is spelled."""
    text = ast.unparse(node).lower() if isinstance(node, ast.expr) else ""
    return text.startswith("headers") and "link" in text


def _leads_to_itself(node: ast.expr, cursor: Term, texts: Texts) -> bool:
    """Whether the condition compares the next link with the page's own."""
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
        return any(_leads_to_itself(value, cursor, texts) for value in node.values)
    if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.Eq):
        return False
    sides = (ast.unparse(node.left), ast.unparse(node.comparators[0]))
    return any(".self" in side or "['self']" in side for side in sides) and any(
        ".next" in side or "['next']" in side for side in sides
    )


def _short(size: int) -> dict[str, Any]:
    return {"stop_after_short_page": True, "page_size": size}


def _is_part(place: Term, cursor: Term) -> bool:
    """Whether a place that is empty means that there is no cursor: it is the cursor's, or above."""
    if place.kind != cursor.kind or not place.path:
        return False
    mine, whole = [str(p).lower() for p in place.path], [str(p).lower() for p in cursor.path]
    return whole[: len(mine)] == mine


def _subject(node: ast.expr) -> tuple[Any, bool]:
    """What is asked for, and whether its being there (or true) is the end."""
    match node:
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            subject, true = _subject(inner)
            return subject, not true
        case ast.Compare(left=ast.Name(id="last_page_size"), ops=[op], comparators=[right]):
            return _size(op, right), True
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _compared(left, op, right)
        case ast.BinOp(op=ast.BitOr(), left=left, right=ast.Name(id="length" | "count")):
            return left, True
        case ast.Call(func=ast.Name(id="len"), args=[inner]):
            return inner, True
        case ast.Attribute() | ast.Subscript() | ast.Call() | ast.Name():
            return node, True
    return None, False


def _size(op: ast.cmpop, right: ast.expr) -> int | None:
    number = right.value if isinstance(right, ast.Constant) else None
    if not isinstance(number, int):
        return None
    if isinstance(op, ast.Eq | ast.Is | ast.LtE) and number == 0:
        return 0
    return number if isinstance(op, ast.Lt) and number > 0 else None


def _compared(left: ast.expr, op: ast.cmpop, right: ast.expr) -> tuple[Any, bool]:
    if isinstance(left, ast.Constant) and isinstance(op, ast.In | ast.NotIn):
        return _member(right, left.value), isinstance(op, ast.In)
    equal = isinstance(op, ast.Eq | ast.Is)
    if not equal and not isinstance(op, ast.NotEq | ast.IsNot):
        if isinstance(op, ast.Lt | ast.LtE) and isinstance(left, ast.BinOp | ast.Call):
            inner, _ = _subject(left)
            zero = isinstance(right, ast.Constant) and right.value in (0, 1)
            return (inner, False) if zero else (None, False)
        return None, False
    if ast.unparse(right) == "not defined":
        return left, not equal
    match right:
        case ast.UnaryOp(op=ast.Not(), operand=ast.Name(id="defined")):
            return left, not equal
        case ast.Name(id="defined"):
            return left, equal
        case ast.Name(id="none" | "false" | "null"):
            return left, not equal
        case ast.Name(id="true"):
            return left, equal
        case ast.Constant(value=True):
            return left, equal
        case ast.Constant(value=value) if value in _EMPTY or value == 0:
            inner, there = _subject(left)
            return inner, there != equal
        case ast.List(elts=[]) | ast.Dict(keys=[]):
            return left, not equal
    return None, False


def _member(of: ast.expr, name: Any) -> ast.expr:
    return ast.Subscript(value=of, slice=ast.Constant(value=name), ctx=ast.Load())
