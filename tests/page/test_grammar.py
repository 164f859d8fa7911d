"""The grammar of every byte: what is no JSON is no page, wherever in it and however it comes.

What is right in one place of a page is right in every other, too, control characters in strings
and all that one library takes and another refuses included.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.config import Limits
from harvester.errors import AttemptFailed, NotJSON, PageRefused
from harvester.model.jsonpath import parse
from harvester.page import grammar, guard
from harvester.page.fields import Field, FieldParser, Take
from harvester.page.portions import without_lone_surrogates
from tests.examples import examples
from tests.fuzz_targets import EveryByte, strictly
from tests.page.test_borders import cut

FIELDS = [Field("records", parse("data"), Take.COUNT), Field("next", parse("next"))]

#: Values that are none, each with one fault that only the grammar knows.
NO_JSON = [
    rb'"C:\dir"', rb'"\x41"', rb'"\u12G4"', rb'"\u12"', b'"\\\n"', b'"\xff"', b'"M\xfcller"',
    b'"\xc0\xaf"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', b'"\xe2\x82"',
    b"01", b"-01", b"1.", b".5", b"-", b"+1", b"1e", b"1e+", b"0x10", b"1_000", b"1 2", b"--1",
    b"tru", b"nul", b"True", b"None", b"undefined", b"NaN", b"-Infinity", b"Infinity", b"'a'", b"a",
    b"[1,]", b"[,1]", b"[1,,2]", b"[1 2]", b"[1:2]", b'{"a":1,}', b'{,"a":1}', b'{"a"}',
    b'{"a":}', b'{"a" 1}', b'{"a":1 "b":2}', b"{1:2}", b"{a:1}", b'{"a":1;"b":2}', b"[1}", b"{]",
    b"/* x */1", b"1//x", b"\x0b1", b"1\x0c", b"\x001", b"1\xc2\xa0", b"\xef\xbb\xbf1", rb"\u0031",
    b"[[[[1,[2,{}],{}]]]", b'{"a":{"b":{"c":[1,{"d":]}}}}', b'""""', b'"a""b"', b"[]{}", b"[][]",
]  # fmt: skip
#: And values that are one, though somebody among the readers does not think so.
JSON = [
    b'"\t"', b'"a\nb"', b'"\r\n"', b'"\x00"', b'"\x1b[31m"', b'"\x0b\x0c"', b'"\x7f"', b'{"\t":1}',
    rb'"\ud800"', rb'"\udc00\ud800"', rb'{"\udfff":0}', rb'"\\ud800"', rb'"\ud83d\ude00"',
    b"1e99999999999999999999999999", b"-0.1E-99999999999999999999999999", b"1e0000000000000000001",
    b'"1e99999999999999999999999999"', b"1" * 900, b"-0", b"0.0e+0", b"[ ]", b"{ }", b'""',
    b'{"a":1,"a":2}', b'"\xf0\x9f\x98\x80\xe2\x82\xac\xc3\xa9"', rb'"\/\b\f\n\r\t\"\\"',
    b"[" * 100 + b"]" * 100, b'{"a":' * 100 + b"1" + b"}" * 100,
]  # fmt: skip
LONG = b'"' + b"x" * 300_000 + b'"'
PLACES = {
    "among records": b'{"data":[{"id":1},%s,{"id":2}],"next":"c"}',
    "among numbers": b'{"data":[1,2,3,%s,4],"next":"c"}',
    "first": b'{"data":[%s],"next":"c"}',
    "in a record": b'{"data":[{"id":1},{"id":2,"v":%s},{"id":3}],"next":"c"}',
    "deep": b'{"data":[[{"a":[[{"b":{"c":[0,%s]}}]]}]],"next":"c"}',
    "beside": b'{"meta":{"a":1,"b":%s,"c":[]},"data":[],"next":"c"}',
    "behind a long string": b'{"data":[{"a":' + LONG + b',"b":%s}],"next":"c"}',
    "before a long string": b'{"data":[1,{"b":%s,"a":{"c":' + LONG + b'}}],"next":"c"}',
    "among many": b'{"data":[' + b'{"id":1,"t":"x, [ {"},' * 9_000 + b'%s,{"id":1}],"next":"c"}',
    "at the end of many": b'{"data":[' + b"[1,2]," * 30_000 + b'%s],"next":"c"}',
    "in a large object": b'{"data":{' + b'"k":[{}],' * 20_000 + b'"v":%s},"next":"c"}',
}  # fmt: skip


def read(text: bytes, size: int, kind: type[FieldParser] = FieldParser, **limits: int) -> Any:
    """The fields of a page in pieces of this size, and the count of control characters."""
    parser = kind(FIELDS, Limits(**limits))
    for start in range(0, len(text), size):
        parser.feed(text[start : start + size])
    return parser.close(), parser.control_characters


def sizes(text: bytes) -> Iterator[int]:
    """Pieces to try: one, those of a network, and crumbs of what is not too long."""
    yield from (len(text), 16_384, 1460)
    if len(text) < 3000:
        yield from (1, 7)


@pytest.mark.parametrize("place", PLACES)
def test_no_json_is_no_page(place: str) -> None:
    """Whatever the fault and wherever it is, in pieces of any size."""
    for value in NO_JSON:
        text = PLACES[place] % value
        for size in sizes(text):
            with pytest.raises(NotJSON):
                read(text, size)


