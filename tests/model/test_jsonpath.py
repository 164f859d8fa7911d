"""The path grammar: what is read, what is refused and how it says so, and the way back."""

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.model.jsonpath import canonical, find, parse
from harvester.model.segments import (
    Every,
    Index,
    JSONPathError,
    Key,
    Last,
    Path,
    Where,
)

READ: list[tuple[str, Path, str]] = [
    ("$", (), "$"),
    ("data", (Key("data"),), "$.data"),
    ("$.data", (Key("data"),), "$.data"),
    ("meta.next_token", (Key("meta"), Key("next_token")), "$.meta.next_token"),
    ("['@odata.nextLink']", (Key("@odata.nextLink"),), "$['@odata.nextLink']"),
    ('$["a b"]', (Key("a b"),), "$['a b']"),
    ("@odata.nextLink", (Key("@odata"), Key("nextLink")), "$['@odata'].nextLink"),
    ("$schema", (Key("$schema"),), "$['$schema']"),
    ("next-page.dc:title", (Key("next-page"), Key("dc:title")), "$['next-page']['dc:title']"),
    ("données.次", (Key("données"), Key("次")), "$.données.次"),
    ("0.1", (Key("0"), Key("1")), "$['0']['1']"),
    ("['']", (Key(""),), "$['']"),
    ("['*']", (Key("*"),), "$['*']"),
    ("data[*].id", (Key("data"), Every(), Key("id")), "$.data[*].id"),
    ("data.*.id", (Key("data"), Every(), Key("id")), "$.data[*].id"),
    ("*", (Every(),), "$[*]"),
    ("[*]", (Every(),), "$[*]"),
    ("[0][12]", (Index(0), Index(12)), "$[0][12]"),
    ("data[-1].id", (Key("data"), Last(), Key("id")), "$.data[-1].id"),
    ("[9007199254740991]", (Index(2**53 - 1),), "$[9007199254740991]"),
    ("$ .a\t[ 0 ]\n['b']", (Key("a"), Index(0), Key("b")), "$.a[0].b"),
    (
        "links[?@.rel=='next'].href",
        (Key("links"), Where(("rel",), "next"), Key("href")),
        "$.links[?@.rel=='next'].href",
    ),
    ("[?(@.rel=='next')]", (Where(("rel",), "next"),), "$[?@.rel=='next']"),
    ('[ ? ( ( @.a .b == "q\'" ) ) ]', (Where(("a", "b"), "q'"),), "$[?@.a.b=='q\\'']"),
    ("[?@['odd'].x==1]", (Where(("odd", "x"), 1),), "$[?@.odd.x==1]"),
    ("[?@[ 'a.b' ]==-1.5e3]", (Where(("a.b",), -1500.0),), "$[?@['a.b']==-1500.0]"),
    ("[?@.next-page==true]", (Where(("next-page",), True),), "$[?@['next-page']==true]"),
    ("[?@.a==false]", (Where(("a",), False),), "$[?@.a==false]"),
    ("[?@.a==null]", (Where(("a",), None),), "$[?@.a==null]"),
    (r"""['\b\f\n\r\t\/\\\'"']""", (Key("\b\f\n\r\t/\\'\""),), r"""$['\b\f\n\r\t/\\\'"']"""),
    (r"""["\"'\u00e9\u0000"]""", (Key("\"'é\0"),), r"""$['"\'é\u0000']"""),
    (r"['\uD83D\ude00']", (Key("😀"),), "$.😀"),
]


@pytest.mark.parametrize(("text", "path", "written"), READ)
def test_reads_and_writes(text: str, path: Path, written: str) -> None:
    """Each spelling gives its path, and each path its one text."""
    assert parse(text) == path
    assert canonical(path) == written
    assert list(map(type, parse(written))) == list(map(type, path))


