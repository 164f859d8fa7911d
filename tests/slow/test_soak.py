"""A short soak; `python -m tests.soak` is the long one, of 10,000 pages."""

from pathlib import Path

from tests.soak import SPOILED, Soak


def test_row_44_a_bad_day(tmp_path: Path) -> None:
    """Every fault and several kills: all records exactly once, in flat memory, and no request
    more than pages, faults and kills account for.
    """
    soak = Soak(pages=150, partitions=4, workers=2, seed=7, kill_after_s=(0.1, 0.6), most_kills=4)
    told = soak.run(tmp_path)
    assert soak.wrong == [], told
    assert soak.kills >= 2, told
    assert all(kind in told for kind in SPOILED)
