"""Reads the expressions of a manifest's templates, `{{ … }}`, as terms that name where values lie.

The language is Jinja's, of which manifests use what Python's own parser reads too: members, calls,
filters (`x | default('y')`), conditions. A term is a constant, or a place (`config.start_date`,
`response.meta.next`, `stream_slice.id`) with what is done to it: a format, a default. Whatever
else stands in a template is an `UnsaidError` that quotes it.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from harvester.importer.outcome import UnsaidError
from harvester.values import dataclass

_WORDS: Final = {"true": True, "false": False, "none": None, "null": None}
_ROOTS: Final = {
    "config": "config", "response": "response", "last_record": "last_record", "headers": "headers",
    "stream_slice": "slice", "stream_partition": "slice", "stream_interval": "slice",
    "next_page_token": "cursor", "record": "record", "last_page_size": "page_size",
    "decoded_response": "response", "creation_response": "creation",
    "polling_response": "polling", "download_target": "target",
}  # fmt: skip
_OF_JOBS: Final = {"create_job_response": "creation", "url": "target"}
_SAME: Final = frozenset(("string", "trim", "tojson", "int", "strip", "str", "sanitize_url"))
NO_DEFAULT: Final = object()
ENCODED: Final = "percent-encoded"


@dataclass(frozen=True, slots=True)
class Term:
    """A constant (`kind` is `const`), or a place in what a template may name.

    `form` is a strftime format, `default` what stands where the value is missing, `pattern` a
    regular expression that cuts the value out, `joined` says that a list becomes one text.
    """

    kind: str
    path: tuple[str | int, ...] = ()
    value: Any = None
    form: str | None = None
    default: Any = NO_DEFAULT
    pattern: str | None = None
    joined: bool = False
    test: str = ""  # of a choice between two constants by the configuration: what it depends on


def parsed(expression: str) -> ast.expr:
    """The syntax tree of an expression; `UnsaidError` where it is none of those known."""
    try:
        return ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        raise UnsaidError(f"the template {quoted(expression)}") from None


def quoted(expression: str) -> str:
    """An expression as a message shows it: on one line, and not too long."""
    text = " ".join(expression.split())
    return f"{{{{ {text if len(text) <= 90 else text[:89] + '…'} }}}}"


def term(expression: str, parameters: Mapping[str, Any]) -> Term:
    """What an expression stands for. Raises `UnsaidError`."""
    return _term(parsed(expression), parameters, expression)


def pieces(expression: str, parameters: Mapping[str, Any]) -> Iterator[str | Term]:
    """What an expression is made of, in order, where it adds texts; else its one term."""
    yield from _pieces(parsed(expression), parameters, expression)


def _pieces(node: ast.expr, parameters: Mapping[str, Any], text: str) -> Iterator[str | Term]:
    match node:
        case ast.BinOp(left=left, op=ast.Add(), right=ast.Constant(value=str(end))):
            yield from _pieces(left, parameters, text)
            yield end
        case ast.BinOp(left=ast.Constant(value=str(start)), op=ast.Add(), right=right):
            yield start
            yield from _pieces(right, parameters, text)
        case _:
            yield _term(node, parameters, text)


def _term(node: ast.expr, parameters: Mapping[str, Any], text: str) -> Term:
    found = _found(node, parameters, text)
    if found is None:
        raise UnsaidError(f"the template {quoted(text)}")
    return found


def _found(node: ast.expr, parameters: Mapping[str, Any], text: str) -> Term | None:
    match node:
        case ast.Constant(value=value):
            return Term("const", value=value)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return Term("const", value=-number)
        case ast.List(elts=items) | ast.Tuple(elts=items):
            each = [_term(item, parameters, text) for item in items]
            return _constant([item.value for item in each], each)
        case ast.Dict(keys=[]):
            return Term("const", value=None)
        case ast.Name(id=name):
            return _named(name, parameters)
        case ast.Attribute(value=inner, attr=name):
            return _member(_term(inner, parameters, text), name)
        case ast.Subscript(
            value=ast.Call(
                func=ast.Attribute(value=inner, attr="split"), args=[ast.Constant(value="T")]
            ),
            slice=ast.Constant(value=0),
        ):
            return replace(_term(inner, parameters, text), form="%Y-%m-%d")
        case ast.Subscript(value=inner, slice=key):
            member = _term(key, parameters, text)
            return _member(_term(inner, parameters, text), member.value, member.kind == "const")
        case ast.Call():
            return _called(node, parameters, text)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _filtered(_term(left, parameters, text), right, parameters, text)
        case ast.BinOp(left=left, op=ast.Sub() | ast.Add(), right=ast.Call() as by):
            of = _term(left, parameters, text)
            is_span = ast.unparse(by.func) in ("duration", "timedelta")
            return Term("now", value=ast.unparse(by)) if of.kind == "now" and is_span else None
        case ast.BoolOp(op=ast.Or(), values=[first, second]):
            return _or(_term(first, parameters, text), _default(second, parameters, text))
        case ast.BinOp(left=left, op=ast.Mult(), right=ast.Constant(value=1000)):
            of = _term(left, parameters, text)
            return replace(of, form="%ms") if of.form == "%s" else None
        case ast.IfExp(test=test, body=body, orelse=other):
            return _chosen(test, body, other, parameters, text)
    return None


def _default(node: ast.expr, parameters: Mapping[str, Any], text: str) -> Term:
    """What stands where a value is missing; a time relative to now, however it is cut, is one."""
    found = _quietly(node, parameters, text)
    if found is not None:
        return found
    named = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    if named & {"now_utc", "today_utc", "day_delta"}:
        return Term("now", value=ast.unparse(node))
    return _term(node, parameters, text)


def _constant(value: Any, among: list[Term]) -> Term | None:
    return Term("const", value=value) if all(one.kind == "const" for one in among) else None


def _named(name: str, parameters: Mapping[str, Any]) -> Term | None:
    if name.lower() in _WORDS:
        return Term("const", value=_WORDS[name.lower()])
    if name in ("parameters", "options"):
        return Term("const", value=dict(parameters))
    if name == "components_values" and name in parameters:
        return Term("const", value=parameters[name])
    return Term(_ROOTS[name]) if name in _ROOTS else None


def _member(of: Term, name: Any, known: bool = True) -> Term | None:
    if not known or not isinstance(name, str | int) or of.pattern:
        return None
    if of.kind == "const":
        if isinstance(of.value, Mapping) and name in of.value:
            return Term("const", value=of.value[name])
        return Term("const", value=None) if isinstance(of.value, Mapping) else None
    if of.kind == "now":
        return None
    if of.kind == "slice" and not of.path and name in _OF_JOBS:  # as slices named them before
        return Term(_OF_JOBS[name])
    return Term(of.kind, (*of.path, name))


def _called(node: ast.Call, parameters: Mapping[str, Any], text: str) -> Term | None:
    arguments = [_found(each, parameters, text) for each in node.args]
    match node.func:
        case ast.Name(id="now_utc" | "today_utc" | "today_with_timezone"):
            return Term("now")
        case ast.Name(id="sanitize_url") if arguments and arguments[0]:
            of = arguments[0]
            return replace(of, form=ENCODED) if of.kind == "slice" else of
        case ast.Name(id="day_delta"):
            days = arguments[0].value if arguments and arguments[0] else None
            return Term("now", form="", value=days) if days else Term("now")
        case ast.Name(id="format_datetime") if arguments and arguments[0]:
            form = arguments[1].value if len(arguments) > 1 and arguments[1] else None
            return replace(arguments[0], form=form)
        case ast.Name(id="str_to_datetime" | "timestamp" as name) if arguments and arguments[0]:
            return replace(arguments[0], form="%s") if name == "timestamp" else arguments[0]
        case ast.Attribute(value=inner, attr="get") if arguments and arguments[0]:
            found = _member(_term(inner, parameters, text), arguments[0].value)
            default = arguments[1] if len(arguments) > 1 else None
            if found is None or default is None or default.kind != "const":
                return found
            if found.kind == "const":
                return default if found.value is None else found
            return found if default.value in (None, "", [], False) else _or(found, default)
        case ast.Attribute(value=inner, attr="json") if not node.args:
            return _term(inner, parameters, text)
        case ast.Attribute(value=inner, attr="strftime") if arguments and arguments[0]:
            return replace(_term(inner, parameters, text), form=arguments[0].value)
        case ast.Attribute(value=ast.Constant(value=","), attr="join") if arguments:
            return arguments[0] and replace(arguments[0], joined=True)
        case ast.Attribute(value=inner, attr="split") if ast.unparse(node).endswith(".split('T')"):
            return replace(_term(inner, parameters, text), form="%Y-%m-%d")
    return None


def _filtered(of: Term, by: ast.expr, parameters: Mapping[str, Any], text: str) -> Term | None:
    match by:
        case ast.Name(id=name) if name in _SAME:
            return of
        case ast.Call(func=ast.Name(id=name)) if name in _SAME:
            return of
        case ast.Name(id="urlencode"):
            return of
        case ast.Call(func=ast.Name(id="default"), args=[value, *_]):
            return _or(of, _term(value, parameters, text))
        case ast.Call(func=ast.Name(id="join"), args=[ast.Constant(value=",")]):
            return replace(of, joined=True)
        case ast.Call(func=ast.Name(id="regex_search"), args=[ast.Constant(value=str(pattern))]):
            return replace(of, pattern=pattern) if _one_group(pattern) else None
    return None


def _one_group(pattern: str) -> bool:
    try:
        return re.compile(pattern).groups == 1
    except re.error:
        return False


def _or(first: Term, second: Term) -> Term | None:
    """A place, and what stands where it is empty: a constant, or the time now."""
    if first.kind == "const":
        return first if first.value else second
    if second.kind == "const":
        return first if second.value is None else replace(first, default=second.value)
    return replace(first, default=second) if second.kind == "now" else None


def _chosen(
    test: ast.expr, body: ast.expr, other: ast.expr, parameters: Mapping[str, Any], text: str
) -> Term | None:
    """`x if x else y`, in its spellings: the same as `x or y`."""
    chosen, otherwise = _found(body, parameters, text), _found(other, parameters, text)
    if chosen is None or otherwise is None:
        return None
    match test:
        case ast.Compare(left=ast.Constant(value=name), ops=[ast.In()], comparators=[where]):
            asked = _member(_term(where, parameters, text), name)
        case _:
            asked = _found(test, parameters, text)
    if asked is None:
        return _choice(test, chosen, otherwise, parameters, text)
    if asked.kind == "const":
        return chosen if asked.value else otherwise
    same = asked.kind == chosen.kind and asked.path == chosen.path
    above = asked.kind == chosen.kind and asked.path == chosen.path[: len(asked.path)]
    if above and otherwise.kind == "const" and not otherwise.value:
        return chosen
    if same:
        return _or(chosen, otherwise)
    return _choice(test, chosen, otherwise, parameters, text)


def _choice(
    test: ast.expr, chosen: Term, otherwise: Term, parameters: Mapping[str, Any], text: str
) -> Term | None:
    """One of two texts, by something of the configuration."""
    texts = (chosen.value, otherwise.value)
    if not (chosen.kind == otherwise.kind == "const") or any(
        value is not None and not isinstance(value, str) for value in texts
    ):
        return None
    nodes = [node for node in ast.walk(test) if isinstance(node, ast.expr)]
    places = [found for node in nodes if (found := _quietly(node, parameters, text))]
    named = [one for one in places if one.kind == "config"]
    of = max(named, key=lambda one: len(one.path), default=None)
    if of is None or not of.path or any(one.kind not in ("config", "const") for one in places):
        return None
    return Term("choice", of.path, chosen.value or "", default=otherwise.value or "",
                test=ast.unparse(test))  # fmt: skip


def _quietly(node: ast.expr, parameters: Mapping[str, Any], text: str) -> Term | None:
    try:
        return _found(node, parameters, text)
    except UnsaidError:
        return None
