"""The table of faults is kept true: every row has tests, and links to where they are."""

import ast
import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "faults.md").read_text()
ROWS = range(1, 45)


def rows_of_tests() -> dict[int, set[str]]:
    """The rows that tests are named after, and the files these are in, as pytest collects them."""
    found = defaultdict(set)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.parse(path.read_text()).body:
            name = node.name if isinstance(node, ast.FunctionDef) else ""
            if row := re.match(r"test_row_(\d{2,3})_\w", name):
                found[int(row[1])].add(str(path.relative_to(ROOT)))
    return found


def linked() -> dict[int, set[str]]:
    """The rows of the table, and the files that each links to."""
    table = PAGE.split("<!-- faults -->", 1)[1].split("</details>", 1)[0]
    found = {}
    for line in table.splitlines():
        if cells := re.fullmatch(r"\| (\d+) \| [^|]+ \| [^|]+ \| ([^|]+) \|", line):
            links = re.findall(r"\[row_(\d{2,3})\]\(([^)]+)\)", cells[2])
            assert all(int(row) == int(cells[1]) for row, _ in links), line
            assert int(cells[1]) not in found, line
            found[int(cells[1])] = {path.removeprefix("../") for _, path in links}
    return found


def test_every_row_has_a_test() -> None:
    """From 1 to 44 and beyond, and no test is named after a row that is not there."""
    rows = rows_of_tests()
    assert {*ROWS} <= rows.keys()
    assert rows.keys() == linked().keys()


def test_every_row_links_to_its_tests() -> None:
    """All of them, and nothing else."""
    assert linked() == rows_of_tests()


def test_the_scripts_are_there() -> None:
    """What the page says to run is a module that can be run."""
    section = PAGE.split("<!-- faults -->", 1)[1].split("\n## ", 1)[0]
    named = re.findall(r"python -m (tests\.\w+)`", section)
    assert len(named) == 3
    for name in named:
        source = (ROOT / f"{name.replace('.', '/')}.py").read_text()
        assert 'if __name__ == "__main__":' in source, name
        assert f"python -m {name}" in source, name
