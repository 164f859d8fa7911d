"""The fields of a page, against a plain reading of the same paths in the whole document."""

import json
import time
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harvester.config import Limits
from harvester.errors import AttemptFailed, NotJSON, PageRefused
from harvester.model.jsonpath import canonical, parse
from harvester.model.segments import (
    Every,
    Index,
    Key,
    Last,
    Path,
    Where,
)
from harvester.page.fields import Field, FieldParser, Take
from tests.examples import examples

LIMITS = Limits()


def fields(
    body: bytes, wanted: dict[str, str | tuple[str, Take]], limits: Limits = LIMITS, size: int = 0
) -> dict[str, Any]:
    """Parse `body`, whole or in chunks of `size` bytes, for the wanted paths."""
    pairs = {
        name: (item, Take.FIRST) if isinstance(item, str) else item for name, item in wanted.items()
    }
    parser = FieldParser(
        [Field(name, parse(path), take) for name, (path, take) in pairs.items()], limits
    )
    size = size or max(len(body), 1)
    for start in range(0, len(body), size):
        parser.feed(body[start : start + size])
    return parser.close()


def field(body: bytes | Any, path: str, take: Take = Take.FIRST, limits: Limits = LIMITS) -> Any:
    """Give the one field, the same for the whole body and byte by byte; KeyError without one."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    whole = fields(body, {"it": (path, take)}, limits)
    assert fields(body, {"it": (path, take)}, limits, size=1) == whole
    return whole["it"]


# --- The reference: a recursive walk of the decoded document -------------------------------------


class Twice(Exception):
    """A key on a field's way stands twice in one object."""


def matches(value: Any, path: Path) -> Iterator[Any]:
    """Give all that a path leads to, in the document's order. Objects are lists of pairs."""
    if not path:
        yield value
        return
    segment, rest = path[0], path[1:]
    pairs = value.pairs if isinstance(value, Object) else None
    items = value if isinstance(value, list) else None
    match segment:
        case Key(name):
            found = [item for key, item in pairs or () if key == name]
            if len(found) > 1:
                raise Twice
            if found:
                yield from matches(found[0], rest)
        case Index(index):
            if items is not None and index < len(items):
                yield from matches(items[index], rest)
        case Last():
            yield from matches(items[-1], rest) if items else ()
        case Every():
            for item in items if items is not None else [item for _, item in pairs or ()]:
                yield from matches(item, rest)
        case Where(names):
            for item in items if items is not None else [item for _, item in pairs or ()]:
                members = [*matches(item, tuple(map(Key, names)))]
                found = [*matches(item, rest)]
                if members and segment.accepts(members[0]):
                    yield from found


