"""What reads small pages all at once gives what the parser gives, or leaves the page to it."""

import json
import random
from collections.abc import Sequence
from itertools import product
from typing import Any, Final

import pytest

from harvester.config import Limits
from harvester.errors import AttemptFailed
from harvester.model import parse
from harvester.page import ALL, Field, FieldParser, Fields, Identity, Take
from harvester.page.small_pages import MOST_BYTES, small_pages

LIMITS: Final = Limits(depth=6, number_chars=20, string_bytes=4000, cursor_bytes=40)

_HEAD: Final = 64 * 1024


def wanted(records: str = "data", **others: Field) -> Fields:
    """The records at a path, and other fields by their names."""
    return Fields([Field("records", parse(records), Take.COUNT), *others.values()])


CURSOR: Final = Field("cursor", parse("meta.next"))
SETS: Final = (
    wanted(cursor=CURSOR),
    wanted(
        cursor=CURSOR,
        more=Field("more", parse("more")),
        last=Field("last", parse("a"), Take.LAST),
        there=Field("there", parse("x"), Take.EXISTS),
        hint=Field("hint", parse("id"), advisory=True),
    ),
    wanted("$", cursor=CURSOR),
    wanted("meta.data", cursor=CURSOR, other=Field("other", parse("meta.x.next"))),
)


def read(fields: Sequence[Field], text: bytes, *, small: bool, size: int = 0) -> Any:
    """What `FieldParser` makes of a page that comes in pieces of `size` bytes."""
    parser = FieldParser(fields, LIMITS)
    if not small:
        parser._small = None
    try:
        for at in range(0, len(text), size or len(text) or 1):
            parser.feed(text[at : at + (size or len(text))])
        found = parser.close()
    except AttemptFailed as error:
        return type(error), str(error)
    return {name: (type(value), value) for name, value in found.items()}, parser.control_characters


TAKEN: Final = (
    b'{"data":[{"id":1},{"id":2}],"meta":{"next":"t"}}',
    b' {"data" : [ {"id":1} , {"id":2} ] , "meta" : {"next" : "t"} } \r\n',
    b'{"meta":{"next":12345678901234567890},"data":[[1,2],"]","[{",null,{"data":[{"id":1}]}]}',
    b'{"data":[],"meta":null,"more":true,"x":null,"a":-0}',
    b'{"data":[{"meta":{"next":1},"next":2}],"x":[{}],"a":"\\u00e9\\ud83d\\ude00","id":"i"}',
    '{"data":[{"é":"ü"}],"meta":{"é":1,"next":"ö"},"more":false}'.encode(),
    b'{"o":{"next":1},"data":[{"id":"\\"data\\":["}],"meta":{"next":null}}',
)
DOUBTFUL: Final = (
    b'{"data":[{"id":1}],"meta":{"next":"t","next":"u"}}',
    b'{"data":[{"id":1}],"meta":{"next":"t"},"m\\u0065ta":{"next":"u"}}',
    b'{"d\\u0061ta":[1],"o":{"data":[1]},"meta":{"next":"t"}}',
    b'{"data":[1],"data":[1,2],"meta":{"next":"t"}}',
    b'{"data":[1],"meta":{"next":1.5}}',
    b'{"data":[1],"meta":{"next":1e400}}',
    b'{"data":[1],"meta":{"next":{"a":1}}}',
    b'{"data":[1],"meta":{"next":"%b"}}' % (b"t" * 41),
    b'{"data":[1],"meta":{"next":"\\ud83d"}}',
    b'{"data":[1],"meta":{"next":"\\uffff"}}',
    b'{"data":["\x01"],"meta":{"next":"t"}}',
    b'{"data":["\xff"],"meta":{"next":"t"}}',
    b'{"data":[%b],"meta":{"next":"t"}}' % (b"1" * 21),
    b'{"data":["%b"],"meta":{"next":"t"}}' % (b"s" * 4001),
    b'{"data":[[[[[[1]]]]]],"meta":{"next":"t"}}',
    b'{"data":[1],"o":[[[[[[1]]]]]],"meta":{"next":"t"}}',
    b'{"data":{"id":1},"meta":{"next":"t"}}',
    b'{"data":null}',
    b'{"meta":{"next":"t"}}',
    b'{"data":[1],"meta":[]}',
    b'{"data":[1]}{}',
    b'{"data":[1]}\0',
    b'{"data":[1,]}',
    b'{"data":[1],\x0b"meta":{}}',
    b'\xef\xbb\xbf{"data":[1]}',
    b'{"data":[1]',
    b"<html>",
    b"",
)