REFUSED: list[tuple[str, int, str]] = [
    ("", 0, "empty path; the whole page is '$'"),
    (" a", 0, "expected a name"),
    ("a ", 1, "white space after the path"),
    (".a", 0, "expected a name, '$' or '['"),
    ("a.", 2, "found the end of the path"),
    ("a b", 2, "expected '.', '[' or the end"),
    ("a'b'", 1, "odd characters is quoted"),
    ("a..b", 1, "streaming subset of JSONPath: '..'"),
    ("$..b", 1, "streaming subset of JSONPath: '..'"),
    ("a[1:2]", 3, "streaming subset of JSONPath: a slice"),
    ("a[:2]", 2, "streaming subset of JSONPath: a slice"),
    ("a[0,1]", 3, "streaming subset of JSONPath: a union"),
    ("['a','b']", 4, "streaming subset of JSONPath: a union"),
    ("length(a)", 6, "streaming subset of JSONPath: a function"),
    ("a[(@.length-1)]", 2, "streaming subset of JSONPath: a function or a script"),
    ("a[-2]", 2, "only [-1], the last item"),
    ("a[-0]", 2, "streaming subset"),
    ("a[01]", 2, "no leading zero, unlike 01"),
    ("a[+1]", 2, "no sign"),
    ("[9007199254740992]", 1, "at most 9007199254740991"),
    (f"[{'9' * 5000}]", 1, "at most 9007199254740991"),
    ("a[]", 2, "found ']'"),
    ("a[b]", 2, "quoted: ['b']"),
    ("a[0", 1, "'[' is never closed"),
    ("a[0}", 3, "expected ']', found '}'"),
    ("a['b", 2, "' that opens here is never closed"),
    ("['a\nb']", 3, "escaped: \\u000a"),
    ("['\ud800']", 2, "surrogate"),
    ("a.\ud800", 2, "expected a name"),
    (r"['\x41']", 2, r"'\x' is no escape here"),
    (r"""['\"']""", 2, r"""'\"' is no escape here"""),
    (r"['\u12']", 2, "four hexadecimal digits"),
    (r"['\ud83d']", 2, "both halves"),
    (r"['\ud83d\u0041']", 2, "both halves"),
    (r"['\ude00']", 2, "both halves"),
    (r"['\ude00\ude00']", 2, "both halves"),
    ("['\\", 1, "never closed"),
    ("[?@.a!='x']", 5, "streaming subset of JSONPath: '!='"),
    ("[?@.a<1]", 5, "streaming subset of JSONPath: '<'"),
    ("[?@.a>=1]", 5, "streaming subset of JSONPath: '>'"),
    ("[?!@.a]", 2, "streaming subset of JSONPath: '!'"),
    ("[?@.a==1&&@.b==2]", 8, "streaming subset of JSONPath: '&&'"),
    ("[?(@.a==1 || @.b==2)]", 10, "streaming subset of JSONPath: '||'"),
    ("[?@..a==1]", 3, "streaming subset of JSONPath: '..'"),
    ("[?length(@.a)==1]", 2, "a filter compares a member of the item"),
    ("[?@.a]", 5, "expected '==' and a value"),
    ("[?@.a='x']", 5, "expected '=='"),
    ("[?@=='x']", 3, "a member after '@'"),
    ("[?@.a==x]", 7, "quoted: 'x'"),
    ("[?@.a==@.b]", 7, "expected a quoted text, a number"),
    ("[?@.a==]", 7, "expected a quoted text, a number"),
    ("[?@[0]==1]", 4, "looks at names, at no index"),
    ("[?@['a'==1]", 7, "expected ']'"),
    ("[?'x'==@.a]", 2, "expected '@'"),
    ("[?(@.a==1]", 9, "expected ')'"),
    ("[?(@.a==1", 2, "'(' is never closed"),
    ("[?@.a==1)]", 8, "expected ']'"),
    ("[?@.a==1e999]", 7, "too large"),
    (f"[?@.a=={'1' * 1001}]", 7, "at most 1000 characters"),
]


