"""What a shell is told when somebody presses TAB: files, folders, names of resources, partitions.

It must answer at once, so nothing but the standard library is imported here, and a YAML file is
looked through rather than loaded. What cannot be read has nothing to offer: TAB never complains.
"""

import contextlib
import io
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, MutableMapping
from itertools import islice
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import typer

_ASKED: Final = "_HARVESTER_COMPLETE"
#: What makes a folder that of a harvest; as in `folder`, which takes long to import.
NAME: Final = "harvest.json"
_SUFFIXES: Final = (".yaml", ".yml")
_MOST: Final = 200  # more choices help nobody, and a folder may hold a million partitions
_MOST_LOOKED_AT: Final = 2000
_LONGEST_YAML: Final = 1 << 20
_RESOURCES: Final = re.compile(r"^resources:", re.MULTILINE)
_NAME: Final = re.compile(r"^\s*-\s*\{?\s*name:\s*[\"']?([\w.-]+)", re.MULTILINE)
_BREAKS: Final = re.compile(r"[=:]+")
_SPECIAL: Final = re.compile(r"([^\w@%+=:,./~-])", re.ASCII)


# --- What there is to choose from ----------------------------------------------------------------


def configs(incomplete: str) -> list[str]:
    """YAML files, and the folders that may hold some."""
    found = list(_entries(incomplete, _SUFFIXES))
    while len(found) == 1 and found[0].endswith("/"):  # nothing else to choose: look inside
        inside = list(_entries(found[0], _SUFFIXES))
        if not inside:
            break
        found = inside
    return found


def harvests(incomplete: str) -> list[str]:
    """Folders of harvests, at most two levels down; other folders where there are none."""
    folders = [name for name in _entries(incomplete) if name.endswith("/")]
    found = []
    for name in folders:
        inside = [name, *(sub for sub in _entries(name) if sub.endswith("/"))]
        found += [one.rstrip("/") for one in inside if (Path(one) / NAME).exists()]
    return found[:_MOST] or folders


def resources(ctx: typer.Context, incomplete: str) -> list[str]:
    """The resources of the CONFIG or DIR that stands before."""
    before = _before(ctx)
    if before.suffix in _SUFFIXES:
        names = _names_in(before)
    else:
        names = [str(item.get("name")) for item in _asked(before)]
    return [name for name in names if name.startswith(incomplete)]


def partitions(ctx: typer.Context, incomplete: str) -> list[str]:
    """The partition keys of the DIR that stands before, each with the values that are there."""
    folder = _before(ctx)
    key, equals, _ = incomplete.partition("=")
    found: dict[str, None] = {}
    for resource in _asked(folder):
        keys = [
            *(resource.get("partitions") or ()),
            *(["run"] if "incremental" in resource else []),
        ]
        level = [folder / str(resource.get("name"))]
        for name in keys:
            level = list(islice(_levels(level, name), _MOST_LOOKED_AT))
            if name == key or (not equals and name.startswith(key)):
                values = dict.fromkeys(_value(path) for path in level if "~" not in path.name)
                found |= dict.fromkeys(f"{name}={value}" for value in values)
    return [pair for pair in found if pair.startswith(incomplete)][:_MOST]


def _before(ctx: typer.Context) -> Path:
    """The CONFIG or DIR of the line. click gives up on arguments where an option's value is still
    missing, and leaves them over.
    """
    given = ctx.params.get("config") or ctx.params.get("folder") or next(iter(ctx.args), "")
    return Path(given).expanduser()


def _entries(incomplete: str, suffixes: tuple[str, ...] | None = None) -> Iterator[str]:
    """What begins so: folders, with a slash behind them, and files with one of the suffixes."""
    head, _, tail = incomplete.rpartition("/")
    prefix = f"{head}/" if "/" in incomplete else ""
    with contextlib.suppress(OSError), os.scandir(Path(prefix or ".").expanduser()) as entries:
        for entry in sorted(islice(entries, _MOST_LOOKED_AT), key=lambda entry: entry.name):
            if not entry.name.startswith(tail) or (entry.name.startswith(".") and not tail):
                continue
            if entry.is_dir():
                yield f"{prefix}{entry.name}/"
            elif suffixes and entry.name.endswith(suffixes):
                yield f"{prefix}{entry.name}"


def _names_in(config: Path) -> list[str]:
    with contextlib.suppress(OSError, ValueError), config.open() as file:
        text = file.read(_LONGEST_YAML)
        if begin := _RESOURCES.search(text):
            return _NAME.findall(text, begin.end())
    return []


def _asked(folder: Path) -> list[dict[str, Any]]:
    """The resources that a harvest's folder was made for."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        value = json.loads((folder / NAME).read_bytes())["config"]["resources"]
        return [item for item in value if isinstance(item, dict)]
    return []


def _levels(above: Iterable[Path], key: str) -> Iterator[Path]:
    for folder in above:
        with contextlib.suppress(OSError):
            yield from sorted(folder.glob(f"{key}=*"))


def _value(path: Path) -> str:
    return unquote(path.name.partition("=")[2])


# --- Bash ----------------------------------------------------------------------------------------


@contextlib.contextmanager
def for_shell(environment: MutableMapping[str, str]) -> Iterator[None]:
    """Where a shell asks: answer fast, and bash in the form that it can use.

    typer would import rich, which takes as long as all else, to strip markup from help that has
    none; a module that is None is not there.

    Bash takes `query=from:nasa` apart at `=` and `:` (COMP_WORDBREAKS) and replaces only the last
    piece. So the pieces are put together for whoever chooses, and the choices cut to that piece;
    what the shell would obey in them is escaped.
    """
    if environment.get(_ASKED):
        sys.modules["rich"] = None  # type: ignore[assignment]  # as import's own machinery has it
    words = environment.get("COMP_WORDS", "").split("\n")
    at = environment.get("COMP_CWORD", "")
    asked = environment.get(_ASKED) == "complete_bash" and at.isdecimal()
    if not asked or not 0 < int(at) < len(words):
        yield
        return
    *before, word = _joined(words[: int(at) + 1])
    environment.update(COMP_WORDS="\n".join([*before, word]), COMP_CWORD=str(len(before)))
    breaks = [found.end() for found in _BREAKS.finditer(word)]
    prefix = word[: breaks[-1]] if breaks else ""
    told = io.StringIO()
    try:
        with contextlib.redirect_stdout(told):
            yield
    finally:
        for line in filter(None, told.getvalue().splitlines()):
            print(_SPECIAL.sub(r"\\\1", line.removeprefix(prefix)))  # noqa: T201  # to bash


def _joined(words: Iterable[str]) -> list[str]:
    """The words as they were typed, with what bash has taken apart."""
    joined: list[str] = []
    glue = False
    for word in words:
        is_break = bool(_BREAKS.fullmatch(word))
        if len(joined) > 1 and (glue or is_break):
            joined[-1] += word
        else:
            joined.append(word)
        glue = is_break
    return joined
