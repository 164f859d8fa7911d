"""Lists the configurations that come with the program, says what each needs, and copies one."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, Final

from harvester.config import parse_config, read, references_in, unknown
from harvester.errors import ConfigError
from harvester.model import file_of
from harvester.patterns import pattern
from harvester.values import dataclass

_EDITOR_LINE: Final = "# yaml-language-server:"
_OWN_HOST: Final = pattern(r"https?://[^/\s\"]*\bexample\b")
_NAME_LINE: Final = pattern(r"^name: .*", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Example:
    """One configuration: `about` in words, the variables that it `needs`, whether its address is a
    place holder, and the features of the YAML that it `shows`.
    """

    name: str
    path: Path
    about: str
    needs: tuple[str, ...]
    own_host: bool
    shows: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {**asdict(self), "path": str(self.path)}


def examples_folder() -> Path:
    """Where the configurations lie: in the package once installed, else in the checkout."""
    package = Path(__file__).parents[1]
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"


def example_path(name: str) -> Path | None:
    """The file of an example, or None where there is no such one. `-` counts as `_`."""
    stem = name.replace("-", "_")
    if not re.fullmatch(r"\w+", stem):
        return None
    path = examples_folder() / f"{stem}.yaml"
    return path if path.is_file() else None


def example_names() -> list[str]:
    """The names of all examples, in order."""
    return sorted(path.stem for path in examples_folder().glob("*.yaml"))


def example(name: str) -> Example | None:
    """The example of this name, or None."""
    path = example_path(name)
    return None if path is None else _example(path)


def examples() -> list[Example]:
    """All of them, in the order of their names."""
    return [_example(examples_folder() / f"{name}.yaml") for name in example_names()]


def example_text(name: str, harvest: str | None = None) -> str:
    """An example as a file of one's own: without the line that leads to the schema in its folder,
    and with the name `harvest` where there is one.

    Raises `ConfigError` where there is no such example, or the name is none.
    """
    path = example_path(name)
    if path is None:
        known = unknown("example", name, example_names())
        raise ConfigError(f"{known}; `harvester examples` lists them")
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    if lines[0].startswith(_EDITOR_LINE):
        del lines[0]
        if lines[0].strip() == "#":
            del lines[0]
    text = "".join(lines)
    if harvest is None:
        return text
    text = _NAME_LINE.sub(lambda _: f"name: {json.dumps(harvest)}", text, count=1)
    variables = dict.fromkeys(_variables(read(text, name).tree), "1")
    parse_config(text, f"--name {harvest}", env=variables)  # for its name
    return text


@cache
def _example(path: Path) -> Example:
    text = path.read_text(encoding="utf-8")
    tree = read(text, str(path)).tree
    return Example(
        path.stem,
        path,
        _about(text),
        tuple(dict.fromkeys(_variables(tree))),
        bool(_OWN_HOST.search(str(tree["client"].get("base_url", "")))),
        tuple(dict.fromkeys(_features(tree))),
    )


def _about(text: str) -> str:
    """The first sentences of the comment at its top, up to an address or an empty line."""
    told: list[str] = []
    for line in text.splitlines():
        words = line.removeprefix("#").strip()
        if line.startswith(_EDITOR_LINE) or (not words and not told):
            continue
        if not line.startswith("#") or not words or words.startswith("http"):
            break
        told.append(words)
    whole = " ".join(told)
    return re.split(r"(?<=\.)\s", whole, maxsplit=1)[0]


def _variables(tree: Any) -> Iterator[str]:
    for _, reference in references_in(tree):
        if reference.kind == "env" and reference.default is None:
            yield file_of(reference.name) or reference.name


def _features(tree: dict[str, Any]) -> Iterator[str]:
    auth = tree["client"].get("auth")
    if isinstance(auth, dict):
        yield str(auth["type"])
    defaults = tree.get("resource_defaults") or {}
    for resource in tree["resources"]:
        whole = {**defaults, **resource}
        yield str(whole.get("paginator", {}).get("type", "single_page"))
        for spec in whole.get("partitions", {}).values():
            yield _kind(spec)
        yield from (key for key in ("incremental", "next_request", "first_params") if key in whole)
        if whole.get("response_actions"):
            yield "response_actions"
        if whole.get("method") == "POST":
            yield "POST"


def _kind(spec: Any) -> str:
    """What kind of partition it is."""
    if not isinstance(spec, dict):
        return "list"
    if "resource" in spec:
        return "parent"
    return next((key for key in ("range", "file") if key in spec), "windows")
