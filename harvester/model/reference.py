"""References between braces, and how they are read out of a string.

`{query}`, `{window.start:%Y-%m-%d}`, `{env.NAME:int?}`, `{file./run/secrets/x}`: what each stands
for is known when a request is made (`templates`).
"""

import re
from collections.abc import Iterator
from typing import Final, Literal

from harvester.model.variables import TYPES
from harvester.patterns import pattern
from harvester.values import dataclass

_NAME: Final = r"[A-Za-z_][A-Za-z0-9_]*"
_REFERENCE: Final = pattern(rf"({_NAME})(?:\.({_NAME}))?(?::(.*))?", re.DOTALL)
_FILE: Final = "file./"
_COMMAND: Final = "command."
_COMMAND_LINE: Final = pattern(r"command\.[^{}\x00-\x1f\x7f]*[^{}\s\x00-\x1f\x7f]")
_FILE_PATH: Final = pattern(r"file\./[^{}:|\x00-\x1f\x7f]+")
_VARIABLE: Final = pattern(
    rf"env\.({_NAME})(?::({'|'.join(TYPES)}|epoch|epoch_ms|iso|[^?{{}}]*%[^?{{}}]*))?(?:\?([^{{}}]*))?",
    re.DOTALL,
)
_NAMED_FORMATS: Final = ("epoch", "epoch_ms", "iso")
_DIRECTIVE: Final = pattern(r"%(-?.?)", re.DOTALL)
_DIRECTIVES: Final = frozenset("aAwdbBmyYHIMpSfzZjUWcxXGuV")  # Python's table, on every platform
#: References to times of the run, where no partition key has their name: when the partition was
#: begun (twice), and what an incremental run starts at.
OF_THE_RUN: Final = ("now", "until", "since")
LIST: Final = "list"  # of a batch
_RAW: Final = "|raw"
_DOUBLE: Final = "a literal brace is doubled: '{{' or '}}'"


class TemplateError(ValueError):
    """A string that is no template (`position`: the offset, from 0), or a reference that the
    scope cannot answer (`position` is None).
    """

    def __init__(self, message: str, position: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


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


def parts_of(text: str) -> Iterator[str | Reference]:
    """Cut a string into literals and references; TemplateError where a brace is neither."""
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
    if form is not None and form != LIST and (problem := _format_problem(form)):
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
