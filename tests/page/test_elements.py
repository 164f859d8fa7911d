"""Records cut out of raw JSON: exactly what the server wrote, wherever the chunks end."""

import json
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from harvester.errors import DataRefused
from harvester.model.jsonpath import canonical, parse
from harvester.model.segments import (
    Every,
    Index,
    Key,
    Last,
    Path,
    Where,
)
from harvester.page import page_walk
from harvester.page.records import iter_elements, iter_lines, lone

NASTY = st.text(alphabet='"\\[]{},:/ \n\r\tab\u00e9\u2028\U0001f680\x00', max_size=12)
NAMES = st.sampled_from(["data", "a", "b", "data.a", "", 'da"ta', "\u00e9"]) | NASTY
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | NASTY
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=25,
)
RECORDS = st.lists(st.dictionaries(NAMES, VALUES, max_size=4) | VALUES, max_size=8)
SEGMENTS = (
    st.builds(Key, st.sampled_from(["data", "a", "b"]))
    | st.builds(Index, st.integers(0, 2))
    | st.just(Last())
    | st.just(Every())
    | st.just(Where(("a",), 1))
    | st.just(Where(("a", "b"), None))
)
PATHS = st.lists(SEGMENTS, max_size=3).map(tuple)

#: How soon examples are drawn tells how busy the machine is, not whether the code is right.
UNHURRIED = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)

Spelling = Callable[[Any], bytes]
SPELLINGS: dict[str, Spelling] = {
    "compact": lambda value: json.dumps(value, separators=(",", ":")).encode(),
    "utf-8": lambda value: json.dumps(value, ensure_ascii=False).encode(),
    "indented": lambda value: json.dumps(value, indent=2, ensure_ascii=False).encode(),
    "crlf": lambda value: json.dumps(value, indent="\t").replace("\n", "\r\n").encode(),
    "bom": lambda value: b"\xef\xbb\xbf" + json.dumps(value, separators=(" ,", " : ")).encode(),
}


def cut(page: bytes, sizes: Iterable[int]) -> Iterator[bytes]:
    """The page in chunks of these sizes, over and over; 0 is an empty chunk."""
    at, sizes = 0, list(sizes)
    while at < len(page):
        for size in sizes:
            yield page[at : at + size]
            at += size


def records(page: bytes, path: str | Path = "$") -> list[bytes]:
    """The records of a page that comes as one chunk, checked to be the same byte by byte."""
    selector = parse(path) if isinstance(path, str) else path
    found = list(iter_elements([page], selector))
    assert list(iter_elements(cut(page, [1]), selector)) == found
    return found


def selected(value: Any, path: Path) -> Iterator[Any]:
    """What `path` selects in a parsed value, the plain way."""
    if not path:
        yield value
        return
    children: list[Any] = []
    match path[0]:
        case Key(name) if isinstance(value, dict):
            children = [value[name]] if name in value else []
        case Index(index) if isinstance(value, list):
            children = value[index : index + 1]
        case Last() if isinstance(value, list):
            children = value[-1:]
        case Every() | Where() if isinstance(value, list | dict):
            children = list(value.values()) if isinstance(value, dict) else value
    if isinstance(path[0], Where):
        where = path[0]
        names = tuple(map(Key, where.path))
        children = [x for x in children if any(map(where.accepts, selected(x, names)))]
    for child in children:
        yield from selected(child, path[1:])


#: What is written in the place of a list, or as its only item, where there is none.
NO_ITEMS = ("null", "{}", "[]", '""')
NO_LIST = (*NO_ITEMS, "false", "0", '"null"', '"none"', '"[]"', '"{}"', '"false"', '"0"')


def spread(values: Iterable[Any], *, listed: bool) -> Iterator[Any]:
    """The records of these selected values; `listed`: the path has keys only."""
    for value in values:
        if isinstance(value, list):
            if not (listed and len(value) == 1 and json.dumps(value[0]) in NO_ITEMS):
                yield from value
        elif value is not None and not (listed and json.dumps(value).lower() in NO_LIST):
            yield value


