"""Numbers, durations, cut text and tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.model.phrases import (
    duration,
    fit,
    fit_ends,
    number,
    printable,
    size,
    table,
    width,
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min"), (83, "1 min 23 s"), (7500, "2 h 5 min"),
     (93_600, "1 d 2 h"), (-3, "0 s")],
)  # fmt: skip
def test_duration(seconds: float, text: str) -> None:
    """The two largest units."""
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (999_499, "999 kB"),
     (999_500, "1.0 MB"), (3_200_000, "3.2 MB"), (5e21, "5000000 PB")],
)  # fmt: skip
def test_size(count: float, text: str) -> None:
    """Powers of ten, never more digits than are worth reading."""
    assert size(count) == text


def test_number_has_its_noun() -> None:
    """One page, two pages, no pages."""
    assert [number(count, "page") for count in (0, 1, 2000)] == ["0 pages", "1 page", "2,000 pages"]


def test_printable_takes_out_what_a_terminal_obeys() -> None:
    """Escape sequences, bells, and text that turns the reading direction around."""
    assert printable("a\x1b[2Jb\x07c\u202ed\ne") == "a\ufffd[2Jb\ufffdc\ufffdd\ne"


@given(
    st.text(alphabet=st.characters(exclude_categories=("C", "M")), max_size=40), st.integers(0, 30)
)
def test_cut_text_is_never_too_wide(text: str, cells: int) -> None:
    """At the end or in the middle, also of text whose characters take two cells."""
    for cut in (fit(text, cells), fit_ends(text, cells)):
        assert width(cut) <= cells
        assert cut == text or width(text) > cells


def test_cut_in_the_middle_keeps_both_ends() -> None:
    """What tells partitions apart is the query at one end and the window at the other."""
    assert fit_ends("from:nasa 2021-01-01_2021-02-01", 17) == "from:nas…21-02-01"


def test_a_table_becomes_blocks_where_it_does_not_fit() -> None:
    """Numbers stand to the right; on a narrow terminal each row is a block."""
    header, rows = ("name", "pages"), [("a", "5"), ("long-name", "1,200")]
    assert table(header, rows).splitlines() == [
        "name       pages",
        "a              5",
        "long-name  1,200",
    ]
    assert table(header, rows, 10).splitlines() == [
        "a",
        "  pages  5",
        "long-name",
        "  pages  1,200",
    ]
