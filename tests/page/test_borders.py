"""Where the network cuts a page must not matter: fields, hash and part are those of the whole.

Pages go the way of a harvest (`body.tee`, `fields.FieldParser`, `parts.Part`), cut at random
places and at every byte, and are compared with Python's own gzip and json and with the plain
reading of paths in test_fields. What is not JSON for Python is never a page.
"""

import gzip
import hashlib
import json
import random
import tempfile
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from itertools import pairwise
from pathlib import Path as FilePath
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harvester.config import Limits
from harvester.errors import AttemptFailed, PageRefused, PageRejected
from harvester.model.jsonpath import canonical, parse
from harvester.model.segments import Every, Path
from harvester.page.body import tee
from harvester.page.fields import Field, FieldParser, Take, as_number
from harvester.store.parts import Part, StoredPart, part_name
from tests.examples import examples
from tests.fuzz_targets import EveryByte, pieces, strictly
from tests.mutations import TOKENS
from tests.page.test_fields import (
    ABSENT,
    Twice,
    documents,
    exactly,
    expected,
    objects,
    paths,
    plain,
)
from tests.page.test_fields import matches as matched

#: A field of these pages may be as large as the page.
LIMITS = Limits(cursor_bytes=1 << 28)
Wanted = list[tuple[Path, Take]]

#: Each way to read fields.
PARSERS: dict[str, Callable[[list[Field]], FieldParser]] = {
    "every byte": lambda wanted: EveryByte(wanted, LIMITS),
    "records passed over": lambda wanted: FieldParser(wanted, LIMITS),
}


def fields_of(wanted: Wanted) -> list[Field]:
    """The paths as fields, named by their places."""
    return [Field(str(number), path, take) for number, (path, take) in enumerate(wanted)]


def through(
    wire: Iterable[bytes], codings: list[str], parser: FieldParser, folder: FilePath
) -> tuple[dict[str, Any], StoredPart, bytes]:
    """One page as a harvest reads it: its fields, its part, and what was decoded of it."""
    seen = b""
    (folder / part_name(1)).unlink(missing_ok=True)  # no part takes another's place
    with Part(folder, 1, fsync=False) as part:
        for stored, decoded in tee(wire, codings, LIMITS):
            part.write(stored)
            parser.feed(decoded)
            seen += decoded
        return parser.close(), part.store(), seen


def cut(data: bytes, borders: Iterable[int]) -> Iterator[bytes]:
    """`data` in pieces, some of them maybe empty."""
    places = sorted({border % (len(data) + 1) for border in borders} | {0, len(data)})
    yield b""
    yield from (data[start:end] for start, end in pairwise(places))


# --- Pages ----------------------------------------------------------------------------------------

#: Texts that parsers trip over: escapes, half escapes, characters of every length, long ones.
texts = st.one_of(
    st.text(max_size=5),
    st.sampled_from(
        ['"', "\\", "\\\\\"", "\\u0041", "{", "}]", "\U0001f600", "\u2028\x7f", "caf\u00e9",
         "\0\x1f", "next", "x" * 3000, "\\\"" * 500, "\ud7ff\ue000"]
    ),
)  # fmt: skip
record_values = st.one_of(
    texts, st.integers(), st.integers(10**17, 10**25),
    st.sampled_from([1.5, -0.25, 1e100, True, None]), st.lists(texts, max_size=3),
    st.dictionaries(st.sampled_from(["a", "id", "data", "next"]), texts, max_size=3),
)  # fmt: skip
records = st.fixed_dictionaries(
    {"id": st.integers(0, 10**20) | st.integers(0, 10**6).map(str)},
    optional={
        "a": record_values,
        "next": record_values,
        "b.c": record_values,
        "data": record_values,
    },
)
#: Pages as APIs send them: bulk between the fields that paging needs.
bulky = st.builds(
    lambda items, repeat, meta, order: dict(
        sorted({"data": items * repeat, "meta": meta, "links": items[:2], "a": 1}.items(),
               key=lambda pair: order.index(pair[0]))
    ),
    st.lists(records, max_size=4), st.sampled_from([1, 1, 3, 40]),
    st.dictionaries(st.sampled_from(["next_token", "a", "data"]), record_values, max_size=3),
    st.permutations(["data", "meta", "links", "a"]),
)  # fmt: skip


def nested(levels: int, kind: int) -> Any:
    """So many levels of arrays, objects, or both in turn."""
    value: Any = "bottom"
    for level in range(levels):
        value = [value, 1] if kind == 0 or (kind == 2 and level % 2) else {"a": value}
    return value


deep = st.builds(nested, st.integers(1, 250), st.integers(0, 2))
pages = documents | bulky | bulky | deep