@pytest.mark.parametrize(("text", "position", "says"), REFUSED)
def test_refuses_with_place_and_advice(text: str, position: int, says: str) -> None:
    """What is no path of the subset is refused: what was found, where, what would be right."""
    with pytest.raises(JSONPathError, match=re.escape(says)) as caught:
        parse(text)
    assert caught.value.position == position
    assert f"character {position + 1} of " in caught.value.message


NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
LITERALS = st.one_of(
    NAMES, st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none()
)
SEGMENTS = st.one_of(
    st.builds(Key, NAMES),
    st.builds(Index, st.integers(0, 2**53 - 1)),
    st.just(Last()),
    st.just(Every()),
    st.builds(Where, st.lists(NAMES, min_size=1, max_size=3).map(tuple), LITERALS),
)
PATHS = st.lists(SEGMENTS, max_size=6).map(tuple)


@given(PATHS)
def test_canonical_reads_back(path: Path) -> None:
    """Every path can be written and read again, and its text is a fixed point."""
    written = canonical(path)
    assert parse(written) == path
    assert repr(parse(written)) == repr(path)  # == holds 1 and True equal
    assert canonical(parse(written)) == written


@given(st.one_of(st.text("$.[]'\"*?@=()-01a\\u \n", max_size=20), st.text(max_size=20)))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text fails in another way than JSONPathError, and what is read has a canonical text."""
    try:
        path = parse(text)
    except JSONPathError as error:
        position = error.position
    else:
        position = 0
        assert parse(canonical(path)) == path
    assert 0 <= position <= len(text)


def spelled(char: str, quote: str, escaped: bool) -> str:
    """Write one character of a quoted name, by its code if asked (two halves beyond U+FFFF)."""
    if escaped or char < " ":
        units = char.encode("utf-16-be")
        return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))
    return f"\\{char}" if char in (quote, "\\") else char


@given(st.lists(st.tuples(st.characters(exclude_categories=["Cs"]), st.booleans())))
@pytest.mark.parametrize("quote", ["'", '"'])
def test_every_spelling_of_a_name_is_the_same_key(
    quote: str, chars: list[tuple[str, bool]]
) -> None:
    """A name in either quotes, with any of its characters escaped, is the same key."""
    body = "".join(spelled(char, quote, escaped) for char, escaped in chars)
    assert parse(f"[{quote}{body}{quote}]") == (Key("".join(char for char, _ in chars)),)


@pytest.mark.parametrize(
    ("literal", "value", "accepted"),
    [
        ("next", "next", True),
        ("next", "prev", False),
        (1, 1, True),
        (1, 1.0, True),
        (1, Decimal("1.0"), True),
        (0.1, Decimal("0.1"), True),
        (0.5, Decimal("0.6"), False),
        (1, True, False),
        (True, 1, False),
        (True, True, True),
        (False, None, False),
        (None, None, True),
        (0, None, False),
        ("1", 1, False),
        (1, "1", False),
        ("x", ["x"], False),
    ],
)
def test_where_compares_as_json(literal: str | float | None, value: object, accepted: bool) -> None:
    """Numbers compare as numbers, a boolean is no number, kinds are never mixed."""
    assert Where(("a",), literal).accepts(value) is accepted


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", [{"a": [1, {"b": None}, {"b": 2}], "c.d": {"x": 1.0, "y": [3]}}]),
        ("a[0]", [1]),
        ("a[-1].b", [2]),
        ("a[*].b", [None, 2]),
        ("a[?@.b==null]", [{"b": None}]),
        ("a[?@.b==2].b", [2]),
        ("['c.d'].*", [1.0, [3]]),
        ("a[3]", []),
        ("a.b", []),
        ("c.d", []),
        ("a[0].b", []),
    ],
)
def test_find(path: str, expected: list[object]) -> None:
    """The same places as in a stream, in a value that is whole."""
    value = {"a": [1, {"b": None}, {"b": 2}], "c.d": {"x": 1.0, "y": [3]}}
    assert list(find(value, parse(path))) == expected
