"""The loop guard: whatever was asked with is known again, in little memory."""

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.model.cycle_guard import LoopGuard

_CURSORS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(st.lists(_CURSORS, max_size=20))
def test_what_was_added_is_known(cursors: list[Any]) -> None:
    """Any JSON value may be a cursor; `add` says whether it was new."""
    guard = LoopGuard()
    for cursor in cursors:
        assert (cursor in guard) != guard.add(cursor)
        assert cursor in guard


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, "1"), (None, "null"), (None, ""), ({"a": 1}, {"a": 2}), ([1, 2], [2, 1]), (2**64, 2**65)],
)
def test_different_cursors(one: Any, other: Any) -> None:
    """Values of different types or order are different cursors."""
    guard = LoopGuard()
    guard.add(one)
    assert other not in guard


def test_the_order_of_keys_does_not_count() -> None:
    """A cursor read back from the journal is the same cursor."""
    guard = LoopGuard()
    guard.add({"a": 1, "b": 2})
    assert {"b": 2, "a": 1} in guard


def test_many_cursors_take_little_memory() -> None:
    """It grows, forgets nothing on the way, and takes 16 to 32 bytes a cursor."""
    guard = LoopGuard()
    for number in range(20_000):
        assert guard.add(f"token-{number}")
    assert all(f"token-{number}" in guard for number in range(0, 20_000, 97))
    assert "token-20000" not in guard
    assert sys.getsizeof(guard._table) <= 32 * 20_000 + 100


def test_memory_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above it the table starts anew: a circle is then found in its second round."""
    monkeypatch.setattr("harvester.model.cycle_guard._LARGEST", 1 << 11)
    guard = LoopGuard()
    circle = [f"token-{number}" for number in range(900)]
    for number in range(2_000):
        guard.add(f"before-{number}")
    assert sys.getsizeof(guard._table) <= 8 * (1 << 11) + 200
    assert any(not guard.add(cursor) for _ in range(3) for cursor in circle)