def check(value: Any, spelling: Spelling, path: Path, sizes: list[int], window: int) -> None:
    """The records are those of the parsed page, in order, each as it stands in the source."""
    page = spelling(value)
    with mock.patch.multiple(page_walk, _WINDOW=window, _SMALLEST=min(window, 2048)):
        found = list(iter_elements(cut(page, sizes), path))
        assert b"".join(iter_lines(cut(page, sizes), path)).splitlines() == found
    listed = all(isinstance(segment, Key) for segment in path)
    expected = list(spread(selected(value, path), listed=listed))
    assert [json.loads(record) for record in found] == expected
    at, source = 0, page.translate(None, b"\r\n")
    for record in found:
        assert record == record.strip()
        at = source.index(record, at) + len(record)


SIZES = st.lists(st.integers(0, 40), min_size=1, max_size=6).filter(any)
WINDOWS = st.sampled_from([1, 7, 40, 64 * 1024])


@UNHURRIED
@given(RECORDS, VALUES, st.sampled_from(list(SPELLINGS.values())), SIZES, WINDOWS)
def test_items_of_the_named_array(
    items: list[Any], other: Any, spelling: Spelling, sizes: list[int], window: int
) -> None:
    """`data` gives its items, whatever they are, between decoys of the same name."""
    page = {"meta": {"data": [other]}, "data": items, "includes": {"data": other}, "last": other}
    check(page, spelling, (Key("data"),), sizes, window)


@UNHURRIED
@given(RECORDS, st.sampled_from(list(SPELLINGS.values())), SIZES, WINDOWS)
def test_items_of_a_root_array(
    items: list[Any], spelling: Spelling, sizes: list[int], window: int
) -> None:
    """`$` gives the items of a page that is one array."""
    check(items, spelling, (), sizes, window)


@UNHURRIED
@given(VALUES, PATHS, st.sampled_from(list(SPELLINGS.values())), SIZES, WINDOWS)
@example({"data": [{"a": 1, "b": [1, 2]}, {"a": 1.0}]}, parse("data[?@.a==1].b"),
         SPELLINGS["compact"], [3], 7)  # fmt: skip
def test_any_path_in_any_value(
    value: Any, path: Path, spelling: Spelling, sizes: list[int], window: int
) -> None:
    """Every kind of segment selects what it selects in the parsed page."""
    check(value, spelling, path, sizes, window)


@pytest.mark.parametrize("path", ["data", "data[*]", "data[-1]", "data[*].data", "$", "data[0].a"])
@UNHURRIED
@given(items=RECORDS, spelling=st.sampled_from(list(SPELLINGS.values())), sizes=SIZES)
def test_paths_of_real_apis(
    path: str, items: list[Any], spelling: Spelling, sizes: list[int]
) -> None:
    """The paths that configurations hold, over arrays of mixed items."""
    page = {"data": [*items, {"data": items, "a": 1}, None, {"data": None}]}
    check(page, spelling, parse(path), sizes, 64)


def test_bytes_are_the_servers() -> None:
    """Numbers, escapes, key order, duplicate keys, white space: nothing is spelt anew."""
    items = [
        rb'{"n":1.50,"e":1E+2,"big":123456789012345678901234567890,"z":-0.0}',
        rb'{"b":1,"a":2,"b":3}',
        rb'{"\u0061":"\/\ud800 \uD83D\uDE80 \\\" \\\\\" \\"}',
        b'{ "a" :\t[ 1 , 2 ]\t}',
        b'"\xff\xfe not UTF-8"',
        b"[]",
        b"{}",
        b"-1.0e-5",
        b"null",
    ]
    assert records(b'{"data":[' + b" , ".join(items) + b"]}", "data") == items


def test_one_line_each() -> None:
    """Line breaks within a record go, those in strings are escapes and stay."""
    page = b'[\r\n  {\r\n    "a": "x\\r\\ny",\n\n    "b": [\r1\r]\n  }\n,\n\n"\\n"\r\n]\r\n'
    assert records(page) == [b'{    "a": "x\\r\\ny",    "b": [1]  }', b'"\\n"']


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (b"[]", []),
        (b" [ ] ", []),
        (b"null", []),
        (b"[null]", []),
        (b"[null,1]", [b"null", b"1"]),
        (b" 12 ", [b"12"]),
        (b'"a[b"', [b'"a[b"']),
        (b'{"a":1}\n', [b'{"a":1}']),
        (b"[[],[[]],{}]", [b"[]", b"[[]]", b"{}"]),
        (b"\xef\xbb\xbf[1]", [b"1"]),
    ],
)
def test_small_pages(page: bytes, expected: list[bytes]) -> None:
    """An array gives items, null nothing, anything else itself."""
    assert records(page) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("data", [b"1"]),
        ("['data.items']", [b"2"]),
        ("data.items", []),
        ("meta.data", [b"3"]),
        ("['q\"\\\\']", [b"4"]),
        ("['\u00e9']", [b"5"]),
        ("missing", []),
        ("data.missing[*].x", []),
    ],
)
def test_keys(path: str, expected: list[bytes]) -> None:
    """A key is compared by what it says, not by how it is spelt; a dot in it is no path."""
    page = (
        rb'{"x":{"data":[9]},"meta":{"d\u0061ta":[3]},"data.items":[2],"\u0064ata":[1],'
        rb'"q\"\\":4,"\u00E9":5}'
    )
    assert records(page, path) == expected


