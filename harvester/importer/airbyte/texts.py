"""Turns templates of a manifest into those of the YAML: `{{ config['key'] }}` into `{env.KEY}`."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, Protocol

from harvester.importer.airbyte.expressions import ENCODED, NO_DEFAULT, Term, parsed, pieces
from harvester.importer.outcome import UnsaidError
from harvester.patterns import pattern

_PIECE: Final = pattern(r"\{\{(.*?)\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
#: Spellings of times that strftime does not have, or that depend on the machine.
_FORMS: Final = {"%s": "epoch", "%ms": "epoch_ms", "%epoch_microseconds": None, "%s_as_float": None}


def env_name(path: tuple[str | int, ...]) -> str:
    """The variable for a value of the manifest's configuration."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", "_".join(map(str, path))).strip("_").upper()
    return f"_{name}" if name[:1].isdecimal() else name or "CONFIG"


def form_of(form: str) -> str:
    """A format of times in the YAML's spelling. Raises `UnsaidError`."""
    found = _FORMS.get(form, form)
    if found is None or "%_ms" in form or "%ms" in found or ("%s" in found):
        raise UnsaidError(f"times written as {form}")
    return found


class JobNames(Protocol):
    """Gives the names that the values of a job have in the YAML."""

    def reference(self, of: Term) -> str:
        """The reference for a value of an answer. Raises `UnsaidError`."""