class Object:
    """A JSON object as pairs, so that a key may stand twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        self.pairs = pairs


def plain(value: Any) -> Any:
    """Give the value with plain dicts; `Twice` where one would lose a pair."""
    if isinstance(value, Object):
        if len({key for key, _ in value.pairs}) < len(value.pairs):
            raise Twice
        return {key: plain(item) for key, item in value.pairs}
    return [plain(item) for item in value] if isinstance(value, list) else value


def count(value: Any) -> int:
    """Count the records that one match stands for."""
    if isinstance(value, list):
        return len(value)
    return 0 if value is None else 1


def expected(document: Any, path: Path, take: Take) -> Any:
    """Give what the field must be; ABSENT where nothing matches."""
    found = [*matches(document, path)]
    if take is Take.COUNT:
        return sum(map(count, found)) if found else ABSENT
    if take is Take.EXISTS:
        return True if any(item is not None for item in found) else ABSENT
    if not found:
        return ABSENT
    if take in (Take.MIN, Take.MAX):
        return (min if take is Take.MIN else max)(map(plain, found))
    return plain(found[0 if take is Take.FIRST else -1])


ABSENT = object()

names = st.sampled_from(["a", "b", "c", "a.b", ""])
literals = st.sampled_from(["x", "next", 1, 1.5, True, False, None])
# U+FFFF, which is no character, stands for half a surrogate pair.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\uffff"), max_size=3)
scalars = st.one_of(literals, st.integers(), texts, st.just("next"))
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=25,
)
paths = st.lists(
    st.one_of(
        st.builds(Key, names),
        st.builds(Key, names),
        st.just(Every()),
        st.builds(Index, st.integers(0, 3)),
        st.just(Last()),
        st.builds(Where, st.lists(names, min_size=1, max_size=2).map(tuple), literals),
    ),
    max_size=4,
).map(tuple)


def objects(pairs: list[tuple[str, Any]]) -> Object:
    """Keep the pairs, for json.loads."""
    return Object(pairs)


def compare(text: bytes, wanted: list[tuple[Path, Take]], borders: list[int]) -> None:
    """Parse in chunks for all paths at once, and compare each with the reference."""
    document = json.loads(text, object_pairs_hook=objects)
    parser = FieldParser(
        [Field(str(number), path, take) for number, (path, take) in enumerate(wanted)], LIMITS
    )
    places = sorted({border % (len(text) + 1) for border in borders} | {0, len(text)})
    try:
        for start, end in pairwise(places):
            parser.feed(text[start:end])
        found = parser.close()
    except PageRefused:  # the only reason there is here: a key that stands twice
        with pytest.raises(Twice):
            [expected(document, path, take) for path, take in wanted]
        return
    for number, (path, take) in enumerate(wanted):
        value = found.get(str(number), ABSENT)
        try:
            right = expected(document, path, take)
        except Twice:  # behind what settled the field, where nobody looks any more
            assert value is not ABSENT, canonical(path)
            assert take in (Take.FIRST, Take.EXISTS), canonical(path)
            continue
        assert exactly(value) == exactly(right), canonical(path)


def exactly(value: Any) -> str:
    """Tell 1, 1.0 and true apart."""
    return "absent" if value is ABSENT else json.dumps(value, sort_keys=True)


@given(
    documents,
    st.lists(st.tuples(paths, st.sampled_from([Take.FIRST, Take.LAST, Take.COUNT, Take.EXISTS])),
             min_size=1, max_size=4),
    st.lists(st.integers(0, 1000), max_size=10),
    st.booleans(),
)  # fmt: skip
@examples(1500)
def test_any_document_and_paths(
    document: Any, wanted: list[tuple[Path, Take]], borders: list[int], ascii_only: bool
) -> None:
    """Random documents, paths, takes and chunk borders give what the reference gives."""
    compare(json.dumps(document, ensure_ascii=ascii_only).encode(), wanted, borders)


# Objects written by hand, so that keys stand twice.
doubled = st.recursive(
    st.sampled_from(["1", '"next"', "null", "true", "[]", "{}"]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]"),
        st.lists(st.tuples(st.sampled_from("ab"), inner), max_size=3).map(
            lambda pairs: "{" + ",".join(f'"{key}":{item}' for key, item in pairs) + "}"
        ),
    ),
    max_leaves=15,
)
short_paths = st.lists(
    st.one_of(
        st.builds(Key, st.sampled_from("ab")),
        st.just(Every()),
        st.just(Last()),
        st.builds(Where, st.just(("a",)), st.sampled_from([1, "next"])),
    ),
    max_size=3,
).map(tuple)


@given(doubled, short_paths, st.sampled_from([Take.FIRST, Take.COUNT, Take.EXISTS]))
@example('{"a":{"b":1},"a":{}}', (Key("a"), Key("b")), Take.FIRST)
@example('{"a":[{"a":1},{"a":1,"a":1}]}', (Key("a"), Where(("a",), 1)), Take.FIRST)
@example('{"a":{"b":1},"c":1,"c":1}', (Key("a"), Key("b")), Take.FIRST)
@examples(1500)
def test_keys_that_stand_twice(text: str, path: Path, take: Take) -> None:
    """On a field's way they are refused, wherever else they stand they are nobody's business."""
    compare(text.encode(), [(path, take)], [])


@given(
    st.lists(st.integers(-(10**25), 10**25), min_size=1, max_size=6), st.booleans(),
    st.sampled_from([Take.MIN, Take.MAX]),
)  # fmt: skip
def test_extremes(numbers: list[int], as_text: bool, take: Take) -> None:
    """The smallest or largest id, as numbers even where they are written as text."""
    items = [{"id": str(number) if as_text else number} for number in numbers]
    best = (min if take is Take.MIN else max)(numbers)
    assert field({"data": items}, "data[*].id", take) == (str(best) if as_text else best)


# --- What paging needs, by example ---------------------------------------------------------------


def test_decoys_are_no_cursor() -> None:
    """A key with a dot is no path, and a `next` inside a record is not the page's."""
    body = b"""{"paging.next": "bad1", "items": [{"next": "bad2", "paging": {"next": "bad3"}}],
        "paging": {"x": {"next": "bad4"}, "next": "good"}, "next": {"paging": "bad5"}}"""
    assert field(body, "paging.next") == "good"
    assert field(body, "['paging.next']") == "bad1"


