"""Fields inside records, read without events: the same as if the parser had read every byte."""

import gc
import json
import weakref
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harvester.config import Limits
from harvester.errors import AttemptFailed, PageRefused
from harvester.model.jsonpath import parse
from harvester.model.moments import Horizon, Side
from harvester.page import scanner
from harvester.page.aggregators import Matches
from harvester.page.fields import Field, FieldParser, Take
from harvester.page.namesakes import EACH
from harvester.page.parser import Parser
from harvester.page.record_reader import Column, ItemReader, RecordReader
from harvester.page.record_types import Wanted
from tests.examples import examples
from tests.fuzz_targets import EveryByte
from tests.page.test_guard import cut

PATHS = (
    "data[*].id", "data[*].at", "data[-1].id", "data[0].id", "data[3].at", "data[*].user.id",
    "data[-1].user.id", "data[*].user.tag.id", "data[*].user", "data[*].items", "data[*]", "data",
    "data[*].items[*].id", "data[*].items[*]", "data[*].user.items[*].id",
    "data[*].items[*].tag.id", "data[*].items[*].items[*]", "$[*].items[*].id",
    "data[-1]", "data[-1].items", "data[-1].items[-1].id", "data[-1].items[?@.id==3].id",
    "data[?@.at=='b'].id", "data[?@.id==3].user.id", "data[?@.user.id=='7'].items",
    "data[?@.id==1]", "data[?@.at==null]['a b']", "data[*]['a b']", "$[*].id", "meta.next",
)  # fmt: skip
HORIZON = Horizon(datetime(2021, 1, 1, tzinfo=UTC))
SIDES = st.sampled_from((None, Side(HORIZON, beyond=False), Side(HORIZON, beyond=True)))
FIELDS = st.lists(
    st.builds(
        lambda path, take, number, side: Field(f"{path}{take}{number}", parse(path), take, side),
        st.sampled_from(PATHS),
        st.sampled_from(Take),
        st.integers(0, 1),
        SIDES,
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda field: field.name,
)
#: Values as they may be written, the last of them none.
VALUES = st.sampled_from((
    "1", "-0", "2.50", "1e3", "1E400", "123456789012345678901234567890",
    '"7"', '"007"', '"-3"', '"a"', '"b"',
    '"2021-01-01"', '"2021-01-02T00:00:00Z"', '"2031-01-02T00:00:00+02:00"', '"20310102"',
    "1609459200", "1909459200", "1909459200123", '"1909459200.5"', "20310102", "2.0310102e7",
    "null", "true", "[]", "{}", '[{"id":1}]', '{"id":2}',
    '{"id":3,"id":4}', '{"tag":{"id":5},"id":6}', '{"tag":null}', '"\\ud800"',
    '"\\u00e9"', '"\\u0069d"', '"\u20ac"',
    '"say \\"id\\""', '"id"', '"items"', '"x\ty"', '"\\\\"', "1.7976931348623157e309",
    "0.1000000000000000055", "[1,[2,[3]]]", '[{"id":"x"},{"id":null}]', "01",
    "[]", "[1,null]", '[{"id":1,"id":2}]', '[{"id":{}},{"id":8}]', '[{"items":[1,2],"id":2},5]',
    '{"items":[{"id":3}]}', '{"items":null}', '[{"tag":{"id":"t"}},{"tag":null}]',
))  # fmt: skip
KEYS = st.sampled_from(
    (
        "id",
        "id",
        "at",
        "at",
        "user",
        "items",
        "tag",
        "a b",
        "\\u0069d",
        "i\\u0064",
        "x",
        "items",
        "user",
        "item\\u0073",
    )
)
RECORDS = st.lists(st.tuples(KEYS, VALUES), max_size=5).map(
    lambda members: "{" + ",".join(f'"{key}":{value}' for key, value in members) + "}"
)
#: Alike, as the records of an API are, so that many stand in one window; and a few that are not.
ALIKE = st.tuples(
    st.sampled_from(
        ('{"id":%d,"at":"%d"', '{"id":"%d","user":{"id":%d}', '{"id": %d, "items":[%d]',
         '{"items":[{"id":%d},{"id":%d}]', '{"id": %d, "user":{"items":[{"id":%d}]}',
         '{"id": %d,"items":[{"items":[%d]}]', '{"id":%d,"items":[{"id":1},{"id":%d},{"id":3}]',
         '{"id": %d,"user":null,"items":null,"at":%d')
    ),
    st.integers(2, 40),
).map(lambda made: [made[0] % (number, number) + "}" for number in range(made[1])])  # fmt: skip
PAGES = st.lists(ALIKE | st.lists(RECORDS | VALUES, max_size=3), max_size=4)
BORDERS = st.lists(st.integers(0, 5000), max_size=8)


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for records after a few bytes, so that those of small pages are read so, too."""
    monkeypatch.setattr(scanner, "_FIRST_PIECE", 12)
    monkeypatch.setattr(scanner, "_FIRST_PORTION", 8)
    monkeypatch.setattr(scanner, "WINDOW", 400)


def verdict(kind: type[FieldParser], wanted: Sequence[Field], chunks: Sequence[bytes]) -> Any:
    """The fields, as text, or what stood against the page."""
    parser = kind(wanted, Limits())
    try:
        for chunk in chunks:
            parser.feed(chunk)
        return repr(sorted(parser.close().items(), key=str)), parser.control_characters
    except AttemptFailed as error:
        return type(error)


@examples(1500)
@given(
    groups=PAGES, fields=FIELDS, borders=BORDERS, separator=st.sampled_from((",", " , ", ",\n ")),
    root=st.booleans(),
    damage=st.none() | st.tuples(st.integers(0, 5000), st.sampled_from(',]}"1')),
)  # fmt: skip
@example([['{"id":1}'] * 9 + ['{"id":1,"id":2}']], [Field("a", parse("data[*].id"), Take.LAST)],
         [], ",", False, None)  # fmt: skip
@example([['{"id":1}', " ", '{"id":1}']], [Field("a", parse("data[*].id"), Take.LAST)],
         [], ",", False, None)  # fmt: skip
@example([['{"id":1,"id":1}'] * 30 + ['{"id":1}']], [Field("a", parse("data[-1].id"), Take.LAST)],
         [], ",", False, None)  # fmt: skip
@example([['{"id":1}'] * 30 + ['{"id":1,"id":1}']], [Field("a", parse("data[-1].id"), Take.LAST)],
         [], ",", False, None)  # fmt: skip
@example([["1", " ", "2"]], [Field("a", parse("data[*]"), Take.LAST)], [], ",", False, None)
@example([['{"id":1}'] * 9, ['{"id":1}'] * 9], [Field("a", parse("data[3].id"), Take.LAST)],
         [], ",", False, None)  # fmt: skip
@example([['{"items":[{"id":0},{"id":0}]}', '{"items":[{"id":1},{"id":1}]}']],
         [Field("a", parse("data[-1].items[-1].id"), Take.LAST)],
         [70], ",\n ", False, None)  # fmt: skip  # a chunk ends before the array's bracket
def test_the_same_as_with_every_byte_parsed(
    groups: list[list[str]], fields: list[Field], borders: list[int], separator: str, root: bool,
    damage: tuple[int, str] | None,
) -> None:  # fmt: skip
    """Any fields of any records, messy ones too, wherever chunks end."""
    data = f"[{separator.join(record for group in groups for record in group)}]"
    text = (data if root else f'{{"data":{data},"meta":{{"next":"c"}}}}').encode()
    if damage:
        at = damage[0] % len(text)
        text = text[:at] + damage[1].encode() + text[at + 1 :]
    expected = verdict(EveryByte, fields, [text])
    for chunks in ([text], cut(text, borders)):
        found = verdict(FieldParser, fields, chunks)
        assert found == expected or (isinstance(found, type) and isinstance(expected, type))


#: Times and what is like them, many of one form together, as a page has them.
TIMES = st.one_of(
    st.lists(st.sampled_from(
        ("2020-12-30", "2021-01-03", "2021-01-01", "2021-13-45", "2021-01-00"))),
    st.lists(st.sampled_from(
        ("2020-12-30T00:00:00Z", "2021-01-03T10:00:00.5+02:00", "2021-01-01T00:00:00-11:00"))),
    st.lists(st.sampled_from((1609459200, 1609459300, 1909459200, 1609459200123, 1909459200123))),
    st.lists(st.integers(-10, 10**20)),
    st.lists(st.sampled_from((10**7, 20201230, 20210103, 21990101, 22 * 10**6, 20991231235959))),
    st.lists(st.sampled_from(("1609459200", "1909459200", "20310101", "0020310101", "7", "007"))),
    st.lists(st.sampled_from(("1609459200.5", "1909459200.5", "19999999999.5", "1-1", "2021-"))),
    st.lists(st.sampled_from(("Sun, 03 Jan 2031 00:00:00 GMT", "Wed Jan 08 00:00:00 +0000 2031"))),
    st.lists(st.decimals(allow_nan=False, allow_infinity=False)),
    st.lists(st.sampled_from(
        (None, True, "", "2021-01-01", "2031-01-01", "b", 5, Decimal("2031010.2e1"), 1909459200))),
)  # fmt: skip


@examples(1000)
@given(values=TIMES)
def test_a_window_of_times_is_parted_as_each_of_them(values: list[Any]) -> None:
    """Whichever way it was decided: by the least and the greatest, or by every value."""
    together = Matches(values)
    for side in (Side(HORIZON, beyond=False), Side(HORIZON, beyond=True)):
        counted = [value for value in together.on(side).values if side(value)]
        assert counted == [value for value in values if side(value)]


def read(text: str, *wanted: Wanted) -> list[Column] | None:
    """The columns of records that stand in brackets."""
    return RecordReader(wanted).read(text.encode())


def test_values_go_with_their_window() -> None:
    """Nothing holds itself, so that memory is flat without the garbage collector."""
    together = Matches(["2020-12-30", "2020-12-31"])
    for beyond in (False, True):
        together.on(Side(HORIZON, beyond=beyond))
    assert together.on(Side(HORIZON, beyond=False)) is together
    gone = weakref.ref(together)
    gc.disable()
    try:
        del together
        assert gone() is None
    finally:
        gc.enable()


def test_values_are_those_of_the_events() -> None:
    """Integers with every digit, floats as sent."""
    found = read('[{"id":123456789012345678901},{"x":1},{"id":1.50},{"id":null}]', Wanted(("id",)))
    assert found is not None
    assert [*map(str, found[0].values)] == ["123456789012345678901", "1.50", "None"]
    assert found[0].in_last


@pytest.mark.parametrize(
    "text",
    [
        '[{"id":1,"id":1}]', '[{"id":1,"\\u0069d":1}]', '[{"id":{}}]', '[{"id":[]}]',
        '[{"id":"\\ud800"}]', '[{"id":1e99999999999999999999}]',
    ],
)  # fmt: skip
def test_doubts(text: str) -> None:
    """What is not plain is the parser's."""
    assert read(text, Wanted(("id",))) is None


@pytest.mark.parametrize(
    "text",
    [
        '[{"u":{"id":1},"u":{}}]',
        '[{"u":null,"u":{}}]',
        '[{"u":{},"u":5}]',
        '[{"u":{},"u":{"id":1}}]',
    ],
)
def test_doubts_on_the_way(text: str) -> None:
    """So is a member on the way that stands twice, whatever it is."""
    assert read(text, Wanted(("u", "id"))) is None


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        ('[{"l":[{"id":1}],"l":[]}]', True), ('[{"l":[],"l":[{"id":1}]}]', True),
        ('[{"l":null,"l":[{"id":1}]}]', True), ('[{"l":[],"\\u006c":[{"id":1}]}]', True),
        ('[{"l":[{"id":1,"id":2}]}]', True), ('[{"l":{"k":{"id":1}}}]', True),
        ('[{"l":[{"l":[{"id":2}],"id":1}]}]', False), ('[{"t":"\\u006c","l":[{"id":1}]}]', False),
        ('[{"l":[{"id":1}, 5, null, [{"id":6}]]},{"l":null},{},{"l":5},{"l":[]}]', False),
        ('[{"t":"say \\"l\\":","l":[{"id":1}]}]', False),
    ],
)  # fmt: skip
def test_members_of_items(text: str, doubt: bool) -> None:
    """Of an array within a record, whatever else stands there; namesakes below are no doubt."""
    found = read(text, Wanted(("l", EACH, "id")), Wanted(("l",), counted=True))
    assert (found is None) is doubt
    assert found is None or found[0].values == [1]