class Texts:
    """Translates the templates of one stream.

    `spec` is the description of the configuration, which says what must be given and which type
    it has; `keys` gives the name that a key of a partition has in the YAML.
    """

    def __init__(
        self, spec: Mapping[str, Any], parameters: Mapping[str, Any], interval: Mapping[str, str]
    ) -> None:
        self._spec = spec
        self._parameters = parameters
        self._interval = interval  # the references that stand for a slice's start and end
        self.batches: set[str] = set()  # the keys whose values are several
        self.notes: list[str] = []
        self.job: JobNames | None = None  # what a job's requests may name
        self.cursors: list[Any] = []  # what stands for a cursor that is not there yet

    def below(self, component: Mapping[str, Any]) -> "Texts":
        """The same for a component with parameters of its own."""
        parameters = component.get("$parameters") or self._parameters
        below = Texts(self._spec, parameters, self._interval)
        below.cursors, below.batches = self.cursors, self.batches
        below.notes, below.job = self.notes, self.job
        return below

    def constant(self, template: Any) -> Any:
        """A value that is known without the configuration. Raises `UnsaidError`."""
        if not isinstance(template, str) or "{" not in template:
            return template
        parts = list(self._parts(template))
        if any(isinstance(part, Term) and part.kind != "const" for part in parts):
            raise UnsaidError(f"the template {template.strip()[:90]}, where a constant is needed")
        values = [part.value if isinstance(part, Term) else part for part in parts]
        return values[0] if len(values) == 1 else "".join(map(str, values))

    def text(self, template: Any, *, optional: bool = False, typed: bool = False) -> Any:
        """A template of the YAML; a constant with its type. `optional`: where the whole may be
        left out when a variable is not set; `typed`: where a number must stay one.
        """
        if not isinstance(template, str):
            return template
        parts = list(self._parts(template))
        if len(parts) == 1 and isinstance(parts[0], Term):
            only = parts[0]
            if only.kind == "const":
                return _escaped(only.value) if isinstance(only.value, str) else only.value
            return self._reference(only, optional=optional, typed=typed)
        if any(isinstance(part, Term) and part.kind == "choice" for part in parts):
            return self._chosen(parts)
        return "".join(
            _escaped(part) if isinstance(part, str) else self._inside(part) for part in parts
        )

    def tree(self, node: Any, *, typed: bool = True) -> Any:
        """Each text of a JSON body or of parameters."""
        if isinstance(node, Mapping):
            return {
                str(key): self.tree(value, typed=typed)
                for key, value in node.items()
                if key != "$parameters"
            }
        if isinstance(node, list):
            return [self.tree(item, typed=typed) for item in node]
        return self.text(node, optional=True, typed=typed)

    def alternatives(self, template: Any) -> dict[str, str]:
        """The variables among which a text chooses, by name; none where it does not."""
        whole = _PIECE.fullmatch(str(template or "").strip())
        node = parsed(whole[1]) if whole and whole[1] else None
        if node is None or not isinstance(node, ast.IfExp | ast.BoolOp):
            return {}
        try:
            terms = [self.term(f"{{{{ {ast.unparse(one)} }}}}") for one in _branches(node)]
        except UnsaidError:
            return {}
        if any(one.kind != "config" for one in terms) or len({one.path for one in terms}) < 2:
            return {}
        return {env_name(one.path).lower(): f"{{env.{env_name(one.path)}}}" for one in terms}

    def term(self, template: Any) -> Term:
        """The one term that a template is. Raises `UnsaidError`."""
        parts = list(self._parts(str(template)))
        if len(parts) == 1 and isinstance(parts[0], Term):
            return parts[0]
        if all(isinstance(part, str) for part in parts):
            return Term("const", value=template)
        raise UnsaidError(f"the template {str(template)[:90]}")

    def list_of(self, of: Term) -> Any:
        """A partition key's values that are a list of the configuration."""
        if of.kind != "config":
            raise UnsaidError("partition values that are no list of the configuration")
        return f"{{env.{env_name(of.path)}:list{_otherwise(of.default, False)}}}"

    def _parts(self, template: str) -> Iterator[str | Term]:
        at = 0
        template = template.strip() if "{{" in template else template
        for piece in _PIECE.finditer(template):
            if piece.start() > at:
                yield template[at : piece.start()]
            if piece[1] is None:
                raise UnsaidError(f"the template {' '.join(piece[0].split())[:90]}")
            yield from pieces(piece[1], self._parameters)
            at = piece.end()
        if at < len(template) or not template:
            yield template[at:]

    def _inside(self, part: Term) -> str:
        if part.kind == "const":
            return _escaped("" if part.value is None else str(part.value))
        return str(self._reference(part, optional=False, typed=False))

    def _chosen(self, parts: list[str | Term]) -> str:
        """A text of which a part depends on the configuration: a variable for the whole of it, or
        for that part where the rest names other things.
        """
        kinds = [part.kind for part in parts if isinstance(part, Term)]
        if set(kinds) <= {"choice", "const"} and kinds.count("choice") == 1:
            first, second = (
                "".join(_constant_of(part, way) for part in parts) for way in ("value", "default")
            )
            of = next(part for part in parts if isinstance(part, Term) and part.kind == "choice")
            return self._choice(replace(of, value=first, default=second), optional=False)
        return "".join(
            _escaped(part) if isinstance(part, str) else self._inside(part) for part in parts
        )

    def _choice(self, of: Term, *, optional: bool) -> str:
        """A variable whose default is the text that the source takes without its condition."""
        schema, _ = declared(self._spec, of.path)
        kind = "URL" if str(of.default).startswith("http") else "TEXT"
        name = f"{env_name(of.path)}_{kind}"
        first, second = of.value, of.default
        if _holds_by_default(of.test, schema.get("default")):
            first, second = second, first
        self.notes.append(
            f"{name}: {of.value!r} where {of.test}, else {of.default!r}; here {second!r} by default"
        )
        if any(sign in second for sign in "{}"):
            raise UnsaidError(f"a choice between texts with braces: {of.test[:60]}")
        if not second and not optional:
            return f"{{env.{name}}}"
        return f"{{env.{name}?{second}}}"

    def _reference(self, of: Term, *, optional: bool, typed: bool) -> str:
        match of.kind:
            case "config":
                return self._variable(of, optional=optional, typed=typed)
            case "slice":
                return self._slice(of)
            case "choice":
                return self._choice(of, optional=optional)
            case "now":
                if not of.value:
                    form = form_of(of.form) if of.form else "iso"
                    return f"{{now:{form}}}"
                raise UnsaidError(f"a time relative to now: {of.value}")
            case "creation" | "polling" | "target" if self.job is not None:
                return self.job.reference(of)
            case "cursor":
                self.cursors.append(of.default)
                return "{cursor}"
        raise UnsaidError(f"{'.'.join(map(str, (of.kind, *of.path)))} in a request")

    def _variable(self, of: Term, *, optional: bool, typed: bool) -> str:
        schema, required = declared(self._spec, of.path)
        default = schema.get("default") if of.default is NO_DEFAULT else of.default
        kind = schema.get("type")
        if isinstance(default, Term):
            self.notes.append(
                f"{env_name(of.path)}: where it is not given, the source takes a time relative to "
                "now; here it must be given"
            )
            default, required = NO_DEFAULT, True
            of = replace(of, default=NO_DEFAULT)
        if of.pattern:
            raise UnsaidError("a part of a variable, cut out by a pattern")
        form = ""
        if kind == "array" and not of.joined:
            form = ":list"
        elif typed and kind in ("integer", "boolean"):
            form = ":int" if kind == "integer" else ":bool"
        elif typed and kind == "number":
            form = ":float"
        if of.form:
            form = f":{form_of(of.form)}"
        given = "" if required and of.default is NO_DEFAULT else _otherwise(default, optional)
        return f"{{env.{env_name(of.path)}{form}{given}}}"

    def _slice(self, of: Term) -> str:
        path = [part for part in of.path if part != "extra_fields"]
        while path[:2] == ["parent_slice", "parent_slice"]:
            path = path[1:]
        if path[:1] == ["parent_slice"] and len(path) == 2:
            return f"{{parent.{key_name(str(path[1]))}}}"
        if len(path) != 1 or not isinstance(path[0], str):
            raise UnsaidError(f"a member of a partition value: {'.'.join(map(str, of.path))}")
        name = path[0]
        if name in self._interval:
            reference = self._interval[name]
            form = form_of(of.form) if of.form else None
            if form:
                reference = reference.partition(":")[0]
            return f"{{{reference}:{form}}}" if form else f"{{{reference}}}"
        if of.form and of.form != ENCODED:
            raise UnsaidError(f"a partition value written as {of.form}")
        if of.form:
            self.notes.append(f"{key_name(name)}: stands in a path: give it percent-encoded")
            return f"{{{key_name(name)}|raw}}"
        key = key_name(name)
        return f"{{{key}:list}}" if key in self.batches and not of.joined else f"{{{key}}}"


