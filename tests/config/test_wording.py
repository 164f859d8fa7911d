"""How values, places and near misses are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.config.wording import KeyPath, dotted, kind, listed, nearest, shown, unknown
from harvester.model.jsonpath import parse
from harvester.model.segments import Index, Key


def test_a_place_is_written_as_people_do() -> None:
    """Dots and brackets, with quotes only where a key needs them."""
    assert dotted(("resources", 0, "params", "odd.name")) == "resources[0].params['odd.name']"
    assert dotted(()) == ""


KEYS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1)


@given(KEYS, st.lists(KEYS | st.integers(0, 9)))
def test_a_written_place_reads_back(first: str, rest: list[str | int]) -> None:
    """`--set` takes what a message shows: any path of keys survives the round trip."""
    place: KeyPath = (first, *rest)
    read = parse(dotted(place))
    assert read == tuple(Key(k) if isinstance(k, str) else Index(k) for k in place)


@pytest.mark.parametrize(
    ("value", "text", "secret"),
    [
        (None, "nothing", "nothing"),
        (True, "true", "true or false"),
        ("a'b", '"a\'b"', "text"),
        ("x" * 50, "'" + "x" * 39 + "…'", "text"),
        (3, "3", "a number"),
        (10**300, "a huge number", "a number"),
        ([], "an empty list", "a list"),
        ([1], "a list", "a list"),
        ({}, "an empty mapping", "a mapping"),
        ({"a": 1}, "a mapping", "a mapping"),
    ],
)
def test_values_are_shown_short_or_not_at_all(value: object, text: str, secret: str) -> None:
    """`shown` names containers and cuts text; `kind` gives nothing of the value away."""
    assert shown(value) == text
    assert kind(value) == secret


def test_the_nearest_known_word_is_offered() -> None:
    """A slip of the finger, or of case, finds its word; anything else lists the known ones."""
    assert nearest("cursor_pth", ["cursor_path", "cursor_param"]) == "cursor_path"
    assert nearest("get", ["GET", "POST"]) == "GET"
    assert unknown("key", "nme", ["name"]) == "unknown key 'nme': did you mean 'name'?"
    assert unknown("key", "zzz", ["name", "path"]) == "unknown key 'zzz' (known: name, path)"
    assert unknown("key", "zzz", []) == "unknown key 'zzz'"


def test_words_are_listed() -> None:
    """Commas, and one word before the last."""
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"], "and") == "a, b and c"