usual_paths = st.sampled_from(
    ["data", "data[*]", "data[*].id", "data[-1].id", "data[0].id", "data[-1]", "data[0]",
     "data[*].a[0]", "meta.next_token", "meta", "$", "$[*]", "links[?@.next=='next'].id",
     "data[?@.a==true].id", "a",
     "data[-1]['b.c']", "data[*].data[-1]", "data[2].next", "links[-1]"]
).map(parse)  # fmt: skip
takes = st.sampled_from([Take.FIRST, Take.LAST, Take.COUNT, Take.EXISTS, Take.MIN, Take.MAX])
wanteds = st.lists(st.tuples(usual_paths | paths, takes), min_size=1, max_size=5)
styles = st.fixed_dictionaries(
    {"ensure_ascii": st.booleans(), "indent": st.sampled_from([None, None, 1]),
     "separators": st.sampled_from([None, (",", ":")])}
)  # fmt: skip


def reference(document: Any, wanted: Wanted) -> dict[str, Any] | None:
    """The fields by the plain reading; None where one of them cannot be (a key that stands twice,
    values that do not compare, a number that no float holds): such a page has no fields.
    """
    found: dict[str, Any] = {}
    for number, (path, take) in enumerate(wanted):
        try:
            value = (
                expected(document, path, take)
                if take not in _EXTREMES
                else _extreme(document, path, take)
            )
        except (Twice, TypeError):
            return None
        if value is not ABSENT:
            found[str(number)] = value
    return found


_EXTREMES = (Take.MIN, Take.MAX)


def _extreme(document: Any, path: Path, take: Take) -> Any:
    """The smallest or largest, the first of equal ones; TypeError where two do not compare."""
    found = [plain(value) for value in matched(document, path) if value is not None]
    if not found:
        return ABSENT
    best = found[0]
    for value in found[1:]:
        a, b = as_number(_exact(best)), as_number(_exact(value))
        if a is not None and b is not None:
            better = b < a if take is Take.MIN else b > a
        elif isinstance(best, str) and isinstance(value, str):
            better = value < best if take is Take.MIN else value > best
        else:
            raise TypeError
        best = value if better else best
    return best


def _exact(value: Any) -> Any:
    return Decimal(repr(value)) if isinstance(value, float) else value


def takes_of(wanted: Wanted) -> set[Take]:
    """What is taken at all."""
    return {take for _, take in wanted}


def parsed(text: bytes, borders: Iterable[int], parser: FieldParser) -> dict[str, Any]:
    """The fields of a page that comes in such pieces."""
    for piece in cut(text, borders):
        parser.feed(piece)
    return parser.close()


@pytest.mark.parametrize("name", PARSERS)
def test_fields_are_those_of_the_whole_page(name: str) -> None:
    """Random pages, fields and borders, and every byte on its own: what the plain reading gives."""
    make = PARSERS[name]

    @given(pages, wanteds, st.lists(st.integers(0, 10**6), max_size=8), styles, st.booleans())
    @examples(300)
    def one(
        page: Any, wanted: Wanted, borders: list[int], style: dict[str, Any], bom: bool
    ) -> None:
        text = json.dumps(page, **style).encode()
        document = json.loads(text, object_pairs_hook=objects)
        should = reference(document, wanted)
        text = b"\xef\xbb\xbf" * bom + text
        ways = [borders, []] + (
            [[*range(len(text))]] if len(text) < 5000 else [[*range(0, len(text), 997)]]
        )
        for way in ways:
            try:
                found = parsed(text, way, make(fields_of(wanted)))
            except (PageRefused, PageRejected):
                # Where elements are compared, one that turns out not to be the last may refuse.
                assert should is None or not takes_of(wanted).isdisjoint(_EXTREMES)
                continue
            assert should is not None, "fields were given where there are none"
            assert found.keys() == should.keys()
            for key, value in found.items():
                path, take = wanted[int(key)]
                assert exactly(value) == exactly(should[key]), (canonical(path), take)

    one()


@given(
    pages, st.sampled_from(["identity", "gzip", "members", "padded"]),
    st.lists(st.integers(0, 10**6), max_size=8), styles,
)  # fmt: skip
@examples(120)
def test_part_and_hash_are_those_of_the_whole_page(
    page: Any, coding: str, borders: list[int], style: dict[str, Any]
) -> None:
    """The same part, to its hash, however the wire was cut; and it holds the page."""
    text = json.dumps(page, **style).encode()
    half = len(text) // 2
    wire = {
        "identity": text,
        "gzip": gzip.compress(text, 6, mtime=0),
        "members": gzip.compress(text[:half], mtime=0)
        + gzip.compress(b"")
        + gzip.compress(text[half:]),
        "padded": gzip.compress(text, 1, mtime=0) + bytes(700),
    }[coding]
    codings = [] if coding == "identity" else ["gzip"]
    wanted = [(parse("data"), Take.COUNT), (parse("data[-1].id"), Take.EXISTS)]
    kept = []
    with tempfile.TemporaryDirectory() as place:
        folder = FilePath(place)
        ways = [[wire], cut(wire, borders), pieces(wire, 1 if len(wire) < 5000 else 401)]
        for way in ways:
            fields, part, seen = through(
                way, codings, FieldParser(fields_of(wanted), LIMITS), folder
            )
            stored = (folder / part_name(1)).read_bytes()
            assert gzip.decompress(stored) == seen == text
            assert (part.stored_bytes, part.sha256) == (
                len(stored),
                hashlib.sha256(stored).hexdigest(),
            )
            if codings:
                assert stored == wire.rstrip(b"\0") + stored[len(wire.rstrip(b"\0")) :]
                assert wire.startswith(stored)
            kept.append((fields, part, stored))
    assert kept[0] == kept[1] == kept[2]