def test_filter_key_after_the_wanted_one() -> None:
    """An element is judged at its end, so the order of its keys does not matter."""
    links = [
        {"href": "p", "rel": "prev"},
        {"rel": "self", "href": "s"},
        {"href": "n", "rel": "next"},
        {"rel": "next", "href": "n2"},
    ]
    assert field({"links": links}, "links[?@.rel=='next'].href") == "n"
    assert field({"links": links}, "links[?@.rel=='next'].href", Take.LAST) == "n2"
    assert field({"links": links}, "links[?@.rel=='next']") == links[2]
    assert field({"links": links}, "links[?@.rel=='next']", Take.COUNT) == 2
    with pytest.raises(KeyError):
        field({"links": links}, "links[?@.rel=='last'].href")


def test_filters_inside_filters() -> None:
    """Each filter judges its own element, and both must hold."""
    body = {
        "groups": [
            {"items": [{"v": 1, "ok": True}], "kind": "a"},
            {"items": [{"v": 2, "ok": False}, {"v": 3, "ok": True}], "kind": "b"},
        ]
    }
    assert field(body, "groups[?@.kind=='b'].items[?@.ok==true].v") == 3
    assert field(body, "groups[?@.kind=='b'].items[?@.ok==true].v", Take.MAX) == 3
    assert field(body, "groups[*].items[?@.ok==true].v", Take.MIN) == 1


def test_filter_on_a_nested_member() -> None:
    """The left side of a filter may be a path of names."""
    body = [{"v": 1, "meta": {"kind": "x"}}, {"v": 2, "meta": {"kind": "y"}}, {"v": 3, "meta": 5}]
    assert field(body, "$[?@.meta.kind=='y'].v") == 2
    assert field(body, "$[?@.meta==5].v") == 3


def test_last_item() -> None:
    """[-1] is the last element, even where that one has no such member."""
    assert field({"data": [{"id": 1}, {"id": 2}]}, "data[-1].id") == 2
    assert field([[1, 2], [3, 4]], "$[-1][-1]") == 4
    assert field([[1, 2], [3, 4]], "$[*][-1]", Take.LAST) == 4
    assert field([[1, 2], [3, 4]], "$[0][-1]") == 2
    with pytest.raises(KeyError):
        field({"data": [{"id": 1}, {}]}, "data[-1].id")
    with pytest.raises(KeyError):
        field({"data": []}, "data[-1].id")


