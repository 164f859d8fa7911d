"""Leaps: nothing that is leapt over would have been taken for anything else by the lexical pass."""

import gzip
import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harvester.config import Limits
from harvester.errors import AttemptFailed, PageRefused
from harvester.model.jsonpath import parse
from harvester.page import windows
from harvester.page.array_validator import proven
from harvester.page.fields import Field, FieldParser, Take
from harvester.page.guard import Guard
from tests.bench.pages import Large, search_page
from tests.examples import examples
from tests.fuzz_targets import EveryByte, strictly
from tests.mutations import TOKENS
from tests.page.test_borders import bulky, cut, styles

FIELDS = [
    Field("records", parse("data"), Take.COUNT),
    Field("cursor", parse("meta.next_token")),
    Field("links", parse("links"), Take.COUNT),
]
USUAL = Limits()
NARROW = Limits(depth=6, string_bytes=200, number_chars=12)


class Counting(Guard):
    """Counts what comes to the lexical pass."""

    fed = 0

    def feed(self, chunk: bytes) -> Iterator[Any]:
        """Take in one more chunk."""
        type(self).fed += len(chunk)
        yield from super().feed(chunk)


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> type[Counting]:
    """Parsers whose lexical pass counts."""
    monkeypatch.setattr("harvester.page.scanner.Guard", Counting)
    Counting.fed = 0
    return Counting


def read(
    chunks: Iterable[bytes], limits: Limits = USUAL, kind: type[FieldParser] = FieldParser
) -> Any:
    """The fields of a page; the kind of failure where there are none."""
    parser = kind(FIELDS, limits)
    try:
        for chunk in chunks:
            parser.feed(chunk)
        return parser.close()
    except AttemptFailed as error:
        return type(error)


