"""Turns error handlers into `response_actions`: the filters that choose what a response means."""

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from harvester.importer.airbyte.expressions import parsed
from harvester.importer.airbyte.paths import dotted
from harvester.importer.airbyte.texts import Texts
from harvester.importer.outcome import UnsaidError

_ACTIONS: Final = {
    "IGNORE": "ignore", "RETRY": "retry", "RATE_LIMITED": "retry", "FAIL": "fail",
    "REFRESH_TOKEN_THEN_RETRY": "reauth", "RESET_PAGINATION": "restart",
}  # fmt: skip
_WHOLE: Final = re.compile(r"\s*\{\{(.*)\}\}\s*", re.DOTALL)


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
        raise UnsaidError("a text anywhere in the body: body_matches")
    if predicate:
        for when in _conditions(predicate, texts):
            yield {"when": when, **last}


def _conditions(predicate: Any, texts: Texts) -> Iterator[dict[str, Any]]:
    whole = _WHOLE.fullmatch(str(predicate))
    if whole is None:
        raise UnsaidError(f"the predicate {str(predicate)[:90]}")
    for node in _alternatives(parsed(whole[1])):
        yield _condition(node, texts, str(predicate))


def _alternatives(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):
        for value in node.values:
            yield from _alternatives(value)
    else:
        yield node


def _condition(node: ast.expr, texts: Texts, text: str) -> dict[str, Any]:
    match node:
        case ast.BoolOp(op=ast.And(), values=conditions):
            return _all([_condition(value, texts, text) for value in conditions])
        case ast.Compare(left=ast.Constant(value=str(key)), ops=[ast.In()], comparators=[where]):
            place = texts.term(f"{{{{ {ast.unparse(where)} }}}}")
            if place.kind == "response" and not place.path:
                return {"path": dotted([key]), "exists": True}
            if place.kind == "response":
                return {"path": dotted(place.path), "matches": re.escape(key)}
        case ast.Compare(left=left, ops=[op], comparators=[ast.Constant(value=value)]):
            place = texts.term(f"{{{{ {ast.unparse(left)} }}}}")
            name = {ast.Eq: "equals", ast.NotEq: "not_equals"}.get(type(op))
            if name and place.kind == "response" and place.path:
                return {"path": dotted(place.path), name: value}
        case ast.Compare(left=left, ops=[ast.Is() | ast.Eq()], comparators=[ast.Name(id=word)]):
            place = texts.term(f"{{{{ {ast.unparse(left)} }}}}")
            values = {"true": True, "false": False}
            if word in values and place.kind == "response" and place.path:
                return {"path": dotted(place.path), "equals": values[word]}
    raise UnsaidError(f"the predicate {text.strip()[:90]}")


def _all(each: list[dict[str, Any]]) -> dict[str, Any]:
    """The one condition that holds where all of them do: others ask for a place above it."""
    tested = [one for one in each if one.get("exists") is not True]
    above = [one for one in each if one.get("exists") is True]
    if len(tested) == 1 and all(tested[0]["path"].startswith(one["path"]) for one in above):
        return tested[0]
    raise UnsaidError("several conditions that must all hold: when: […]")