@pytest.mark.parametrize(
    ("text", "records"),
    [
        ("[]", 0), ("[1, [2, 3], {}]", 3), ("[null]", 1), ("{}", 1), ('{"a": [1, 2]}', 1),
        ("null", 0), ("0", 1), ('""', 1), ("false", 1),
    ],
)  # fmt: skip
def test_count_of_records(text: str, records: int) -> None:
    """An array counts its items, anything else is one record, null is none."""
    assert field(b'{"data": %b}' % text.encode(), "data", Take.COUNT) == records


def test_count_without_a_place() -> None:
    """A page that lacks the place has no count, which is not zero."""
    with pytest.raises(KeyError):
        field(b'{"other": []}', "data", Take.COUNT)
    assert field([{"d": [1, 2]}, {}, {"d": [3]}], "$[*].d", Take.COUNT) == 3
    assert field([1, 2, 3], "$", Take.COUNT) == 3


def test_exists() -> None:
    """Anything but null is there; the value is not kept, however large."""
    limits = Limits(cursor_bytes=10)
    assert field({"error": {"message": "m" * 100}}, "error", Take.EXISTS, limits) is True
    assert field({"error": "m" * 100}, "error", Take.EXISTS, limits) is True
    assert field({"error": 0}, "error", Take.EXISTS) is True
    bodies: list[Any] = [{"error": None}, {}, {"error": None, "data": []}]
    for body in bodies:
        with pytest.raises(KeyError):
            field(body, "error", Take.EXISTS)


@pytest.mark.parametrize(
    "value",
    [2**63, 2**64 + 1, -(2**63) - 1, 10**30, int("9" * 999), 0, -1],
    ids=lambda value: f"{len(str(value))} digits",
)
def test_integers_are_exact(value: int) -> None:
    """A cursor at or above 2^63 keeps every digit."""
    found = field(b'{"next": %d}' % value, "next")
    assert found == value
    assert type(found) is int


@pytest.mark.parametrize("text", ["1.5", "0.1", "-2.50", "1e3", "1E-7", "123456789.125", "0.0"])
def test_fractions_that_are_kept_exactly(text: str) -> None:
    """A fraction is a float where that, written out again, is the same number."""
    found = field(b'{"next": %b}' % text.encode(), "next")
    assert type(found) is float
    assert Decimal(repr(found)) == Decimal(text)


@pytest.mark.parametrize(
    "text",
    ["0.12345678901234567890", "1e400", "1e-400", "9007199254740993.0", "1e99999999999999999999"],
)
def test_fractions_that_cannot_be_kept(text: str) -> None:
    """What a float would round is rejected where it is a field, and only there."""
    body = b'{"next": %b, "other": 1}' % text.encode()
    with pytest.raises(PageRefused, match="cannot be kept exactly"):
        field(body, "next")
    assert field(body, "other") == 1


def test_raw_control_characters_are_text() -> None:
    """JSON forbids them in strings, and servers send them: what was meant is plain."""
    assert field(b'{"next": "a\tb\nc\x00", "other": "\x1b"}', "next") == "a\tb\nc\0"
    assert field(b'{"a\tb": {"next": "\r"}}', "['a\\tb'].next") == "\r"


def test_objects_and_arrays_are_fields() -> None:
    """MediaWiki's `continue` and Elasticsearch's sort values come whole."""
    body = {"continue": {"sroffset": 10, "continue": "-||", "deep": [1, {"a": None}]}, "sort": [1]}
    assert field(body, "continue") == body["continue"]
    assert field(body, "sort") == [1]
    assert field(body, "$") == body
    found = fields(json.dumps(body).encode(), {"all": "continue", "one": "continue.sroffset"})
    assert found == {"all": body["continue"], "one": 10}