def test_a_large_part_does_not_depend_on_how_it_was_cut(tmp_path: FilePath) -> None:
    """What we compress ourselves, too: megabytes in pieces of a few sizes give one hash."""
    rng = random.Random(7)
    text = json.dumps({"data": [{"id": n, "x": rng.random()} for n in range(60_000)]}).encode()
    parts = {
        through(pieces(text, size), [], FieldParser([], LIMITS), tmp_path)[1]
        for size in (1460, 65_536, 262_144, 1_000_003, 0)
    }
    assert len(parts) == 1


# --- What is no page ------------------------------------------------------------------------------

edits = st.lists(
    st.tuples(
        st.integers(0, 10**6), st.sampled_from(["cut", "drop", "put", "flip"]),
        st.sampled_from([token for token in TOKENS if len(token) < 50]), st.integers(0, 7),
    ),
    min_size=1, max_size=2,
)  # fmt: skip


def edited(text: bytes, changes: list[tuple[int, str, bytes, int]]) -> bytes:
    """`text` with bytes deleted, inserted, flipped or cut off."""
    for place, kind, token, bit in changes:
        at = place % (len(text) + 1)
        match kind:
            case "cut":
                text = text[:at]
            case "drop":
                text = text[:at] + text[at + 1 :]
            case "put":
                text = text[:at] + token + text[at:]
            case "flip" if at < len(text):
                text = text[:at] + bytes([text[at] ^ 1 << bit]) + text[at + 1 :]
    return text


@pytest.mark.parametrize("name", PARSERS)
def test_what_is_no_json_is_no_page(name: str) -> None:
    """A byte deleted, inserted, flipped, or the end cut off: what Python rejects is rejected."""
    make = PARSERS[name]

    @given(bulky | documents, edits, wanteds, st.lists(st.integers(0, 10**6), max_size=5), styles)
    @example([1], [(1, "put", b"NaN,", 0)], [((Every(),), Take.COUNT)], [], {})
    @example([1], [(10**6, "put", b"}", 0)], [((Every(),), Take.COUNT)], [], {})
    @example({"data": [{"a": "x"}]}, [(14, "put", b"\x01", 0)], [((), Take.EXISTS)], [], {})
    @example({"data": [{"a": "x"}]}, [(14, "put", b"\xff", 0)], [((), Take.EXISTS)], [], {})
    @examples(500)
    def one(
        page: Any, changes: list[tuple[int, str, bytes, int]], wanted: Wanted, borders: list[int],
        style: dict[str, Any],
    ) -> None:  # fmt: skip
        text = edited(json.dumps(page, **style).encode(), changes)
        try:
            strictly(text)
            sound = True
        except (ValueError, RecursionError):
            sound = False
        accepted = []
        for way in (borders, [], range(len(text)) if len(text) < 3000 else [len(text) // 2]):
            try:
                parsed(text, way, make(fields_of(wanted)))
                accepted.append(True)
            except AttemptFailed:
                accepted.append(False)
        assert len(set(accepted)) == 1, "borders decided"
        assert sound or not any(accepted), "what is no JSON passed for a page"

    one()


@pytest.mark.parametrize("name", PARSERS)
def test_a_page_cut_anywhere_is_no_page(name: str) -> None:
    """Every prefix of a page with all that JSON has is rejected, in one piece and in two."""
    make = PARSERS[name]
    text = json.dumps(
        {
            "data": [{"id": 1, "t": 'a\\"\u00e9\U0001f600'}, {"id": -2.5e-3, "u": [[], {}, None]}]
            * 3,
            "next": "x",
        }
    ).encode()
    wanted: Wanted = [(parse("data"), Take.COUNT), (parse("next"), Take.FIRST)]
    assert parsed(text, [], make(fields_of(wanted))) == {"0": 6, "1": "x"}
    for end in range(len(text)):
        for way in ([], [end // 2]):
            with pytest.raises(AttemptFailed):
                parsed(text[:end], way, make(fields_of(wanted)))