def _otherwise(default: Any, optional: bool) -> str:
    """What stands behind a variable that may be unset."""
    if default is NO_DEFAULT or default in (None, "", []):
        return "?" if optional else ""
    if isinstance(default, list) and all(isinstance(item, str | int) for item in default):
        default = ",".join(map(str, default))
    if isinstance(default, bool):
        default = "true" if default else "false"
    text = str(default)
    if not isinstance(default, str | int | float) or any(sign in text for sign in "{}"):
        raise UnsaidError(f"a variable with the default {text[:60]}")
    return f"?{text}"


def _branches(node: ast.expr) -> Iterator[ast.expr]:
    """The texts that an expression chooses among."""
    match node:
        case ast.IfExp(body=first, orelse=second):
            yield from _branches(first)
            yield from _branches(second)
        case ast.BoolOp(op=ast.Or(), values=values):
            for value in values:
                yield from _branches(value)
        case _:
            yield node


def _constant_of(part: str | Term, way: str) -> str:
    if isinstance(part, str):
        return part
    if part.kind == "choice":
        return str(getattr(part, way))
    return "" if part.value is None else str(part.value)


def _holds_by_default(test: str, default: Any) -> bool:
    """Whether a condition on a value of the configuration holds where that is not given."""
    found = re.fullmatch(r".*?(==|!=)\s*(['\"])(.*?)\2", test)
    if found is None:
        return bool(default) and not test.startswith("not ")
    return (str(default) == found[3]) == (found[1] == "==") if default is not None else False


def key_name(name: str) -> str:
    """A partition key that references can name."""
    found = re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_") or "key"
    found = f"_{found}" if found[0].isdecimal() else found
    taken = (
        "env",
        "cursor",
        "page",
        "run",
        "window",
        "now",
        "since",
        "until",
        "parent",
        "offset",
        "job",
    )
    return f"{found}_" if found in taken else found


def declared(
    spec: Mapping[str, Any], path: tuple[str | int, ...]
) -> tuple[Mapping[str, Any], bool]:
    """The schema of a value of the configuration, and whether it must be given."""
    found: Mapping[str, Any] = spec
    required = True
    for name in path:
        branches = [found, *(found.get("oneOf") or ()), *(found.get("anyOf") or ())]
        having = [one for one in branches if name in (one.get("properties") or {})]
        if not having:
            return {}, not spec
        required = required and name in (having[0].get("required") or ())
        found = having[0]["properties"][name] or {}
    return found, required


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
