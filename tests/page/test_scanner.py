"""What the parser is spared: the same fields, counts and verdicts as if it had read every byte."""

import json
import random
import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harvester.config import Limits
from harvester.errors import AttemptFailed, NotJSON, PageRefused
from harvester.model.jsonpath import parse
from harvester.page import grammar, scanner
from harvester.page.fields import Field, FieldParser, Take
from tests.examples import examples
from tests.fuzz_targets import EveryByte
from tests.page.test_guard import cut

LIMITS = Limits()
WANTED = [
    Field("records", parse("data"), Take.COUNT),
    Field("items", parse("data[*].items"), Take.COUNT),
    Field("next", parse("meta.next")),
    Field("more", parse("more")),
    Field("last", parse("data[-1].id"), Take.LAST),
]

#: Text that a careless reader would trip over.
TEXTS = st.text(
    st.sampled_from('ab"\\/{}[],: \n\t\u00e9\u20ac\U0001f600NaI'), max_size=12
) | st.sampled_from(['","', '{"a":[', "]}", '\\"', "\\", "},{"])  # fmt: skip
SCALARS = TEXTS | st.integers(-(10**30), 10**30) | st.booleans() | st.none() | st.floats(-1e9, 1e9)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=30,
)
PAGES = st.fixed_dictionaries(
    {},
    optional={
        "data": st.lists(VALUES, max_size=12) | VALUES,
        "includes": VALUES,
        "meta": st.fixed_dictionaries({"next": SCALARS, "other": VALUES}) | VALUES,
        "more": VALUES,
    },
)
BORDERS = st.lists(st.integers(0, 5000), max_size=12)