def test_namesakes_within_records_are_no_doubt() -> None:
    """Nor are those in strings."""
    record = '{"id":%d,"user":{"id":9},"labels":[{"id":8}],"text":"id \\"id\\""}'
    text = f"[{','.join(record % number for number in range(5))}]"
    found = read(text, Wanted(("id",)), Wanted(("user", "id")))
    assert found == [Column([0, 1, 2, 3, 4], True), Column([9] * 5, True)]


def test_items_that_are_no_objects_have_no_members() -> None:
    """Among records, and instead of them; but where records are counted they are a doubt."""
    text = '[1,{"id":5},null,[{"id":7}],"x",{"y":1}]'
    assert read(text, Wanted(("id",))) == [Column([5], False)]
    assert read("[[],[1]]", Wanted(("id",))) == [Column([], False)]
    assert RecordReader([Wanted(("id",))]).read(text.encode(), objects_only=True) is None


def test_items_themselves() -> None:
    """Texts and numbers, as they came; containers are a doubt."""
    reader = ItemReader([Wanted(()), Wanted(())])
    found = Column([12345678901234567890123, "x", None, Decimal("1.50"), True], True)
    text = b'[12345678901234567890123,"x",null,1.50,true]'
    assert reader.read(text) == [found, found]
    assert reader.read(b"[1,[2]]") is None
    assert reader.read(text, objects_only=True) is None