def by_the_lexical_pass(chunks: Iterable[bytes], limits: Limits = USUAL) -> Any:
    """The same, leaping over nothing."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(windows, "_MOST_MISSES", 0)
        return read(chunks, limits)


def page(*items: str, separator: str = ",", before: str = "", after: str = "") -> bytes:
    """A page with these records, as they are written."""
    data = separator.join(items)
    return f'{{{before}"data":[{data}]{after},"meta":{{"next_token":"c2"}}}}'.encode()


RECORDS = [json.dumps({"id": number, "text": f"{number} and more"}) for number in range(3_000)]
WHOLE = {"records": 3_000, "cursor": "c2"}


@pytest.mark.parametrize("size", [700, 5_000, 70_000, 10**6])
@pytest.mark.parametrize("separator", [",", ", ", ",\n    ", "\r\n,"])
def test_most_of_a_page_is_leapt_over(counting: type[Counting], size: int, separator: str) -> None:
    """Wherever it is cut, if not into crumbs, and however it is laid out."""
    text = page(*RECORDS, separator=separator)
    chunks = [text[start : start + size] for start in range(0, len(text), size)]
    assert read(chunks) == WHOLE
    assert counting.fed < len(text) * (0.2 if separator != "\r\n," else 2)


def labelled(number: int, labels: int) -> str:
    """An issue whose labels, and the parents of these, begin as it does, in its text as well."""
    tree: list[object] = [
        {"id": at, "name": f"a,{{{at}", "of": [{"id": 1}] * 3} for at in range(labels)
    ]
    return json.dumps(
        {"id": number, "user": {"id": 3}, "labels": tree, "text": ',{"id":["}\\n' * 3}
    )


@pytest.mark.parametrize("size", [5_000, 70_000, 10**6])
@pytest.mark.parametrize("labels", [2, 30])
def test_lists_within_records_may_begin_as_these_do(
    counting: type[Counting], size: int, labels: int
) -> None:
    """What closes a record that a guess cuts is found once, and known from then on."""
    items = [labelled(number, labels) for number in range(20_000 // labels)]
    text = page(*items)
    chunks = [text[start : start + size] for start in range(0, len(text), size)]
    whole = {"records": len(items), "cursor": "c2"}
    assert read(chunks) == by_the_lexical_pass(chunks) == whole
    counting.fed = 0
    assert read(chunks) == whole
    assert counting.fed < len(text) * 0.2


def test_search_results_and_large_pages(counting: type[Counting]) -> None:
    """Those of the bench: of one page, the authors stand in an object that is no array."""
    text = gzip.decompress(b"".join(search_page(3, 9)))
    assert read([text])["records"] == 100
    assert counting.fed < len(text) / 5
    counting.fed = 0
    text = gzip.decompress(b"".join(Large(2).body(gzip=True)))
    chunks = [text[start : start + 128 * 1024] for start in range(0, len(text), 128 * 1024)]
    assert read(chunks)["records"] == 2 * 64 * 100 + 1
    assert counting.fed < len(text) / 50


def test_nothing_is_leapt_over_where_fields_are(counting: type[Counting]) -> None:
    """Where records are looked into, nothing is leapt over."""
    text = page(*RECORDS)
    assert read([text], kind=EveryByte) == WHOLE
    assert counting.fed == len(text)


def test_two_arrays(counting: type[Counting]) -> None:
    """Each has its own way to begin an item."""
    others = ",".join(json.dumps({"name": f"n{number}", "id": number}) for number in range(3_000))
    text = page(*RECORDS, before=f'"links":[{others}],')
    chunks = [text[start : start + 8_000] for start in range(0, len(text), 8_000)]
    assert read(chunks) == {**WHOLE, "links": 3_000}
    assert counting.fed < len(text) / 4


@pytest.mark.parametrize(
    "bad",
    [
        '{"id": 1, "text": "[["}',
        '{"id": 1, "text": "a ,{\\"id\\": b"}',
        '{"id": [{"id": 1},{"id": 2},{"id": 3}], "text": ""}',
        '{"id": "\\\\", "text": "\\\\\\""}',
        '{"text": 1}', "17", "null", '"{"', "[]", '{"id": 1.5e300}',
        '{"id":"' + "x" * 90_000 + '"}',
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [3_000, 65_536, 10**6])
def test_unusual_records_among_others(bad: str, size: int) -> None:
    """They are counted as all others, and what follows them too."""
    text = page(*RECORDS[:1_000], bad, *RECORDS[1_000:2_000], bad, bad, *RECORDS[2_000:])
    chunks = [text[start : start + size] for start in range(0, len(text), size)]
    assert read(chunks) == {**WHOLE, "records": 3_003}


@pytest.mark.parametrize(
    "bad",
    [
        '{"id": 1', '{"id": NaN}', '{"id": \v1}', '{"id": 1}}', '{"id": ]}', '{"id": "x}',
        '{"id": \\u0041}', '{"id": ' + "1" * 5_000 + "}", '{"id": ' + "[" * 300 + "]" * 300 + "}",
        '{"id": ' + '{"a": [' * 300 + "]}" * 300 + "}",
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [3_000, 65_536, 10**6])
def test_what_must_be_seen_is_seen(bad: str, size: int) -> None:
    """No record is leapt over that the lexical pass rejects."""
    text = page(*RECORDS[:1_000], bad, *RECORDS[1_000:])
    chunks = [text[start : start + size] for start in range(0, len(text), size)]
    found = read(chunks)
    assert isinstance(found, type)
    assert issubclass(found, AttemptFailed)
    assert found == by_the_lexical_pass(chunks)


def test_depth_as_deep_as_it_may_be() -> None:
    """The limit is as exact as elsewhere: 6 levels, of which the page and its array are two."""
    for levels, taken in ((4, True), (5, False)):
        deep = '{"id": ' + "[" * (levels - 1) + "]" * (levels - 1) + "}"
        found = read([page(*[deep] * 500)], NARROW)
        assert (found == {"records": 500, "cursor": "c2"}) is taken


def test_brackets_in_strings_do_not_hide_depth() -> None:
    """Those that pair with real ones would make what is deep look flat."""
    levels = 300
    down = "".join('{"a":"]","b":[' for _ in range(levels))
    up = "".join(']},{"c":"["}'[:2] for _ in range(levels))
    for deep in (
        f'{{"id":{down}1{up}}}',
        '{"id":' + '["]",' * levels + "1" + ',"["]' * levels + "}",
        '{"id":' + '{"}":' * levels + "1" + ',"{":1}' * levels + "}",
    ):
        assert json.loads(deep)
        for size in (1_000, 4_096, 65_536, 200_000):
            text = page(*RECORDS[:500], deep, *RECORDS[500:])
            chunks = [text[start : start + size] for start in range(0, len(text), size)]
            assert read(chunks) == by_the_lexical_pass(chunks) == PageRefused


@pytest.mark.parametrize("at", range(880, 920))
def test_a_number_that_a_chunk_cuts(at: int) -> None:
    """Is as long as it is, also where what comes before the cut is a whole array of values."""
    limits = Limits(number_chars=1_000)
    text = page(*RECORDS[:100], "1" * 1_800, *RECORDS[100:200])
    cut_at = text.index(b"1" * 1_800) + at
    assert read([text[:cut_at], text[cut_at:]], limits) == PageRefused


def test_drips_cost_no_more_than_their_bytes() -> None:
    """Text that waits for an item's end is not looked at for each byte that comes."""
    text = page('{"id": 1}', '{"id": "' + "x" * 60_000 + '"}', '{"id": 3}')
    assert read(text[at : at + 1] for at in range(len(text))) == {"records": 3, "cursor": "c2"}