@pytest.fixture(autouse=True)
def _small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin to skim after a few bytes, so that small pages are skimmed too, and prove the grammar
    of a few bytes at a time.
    """
    monkeypatch.setattr(scanner, "_FIRST_PORTION", 8)
    monkeypatch.setattr(scanner, "_LARGEST_PORTION", 32)
    monkeypatch.setattr(grammar, "_LEAST", 3)


def fields(
    chunks: Sequence[bytes], wanted: Sequence[Field], *, full: bool = False, limits: Limits = LIMITS
) -> dict[str, Any]:
    """Parse the chunks for the wanted fields."""
    parser = (EveryByte if full else FieldParser)(wanted, limits)
    for chunk in chunks:
        parser.feed(chunk)
    return parser.close()


def verdict(chunks: Sequence[bytes], wanted: Sequence[Field], *, full: bool) -> Any:
    """The fields, or the class of what stood against the page."""
    try:
        return fields(chunks, wanted, full=full)
    except AttemptFailed as error:
        return type(error)


def written(page: Any, style: int) -> bytes:
    """The page as JSON: compact, usual, or on many lines, with and without escapes."""
    if style % 3 == 0:
        text = json.dumps(page, separators=(",", ":"), ensure_ascii=bool(style % 2))
    else:
        text = json.dumps(page, ensure_ascii=bool(style % 2), indent=style - 1 or None)
    return text.encode()


@given(PAGES, st.integers(0, 5), BORDERS, st.sets(st.integers(0, len(WANTED) - 1)))
@examples(700)
@example({"data": [{"a": [1, 2]}, 5, "x", "y", {"b": {}}], "meta": {"next": "n"}}, 0, [], {0, 2})
@example({"data": ["a", "b", "c"], "more": [[[]]]}, 0, [3, 9, 12, 15], {0})
def test_the_same_fields(page: Any, style: int, borders: list[int], chosen: set[int]) -> None:
    """Skimmed or parsed in full, whole or cut anywhere, for any choice of fields."""
    text = written(page, style)
    wanted = [WANTED[number] for number in sorted(chosen)]
    expected = verdict([text], wanted, full=True)
    assert verdict([text], wanted, full=False) == expected
    assert verdict(cut(text, borders), wanted, full=False) == expected


@given(st.lists(VALUES, max_size=20), st.integers(0, 5), BORDERS)
@examples(300)
def test_an_array_at_the_root(items: list[Any], style: int, borders: list[int]) -> None:
    """Its items are counted, whatever they are."""
    wanted = [Field("records", parse("$"), Take.COUNT)]
    assert fields(cut(written(items, style), borders), wanted) == {"records": len(items)}


@given(PAGES, st.integers(0, 5), st.integers(0, 5000), st.binary(max_size=2), BORDERS)
@examples(700)
def test_damage(page: Any, style: int, at: int, other: bytes, borders: list[int]) -> None:
    """What the whole parser takes is taken alike, and nothing else."""
    text = bytearray(written(page, style))
    at %= len(text)
    text[at : at + 1] = other
    chunks = cut(bytes(text), borders)
    full = verdict(chunks, WANTED, full=True)
    skimmed = verdict(chunks, WANTED, full=False)
    if isinstance(full, dict):
        assert skimmed == full
    else:
        assert not isinstance(skimmed, dict)


@given(PAGES, st.integers(0, 5), st.integers(0, 5000), BORDERS)
@examples(300)
def test_a_page_that_is_cut(page: Any, style: int, at: int, borders: list[int]) -> None:
    """No beginning of a page passes for a page."""
    text = written(page, style)
    with pytest.raises(NotJSON):
        fields(cut(text[: at % len(text)], borders), WANTED)


@pytest.mark.parametrize("item", ["NaN", "Infinity", "-Infinity", '{"a": [1, NaN]}'])
def test_not_a_number(item: str) -> None:
    """Python's json writes NaN, which is no JSON, and DuckDB would choke on it later."""
    text = f'{{"data": [{"1, " * 50}{item}{", 1" * 50}]}}'.encode()
    assert fields([text.replace(item.encode(), b'"NaN"')], WANTED) == {"records": 101}
    with pytest.raises(NotJSON, match=r"invalid character at byte 1[0-9][0-9]"):
        fields([text], WANTED[:1])


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'])
def test_depth_within_records(opening: bytes) -> None:
    """The limit holds to the level where nothing is parsed, also where all is closed again."""
    closing = b"".join({91: b"]", 123: b"}"}.get(byte, b"") for byte in reversed(opening))
    for inner in (1, 60):  # containers beside each other nest no deeper
        for levels in range(1, 30):
            deep = opening * levels + b"1" + closing * levels
            text = b'{"data":[' + b",".join([b"[1,2]"] * 5 + [deep] * inner) + b"]}"
            depth = 2 + levels * len(closing)
            limits = Limits(depth=20)
            if depth <= 20:
                assert fields([text], WANTED[:1], limits=limits) == {"records": 5 + inner}
            else:
                with pytest.raises(PageRefused, match=r"limits\.depth"):
                    fields([text], WANTED[:1], limits=limits)


@pytest.mark.slow("CPU time")
@pytest.mark.parametrize("unit", [b"[", b'{"a":', b"[[]", b'{"a":[],"b":'])
def test_endless_nesting_costs_little(unit: bytes) -> None:
    """20 MB of opening brackets within the records: refused within half a second of CPU."""
    body = b'{"data":[1,2,3,4,5,6,7,8,9,' + unit * ((20 << 20) // len(unit))
    began = time.process_time()
    with pytest.raises(PageRefused, match=r"limits\.depth"):
        fields([body[start : start + 65536] for start in range(0, len(body), 65536)], WANTED[:1])
    assert time.process_time() - began < 0.5


def test_large_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records of many blocks each, some with strings longer than a block, with real portions."""
    monkeypatch.undo()
    chance = random.Random(7)
    records = [
        {
            "id": number,
            "text": chance.choice(['"', "\\", "x{", "],", "\u20ac"]) * chance.choice([1, 9, 40000]),
            "deep": [[{"a": [number, "b"]}] * chance.choice([0, 1, 300])],
        }
        for number in range(80)
    ]
    page = {"first": [1, 2], "data": records, "includes": {"u": records[:50]}, "meta": {"next": 1}}
    for style in range(6):
        text = written(page, style)
        for size in (1000, 65536, 1 << 20, len(text)):
            chunks = [text[start : start + size] for start in range(0, len(text), size)]
            wanted = [WANTED[0], WANTED[2]]
            assert fields(chunks, wanted) == {"records": 80, "next": 1}
