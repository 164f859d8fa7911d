"""Finds what a configuration refers to outside of itself: variables, and the files of secrets.

A secret's file, `{file./run/secrets/NAME}`, is read once, when the configuration is loaded. It goes
by the name `file./run/secrets/NAME` where a variable goes by its own, and is a secret whatever it
is called. So is what a command prints, `{command.pass show api/token}`: it is run once, without a
shell, when a YAML is loaded that names it, and by nothing else: what a folder holds is not run.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from harvester.config.secret_commands import printed, why_not
from harvester.config.wording import KeyPath
from harvester.model import Reference, Scope, TemplateError, command_of, file_of, render
from harvester.patterns import pattern

_MOST_BYTES: Final = 64 * 1024  # of a secret's file
_CONTROL: Final = pattern(r"[\x00-\x1f\x7f]")
_ODD: Final = pattern(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")  # in text of several lines
_SURROGATE: Final = pattern(r"[\ud800-\udfff]")


def given(names: Iterable[str], env: Mapping[str, str], *, runs: bool = True) -> dict[str, str]:
    """The values of what is named, as far as they can be had; `runs`: also those of commands."""
    found = {}
    for name in dict.fromkeys(names):
        text: str | OSError | None = env.get(name)
        if (path := file_of(name)) is not None:
            text = _read(path)
        elif (command := command_of(name)) is not None:
            text = printed(command) if runs else None
        if isinstance(text, str):
            found[name] = text
    return found


def faults(
    needed: Sequence[tuple[KeyPath, Reference]], values: Mapping[str, str]
) -> Iterator[tuple[KeyPath, str]]:
    """What is wrong with the values of what is named, with the places that name it."""
    for path, reference in needed:
        name = reference.name
        if reference.default is not None and not values.get(name):
            continue
        what, missing = _told(name)
        if name not in values:
            yield path, f"{what} {missing()}"
        elif not values[name]:
            yield path, f"{what} is empty"
        elif (_ODD if _may_break(path) else _CONTROL).search(values[name]):
            yield path, f"{what} holds a line break or control character"
        elif _SURROGATE.search(values[name]):  # how Python hands on bytes that are no UTF-8
            yield path, f"{what} is not UTF-8 text"
        elif fault := _untyped(reference, values):
            yield path, fault


def _told(name: str) -> tuple[str, Callable[[], str]]:
    """What is named, in words, and why there is none of it."""
    if (command := command_of(name)) is not None:
        return f"the command `{command}`", lambda: why_not(command)
    if (file := file_of(name)) is not None:
        return f"the file {file}", lambda: f"cannot be read: {_read(file)}"
    return f"the environment variable {name}", lambda: "is not set"


def _may_break(path: KeyPath) -> bool:
    """Whether the text at a place of the YAML may have several lines."""
    if path[:2] != ("client", "auth"):
        return False
    from harvester.config.auth_forms import may_break

    return may_break(path)


def _untyped(reference: Reference, values: Mapping[str, str]) -> str | None:
    try:
        render(str(reference), Scope(env=values))
    except TemplateError as error:
        return error.message
    return None


def _read(path: str) -> str | OSError:
    """A file's text, without the line break at its end; or why there is none."""
    try:
        with Path(path).open("rb") as file:
            found = file.read(_MOST_BYTES + 1)
    except OSError as error:
        return OSError(error.strerror or str(error))
    if len(found) > _MOST_BYTES:
        return OSError(f"it has more than {_MOST_BYTES:,} bytes")
    text = found.decode(errors="surrogateescape")
    return text.removesuffix("\n").removesuffix("\r")