@settings(deadline=None)
@given(
    document=bulky, style=styles, borders=st.lists(st.integers(0, 10**6), max_size=6),
    place=st.integers(0, 10**6), token=st.sampled_from(TOKENS), drop=st.integers(0, 3),
    narrow=st.booleans(),
)  # fmt: skip
@example({"data": [{"id": 1}] * 9, "meta": {}}, {}, [], 0, b"", 0, False)
def test_with_leaps_and_without(
    document: Any, style: Any, borders: list[int], place: int, token: bytes, drop: int, narrow: bool
) -> None:
    """Of any sound page, in any pieces: the same fields, or a limit. A damaged one is no page."""
    text = json.dumps(document, **style).encode("utf-8", "surrogatepass")
    place %= len(text) + 1
    damaged = text[:place] + token + text[place + drop :]
    limits = NARROW if narrow else USUAL
    for each in (text, damaged):
        with_leaps = read(cut(each, borders), limits)
        try:
            strictly(each)
        except (ValueError, RecursionError):
            assert isinstance(with_leaps, type)
        else:
            assert with_leaps == by_the_lexical_pass(cut(each, borders), limits)


@given(st.integers(8, 60), st.integers(0, 60), st.integers(0, 40), st.booleans(), st.integers(1, 9))
@examples(300)
def test_no_item_that_is_too_deep_passes(
    levels: int, arrays: int, between: int, arrays_first: bool, others: int
) -> None:
    """However few bytes it takes for that, and whatever stands around it."""
    objects = max(levels + 1 - arrays, 1)
    opened = ["["] * arrays + ['{"":'] * objects
    if not arrays_first:
        opened.reverse()
    opened[:0] = ['{"k":']
    filler = '"' + "x" * between + '"'
    deep = "".join(opened) + filler
    deep += "".join("]" if each == "[" else "}" for each in reversed(opened))
    other = json.dumps({"k": [1, 2], "t": "y" * between})
    text = f"[{','.join([other] * others + [deep] + [other] * others)}]".encode()
    array, items = proven(text)
    assert not windows.Window(array, items).nests_within(levels)
    assert windows.Window(array, items).nests_within(len(opened))
