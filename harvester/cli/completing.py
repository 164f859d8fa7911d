"""Completes words for shells when somebody presses TAB: files, folders, resources, partitions.

It must answer at once, so nothing but the standard library is imported here, and a YAML file is
looked through rather than loaded. What cannot be read has nothing to offer: TAB never complains.

A partition's value is what a server wrote, and a shell evaluates what it is given: nothing that is
offered *may* be obeyed by one. What cannot be printed is not offered; the rest is quoted for the
shell that asks, wherever that evaluates.
"""

import contextlib
import io
import json
import os
import re
import string
import sys
from collections.abc import Iterable, Iterator, MutableMapping
from itertools import islice
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import typer

from harvester.patterns import pattern

_ASKED: Final = "_HARVESTER_COMPLETE"
#: What makes a folder that of a harvest; as in `folder`, which takes long to import.
NAME: Final = "harvest.json"
_SUFFIXES: Final = (".yaml", ".yml")
_MOST: Final = 200  # more choices help nobody, and a folder may hold a million partitions
_MOST_LOOKED_AT: Final = 2000
_LONGEST_YAML: Final = 1 << 20
_RESOURCES: Final = pattern(r"^resources:", re.MULTILINE)
_NAME: Final = pattern(r"^\s*-\s*\{?\s*name:\s*[\"']?([\w.-]+)", re.MULTILINE)
_BREAKS: Final = pattern(r"[=:]+")
_SPECIAL: Final = pattern(r"([^\w@%+=:,./-])", re.ASCII)
_PLAIN: Final = frozenset((string.ascii_letters + string.digits + "_-./=@%+,:").encode())
_ESCAPED_COLON: Final = "\\:"
_LONGEST_COUNT: Final = 6  # digits of a number of words


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


def example_files(incomplete: str) -> list[str]:
    """The names of the configurations that come with the program."""
    package = Path(__file__).parents[1]
    for folder in (package / "configs", package.parent / "configs"):
        if folder.is_dir():
            names = sorted(path.stem for path in folder.glob("*.yaml"))
            return [name for name in names if name.startswith(incomplete)]
    return []


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
    return [name for name in names if name.startswith(incomplete) and name.isprintable()]


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
    fitting = (pair for pair in found if pair.startswith(incomplete) and pair.isprintable())
    return list(islice(fitting, _MOST))


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
            if not entry.name.isprintable():
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
    with contextlib.suppress(
        OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError
    ):
        path = folder / NAME
        if not path.is_file():  # nobody waits for a pipe at TAB
            return []
        value = json.loads(path.read_bytes())["config"]["resources"]
        return [item for item in value if isinstance(item, dict)]
    return []


def _levels(above: Iterable[Path], key: str) -> Iterator[Path]:
    for folder in above:
        with contextlib.suppress(OSError):
            yield from sorted(folder.glob(f"{key}=*"))


def _value(path: Path) -> str:
    return unquote(path.name.partition("=")[2])


# --- The shells ----------------------------------------------------------------------------------


@contextlib.contextmanager
def for_shell(environment: MutableMapping[str, str]) -> Iterator[None]:
    """Where a shell asks: answer fast, and in the form that the shell can use without harm."""
    shell = environment.get(_ASKED, "")
    if not shell.startswith("complete_"):
        yield
        return
    # typer would import rich, which takes as long as all else, to strip markup from help that has
    # none; a module that is None is not there.
    sys.modules["rich"] = None  # type: ignore[assignment]  # as import's own machinery has it
    try:
        with _FORMS.get(shell, _as_plain_words)(environment):
            yield
    except Exception:
        sys.exit(0)  # nothing to offer


@contextlib.contextmanager
def _as_it_is(environment: MutableMapping[str, str]) -> Iterator[None]:
    """Fish reads a line for each choice, and quotes what it inserts itself."""
    yield


@contextlib.contextmanager
def _as_plain_words(environment: MutableMapping[str, str]) -> Iterator[None]:
    """A shell that inserts what it is given gets only what needs no quotes there."""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            yield
    finally:
        for line in printed.getvalue().splitlines():
            if not _SPECIAL.search(line.partition(":::")[0]):
                print(line)  # noqa: T201  # to the shell


@contextlib.contextmanager
def _for_zsh(environment: MutableMapping[str, str]) -> Iterator[None]:
    """Zsh evaluates what it is given, and what typer makes of it is evaluated twice: so the choices
    go to `compadd`, which takes them as they are and quotes what it inserts, each in a quotation
    that has no special character left.
    """
    from typer import _completion_classes  # not public: what it lacks one day offers nothing

    def complete(shell: Any) -> str:
        choices = list(shell.get_completions(*shell.get_completion_args()))
        plain = [item.value for item in choices if not item.help]
        folders = [_zsh_word(value) for value in plain if value.endswith("/")]
        others = [_zsh_word(value) for value in plain if not value.endswith("/")]
        lines = [
            f"compadd -S '' -- {' '.join(folders)}" if folders else "",
            f"compadd -- {' '.join(others)}" if others else "",
        ]
        choices = [
            _zsh_word(f"{item.value.replace(':', _ESCAPED_COLON)}:{item.help}")
            for item in choices
            if item.help
        ]
        if choices:
            lines.append(f"local -a offered; offered=( {' '.join(choices)} ); _describe '' offered")
        return "; ".join(filter(None, lines)) or "_files"

    known: Any = _completion_classes.ZshComplete
    before, known.complete = known.complete, complete
    try:
        yield
    finally:
        known.complete = before


def _zsh_word(text: str) -> str:
    """`$'…'`: all but the plainest characters by their bytes, so that nothing is left to evaluate,
    and no blank at which zsh would take the answer apart.
    """
    return (
        "$'"
        + "".join(chr(byte) if byte in _PLAIN else f"\\x{byte:02x}" for byte in text.encode())
        + "'"
    )


@contextlib.contextmanager
def _for_bash(environment: MutableMapping[str, str]) -> Iterator[None]:
    """Bash takes `query=from:nasa` apart at `=` and `:` (COMP_WORDBREAKS) and replaces only the
    last piece. So the pieces are put together for whoever chooses, and the choices cut to that
    piece; what the shell would obey in them is escaped.
    """
    words = environment.get("COMP_WORDS", "").split("\n")
    at = environment.get("COMP_CWORD", "")
    if not at.isdecimal() or len(at) > _LONGEST_COUNT or not 0 < int(at) < len(words):
        yield
        return
    *before, word = _joined(words[: int(at) + 1])
    environment.update(COMP_WORDS="\n".join([*before, word]), COMP_CWORD=str(len(before)))
    breaks = [found.end() for found in _BREAKS.finditer(word)]
    prefix = word[: breaks[-1]] if breaks else ""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            yield
    finally:
        for line in filter(None, printed.getvalue().split("\n")):
            print(_bash_word(line.removeprefix(prefix), word))  # noqa: T201  # to bash


def _bash_word(choice: str, typed: str) -> str:
    """A choice with every character escaped that bash would obey, but for the `~` of a path that
    was typed with one.
    """
    home = re.match("~[^/]*/", typed)
    kept = home[0] if home and choice.startswith(home[0]) else ""
    return kept + _SPECIAL.sub(r"\\\1", choice.removeprefix(kept))


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


_FORMS: Final = {
    "complete_bash": _for_bash,
    "complete_zsh": _for_zsh,
    "complete_fish": _as_it_is,
}
