"""Turns error handlers into `response_actions`: the filters that choose what a response means."""

import ast
import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from harvester.importer.airbyte.expressions import Term, parsed
from harvester.importer.airbyte.paths import dotted
from harvester.importer.airbyte.texts import Texts
from harvester.importer.outcome import UnsaidError
from harvester.patterns import pattern

_ACTIONS: Final = {
    "IGNORE": "ignore", "RETRY": "retry", "RATE_LIMITED": "retry", "FAIL": "fail",
    "REFRESH_TOKEN_THEN_RETRY": "reauth", "RESET_PAGINATION": "restart",
}  # fmt: skip
#: Where the source looks for the text of an error in an answer that is otherwise a page.
_MESSAGES: Final = ("message", "error", "error.message", "errors[0].message", "detail", "msg")
#: Error handlers of Intercom's that differ from the usual one in how long they wait.
_ONLY_WAITS: Final = (".ErrorHandlerWithRateLimiter",)
_WHOLE: Final = pattern(r"\s*\{\{(.*)\}\}\s*", re.DOTALL)


def rules(handler: Mapping[str, Any] | None, texts: Texts) -> list[dict[str, Any]]:
    """The rules, in order: the first filter that matches counts. Raises `UnsaidError`.

    How long to wait, and how often to try, is left to the YAML's own defaults: it chooses no
    records.
    """
    found: list[dict[str, Any]] = []
    for each in _filters(handler or {}):
        found += _rules(each, texts)
    return [rule for at, rule in enumerate(found) if rule not in found[:at]]


