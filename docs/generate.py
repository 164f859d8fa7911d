"""Makes the pages of the site that come from the code, and the links that lead out of `docs/`.

What is made at each build cannot fall behind: the references of the YAML and of the command line,
the list of modules, a page for each file in `configs/`.
"""

import ast
import functools
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import typer.main

from harvester.cli import app
from harvester.config import json_schema

ROOT: Final = Path(__file__).parents[1]
#: Files beside `docs/` that are pages of the site, by the names they have there.
PAGES: Final = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
_LINK: Final = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)")


@functools.cache
def pages() -> dict[str, str]:
    """Every generated page: where it lies in the site, and its Markdown."""
    made = {
        "reference/yaml.md": yaml_reference(),
        "reference/cli.md": cli_reference(),
        "reference/modules.md": modules(),
    }
    for source, target in PAGES.items():
        made[target] = linked((ROOT / source).read_text(encoding="utf-8"), source, target)
    for path in sorted((ROOT / "configs").glob("*.yaml")):
        made[f"configs/{path.stem}.md"] = (
            f"# {path.stem}\n\n```yaml\n{path.read_text(encoding='utf-8')}```\n"
        )
    return made


def cli_reference() -> str:
    """Every command with its help and its options, as the program itself has them."""
    group: Any = typer.main.get_command(app)
    lines = ["# The command line", "", "Made from the program. `harvester COMMAND --help` says it."]
    for name in group.list_commands(None):
        command = group.commands[name]
        with command.make_context(name, [], resilient_parsing=True) as context:
            usage = command.get_usage(context).removeprefix("Usage: ")
            usage = usage.replace(f"{name} ", f"harvester {name} ", 1)
            lines += ["", f"## {name}", "", f"```text\n{usage}\n```", ""]
            lines += ["```text", _paragraphs(command.help or ""), "```", ""]
            rows = [record for each in command.params if (record := each.get_help_record(context))]
            if rows:
                lines += ["| option | does |", "|---|---|"]
                lines += [f"| `{_cell(option)}` | {_cell(text)} |" for option, text in rows]
    return "\n".join(lines) + "\n"


def _paragraphs(text: str) -> str:
    return text.replace("\b\n", "").strip()


def yaml_reference() -> str:
    """Every section of the YAML with its keys, from the JSON Schema of the loader's models."""
    schema = json_schema()
    lines = ["# The YAML", "", "Made from the models that load it; `harvester schema` prints them."]
    lines += _section("The file", schema)
    for name, definition in sorted(schema["$defs"].items()):
        lines += _section(name, definition)
    return "\n".join(lines) + "\n"


def _section(title: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield from ("", f"## {title}", "", _text(schema.get("description", "")), "")
    if "properties" in schema:
        yield from ("| key | value | default | means |", "|---|---|---|---|")
        for key, value in schema["properties"].items():
            needed = key in schema.get("required", ())
            default = "required" if needed else _default(value)
            means = _text(value.get("description", ""))
            yield f"| `{key}` | {_kind(value)} | {default} | {means} |"
    elif title != "The file":
        yield _kind(schema)


def _default(schema: Mapping[str, Any]) -> str:
    value = schema.get("default")
    return "" if value is None else f"`{_cell(str(value).lower())}`"


def _kind(schema: Any) -> str:
    """What a value may be, in a few words, with links to the sections."""
    if not isinstance(schema, dict):
        return "anything"
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(map(_kind, schema[several])))
    if "const" in schema or "enum" in schema:
        values = schema.get("enum", [schema.get("const")])
        return " or ".join(f"`{_cell(str(each))}`" for each in values)
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return str(" or ".join(kind) if isinstance(kind, list) else kind)


def modules() -> str:
    """Every module, package by package, with the first sentence of its docstring."""
    lines = ["# Every module", "", "Made from the first lines of the modules themselves."]
    for folder in sorted({path.parent for path in (ROOT / "harvester").rglob("*.py")}):
        lines += ["", f"## {'.'.join(folder.relative_to(ROOT).parts)}", ""]
        lines += [_text(_first_line(folder / "__init__.py")), ""]
        for path in sorted(folder.glob("*.py")):
            if path.name != "__init__.py":
                lines.append(f"- `{path.stem}`: {_text(_first_line(path))}")
    return "\n".join(lines) + "\n"


def _first_line(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n", 1)[0].split())


def linked(markdown: str, source: str, target: str) -> str:
    """The Markdown of the file `source` with links that hold on the page `target` of the site.

    Files that are no pages are named instead.
    """

    def link(found: re.Match[str]) -> str:
        text, to = found.groups()
        if "://" in to or to.startswith("#"):
            return found[0]
        path, _, anchor = to.partition("#")
        there = os.path.normpath(Path(source).parent / path)
        page = page_of(there)
        if page is None:
            return text
        relative = os.path.relpath(page, Path(target).parent)
        return f"[{text}]({relative}{'#' + anchor if anchor else ''})"

    return _LINK.sub(link, markdown)


def page_of(path: str) -> str | None:
    """The page that shows the file `path` of the repository; None where none does."""
    if path in PAGES:
        return PAGES[path]
    if path.startswith("configs/") and path.endswith(".yaml"):
        return path.removesuffix(".yaml") + ".md"
    return path.removeprefix("docs/") if path.startswith("docs/") else None


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _text(text: str) -> str:
    """Plain text as Markdown: what looks like HTML is shown as it is."""
    return re.sub(r"`[^`]*`|<", lambda each: "&lt;" if each[0] == "<" else each[0], _cell(text))
