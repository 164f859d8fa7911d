"""SQL over a harvest: resources are tables with the columns of an export."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harvester.errors import ConfigError, DataRefused
from harvester.export import answered, blocks
from tests.export.shop import PARTITIONED, TWO, harvest_of, names_in
from tests.support import ENVIRONMENT


def rows(out: Path, query: str) -> list[tuple[Any, ...]]:
    """What a query gives."""
    with answered(out, query) as answer:
        return list(answer.rows)


def test_resources_are_tables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Read anew each time that a query reads them; a field that comes late is a column."""
    monkeypatch.setattr(blocks, "BLOCK_RECORDS", 10)
    orders = [{"id": n, "user": n % 3, **({"late": {"x": n}} if n > 95 else {})} for n in range(99)]
    users = [{"id": n, "name": f"u{n}"} for n in range(3)]
    harvest_of(tmp_path / "out", {"orders": [orders[:50], orders[50:]], "Customers": [users]}, TWO)
    joined = (
        'SELECT c.name, count(*) FROM orders o JOIN "customers" c ON c.id = o."user" '
        "JOIN orders again ON again.id = o.id GROUP BY 1 ORDER BY 1"
    )
    assert rows(tmp_path / "out", joined) == [("u0", 33), ("u1", 33), ("u2", 33)]
    late = "SELECT late.x FROM orders WHERE late IS NOT NULL ORDER BY id"
    assert rows(tmp_path / "out", late) == [(96,), (97,), (98,)]
    assert names_in(tmp_path) == ["out"]


def test_partitions_are_columns(tmp_path: Path) -> None:
    """As in an export."""
    harvest_of(tmp_path / "out", {"orders": [[{"a": 1}]]}, PARTITIONED)
    query = "SELECT _shop, sum(_year) FROM orders GROUP BY _shop ORDER BY 1"
    assert rows(tmp_path / "out", query) == [("a b", 4041), ("c", 4041)]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("SELEKT 1", "sql: Parser Error"),
        ("SELECT nope FROM orders", "sql: Binder Error"),
        ("SELECT * FROM nowhere", "nowhere does not exist"),
    ],
)
def test_wrong_sql_is_a_mistake_of_the_person(query: str, told: str, tmp_path: Path) -> None:
    """Exit code 2, in DuckDB's words."""
    harvest_of(tmp_path / "out", {"orders": [[{"a": 1}]]})
    with pytest.raises(ConfigError, match=told):
        rows(tmp_path / "out", query)


def test_damage_is_told_as_such(tmp_path: Path) -> None:
    """Not in DuckDB's words."""
    harvest_of(tmp_path / "out", {"orders": [[{"a": 1}]]})
    next((tmp_path / "out").rglob("part-*.gz")).write_bytes(b"damaged")
    with pytest.raises(DataRefused, match="harvester verify"):
        rows(tmp_path / "out", "SELECT * FROM orders")


def test_answers_are_csv_or_json_lines(tmp_path: Path) -> None:
    """On stdout; wrong SQL is exit code 2."""
    harvest_of(tmp_path / "out", {"orders": [[{"a": "x,y", "b": [1, None], "c": {"d": "é"}}]]})

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "harvester", "sql", str(tmp_path / "out"), *arguments],
            env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    done = run("SELECT *, DATE '2021-01-02' AS at FROM orders")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == 'a,b,c,at\n"x,y","[1, null]","{""d"": ""é""}",2021-01-02\n'
    done = run("SELECT * FROM orders", "--json")
    assert json.loads(done.stdout) == {"a": "x,y", "b": [1, None], "c": {"d": "é"}}
    wrong = run("SELECT")
    assert (wrong.returncode, wrong.stdout) == (2, "")
