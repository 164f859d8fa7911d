"""The proofs of `crawls.py`, at sizes that take seconds."""

from pathlib import Path

from tests.slow import crawls


def test_a_tree_that_is_killed(tmp_path: Path) -> None:
    """Every node once, and at most one request more for each kill."""
    assert crawls.tree(tmp_path, nodes=150, kills=3) == []


def test_a_search_behind_a_cap(tmp_path: Path) -> None:
    """All of it, with hardly more requests than a perfect plan has."""
    assert crawls.search(tmp_path, records=20_000) == []


def test_the_visited_set(tmp_path: Path) -> None:
    """In flat memory."""
    assert crawls.visited(tmp_path, ids=100_000) == []