def test_the_same_key_twice_inside_a_field() -> None:
    """An object that is a field must say one thing; one that is only looked at need not."""
    body = b'{"links": [{"a": 1, "a": 2, "rel": "x"}, {"a": 3, "rel": "next"}]}'
    assert field(body, "links[?@.rel=='next']") == {"a": 3, "rel": "next"}
    assert field(body, "links[-1]")["a"] == 3
    with pytest.raises(PageRefused, match="'a' stands twice"):
        field(b'{"continue": {"a": 1, "a": 2}}', "continue")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"next": "c" * 101}, id="text"),
        pytest.param({"next": {"k" * 101: 1}}, id="key"),
        pytest.param({"next": {"k": "v" * 101}}, id="value"),
        pytest.param({"next": ["ab"] * 40}, id="many"),
        pytest.param({"next": [[[]]] * 40}, id="nested"),
        pytest.param({"next": "é" * 51}, id="bytes, not characters"),
    ],
)
def test_cursor_limit(body: Any) -> None:
    """A field above limits.cursor_bytes is refused, whatever it is made of."""
    with pytest.raises(PageRefused, match=r"limits\.cursor_bytes"):
        field(body, "next", limits=Limits(cursor_bytes=100))
    other = {"links": [{"big": body, "rel": "x"}, {"rel": "next"}], "next": "c" * 100}
    assert field(other, "next", limits=Limits(cursor_bytes=100)) == "c" * 100
    assert field(other, "links[?@.rel=='next']", limits=Limits(cursor_bytes=100))


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
@pytest.mark.parametrize("path", ["next", "a.a", "$[0]", "$"])
def test_depth_limit(opening: bytes, path: str) -> None:
    """Nesting is refused at the limit, on a field's way or beside it, and never earlier."""
    closing = b"]" if opening == b"[" else b"}"
    inner = b"1" if opening != b"[" else b""
    limits = Limits(depth=20)
    body = opening * 20 + inner + closing * 20
    assert fields(body, {"it": path}, limits) is not None
    with pytest.raises(PageRefused, match=r"limits\.depth"):
        fields(opening * 21 + inner + closing * 21, {"it": path}, limits)
    with pytest.raises(PageRefused, match=r"limits\.depth"):
        fields(opening * 5_000_000, {"it": path}, size=65536)


# --- What is no JSON -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"\xef\xbb\xbf", b"{", b'{"a": 1', b'{"a": 1}}', b'{"a": 1} {"b": 2}', b"[1,]",
        b'{"a": 1,}', b"{'a': 1}", b'{a: 1}', b"[01]", b"[1.]", b"[.5]", b"[+1]", b"[1e]", b"[0x1]",
        b"[NaN]", b"[Infinity]", b"[-Infinity]", b"[tru]", b"[True]", b"nul",
        b'{"a": 1}"', b'{"a": 1}"b',
        b'["\\x41"]', b'["\\u12"]', b'["\xff"]', b'["\xc3"]', b'["\xed\xa0\x80"]', b'["\xc0\xaf"]',
        b'["abc', b'["\\', b'{"a": 1}<html></html>', b'{"a": 1}\x00\x00', b"<html></html>",
        b"[1] x",
        b"// c\n[1]", b"/* c */[1]", b"[1]// c", b'{"a"}', b'{1: 2}',
        b"[1 2]", b'"\\ud83d', b"]", b'{"a": "\xf8\x88\x80\x80\x80"}',
    ],
    ids=repr,
)  # fmt: skip
def test_no_json(body: bytes) -> None:
    """Whatever json.loads would not take as UTF-8 JSON is rejected, whole and byte by byte."""
    for size in (0, 1):
        with pytest.raises(NotJSON, match="not complete, valid JSON"):
            fields(body, {"it": "a"}, size=size)


@pytest.mark.parametrize("text", [b"1", b'"a"', b"null", b" [1] \n", b"\xef\xbb\xbf{}", b"true"])
def test_any_json_value_is_json(text: bytes) -> None:
    """A page may be a scalar, and white space may surround it."""
    for size in (0, 1):
        fields(text, {"it": "a"}, size=size)


