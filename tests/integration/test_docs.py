"""The documentation says what is so: links lead somewhere, YAML loads, command lines parse."""

import re
import shlex
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
import typer.main

from docs.generate import PAGES, cli_reference, linked, modules, page_of, pages, yaml_reference
from harvester.cli import app
from harvester.config import json_schema
from harvester.config.load import parse_config
from harvester.store import Entry

ROOT = Path(__file__).parents[2]
DOCS = sorted((ROOT / "docs").glob("*.md"))
SOURCES = [ROOT / "README.md", *(ROOT / name for name in PAGES), *DOCS]
GENERATED = {"docs/reference/yaml.md", "docs/reference/cli.md", "docs/reference/modules.md"}
GROUP: Any = typer.main.get_command(app)

each_page = pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)


def anchors(text: str) -> set[str]:
    """The headings of a page, as links name them."""
    return {
        re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }


def blocks(language: str) -> list[tuple[str, str]]:
    """Every code block of a language: the name of its page, and its text."""
    return [
        (path.name, text)
        for path in SOURCES
        for text in re.findall(
            rf"^```{language}\n(.*?)^```", path.read_text(), re.DOTALL | re.MULTILINE
        )
    ]


@each_page
def test_every_link_leads_somewhere(path: Path) -> None:
    """Files exist, headings too; and what leads out is https."""
    text = path.read_text()
    links = re.findall(
        r"\]\(([^)\s]+)\)", re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    )
    for link in links:
        if "://" in link:
            assert link.startswith("https://"), link
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        if str(target.relative_to(ROOT)) not in GENERATED:
            assert target.exists(), link
            assert not anchor or anchor in anchors(target.read_text()), link


def test_no_page_is_left_out() -> None:
    """Every page is in the menu of the site."""
    menu = (ROOT / "mkdocs.yml").read_text()
    for path in DOCS:
        assert re.search(rf"[ :]{re.escape(path.name)}$", menu, re.MULTILINE), path.name


@pytest.mark.parametrize(("page", "text"), blocks("yaml"))
def test_every_yaml_block_loads(page: str, text: str) -> None:
    """Each is a whole file as it stands."""
    env = dict.fromkeys(re.findall(r"\{env\.(\w+)\}", text), "a-secret-value")
    assert parse_config(text, page, env=env).resources


def command_lines() -> list[tuple[str, str]]:
    """Every line of a bash block that calls harvester."""
    return [
        (page, line)
        for page, text in blocks("bash")
        for line in text.splitlines()
        if line.startswith("harvester ")
    ]


@pytest.mark.parametrize(("page", "line"), command_lines())
def test_every_command_line_parses(page: str, line: str) -> None:
    """The command exists, and takes these options and so many arguments."""
    _, name, *words = shlex.split(line.partition(" | ")[0], comments=True)
    command = GROUP.commands[name]
    with command.make_context(name, [], resilient_parsing=True) as context:
        values, rest, _ = command.make_parser(context).parse_args(list(words))
    assert rest == []
    for each in command.params:
        assert not each.required or values.get(each.name), f"{page}: {each.name} is missing"


def test_the_command_line_reference_is_complete() -> None:
    """Every command, and every option of it that its help shows."""
    text = cli_reference()
    for name, command in GROUP.commands.items():
        section = text.split(f"\n## {name}\n", 1)[1].split("\n## ", 1)[0]
        for each in command.params:
            for option in getattr(each, "opts", ()) if not each.hidden else ():
                assert not option.startswith("--") or option in section, (name, option)


def test_the_yaml_reference_is_complete() -> None:
    """Every section and every key of the schema."""
    text, schema = yaml_reference(), json_schema()
    for name, definition in {"The file": schema, **schema["$defs"]}.items():
        section = text.split(f"\n## {name}\n", 1)[1].split("\n## ", 1)[0]
        for key in definition.get("properties", {}):
            assert f"| `{key}` |" in section, (name, key)


def test_the_list_of_modules_is_complete() -> None:
    """Each is named, with a first line."""
    named = re.findall(r"^- `(\w+)`: \S", modules(), re.MULTILINE)
    found = [path.stem for path in (ROOT / "harvester").rglob("*.py")]
    assert sorted(named) == sorted(stem for stem in found if stem != "__init__")


def test_the_on_disk_specification_names_everything() -> None:
    """Each key of a journal line, each reason of an end; and its example has the right check."""
    text = (ROOT / "docs" / "on-disk.md").read_text()
    for key in Entry.__struct_fields__:
        assert re.search(rf"^\| .*`{key}`.* \|", text, re.MULTILINE), key
    sources = [
        *(ROOT / "harvester/paging").rglob("*.py"),
        *(ROOT / "harvester/engine").glob("*.py"),
    ]
    reasons = {
        reason for path in sources for reason in re.findall(r'Done\("(\w+)"', path.read_text())
    }
    assert len(reasons) > 5
    for reason in reasons:
        assert re.search(rf"^\| .*`{reason}`.* \|", text, re.MULTILINE), reason
    [(line, check)] = re.findall(r'^(\{"format".*),"crc32":"(\w+)"\}$', text, re.MULTILINE)
    assert f"{zlib.crc32(line.encode()):08x}" == check


def test_links_out_of_the_docs() -> None:
    """Configs and the changelog are pages of the site; source files are named only."""
    assert page_of("configs/xkcd.yaml") == "configs/xkcd.md"
    text = "[a](../configs/xkcd.yaml) [b](../CHANGELOG.md) [c](../tests/fuzz.py) [d](on-disk.md#x)"
    expected = "[a](configs/xkcd.md) [b](changelog.md) c [d](on-disk.md#x)"
    assert linked(text, "docs/idioms.md", "idioms.md") == expected
    assert "configs/xkcd.md" in pages()


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    """`--strict`: no dead link or anchor, no page that is in no menu."""
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "WARNING -" not in done.stderr, done.stderr
    assert (tmp_path / "site" / "reference" / "yaml" / "index.html").is_file()