def test_escaped_key_within_an_item() -> None:
    """Below `[*]`, too, a key may hold escapes, and a decoy may stand in a string before it."""
    page = rb'[{"s":"\"data\":7","\u0064ata":{"x":1}},{"data":[2,3],"t":"}"},{"data":null},{"d":0}]'
    assert records(page, "[*].data") == [b'{"x":1}', b"2", b"3"]


def test_filter_compares_json_values() -> None:
    """`true` is not 1, 1.0 is, and a container, an absent or an endless number never match."""
    huge = b"9" * 5000
    page = (b'[{"a":1,"i":0},{"a":true,"i":1},{"a":1.0,"i":2},{"a":[1],"i":3},{"i":4},'
            b'{"a":"1","i":5},7,{"a":' + huge + b"}]")  # fmt: skip
    assert records(page, "[?@.a==1].i") == [b"0", b"2"]


@pytest.mark.parametrize("depth", [*range(1, 18), 10_000])
def test_depth(depth: int) -> None:
    """Brackets of any depth, each kind, cost no recursion, seen by the expression or not."""
    deep = [b'{"a":' * depth + b"1" + b"}" * depth, b"[" * depth + b'"]"' + b"]" * depth]
    page = b'{"skip":' + deep[0] + b',"data":[' + b",".join(deep * 3) + b',1],"end":' + deep[1]
    for size in (len(page), 4096, 97):
        assert list(iter_elements(cut(page + b"}", [size]), parse("data"))) == [*deep * 3, b"1"]


def test_long_strings_and_items_over_many_chunks() -> None:
    """An item far longer than a window is one record; chunks may end within its escapes."""
    long = b'{"a":"' + b'\\\\\\"]}' * 50_000 + b'","b":[' + b"1," * 100_000 + b"2]}"
    page = b"[" + b",".join([b'{"a":1}', long, b'"' + b"x" * 200_000 + b'"', b"3"]) + b"]"
    for size in (1000, 65536, 99_991, len(page)):
        found = list(iter_elements(cut(page, [size]), ()))
        assert [len(record) for record in found] == [7, len(long), 200_002, 1]
        assert found[1] == long


@pytest.mark.parametrize(
    ("page", "path", "problem", "offset"),
    [
        (b"", "$", "ends too early", 0),
        (b" \xef\xbb\xbf1", "$", "expected a value", 1),
        (b'{"data":[{"a":1},{"b":2}', "data", "ends too early", 24),
        (b'{"data":[1,2]', "data", "ends too early", 13),
        (b'{"a":"x', "data", "ends too early", 7),
        (b'["a\\', "$", "ends too early", 4),
        (b'["a\\"]', "$", "ends too early", 6),
        (b"[1,2] x", "$", "goes on after its end", 6),
        (b'{"data":[1]}<html>', "data", "goes on after its end", 12),
        (b'[{"a":1}{"a":2}]', "$", "expected ',' or ']'", 8),
        (b'[{"a":1},]', "$", "expected a value", 9),
        (b"[1,,2]", "$", "expected a value", 3),
        (b"[[1]}", "$", "expected ',' or ']'", 4),
        (b'{"data":[1]]', "data", "expected ',' or '}'", 11),
        (b'{data:[1]}', "data", "expected a key", 1),
        (b'{"data" [1]}', "data", "expected ':'", 8),
        (b'{"da\\xta":[1]}', "data", "malformed key", 10),
        (b"[1]]", "$", "goes on after its end", 3),
        (b"}", "$", "expected a value", 0),
    ],
)  # fmt: skip
def test_broken_pages(page: bytes, path: str, problem: str, offset: int) -> None:
    """Whatever does not pair, ends early or goes on is refused, with the byte where."""
    for sizes in ([len(page) or 1], [1], [2, 3]):
        with pytest.raises(DataRefused, match=f"{problem}.* at byte {offset}$"):
            list(iter_elements(cut(page, sizes), parse(path)))


