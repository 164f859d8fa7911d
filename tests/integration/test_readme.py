"""The README and its further pages say what is so: blocks are run, lists compared with the code."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from harvester.config.load import parse_config
from tests.api_server import Answer, ApiServer

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
IDIOMS = (ROOT / "docs" / "idioms.md").read_text()
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
COMMANDS = (
    "examples",
    "healthcheck",
    "import",
    "init",
    "login",
    "run",
    "plan",
    "check",
    "status",
    "verify",
    "watch",
    "repair",
    "redo",
    "copy",
    "diff",
    "records",
    "export",
    "report",
    "sql",
    "serve",
    "demo",
    "schema",
)


def block(mark: str, language: str) -> str:
    """The code block under a `<!-- mark -->`."""
    found = re.search(rf"<!-- {mark} -->\n```{language}\n(.*?)```", README, re.DOTALL)
    assert found, f"README.md has no {language} block marked {mark}"
    return found[1]


def usage(name: str) -> str:
    """The help of a command."""
    return subprocess.run(
        [sys.executable, "-m", "harvester", name, "--help"],
        capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip


def test_the_two_commands_are_one_line_each() -> None:
    """CI takes the second from here; both make the environment that they need."""
    for mark in ("demo", "tests"):
        [line] = block(mark, "bash").splitlines()
        assert line.startswith("python3 -m venv .venv && .venv/bin/pip install ")


def test_the_yaml_has_ten_lines_and_loads() -> None:
    """What the heading promises."""
    text = block("yaml", "yaml")
    assert len(text.splitlines()) == 10
    assert parse_config(text, "README.md", env={}).resources[0].partitions.keys() == {"year"}


def test_the_python_runs(tmp_path: Path) -> None:
    """The snippet harvests the YAML above it, here from a server with one page a year."""
    text = block("yaml", "yaml")
    page = Answer({"meta": {"next_cursor": None}, "results": [{"id": "W1"}, {"id": "W2"}]})
    with ApiServer(lambda asked: page) as server:
        settings = yaml.safe_load(text)
        assert settings["client"]["base_url"] == "https://api.openalex.org/"
        (tmp_path / "works.yaml").write_text(
            text.replace("https://api.openalex.org/", server.origin)
        )
        script = (
            block("python", "python")
            + "print(summary.name, len(list(records)))\n"
            + block("dataframe", "python")
            + "print(works.id.value_counts().to_dict())\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == "works 6\n{'W1': 3, 'W2': 3}\n"


def test_the_dataframe_takes_three_lines() -> None:
    """What its heading promises."""
    assert len(list(filter(None, block("dataframe", "python").splitlines()))) == 3


def test_the_commands_of_the_story_exist() -> None:
    """From a curl line to a chart: each line is a command with options that it takes."""
    lines = [line for line in block("story", "bash").splitlines() if line.startswith("harvester ")]
    assert len(lines) >= 3
    for line in lines:
        name, *words = shlex.split(line, comments=True)[1:]
        assert name in COMMANDS
        helped = usage(name)
        for option in words:
            assert not option.startswith("--") or option in helped, f"{name} has no {option}"


def test_the_readme_is_a_first_page() -> None:
    """What is longer has a page of its own."""
    assert len(README.splitlines()) < 180


def idioms(mark: str = "idioms", end: str = "<!-- auth -->") -> list[tuple[str, str]]:
    """The rows of the tables under a mark: the YAML, and the config named beside it."""
    table = IDIOMS.split(f"<!-- {mark} -->", 1)[1].split(end, 1)[0]
    return re.findall(r"^\| [^|]+ \| `(.+)` \| ?(.*) ?\|$", table, re.MULTILINE)


def test_every_row_of_the_tables_is_tested() -> None:
    """The pattern above misses none."""
    table = IDIOMS.split("<!-- idioms -->", 1)[1].split("<!-- auth -->", 1)[0]
    rows = [line for line in table.splitlines() if line.startswith("| ") and "`" in line]
    assert len(idioms()) == len(rows)
    assert len(idioms()) > 25


#: The resource that the row of `plan_from` names.
COUNTS = (
    "  - {name: tweets_counts, path: counts, data_selector: data, "
    'params: {from: "{window.start:epoch}", to: "{window.end:epoch}"}, '
    "partitions: {window: {start: 2021-01-01, end: 2022-01-01, step: 30d}}}\n"
)


@pytest.mark.parametrize(("text", "instance"), idioms())
def test_an_idiom_is_what_the_loader_takes(text: str, instance: str) -> None:
    """Each row's YAML is a resource as it stands, and its file exists and uses the same type."""
    entry = text[1:-1] if text.startswith("{") else text
    selector = "" if re.search("data_selector|rows_path|inside", entry) else "data_selector: $, "
    config = parse_config(
        "version: 1\nname: idiom\nclient: {base_url: 'https://api.example.org/'}\nresources:\n"
        "  - {name: parents, path: parents, data_selector: $}\n"
        f"  - {{name: items, {selector}{entry}}}\n"
        f"{COUNTS if 'plan_from' in entry else ''}",
        "README.md",
        env={},
    )
    if instance.strip():
        paths = re.findall(r"\]\(([^)]+)\)", instance)
        assert paths
        for path in paths:
            named = yaml.safe_load((ROOT / "docs" / path).read_text())
            kinds = {item.get("paginator", {}).get("type") for item in named["resources"]}
            assert "paginator" not in entry or config.resources[1].paginator.type in kinds, path


@pytest.mark.parametrize(("text", "instance"), idioms("auth", "\n## "))
def test_an_auth_is_what_the_loader_takes(text: str, instance: str) -> None:
    """Each row's YAML is a `client.auth`, and its file uses the same type."""
    env = dict.fromkeys(re.findall(r"\{env\.(\w+)\}", text), "a-secret-value")
    config = parse_config(
        f"version: 1\nname: auth\nclient: {{base_url: 'https://api.example.org/', auth: {text}}}\n"
        "resources: [{name: items, method: POST}]\n",
        "README.md",
        env=env,
    )
    if instance.strip():
        [path] = re.findall(r"\]\((.+)\)", instance)
        named = yaml.safe_load((ROOT / "docs" / path).read_text())["client"]["auth"]
        assert config.client.auth is not None
        assert named["type"] == config.client.auth.type


def test_the_commands_are_those_of_the_program() -> None:
    """Every command and every option in the table is in `--help`, and every command is there."""
    rows = re.findall(r"^\| `harvester (\w+)([^`]*)`", README, re.MULTILINE)
    assert {name for name, _ in rows} == set(COMMANDS)
    for name, shown in rows:
        helped = usage(name)
        for option in re.findall(r"--[a-z-]+", shown):
            assert option in helped, f"harvester {name} has no {option}"


def test_the_map_names_every_module() -> None:
    """The source's table of contents is complete, and names nothing that is gone."""
    modules = {
        path.stem if path.is_file() else f"{path.name}/"
        for path in (ROOT / "harvester").iterdir()
        if (path.suffix == ".py" and not path.stem.startswith("_"))
        or (path / "__init__.py").is_file()
    }
    section = ARCHITECTURE.split("## The source", 1)[1]
    named = set(re.findall(r"`([a-z_]+/?)(?:\.py)?`", section.split("\n## ", 1)[0]))
    assert named == modules