def test_counts() -> None:
    """Items of arrays; one for what else is there; none for null."""
    text = '[{"items":[1,2]},{"items":null},{"items":{}},{"items":"x"},{"y":1}]'
    assert read(text, Wanted(("items",), counted=True)) == [Column([2, 0, 1, 1], False)]
    assert read('[{"items":[],"items":[1]}]', Wanted(("items",), counted=True)) is None


def test_most_records_are_read_without_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a keyset, an incremental run, a last record, a wildcard and a rule."""
    parsed = 0
    true_send = Parser.send

    def counted(self: Parser, text: bytes) -> None:
        nonlocal parsed
        parsed += len(text)
        true_send(self, text)

    monkeypatch.undo()
    monkeypatch.setattr(Parser, "send", counted)
    records = [
        {"id": number, "at": f"2021-01-{number % 28 + 1:02}", "user": {"id": 7}, "items": [1, 2]}
        for number in range(5_000)
    ]
    text = json.dumps({"data": records, "meta": {"next": "c"}}).encode()
    for path, take, expected in (
        ("data[*].id", Take.MAX, 4_999), ("data[*].at", Take.MIN, "2021-01-01"),
        ("data[-1].id", Take.LAST, 4_999), ("data[*].user.id", Take.LAST, 7),
        ("data[*].items", Take.COUNT, 10_000), ("data[*].error", Take.EXISTS, None),
        ("data[0].id", Take.FIRST, 0), ("data[*].id", Take.FIRST, 0),
        ("data[*]", Take.COUNT, 5_000),
    ):  # fmt: skip
        parsed = 0
        fields = [Field("data", parse("data"), Take.COUNT), Field("found", parse(path), take)]
        parser = FieldParser(fields, Limits())
        for start in range(0, len(text), 65_536):
            parser.feed(text[start : start + 65_536])
        found = parser.close()
        assert found["data"] == 5_000
        assert found.get("found") == expected, path
        assert parsed < len(text) / 20, path


def test_records_that_a_filter_leaves_out_are_read_without_events(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only where one may hold for a record is its window the parser's."""
    sent: list[int] = []
    send = Parser.send

    def counted(self: Parser, text: bytes) -> None:
        sent.append(len(text))
        send(self, text)

    monkeypatch.setattr(Parser, "send", counted)
    items = [f'{{"rel":"r{number}","href":"h{number}"}}' for number in range(20_000)]
    for rel, href in (("next", None), ("r19999", "h19999")):
        page = f'{{"data":[{",".join(items)}]}}'.encode()
        wanted = [Field("next", parse(f"data[?@.rel=='{rel}'].href"))]
        parser = FieldParser(wanted, Limits())
        for at in range(0, len(page), 5_000):
            parser.feed(page[at : at + 5_000])
        assert parser.close() == ({"next": href} if href else {})
        assert sum(sent) < len(page) / 10
        sent.clear()


def test_a_key_that_stands_twice_before_a_first_value_is_refused() -> None:
    """What a found FIRST lets go of are later records, not the one in which it was found."""
    parser = FieldParser([Field("id", parse("data[*].id"))], Limits())
    with pytest.raises(PageRefused):
        parser.feed(b'{"data":[{"id":1,"id":2}]}')
