"""docs/architecture.md says of each file of the package why it is where it is."""

import ast
import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
PACKAGE = ROOT / "harvester"


def named() -> list[str]:
    """Each file that the tables name, as a path below the package, without its suffix."""
    section = PAGE.partition("## Each file, and why it is there")[2].partition("\n## ")[0]
    found: list[str] = []
    folders: list[str] = []
    for line in section.splitlines():
        if line.startswith("**"):
            folders = re.findall(r"\*\*`([a-z]+/)`\*\*", line)
        elif line.startswith("| `"):
            files, _, reason = line.strip("| ").partition(" | ")
            assert len(reason.split()) >= 3, f"no reason is given: {line}"
            for file in re.findall(r"`([^`]+)`", files):
                inside = len(folders) != 1 or file.startswith(folders[0])
                found.append(file if inside else folders[0] + file)
    return found


def present() -> set[str]:
    """Each file of the package, but those whose place their name fixes."""
    files = (path.relative_to(PACKAGE).with_suffix("") for path in PACKAGE.rglob("*.py"))
    return {str(file) for file in files if not file.name.startswith("_")}


def test_each_file_has_a_reason_to_be_where_it_is() -> None:
    """Whoever adds a file says why it is there."""
    assert sorted(present() - set(named())) == []


def test_no_file_is_named_that_is_not_there() -> None:
    """Whoever moves a file or takes it away changes the page."""
    assert sorted(set(named()) - present()) == []


def test_no_file_is_named_twice() -> None:
    """A file has one place."""
    assert [file for file, times in Counter(named()).items() if times > 1] == []


def first_line(path: Path) -> str:
    """How a module's docstring begins."""
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n")[0]


def test_each_first_line_names_a_thing_or_what_is_done() -> None:
    """The list of modules is made of them: one whole sentence, no question and no fragment."""
    vague = re.compile(r"(What|How|Whether|When|Where|Which|Who|From)\b")
    lines = {str(path.relative_to(PACKAGE)): first_line(path) for path in PACKAGE.rglob("*.py")}
    assert [f"{file}: {line}" for file, line in lines.items() if vague.match(line)] == []
    assert [file for file, line in lines.items() if line[-1:] not in ".?"] == []