@pytest.mark.parametrize(
    "item",
    [
        b'{"id":1,"n":[{"id":2},{"id":3}]}',  # the same key first, behind a comma, but deeper
        b'{"id":1,"n":{"id":2}}',
        b'{"id":1,"t":"},{\\"id\\":2},{"}',
        b'{\n  "id": 1,\n  "t": [\r\n]\n}',
        b'{"id":1,"t":NaN}',  # no JSON: left to those who only count brackets
        b'{"id":1,"t":"\\ud800"}',
        b'{"id":1,"t":"\xff"}',
        b'{"id":"\\x"}',
        b'{"id":' + b"[" * 3000 + b"]" * 3000 + b"}",
    ],
)
@pytest.mark.parametrize("comma", [b",", b" ,\n "])
def test_what_is_proven_at_once_is_what_is_found_one_by_one(item: bytes, comma: bytes) -> None:
    """Whatever the items are like inside, and though what follows them begins as they do."""
    count = max(40, min(400, 200_000 // len(item)))
    page = b'{"data":[' + comma.join([item] * count) + b'],"users":[{"id":1},{"id":2}]}'
    expected = [item.translate(None, b"\r\n")] * count
    for size in (len(page), 4096, 1000):
        assert list(iter_elements(cut(page, [size]), parse("data"))) == expected
        assert b"".join(iter_lines(cut(page, [size]), parse("data"))).split(b"\n")[:-1] == expected


def test_most_items_are_proven_at_once() -> None:
    """The fast way is the one that is taken: few are looked at by the others."""
    page = (
        b'{"data":['
        + b",".join([b'{"id":1,"text":"some text"}'] * 40_000)
        + b'],"more":[{"id":1}]}'
    )
    taken = mock.Mock(side_effect=page_walk.PageWalk.value, autospec=True)
    with mock.patch.object(page_walk.PageWalk, "value", lambda page: taken(page)):
        blocks = list(iter_lines(cut(page, [1 << 16]), parse("data")))
    assert b"".join(blocks).count(b"\n") == 40_000
    assert taken.call_count < 100
    assert len(blocks) < 200


@UNHURRIED
@given(RECORDS.filter(bool), st.data(), SIZES)
def test_a_page_cut_anywhere_is_refused(
    items: list[Any], data: st.DataObject, sizes: list[int]
) -> None:
    """No proper beginning of a page passes; what came before the cut came right."""
    page = json.dumps({"data": items, "meta": {"data": 1}}).encode()
    page = page[: data.draw(st.integers(0, len(page) - 1))]
    found: list[bytes] = []
    with pytest.raises(DataRefused):
        found.extend(iter_elements(cut(page, sizes), parse("data")))
    assert [json.loads(record) for record in found] == items[: len(found)]


@pytest.mark.parametrize("page", [b'{"data":12', b'{"data":[12', b'{"data":"12', b'{"data":{"a":1'])
@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_value_that_the_end_cuts_is_not_given(page: bytes, size: int) -> None:
    """Half a number looks like a number: it is kept back until the page goes on."""
    found: list[bytes] = []
    with pytest.raises(DataRefused, match="ends too early"):
        found.extend(iter_elements(cut(page, [size]), parse("data")))
    assert found == []


@pytest.mark.parametrize(
    ("page", "path"),
    [
        (b'{"data":[1],"data":[2]}', "data"),
        (b'{"data":[1],"x":0,"\\u0064ata":null}', "data"),
        (b'{"a":{"data":[1],"data":[2]}}', "a.data"),
        (b'{"a":{"data":[]},"a":{}}', "a.data"),
        (b'[{"a":1,"b":0,"a":2}]', "[*].a"),
        (b'[{"a":1,"\\u0061":2}]', "[*].a"),
        (b'[{"x":0},{"a":1,"a":2}]', "[?@.a==1]"),
    ],
)
def test_duplicate_keys_on_the_way(page: bytes, path: str) -> None:
    """A key of the selector that comes twice in one object says nothing reliable: refused."""
    for size in (1, 5, len(page)):
        with pytest.raises(DataRefused, match="stands a second time in one object at byte"):
            list(iter_elements(cut(page, [size]), parse(path)))


def test_duplicate_keys_elsewhere_are_the_servers_business() -> None:
    """Keys that the selector does not name may come twice, in records and beside them."""
    assert records(b'{"x":1,"x":2,"data":[{"a":1,"a":2}],"y":{"data":1,"data":2}}', "data") == [
        b'{"a":1,"a":2}'
    ]


def test_records_come_while_the_page_streams() -> None:
    """The first records are out before the last chunk is asked for."""
    asked: list[int] = []

    def chunks() -> Iterator[bytes]:
        for number in range(10):
            asked.append(number)
            yield b"[{},{}" if number == 0 else b",{}"
        yield b"]"

    stream = iter_elements(chunks(), ())
    assert next(stream) == b"{}"
    assert asked == [0]
    assert len(list(stream)) == 10


@pytest.mark.parametrize("path", ["data", "data[*].id", "data[-1]", "other"])
def test_memory_stays_flat(path: str) -> None:
    """12 MB of page, walked or passed over, need no more than a few chunks."""
    item = b'{"id":1,"text":"' + b"x" * 300 + b'","n":{"a":[1,2]}},'

    def chunks() -> Iterator[bytes]:
        yield b'{"data":['
        for _ in range(200):
            yield item * 180
        yield item[:-1] + b'],"other":1}'

    tracemalloc.start()
    try:
        count = sum(1 for _ in iter_elements(chunks(), parse(path)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == (36_001 if path in ("data", "data[*].id") else 1)
    assert peak < 1_000_000, canonical(parse(path))


# --- What is written in the place of a list ------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    ["null", "false", "0", "{}", "{ }", "[]", '""', '"null"', '"None"', '"[]"', "[null]", "[{}]",
     "[ { } ]", '[""]', "[[]]"],
)  # fmt: skip
def test_an_empty_list_however_it_is_written(value: str) -> None:
    """Counts nothing, and yields nothing."""
    text = f'{{"meta": 1, "items": {value}, "more": true}}'.encode()
    for selector, page in ((parse("items"), text), ((), value.encode())):
        assert list(iter_elements([page], selector)) == []
        assert b"".join(iter_lines([page], selector)) == b""
        assert lone([page], selector) == 0


@pytest.mark.parametrize("value", ["[{}]", '[""]', "[[]]"])
def test_an_odd_record_alone(value: str) -> None:
    """One record, where none came before that shows it to be an empty list; the count decides."""
    page = value.encode()
    assert lone([page], (), after_records=False) == 1
    assert list(iter_elements([page], (), 1)) == [page[1:-1]]
    assert list(iter_elements([page], (), 0)) == []
    assert lone([b"[null]"], (), after_records=False) == 0


@pytest.mark.parametrize("value", ["{}", "[null]", "false"])
def test_what_an_older_version_counted(value: str) -> None:
    """Comes back where the journal says that there is one record."""
    assert len(list(iter_elements([value.encode()], (), 1))) == 1


@pytest.mark.parametrize(
    ("value", "records"),
    [
        ('{"id": 7}', 1), ('[{"id": 7}]', 1), ("[0]", 1), ("[false]", 1), ("[null, null]", 2),
        ("[null, 1]", 2), ("[{}, {}]", 2), ('["null"]', 1),
    ],
)  # fmt: skip
def test_what_is_a_record_all_the_same(value: str, records: int) -> None:
    """An object with members, and whatever stands in a list beside others."""
    page = f'{{"items": {value}}}'.encode()
    assert len(list(iter_elements([page], parse("items")))) == records
    if records == 1:
        assert lone([page], parse("items")) == 1


@pytest.mark.parametrize("value", ["7", "true", '"busy"', "1.5", '"http://x/"'])
def test_a_scalar_is_no_record(value: str) -> None:
    """It is given back, to be named."""
    assert lone([f'{{"items": {value}}}'.encode()], parse("items")) == value.encode()


def test_scalars_that_are_selected_one_by_one_are_records() -> None:
    """`items[*].name` names them."""
    page = b'{"items": [{"name": 0}, {"name": false}, {"name": ""}, {"name": null}]}'
    assert list(iter_elements([page], parse("items[*].name"))) == [b"0", b"false", b'""']