@pytest.mark.parametrize("text", TAKEN)
def test_small_pages_are_read_at_once(text: bytes) -> None:
    """The values and the number of records are those of the parser."""
    small = SETS[1].small
    assert small is not None
    assert small.read(text, LIMITS) is not None
    for size in (0, 1, 7):
        assert read(SETS[1], text, small=True, size=size) == read(SETS[1], text, small=False)


@pytest.mark.parametrize("text", DOUBTFUL)
def test_doubtful_pages_are_the_parsers(text: bytes) -> None:
    """Any doubt leaves the page to the parser, whose word it is, refusals included."""
    fields = wanted(cursor=CURSOR)
    small = fields.small
    assert small is not None
    assert small.read(text, LIMITS) is None
    small.read(TAKEN[0], LIMITS)  # which ends the doubts
    assert read(fields, text, small=True) == read(fields, text, small=False)


def test_names_may_come_again_elsewhere() -> None:
    """A link has the name of others: only in one object it may not stand twice."""
    fields = wanted(next=Field("next", parse("links.next.href")))
    text = b'{"data":[],"links":{"self":{"href":"/1"},"next":{"href":"/2"}}}'
    assert fields.small is not None
    found = fields.small.read(text, LIMITS)
    assert found is not None
    assert found.fields == {"records": 0, "next": "/2"}
    again = text.replace(b'"/2"}', b'"/2","href":"/3"}')
    assert fields.small.read(again, LIMITS) is None