@pytest.mark.parametrize("place", PLACES)
def test_json_is_a_page(place: str) -> None:
    """Whatever is in it and wherever, in pieces of any size, and the count is the same."""
    for value in JSON:
        text = PLACES[place] % value
        strictly(text)
        if b"\xf0" not in text and b"\t" in value:
            assert read(text, len(text))[1] == 1
        assert len({json.dumps(read(text, size)) for size in sizes(text)}) == 1
        assert read(text, len(text)) == read(text, len(text), EveryByte)


@pytest.mark.parametrize("value", [b"tru", b'{"a":1,}', rb'"\x41"'])
def test_the_place_is_told(value: bytes) -> None:
    """The byte at which it is wrong, and what stands around it."""
    text = PLACES["among many"] % value
    at = text.rindex(value)
    with pytest.raises(NotJSON, match=r"at byte [0-9]+, near ") as caught:
        read(text, 1460)
    told = int(str(caught.value).split("at byte ")[1].split(",")[0])
    assert at <= told <= at + len(value)
    assert repr(value.decode())[1:-1].replace('"', '"')[:3] in str(caught.value)


def test_control_characters_are_counted() -> None:
    """Those in strings, escaped or not written so, and no others."""
    text = b'{"data":[{"a":"\t\n"},\n\t{"b\r":"\\t\\n\x01"}],\r\n"next":"\x02c\t"}'
    for size in sizes(text):
        assert read(text, size) == ({"records": 2, "next": "\x02c\t"}, 6)


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[0,{"a":1,"b":'])
@pytest.mark.parametrize("bottom", [b'"\t"', b'["x",{}]', b"[1,]", b"tru"])
def test_deeper_than_a_stack(opening: bytes, bottom: bytes) -> None:
    """What nests deeper than msgspec can go is read by the parser, where that is allowed."""
    levels = 3_000
    closing = bytes({91: 93, 123: 125}[byte] for byte in reversed(opening) if byte in b"[{")
    text = b'{"data":[1,' + opening * levels + bottom + closing * levels + b',2],"next":"c"}'
    for size in (len(text), 1460):
        if bottom in (b"[1,]", b"tru"):
            with pytest.raises(NotJSON):
                read(text, size, depth=10_000)
        else:
            assert read(text, size, depth=10_000)[0] == {"records": 3, "next": "c"}
        with pytest.raises(PageRefused, match=r"limits\.depth"):
            read(text, size)


@pytest.mark.parametrize("unit", [b"[]", b"[1]", b"1 ", b"{} [ ] \n", b'"a" ', b'"a":'])
def test_no_comma_anywhere(unit: bytes) -> None:
    """20 MB of values side by side are refused, and not kept waiting for one."""
    body = b'{"data":[1,2,' + unit * ((20 << 20) // len(unit))
    parser = FieldParser(FIELDS, Limits())

    def feed() -> None:
        for start in range(0, len(body), 65_536):
            parser.feed(body[start : start + 65_536])

    with pytest.raises(AttemptFailed):
        feed()


#: Text as it may stand between two places of an array of arrays and objects.
STRINGS = st.text(st.sampled_from('ab"\\,:[]{}\t\n\u00e9\U0001f600'), max_size=30)
VALUES = st.recursive(
    STRINGS | st.integers(-1000, 1000) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(STRINGS, inner, max_size=4),
    max_leaves=25,
)


def raw(value: Any) -> bytes:
    """JSON with its control characters raw."""
    text = json.dumps(value, ensure_ascii=False)
    return text.replace("\\\\", "\0").replace("\\t", "\t").replace("\\n", "\n").replace(
        "\0", "\\\\"
    ).encode()  # fmt: skip


@given(
    st.lists(VALUES, min_size=1, max_size=8), st.integers(0, 10**6),
    st.sampled_from([b"", b",", b'"', b"\\", b"[", b"}", b":", b"\t", b"1", b"\xff", b"e"]),
    st.integers(0, 2), st.lists(st.integers(0, 10**6), max_size=8),
)  # fmt: skip
@examples(400)
def test_any_stretch(
    items: list[Any], place: int, token: bytes, drop: int, borders: list[int]
) -> None:
    """Proven a few bytes at a time, cut in keys and strings too: as strict as the whole."""
    sound = b'{"data":[1,2,3,4,5,6,7,8,9,%s],"next":"c"}' % raw(items)[1:-1]
    place %= len(sound) + 1
    text = sound[:place] + token + sound[place + drop :]
    try:
        strictly(text)
        expected = None
    except (ValueError, RecursionError):
        expected = NotJSON
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(grammar, "_LEAST", 2)
        patched.setattr(guard, "BLOCK_BYTES", 11)
        for way in (borders, [], range(len(text))):
            parser = FieldParser(FIELDS, Limits())
            found = None
            try:
                for piece in cut(text, way):
                    parser.feed(piece)
                parser.close()
            except PageRefused:  # two keys of the same name where fields are
                continue
            except AttemptFailed as error:
                found = type(error)
            assert found is expected


def test_lone_surrogates_keep_their_length() -> None:
    """So that places are told right."""
    text = rb'"\ud800\ud83d\ude00\\ud800 \udc00"'
    assert without_lone_surrogates(text, text.replace(rb"\\", rb"\_")) == (
        rb'"\uffff\ud83d\ude00\\ud800 \uffff"'
    )