def _filters(handler: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    match handler.get("type", "DefaultErrorHandler"):
        case "CompositeErrorHandler":
            for each in handler.get("error_handlers") or ():
                yield from _filters(each)
        case "CustomErrorHandler" if str(handler.get("class_name")).endswith(_ONLY_WAITS):
            yield from handler.get("response_filters") or ()
        case "DefaultErrorHandler":
            yield from handler.get("response_filters") or ()
        case kind:
            raise UnsaidError(f"the error handler {kind} {handler.get('class_name', '')}".rstrip())


def _rules(each: Mapping[str, Any], texts: Texts) -> Iterator[dict[str, Any]]:
    action = str(each.get("action") or "").upper()
    codes = [int(str(code)) for code in each.get("http_codes") or ()]
    predicate, contains = each.get("predicate"), each.get("error_message_contains")
    if action == "SUCCESS":
        if not predicate and not contains and all(200 <= code < 300 for code in codes):
            return
        raise UnsaidError("an error that counts as a page (action SUCCESS)")
    if not action:
        action = "FAIL"  # a filter without an action only names the error
        if not predicate and not contains:
            return
    if action not in _ACTIONS:
        raise UnsaidError(f"the action {action}")
    rule = {"status": codes[0] if len(codes) == 1 else codes} if codes else {}
    last = {"action": _ACTIONS[action]}
    # The conditions of a filter are alternatives: each makes a rule of its own.
    if rule:
        yield {**rule, **last}
    if contains:
        text = re.escape(" ".join(str(texts.constant(contains)).split())).replace("\\ ", " ")
        yield {"status": ["4xx", "5xx"], "body_matches": text, **last}
        for path in _MESSAGES:
            yield {"status": "2xx", "when": {"path": path, "matches": text}, **last}
    if predicate:
        for each_of in _predicate(predicate, texts):
            yield {**each_of, **last}


Condition = dict[str, Any]


def chosen(condition: str, texts: Texts) -> list[Condition]:
    """The conditions that all hold of the records that a filter keeps. Raises `UnsaidError`."""
    whole = _WHOLE.fullmatch(condition)
    if whole is None:
        raise UnsaidError(condition[:90])
    try:
        alternatives = _any(parsed(whole[1]), True, texts)
    except UnsaidError as error:
        raise UnsaidError(condition[:90]) from error
    if len(alternatives) != 1 or any("path" not in each for each in alternatives[0]):
        raise UnsaidError(condition[:90])
    return alternatives[0]


def _predicate(predicate: Any, texts: Texts) -> Iterator[dict[str, Any]]:
    """The conditions of the rules that together say what a predicate does."""
    whole = _WHOLE.fullmatch(str(predicate))
    if whole is None:
        raise UnsaidError(f"the predicate {str(predicate)[:90]}")
    try:
        alternatives = _any(parsed(whole[1]), True, texts)
    except UnsaidError as error:
        raise UnsaidError(f"the predicate {str(predicate).strip()[:90]}") from error
    for conditions in alternatives:
        each = [one for at, one in enumerate(conditions) if one not in conditions[:at]]
        headers = [one for one in each if "name" in one]
        whens = _needed([one for one in each if "path" in one])
        if len(headers) > 1:
            raise UnsaidError("conditions on several headers")
        found: dict[str, Any] = {"when": whens[0] if len(whens) == 1 else whens} if whens else {}
        yield {**found, "header": headers[0]} if headers else found


def _needed(conditions: list[Condition]) -> list[Condition]:
    """Without those that hold anyway where another one does: a place above it is there."""
    tested = [one for one in conditions if one.get("exists") is not True]
    return [
        one
        for one in conditions
        if one in tested or not any(_holds_above(other, one["path"]) for other in tested)
    ] or conditions[:1]


def _holds_above(other: Condition, path: str) -> bool:
    is_there = other.get("exists", True) is not False and other.get("equals", "") is not None
    return is_there and (
        other["path"] == path or other["path"].startswith((f"{path}.", f"{path}["))
    )


def _any(node: ast.expr, wanted: bool, texts: Texts) -> list[list[Condition]]:
    """The alternatives, each a list of what must all hold, for a predicate to be `wanted`."""
    match node:
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return _any(inner, not wanted, texts)
        case ast.BoolOp(op=op, values=values):
            each = [_any(value, wanted, texts) for value in values]
            if isinstance(op, ast.Or) == wanted:
                return [conditions for alternatives in each for conditions in alternatives]
            return [list(itertools.chain(*chosen)) for chosen in itertools.product(*each)]
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _compared(left, op, right, wanted, texts)
        case ast.Call(
            func=ast.Attribute(value=of, attr="startswith"), args=[ast.Constant(value=v)]
        ):
            if wanted:
                return [[_of(of, {"matches": f"^{re.escape(str(v))}"}, texts)]]
    return _there(node, wanted, texts)


_NEGATED: Final[Mapping[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.NotEq: ast.Eq, ast.NotIn: ast.In, ast.IsNot: ast.Is,
}  # fmt: skip
_CONSTANTS: Final = {"true": True, "false": False, "True": True, "False": False}


def _compared(
    left: ast.expr, op: ast.cmpop, right: ast.expr, wanted: bool, texts: Texts
) -> list[list[Condition]]:
    if type(op) in _NEGATED:
        op, wanted = _NEGATED[type(op)](), not wanted
    if isinstance(op, ast.In):
        return _among(left, right, wanted, texts)
    if not isinstance(op, ast.Eq | ast.Is):
        raise UnsaidError("a comparison")
    match right:
        case ast.UnaryOp(op=ast.Not(), operand=ast.Name(id="defined")):
            return [[_of(left, {"exists": not wanted}, texts)]]
        case ast.Name(id="defined"):
            return [[_of(left, {"exists": wanted}, texts)]]
        case ast.Name(id="none" | "null") | ast.Constant(value=None):
            return [[_of(left, {"exists": not wanted}, texts)]]
        case ast.Name(id=word) if word in _CONSTANTS:
            value: Any = _CONSTANTS[word]
        case ast.Constant(value=bool() | str() | int() | float() as value):
            pass
        case _:
            raise UnsaidError("a comparison with what is not constant")
    if wanted:
        return [[_of(left, {"equals": value}, texts)]]
    # What is not there is not equal either.
    return [[_of(left, {"not_equals": value}, texts)], [_of(left, {"exists": False}, texts)]]


def _among(left: ast.expr, right: ast.expr, wanted: bool, texts: Texts) -> list[list[Condition]]:
    if isinstance(left, ast.Constant) and isinstance(left.value, str):
        place = _place(right, texts)
        if not place.path and place.kind in ("response", "record", "headers"):
            key, name = ("path", dotted([left.value]))
            if place.kind == "headers":
                key, name = "name", left.value
            return [[{key: name, "exists": wanted}]]
        if wanted:
            return [[_of(right, {"matches": re.escape(left.value)}, texts)]]
    if isinstance(right, ast.List | ast.Tuple) and wanted:
        values = [ast.literal_eval(item) for item in right.elts]
        return [[_of(left, {"in": values}, texts)]]
    raise UnsaidError("a membership")


def _there(node: ast.expr, wanted: bool, texts: Texts) -> list[list[Condition]]:
    """Whether a value is there and neither false, nor 0, nor empty."""
    nothing = ({"exists": False}, {"equals": False}, {"equals": ""}, {"equals": 0})
    if not wanted:
        return [[_of(node, each, texts)] for each in nothing]
    some = ({"exists": True}, {"not_equals": False}, {"not_equals": ""}, {"not_equals": 0})
    return [[_of(node, each, texts) for each in some]]


def _of(node: ast.expr, condition: Condition, texts: Texts) -> Condition:
    """A condition on the place that an expression names."""
    place = _place(node, texts)
    match place.kind, place.path:
        case "response" | "record", [_, *_]:
            return {"path": dotted(place.path), **condition}
        case "headers", [str(name)]:
            return {"name": name, **condition}
    raise UnsaidError("a condition on something else")


def _place(node: ast.expr, texts: Texts) -> Term:
    return texts.term(f"{{{{ {ast.unparse(node)} }}}}")