def test_large_pages_are_not_held() -> None:
    """What is longer than a small page goes on as it comes; so does what does not begin as one."""
    parser = FieldParser(SETS[0], LIMITS)
    parser.feed(b"")
    parser.feed(b'{"data":[')
    assert parser._scanner is None
    parser.feed(b"1," * (MOST_BYTES // 2))
    assert parser._scanner is not None
    assert not parser._held
    parser.feed(b'1],"meta":{"next":"t"}}')
    assert parser.close() == {"records": MOST_BYTES // 2 + 1, "cursor": "t"}
    parser = FieldParser(SETS[0], LIMITS)
    with pytest.raises(AttemptFailed):
        parser.feed(b"<html> and so on")


def test_other_fields_have_no_short_way() -> None:
    """Fields within records, within each other, of odd names, or the records themselves."""
    count = Field("records", parse("data"), Take.COUNT)
    for other in ("data[*].id", "data[-1].id", "data.x", "data", "a['o d']", "$"):
        assert small_pages([count, Field("f", parse(other))]) is None
    assert small_pages([count, Field("f", parse("a"), Take.MAX)]) is None
    assert small_pages([Field("f", parse("a"))]) is None


def test_after_doubts_the_parser_has_the_rest() -> None:
    """Where every page is in doubt, none is held any more."""
    fields = wanted(cursor=CURSOR)
    for _ in range(4):
        read(fields, b'{"data":[1],"meta":{"next":1.5}}', small=True)
    parser = FieldParser(fields, LIMITS)
    parser.feed(b'{"data":[')
    assert parser._scanner is not None


NAMES: Final = ("data", "meta", "next", "a", "x", "more", "id", "d\\u0061ta", "é", "")
SCALARS: Final = (
    "1", "-0", "1.5", "1E400", "12345678901234567890", '"a"', '"\\u00e9"', '"\\ud83d"', "null",
    "true", '"data"', '"]"', '"[{"', '"\x01"', "01", '"tok"', "7", '"t"', "{}", "[]",
)  # fmt: skip


def any_value(rng: random.Random, depth: int) -> str:
    """JSON, or nearly."""
    kind = rng.random()
    if depth <= 0 or kind < 0.45:
        return rng.choice(SCALARS if rng.random() < 0.2 else SCALARS[-5:])
    comma = rng.choice((",", ", ", " ,\n"))
    many = range(rng.randrange(4))
    if kind < 0.7:
        return f"[{comma.join(any_value(rng, depth - 1) for _ in many)}]"
    names = NAMES[:7] if rng.random() < 0.9 else NAMES
    members = (f'"{rng.choice(names)}": {any_value(rng, depth - 1)}' for _ in many)
    return f"{{{comma.join(members)}}}"


def any_page(rng: random.Random) -> bytes:
    """A page, or nearly: members that lead to fields, and others in between."""
    comma = rng.choice((",", ", "))
    records = comma.join(any_value(rng, 3) for _ in range(rng.choice((0, 1, 2, 9))))
    members = [f'"data":[{records}]', f'"meta":{{"next":{any_value(rng, 0)}}}']
    members += (f'"{rng.choice(NAMES)}":{any_value(rng, 3)}' for _ in range(rng.randrange(2)))
    rng.shuffle(members)
    text = rng.choice((f"{{{comma.join(members)}}}",) * 8 + (f"[{records}]", any_value(rng, 4)))
    page = text.encode()
    if rng.random() < 0.1 and page:
        at = rng.randrange(len(page))
        page = page[:at] + rng.choice((b"", b"\xff", b"}", page[at:] + b" ")) + page[at + 1 :]
    return page


@pytest.mark.parametrize("by", [None, "id", "", "no.such"])
def test_the_records_of_a_small_page_are_not_cut_out_again(by: str | None) -> None:
    """They are those that a walk through the first 64 KiB finds, wherever these end."""
    fields = wanted(cursor=CURSOR)
    assert fields.small is not None
    many = [f'{{"id":{at},"t":"{"t" * (at % 7)}"}}' for at in range(3200)]
    lists = [(many, others) for others in range(0, 24, 1 if by == "id" else 8)]
    lists += [(few, 0) for few in (many[:3], ["[]", "null", *many], ["null"], ["{}", "1"])]
    met = set()
    for (records, others), blank in product(lists, ("", "\n")):
        begun = f'{{"x":"{"x" * others}","data":[{blank}{",".join(records)}],'
        rest = "y" * max(0, 66_000 - len(begun))
        text = f'{begun}"y":"{rest}","meta":{{"next":"t"}}}}'.encode()
        parser = FieldParser(fields, Limits())
        fields.small._doubts = 0
        looks = [Identity(parse("data"), []).look(by, ALL) for _ in range(2)]
        for look in looks:
            look.over([text])
        parser.feed(text)
        parser.close()
        first = parser.first_records(_HEAD)
        met.add((text.find(bytes(first[-1])) + len(bytes(first[-1])) if first else 0) - _HEAD)
        assert looks[0].sight(parser.first_records) == looks[1].sight()
    assert by != "id" or {-1, 0} <= met


def test_any_page_is_read_alike() -> None:
    """Of pages of all kinds the short way gives what the parser does, or nothing."""
    rng, taken = random.Random(7), 0
    for _ in range(1500):
        text = any_page(rng)
        for fields in SETS:
            assert fields.small is not None
            fields.small._doubts = 0
            found = fields.small.read(text, LIMITS)
            if found is None:
                continue
            taken += 1
            told = {name: (type(value), value) for name, value in found.fields.items()}
            assert (told, 0) == read(fields, text, small=False), text
            json.loads(text, strict=False)
    assert taken > 800
