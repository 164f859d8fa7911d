"""The bench runs, and its tables are well formed; how fast anything is, no test asserts."""

import gzip
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.__main__ import CASES
from tests.bench.cases import Case, Contender, Target, median, ratio
from tests.bench.measure import ContenderFailed, Sample, measured
from tests.bench.pages import POSTS, Large, search_page
from tests.bench.table import BEGIN, END, Result, contenders, targets, write_tables

ROOT = Path(__file__).parents[2]


def rows(table: str) -> list[list[str]]:
    """The cells of a Markdown table, its rule left out."""
    lines = [re.split(r"(?<!\\)\|", line)[1:-1] for line in table.splitlines()]
    return [[cell.strip() for cell in line] for line in (lines[0], *lines[2:])]


@pytest.mark.parametrize(
    "chosen",
    [("B2", "B3"), pytest.param(tuple(CASES), marks=pytest.mark.chore("a minute, of two cores"))],
)
def test_the_bench_runs(chosen: tuple[str, ...], tmp_path: Path) -> None:
    """At sizes that measure nothing: harvests are whole, the tables complete."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", *chosen, "--quick", "--folder", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    head, asked, *cases = re.split(r"\n\n(?=\||\*\*)", done.stdout)
    assert "cores" in head
    header, *body = rows(asked)
    assert header == ["case", "target", "measured", "holds"]
    assert {row[0] for row in body} == {*chosen} - {"B1m"}
    assert {row[3] for row in body} <= {"yes", "**no**", "—"}
    titles, tables = cases[::2], cases[1::2]
    assert [re.match(r"\*\*(\w+)\*\*: .", title)[1] for title in titles] == list(chosen)  # type: ignore[index]
    for table in tables:
        header, *body = rows(table)
        assert header[:3] == ["contender", "rounds", "wall (median)"]
        for row in body:
            assert len(row) == len(header)
            assert row[1] == "0" or re.fullmatch(r"\d+(\.\d+)? s", row[2]), row
    assert list(tmp_path.iterdir()) == []


def test_wrong_arguments(tmp_path: Path) -> None:
    """A case that is unknown, and tables of half a run for the page, are refused at once."""
    for arguments in (["B99"], ["B1", "--write"], ["--quick", "--write"]):
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench", *arguments], cwd=ROOT, capture_output=True,
            text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 2
        assert done.stdout == ""


def test_the_pages_are_gzip() -> None:
    """Pieces that were deflated apart make one member with a right CRC, small or large."""
    page = gzip.decompress(b"".join(search_page(0, 2)))
    assert page.endswith(b'"next_token":"b26v89c19zqg8o3fpdg7rvcq00000001"}}')
    assert b'"next_token"' not in gzip.decompress(b"".join(search_page(1, 2)))
    for size in (1_000_000, 9_000_000):
        large = Large.near(size)
        plain = b"".join(large.body(gzip=False))
        assert gzip.decompress(b"".join(large.body(gzip=True))) == plain
        assert abs(len(plain) - size) < 0.1 * size
        assert len(plain) == large.size
        assert plain.count(b'"author_id"') == large.records
        assert large.records % POSTS == 1


def sample(wall_s: float) -> Sample:
    """A process that took so long."""
    return Sample(wall_s, wall_s, 50_000_000)


def test_ratios_are_of_the_same_rounds() -> None:
    """A slow minute meets both: only rounds in which both ran are compared."""
    rounds = {
        "a": {0: sample(2), 1: sample(4), 2: sample(60)},
        "b": {0: sample(1), 1: sample(2)},
        "c": {},
    }
    assert ratio("a", "b")(rounds) == 2
    assert ratio("a", "c")(rounds) is None
    assert median("a")(rounds) == 4
    assert median("c")(rounds) is None


def test_tables_tell_what_is_missing() -> None:
    """Who could not take part stands in the table, with the reason; a target may fail."""
    slow = Target("wall ≤ 0.5 × b", ratio("a", "b"), 0.5)
    gone = Target("faster than c", ratio("c", "a"), 3, at_least=True)
    case = Case(
        "a title", [Contender(name, lambda: sample(1)) for name in ("a", "b", "c | d")], [slow], "b"
    )
    rounds = {"a": {0: sample(3)}, "b": {0: sample(1)}, "c | d": {}, "c": {}}
    result = Result("B0", case, rounds, {"c | d": "not installed"})
    _, first, _, last = rows(contenders(result))
    assert first == ["a", "1", "3.00 s", "3.00 s to 3.00 s", "3.00 s", "50 MB", "3.00"] or (
        first[5].startswith("<")  # as large as the test's own process
    )
    assert last[:3] == ["c \\| d", "0", "not installed"]
    assert rows(targets([result]))[1] == ["B0", "wall ≤ 0.5 × b", "3.00 ×", "**no**"]
    unknown = Result("B0", Case("a title", [], [gone]), rounds, {})
    assert rows(targets([unknown]))[1][2:] == ["not measured", "—"]


def test_a_contender_that_fails_is_no_sample(tmp_path: Path) -> None:
    """Its exit code and what it said; a time of it would be a lie."""
    with pytest.raises(ContenderFailed, match=r"exit code 3\noops"):
        measured(["sh", "-c", "echo oops >&2; exit 3"], folder=tmp_path)


def test_the_page_is_rewritten_between_its_marks(tmp_path: Path) -> None:
    """Once and only there; a page without marks is left alone."""
    path = tmp_path / "speed.md"
    path.write_text(f"before\n{BEGIN}\nold \\1\n{END}\nafter\n")
    for _ in range(2):
        write_tables(path, "new \\1")
        assert path.read_text() == f"before\n{BEGIN}\nnew \\1\n{END}\nafter\n"
    path.write_text("nothing")
    with pytest.raises(ValueError, match="has no"):
        write_tables(path, "new")
    assert path.read_text() == "nothing"