@given(
    st.binary(max_size=40) | st.text(alphabet='{}[]",:01e-.tfn\\ u"', max_size=30).map(str.encode)
)
@examples(800)
def test_arbitrary_bytes_give_fields_or_a_verdict(body: bytes) -> None:
    """Nothing but a verdict ever leaves the parser; what json.loads takes, it takes."""
    try:
        fields(body, {"it": "a", "all": ("$[*]", Take.COUNT)})
        accepted = True
    except NotJSON:
        accepted = False
    except AttemptFailed:
        return
    try:
        json.loads(body.decode("utf-8-sig"), parse_constant=lambda word: 1 / 0)
        valid = True
    except (ValueError, ZeroDivisionError):
        valid = False
    assert accepted == valid


def test_half_a_surrogate_pair() -> None:
    """In a field it is rejected, since it would become another text; elsewhere it passes."""
    body = rb'{"next": "a\ud83d", "text": "\ude00", "ok": "\ud83d\ude00"}'
    with pytest.raises(PageRefused, match="half a surrogate pair"):
        field(body, "next")
    with pytest.raises(PageRefused, match="half a surrogate pair"):
        field(body, "$")
    assert field(body, "ok") == "\U0001f600"


def test_escapes_and_characters_split_everywhere() -> None:
    """Escapes and UTF-8 that arrive byte by byte are the same text."""
    text = 'ü€😀 \\ " / \b\f\n\r\t \u2028 \x7f'
    for ascii_only in (True, False):
        assert field(json.dumps({"next": text}, ensure_ascii=ascii_only).encode(), "next") == text


@pytest.mark.slow("CPU time")
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"a": "' + b"x" * (200 << 20), id="string"),
        pytest.param(b'{"a": "' + b"\\n" * (100 << 20), id="escapes"),
        pytest.param(b'{"a": ' + b" " * (200 << 20), id="white space"),
        pytest.param(b'{"' + b"k" * (200 << 20), id="key"),
        pytest.param(b'{"a": ' + b"1" * (200 << 20), id="number"),
    ],
)
def test_endless_tokens_cost_little(body: bytes) -> None:
    """A token of 200 MB is refused within a second of CPU, at its limit."""
    parser = FieldParser([Field("a", parse("a"))], LIMITS)
    began = time.process_time()

    def feed_all() -> None:
        for start in range(0, len(body), 65536):
            parser.feed(body[start : start + 65536])

    with pytest.raises(PageRefused, match="limits"):
        feed_all()
    assert time.process_time() - began < 1


@pytest.mark.slow("CPU time")
@pytest.mark.parametrize("text", ["x", "\\n", "é", "\\u00e9"])
def test_a_long_string_in_small_chunks_costs_little(text: str) -> None:
    """2 MB in chunks of 1 KB took 20 s, since the parser reads an open string anew with each."""
    body = ('{"a": "%s", "b": 1}' % (text * ((2 << 20) // len(text.encode())))).encode()
    began = time.process_time()
    assert fields(body, {"it": "b"}, size=1000) == {"it": 1}
    assert time.process_time() - began < 1


@pytest.mark.parametrize("size", [0, 1])
def test_an_integer_of_5000_digits(size: int) -> None:
    """It would kill the process; in quotes it is a text like any other."""
    with pytest.raises(PageRefused, match=r"limits\.number_chars"):
        fields(b'{"a": ' + b"7" * 5000 + b"}", {"it": "a"}, size=size)
    assert fields(b'{"a": "' + b"7" * 5000 + b'"}', {"it": "a"}, size=size) == {"it": "7" * 5000}


def test_running_out_of_memory_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    """MemoryError goes through: a retry would only run into it again."""
    parser = FieldParser([Field("a", parse("a"))], LIMITS)

    def no_memory(*arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr("harvester.page.matcher.Matcher._value", no_memory)
    with pytest.raises(MemoryError):
        parser.feed(b'{"a": 1}')
