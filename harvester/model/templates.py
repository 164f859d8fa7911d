"""Renders references in strings, `{query}` or `{window.start:%Y-%m-%d}`, as values.

There is no expression language: a `Template` is a string cut into literals and `Reference`s, and
rendering puts values in their place. Two rules carry most of the weight. A string that is one
reference and nothing else keeps the value's type, so that `{page}` stays a number in a JSON body
and an array cursor stays an array. And what has no value yet (`{cursor}` before the first page)
renders to `ABSENT`, which takes the whole string with it and then the mapping entry or list item
that held it: a parameter is left out, never sent empty.

Trees (a request's `params`, its `json`) are walked here too, so that the rest of the code need not
know where strings may hide. Keys of mappings are names, not templates.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final, Literal, Self

from harvester.model.moments import moment_of
from harvester.model.stretches import Stretch
from harvester.model.variables import TYPES, typed


class TemplateError(ValueError):
    """A string that is no template (`position`: the offset, from 0), or a reference that the
    scope cannot answer (`position` is None).
    """

    def __init__(self, message: str, position: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


class _Absent(Enum):
    ABSENT = "ABSENT"

    def __repr__(self) -> str:
        return self.value


WINDOW_ATTRIBUTES: Final = ("start", "end", "last")

ABSENT: Final = _Absent.ABSENT
"""Leave the parameter out. Distinct from None, which is sent."""


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time, [start, end): the start belongs to it, the end does not.

    Both are aware and end lies after start; anything else raises ValueError. `overlap` is how far
    before its start a request asks, for records that change late: no part of what the window is.
    """

    start: datetime
    end: datetime
    overlap: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError(f"a window needs times with a zone: {self.start}, {self.end}")
        if self.end <= self.start:
            raise ValueError(f"a window ends after it starts: {self.start}, {self.end}")

    @property
    def asked_from(self) -> datetime:
        """Where a request begins: the start, less the overlap."""
        return self.start - self.overlap

    @property
    def last(self) -> datetime:
        """The last whole second of the window, for APIs whose ends are inclusive.

        As a date it is the last day of a window that ends at midnight.
        """
        return max(self.start, self.end - timedelta(seconds=1))

    @property
    def label(self) -> str:
        """`2021-01-01_2021-02-01`, in UTC; an end that is not midnight has `T120000Z` added."""
        return f"{_label(self.start)}_{_label(self.end)}"


class Batch(tuple[Any, ...]):
    """Several values of one partition key, for one request: in JSON a list, else joined by commas;
    `{ids:list}` repeats a parameter.
    """

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """What stands between braces.

    `kind` says where the value comes from: the environment, the cursor, the number of the page,
    or a partition value. `name` is the variable or partition key (for the other kinds, the kind);
    a secret's file is one of the environment, by the name `file./its/whole/path`, and so is what a
    command prints, by the name `command.` and its line;
    `attribute` is `start`, `end` or `last` of a window, or a member of a parent's record, which is
    a value by the name `key.member`; `format` what follows the colon: of a
    cursor it is `json`, for APIs that want JSON inside a parameter, where text has its quotes.
    `default` is what stands for a variable that is not set; "" leaves out what holds it.
    `raw` is a value of a path that is percent-encoded already, `{project|raw}`: its `%2F` stays.
    """

    kind: Literal["env", "cursor", "page", "value"]
    name: str
    attribute: str | None = None
    format: str | None = None
    raw: bool = False
    default: str | None = None

    def __str__(self) -> str:
        """Write the reference as it was read, braces included."""
        outside = file_of(self.name) or command_of(self.name)
        is_variable = self.kind == "env" and outside is None
        name = f"env.{self.name}" if is_variable else self.name
        attribute = f".{self.attribute}" if self.attribute else ""
        raw = _RAW if self.raw else ""
        default = "" if self.default is None else f"?{self.default}"
        return f"{{{name}{attribute}{f':{self.format}' if self.format else ''}{raw}{default}}}"


def command_of(name: str) -> str | None:
    """The line of a command that prints a secret, where a reference has the name of one."""
    return name.removeprefix(_COMMAND) if name.startswith(_COMMAND) else None


def file_of(name: str) -> str | None:
    """The path of a secret's file, where a reference has the name of one."""
    return name.removeprefix("file.") if name.startswith(_FILE) else None


