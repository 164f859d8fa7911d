"""Tests that hold a clock or a peak of memory to a bound are marked `slow`, with what they measure.

A busy machine breaks such bounds and nothing else, so whoever wants a quick word leaves them out.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
MEASURED = re.compile(
    r"time\.(monotonic|process_time)\(\)\s*-|\btook(_s)?\b\s*<|peak_mb|cpu_s|\bpeaks\b"
)
SLOW = re.compile(r"pytest\.mark\.slow\(['\"](CPU time|wall clock|memory)['\"]\)")


def measuring(text: str) -> Iterator[ast.FunctionDef]:
    """Tests of a module that assert something of a clock or of memory."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            asserts = [each for each in ast.walk(node) if isinstance(each, ast.Assert)]
            if any(MEASURED.search(ast.unparse(each)) for each in asserts):
                yield node


@pytest.mark.parametrize(
    "path", sorted(TESTS.rglob("test_*.py")), ids=lambda path: str(path.relative_to(TESTS))
)
def test_measurements_are_marked(path: Path) -> None:
    """All of tests/slow is slow anyway."""
    if path.parent.name != "slow":
        unmarked = [
            test.name
            for test in measuring(path.read_text())
            if not any(SLOW.fullmatch(ast.unparse(each)) for each in test.decorator_list)
        ]
        assert unmarked == []


def test_an_unmarked_one_is_found() -> None:
    """Whatever it calls its start."""
    found = measuring("def test_a():\n    assert time.monotonic() - start < 1\ndef test_b(): ...")
    assert [test.name for test in found] == ["test_a"]
