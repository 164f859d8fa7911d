"""A workbook for people: sheets, what is too large, what Excel would take for something else."""

from pathlib import Path
from typing import Any

import openpyxl
import pytest

from harvester.errors import ConfigError
from harvester.export import export, xlsx
from tests.export.shop import harvest_of


def test_a_sheet_for_each_resource(tmp_path: Path) -> None:
    """Under its own name as far as a sheet may have it, never one name twice."""
    long = "r" * 40
    names = ["history", long, long + "x"]
    text = "version: 1\nname: shop\nclient: {base_url: 'http://localhost/'}\nresources:\n"
    text += "".join(f"  - {{name: {name}, path: x, data_selector: data}}\n" for name in names)
    harvest_of(tmp_path / "out", {name: [[{"a": n}]] for n, name in enumerate(names, 1)}, text)
    export(tmp_path / "out", tmp_path / "o.xlsx")
    book = openpyxl.load_workbook(tmp_path / "o.xlsx")
    assert book.sheetnames == ["history_2", "r" * 31, "r" * 29 + "_2"]
    assert [book[name]["A2"].value for name in book.sheetnames] == [1, 2, 3]


def test_nothing_is_a_formula_or_a_link(tmp_path: Path) -> None:
    """What servers wrote is text, and long numbers keep their digits."""
    values = ["=1+1", "{=1}", "https://example.org", "+1", "007", 12345678901234567, 1e400]
    harvest_of(tmp_path / "out", {"orders": [[{"v": value} for value in values[:-1]]]})
    export(tmp_path / "out", tmp_path / "o.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "o.xlsx")["orders"]
    cells = [cell for (cell,) in sheet.iter_rows(min_row=2)]
    assert [cell.value for cell in cells] == [*values[:5], "12345678901234567"]
    assert {cell.data_type for cell in cells} == {"s"}
    assert not any(cell.hyperlink for cell in cells)


def test_what_does_not_fit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too long a text, too many records or columns: named with what to do, and no file."""
    harvest_of(tmp_path / "long", {"orders": [[{"v": "x" * 40_000}]]})
    with pytest.raises(ConfigError, match=r"orders, record 1: a text has 40,000 characters"):
        export(tmp_path / "long", tmp_path / "o.xlsx")
    harvest_of(tmp_path / "many", {"orders": [[{"v": n, "w": n} for n in range(10)]]})
    monkeypatch.setattr(xlsx, "_MOST_ROWS", 10)
    with pytest.raises(ConfigError, match=r"more than the 9 records that a sheet takes"):
        export(tmp_path / "many", tmp_path / "o.xlsx")
    monkeypatch.setattr(xlsx, "_MOST_COLUMNS", 1)
    with pytest.raises(ConfigError, match="has 2 columns"):
        export(tmp_path / "many", tmp_path / "o.xlsx")
    assert not (tmp_path / "o.xlsx").exists()


def test_columns_that_show_late(tmp_path: Path) -> None:
    """One schema, however late a key comes."""
    pages: list[list[Any]] = [[{"a": n} for n in range(3000)], [{"a": "text", "b": [1]}]]
    harvest_of(tmp_path / "out", {"orders": pages})
    export(tmp_path / "out", tmp_path / "o.xlsx")
    rows = list(openpyxl.load_workbook(tmp_path / "o.xlsx")["orders"].values)
    assert (rows[0], rows[-1], len(rows)) == (("a", "b"), ("text", "[1]"), 3002)