@dataclass(frozen=True, slots=True)
class Scope:
    """What references may stand for. `page` is the number of the page in its partition, from 1."""

    env: Mapping[str, str] = field(default_factory=dict, repr=False)  # secrets: not in a repr
    values: Mapping[str, Any] = field(default_factory=dict)
    cursor: Any = ABSENT
    page: int = 1


@dataclass(frozen=True, slots=True)
class Template:
    """A string as literals and references, in order; literals are never empty or adjacent."""

    parts: tuple[str | Reference, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a string; TemplateError where a brace is neither a reference nor doubled."""
        return cls(tuple(_parts(text)))

    @property
    def references(self) -> tuple[Reference, ...]:
        """The references, in the order they stand in the string."""
        return tuple(part for part in self.parts if isinstance(part, Reference))

    def render(self, scope: Scope) -> Any:
        """Give a lone reference's value with its type; otherwise a string, written by `as_text`.

        ABSENT where a reference of the string is. Raises TemplateError for a name that the scope
        does not have, or a format or attribute that does not suit the value.
        """
        if len(self.parts) == 1 and isinstance(self.parts[0], Reference):
            return _value(self.parts[0], scope)
        values = [p if isinstance(p, str) else _value(p, scope) for p in self.parts]
        if any(value is ABSENT for value in values):
            return ABSENT
        return "".join(map(as_text, values))


def strings(tree: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Walk a tree of mappings, lists and tuples: every string, with the path of keys to it.

    The keys themselves are not among the strings.
    """
    if isinstance(tree, str):
        yield (), tree
    elif isinstance(tree, Mapping):
        for key, branch in tree.items():
            yield from (((key, *path), text) for path, text in strings(branch))
    elif isinstance(tree, list | tuple):
        for place, branch in enumerate(tree):
            yield from (((place, *path), text) for path, text in strings(branch))


def references(tree: Any) -> Iterator[tuple[tuple[str | int, ...], Reference]]:
    """Walk a tree: every reference, with the path of keys to its string.

    Raises TemplateError at the first string that is no template; to gather all of those, parse
    what `strings` gives.
    """
    for path, text in strings(tree):
        yield from ((path, reference) for reference in Template.parse(text).references)


def render(tree: Any, scope: Scope) -> Any:
    """Render every string of a tree; an entry or item that is ABSENT is left out.

    Mappings come back as dicts, lists and tuples as lists, other values as they are. A tree that
    is one string may itself be ABSENT. A container is never left out for having become empty.
    """
    if isinstance(tree, str):
        return Template.parse(tree).render(scope)
    if isinstance(tree, Mapping):
        rendered = ((key, render(branch, scope)) for key, branch in tree.items())
        return {key: value for key, value in rendered if value is not ABSENT}
    if isinstance(tree, list | tuple):
        return [value for branch in tree if (value := render(branch, scope)) is not ABSENT]
    return tree


def as_text(value: Any) -> str:
    """Write a value into a string.

    `true`, nothing for None, decimal numbers, a window's label, a datetime in ISO 8601, compact
    JSON for arrays and objects.
    """
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value, "f")  # str() would write 1E+2
        case Window() | Stretch():
            return value.label
        case datetime():
            return _iso(value)
        case Batch():
            return ",".join(map(as_text, value))
        case Mapping() | list() | tuple():
            return _json(value)
    return str(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> Any:
    """Translate what json does not know: a Decimal of ijson, a mapping that is no dict."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return dict(value) if isinstance(value, Mapping) else as_text(value)


# --- Reading -------------------------------------------------------------------------------------

_NAME: Final = r"[A-Za-z_][A-Za-z0-9_]*"
_REFERENCE: Final = re.compile(rf"({_NAME})(?:\.({_NAME}))?(?::(.*))?", re.DOTALL)
_FILE: Final = "file./"
_COMMAND: Final = "command."
_COMMAND_LINE: Final = re.compile(r"command\.[^{}\x00-\x1f\x7f]*[^{}\s\x00-\x1f\x7f]")
_FILE_PATH: Final = re.compile(r"file\./[^{}:|\x00-\x1f\x7f]+")
_VARIABLE: Final = re.compile(
    rf"env\.({_NAME})(?::({'|'.join(TYPES)}|epoch|epoch_ms|iso|[^?{{}}]*%[^?{{}}]*))?(?:\?([^{{}}]*))?",
    re.DOTALL,
)
_NAMED_FORMATS: Final = ("epoch", "epoch_ms", "iso")
_DIRECTIVE: Final = re.compile(r"%(-?.?)", re.DOTALL)
_DIRECTIVES: Final = frozenset("aAwdbBmyYHIMpSfzZjUWcxXGuV")  # Python's table, on every platform
#: References to times of the run, where no partition key has their name: when the partition was
#: begun (twice), and what an incremental run starts at.
OF_THE_RUN: Final = ("now", "until", "since")
_LIST: Final = "list"  # of a batch
_RAW: Final = "|raw"
_DOUBLE: Final = "a literal brace is doubled: '{{' or '}}'"


def _parts(text: str) -> Iterator[str | Reference]:
    literal: list[str] = []
    at = 0
    while at < len(text):
        char = text[at]
        if char not in "{}":
            end = _next_brace(text, at)
            literal.append(text[at:end])
            at = end
        elif text.startswith(char * 2, at):
            literal.append(char)
            at += 2
        elif char == "}":
            raise TemplateError(f"a lone '}}' at character {at + 1}; {_DOUBLE}", at)
        else:
            end = text.find("}", at)
            if end < 0:
                raise TemplateError(
                    f"the '{{' at character {at + 1} is never closed; {_DOUBLE}", at
                )
            if literal:
                yield "".join(literal)
                literal = []
            yield _reference(text[at + 1 : end], at)
            at = end + 1
    if literal:
        yield "".join(literal)


def _next_brace(text: str, at: int) -> int:
    return min(
        (end for end in (text.find("{", at), text.find("}", at)) if end >= 0), default=len(text)
    )


def _outside(body: str) -> Reference | None:
    """The reference to a file or a variable of the environment, if it is one."""
    if body.startswith(_FILE):
        return Reference("env", body)
    if body.startswith(_COMMAND):
        return Reference("env", body)
    if variable := _VARIABLE.fullmatch(body):
        form = variable[2]
        if form is not None and form not in TYPES and _format_problem(form):
            return None
        return Reference("env", variable[1], None, form, default=variable[3])
    return None


def _reference(body: str, at: int) -> Reference:
    """Read what stands between two braces; `at` is where the first one is."""

    def refuse(why: str) -> TemplateError:
        shown = body if len(body) <= 40 else body[:40] + "…"
        return TemplateError(f"'{{{shown}}}' at character {at + 1}: {why}", at)

    if body.startswith(_FILE) and not _FILE_PATH.fullmatch(body):
        raise refuse("a secret's file is written {file./its/whole/path}, without : or |")
    if body.startswith(_COMMAND) and not _COMMAND_LINE.fullmatch(body):
        raise refuse("a command is written {command.pass show api/token}, in one line")
    if (outside := _outside(body)) is not None:
        return outside
    raw = body.endswith(_RAW)
    found = _REFERENCE.fullmatch(body.removesuffix(_RAW))
    if found is None:
        raise refuse(
            "not a reference such as {env.NAME}, {query}, {window.start:FORMAT}, {cursor} or "
            f"{{page}}; {_DOUBLE}"
        )
    name, attribute, form = found.groups()
    if raw and name in ("env", "page"):
        raise refuse("|raw is for values of a partition, and the cursor, in a path")
    if name == "env":
        raise refuse(
            "an environment variable is written {env.NAME}, {env.NAME:int}, :float, :list, "
            ":bool or :%Y-%m-%d, and "
            "{env.NAME?} or {env.NAME?text} where it may be unset"
        )
    if name == "cursor" and attribute is None and form == "json" and not raw:
        return Reference("cursor", name, None, form)
    if name in ("cursor", "page"):
        if attribute is not None or form is not None:
            but = ", but for {cursor:json}" if name == "cursor" else ""
            raise refuse(f"{{{name}}} has no attributes and takes no format{but}")
        return Reference("cursor" if name == "cursor" else "page", name, raw=raw)
    if name == "parent" and attribute is not None:
        if form is not None:
            raise refuse("a value of the parent's takes no format")
        return Reference("value", f"{name}.{attribute}", raw=raw)
    if form is not None and form != _LIST and (problem := _format_problem(form)):
        raise refuse(problem)
    return Reference("value", name, attribute, form, raw)


def _format_problem(form: str) -> str | None:
    """Say what is wrong with a format, or None."""
    if form in _NAMED_FORMATS:
        return None
    if "{" in form:
        return f"a format holds no brace; {_DOUBLE}"
    if "%" not in form:
        return f"{form!r} is no format: use strftime's, such as %Y-%m-%d, or epoch, epoch_ms, iso"
    for directive in _DIRECTIVE.findall(form):
        if directive == "s":
            # The C library's %s reads the time as local time: wrong by the offset of the machine.
            return "'%s' depends on the machine's time zone; use epoch"
        if directive != "%" and directive.removeprefix("-") not in _DIRECTIVES:
            return f"'%{directive}' is unknown to strftime; a literal percent sign is '%%'"
    return None


# --- Values --------------------------------------------------------------------------------------

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _value(reference: Reference, scope: Scope) -> Any:
    match reference.kind:
        case "cursor":
            if reference.format is None or scope.cursor is ABSENT:
                return scope.cursor
            return _json(scope.cursor)
        case "page":
            return scope.page
        case "env":
            if reference.name not in scope.env:
                if file_of(reference.name):
                    raise TemplateError(f"the file of {reference} has not been read")
                if reference.default is None:
                    raise TemplateError(f"the environment variable {reference.name} is not set")
            return _variable(reference, scope.env.get(reference.name) or reference.default)
        case "value":
            return _partition_value(reference, scope.values)


def _variable(reference: Reference, text: str | None) -> Any:
    if not text:
        return ABSENT if reference.default is not None else text
    try:
        if reference.format is not None and reference.format not in TYPES:
            if (moment := moment_of(text)) is None:
                raise ValueError("is no date or time")
            return _formatted(moment, reference.format)
        return typed(text, reference.format)
    except ValueError as error:
        raise TemplateError(f"the environment variable {reference.name} {error}") from None


def _partition_value(reference: Reference, values: Mapping[str, Any]) -> Any:
    if reference.name not in values:
        known = ", ".join(values) or "none"
        raise TemplateError(f"{reference}: no partition key {reference.name!r} (known: {known})")
    value = values[reference.name]
    if value is None and reference.name in (*OF_THE_RUN, "offset"):
        return ABSENT
    if (attribute := reference.attribute) is not None:
        if (member := f"{reference.name}.{attribute}") in values:
            return values[member]
        if not isinstance(value, Window | Stretch) or attribute not in WINDOW_ATTRIBUTES:
            raise TemplateError(f"{reference}: only a window has a .{attribute}")
        if isinstance(value, Window) and attribute == "start":
            value = value.asked_from
        else:
            value = getattr(value, attribute)
    if isinstance(value, datetime):
        return _formatted(value, reference.format or "iso")
    if isinstance(value, Batch) and reference.format == _LIST:
        return list(value)
    if reference.format is not None and reference.name in OF_THE_RUN:
        if (moment := moment_of(value)) is None:
            raise TemplateError(f"{reference}: {value!r} is no time that can be written otherwise")
        return _formatted(moment, reference.format)
    if reference.format is not None:
        raise TemplateError(
            f"{reference}: a format needs a time; for a window say {{{reference.name}.start:…}} "
            f"or {{{reference.name}.end:…}}"
        )
    return value.label if isinstance(value, Window | Stretch) else value


def _formatted(moment: datetime, form: str) -> str | int | float:
    """Write a time in UTC. `epoch` and `epoch_ms` are ints, floats where there is a fraction."""
    match form:
        case "epoch":
            return _since_epoch(moment, timedelta(seconds=1))
        case "epoch_ms":
            return _since_epoch(moment, timedelta(milliseconds=1))
        case "iso":
            return _iso(moment)
    return _utc(moment).strftime(form)


def _since_epoch(moment: datetime, unit: timedelta) -> int | float:
    whole, rest = divmod(_utc(moment) - _EPOCH, unit)
    return whole + rest / unit if rest else whole


def _utc(moment: datetime) -> datetime:
    """Convert to UTC. A time without a zone is UTC, never the machine's."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _iso(moment: datetime) -> str:
    return _utc(moment).isoformat().replace("+00:00", "Z")


def _label(moment: datetime) -> str:
    """`2021-01-01`, or with the time in the form that is safe in a file name."""
    date, _, time = _utc(moment).replace(tzinfo=None).isoformat().partition("T")
    return date if time == "00:00:00" else f"{date}T{time.replace(':', '')}Z"
