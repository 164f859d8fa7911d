"""Turns templates of a manifest into those of the YAML: `{{ config['key'] }}` into `{env.KEY}`."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from harvester.importer.airbyte.expressions import NO_DEFAULT, Term, pieces
from harvester.importer.outcome import UnsaidError

_PIECE: Final = re.compile(r"\{\{(.*?)\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
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
        self.cursors: list[Any] = []  # what stands for a cursor that is not there yet

    def below(self, component: Mapping[str, Any]) -> "Texts":
        """The same for a component with parameters of its own."""
        parameters = component.get("$parameters") or self._parameters
        below = Texts(self._spec, parameters, self._interval)
        below.cursors, below.batches = self.cursors, self.batches
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

    def _reference(self, of: Term, *, optional: bool, typed: bool) -> str:
        match of.kind:
            case "config":
                return self._variable(of, optional=optional, typed=typed)
            case "slice":
                return self._slice(of)
            case "cursor":
                self.cursors.append(of.default)
                return "{cursor}"
            case "now" if not of.value:
                raise UnsaidError("{now}: the time of the run in a request")
        raise UnsaidError(f"{'.'.join(map(str, (of.kind, *of.path)))} in a request")

    def _variable(self, of: Term, *, optional: bool, typed: bool) -> str:
        schema, required = declared(self._spec, of.path)
        default = schema.get("default") if of.default is NO_DEFAULT else of.default
        kind = schema.get("type")
        if of.form:
            raise UnsaidError(f"a date of the configuration written as {of.form}")
        if of.pattern:
            raise UnsaidError("a part of a variable, cut out by a pattern")
        form = ""
        if kind == "array" and not of.joined:
            form = ":list"
        elif typed and kind in ("integer", "boolean"):
            form = ":int" if kind == "integer" else ":bool"
        elif typed and kind == "number":
            raise UnsaidError("a variable that is a number with a fraction")
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
        if of.form:
            raise UnsaidError(f"a partition value written as {of.form}")
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
    if not isinstance(default, str | int | float) or any(sign in text for sign in "?{}"):
        raise UnsaidError(f"a variable with the default {text[:60]}")
    return f"?{text}"


def key_name(name: str) -> str:
    """A partition key that references can name."""
    found = re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_") or "key"
    found = f"_{found}" if found[0].isdecimal() else found
    taken = ("env", "cursor", "page", "run", "window", "now", "since", "until", "parent", "offset")
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
