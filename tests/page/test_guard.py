"""The lexical pass before the parser, against a byte-by-byte reading of the same rules."""

import json
import re
import time
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from harvester.errors import AttemptFailed, NotJSON, PageRefused
from harvester.page.guard import Block, Guard
from harvester.page.portions import Portions
from tests.examples import examples

BOM = b"\xef\xbb\xbf"
STRING_BYTES, NUMBER_CHARS = 20, 6

#: What JSON text is made of where the guard looks, and some of what it must not trip over.
TOKENS = (
    b'"', b'"', b"\\", b'\\"', b"\\\\", b"\\n", b"\\u0041", b"\\u005c", b"\\u12", b"\\ud83d",
    b"\\ude00", b"\\uD83D", b"\\uDE00", b"\\ud83d\\ude00", b"u", b"ud83d", b"a", b"\xc3\xa9",
    b"1", b"-", b"e", b"12345", b" ", b"\n", b"    ", b",", b"[", b"\x00",
)  # fmt: skip
inputs = st.lists(st.sampled_from(TOKENS), max_size=40).map(lambda tokens: b"".join(tokens))
ESCAPE = re.compile(rb"\\ud[89ab]..\\ud[c-f]..|\\ud[89a-f]..|\\.", re.IGNORECASE | re.DOTALL)


def guard(string_bytes: int = STRING_BYTES, number_chars: int = NUMBER_CHARS) -> Guard:
    """Make a guard with limits that are easily reached."""
    return Guard(string_bytes=string_bytes, number_chars=number_chars)


def guarded(chunks: Sequence[bytes], passing: Guard | None = None) -> bytes:
    """Give what the parser gets of the chunks; no block may be empty, and none says what is not."""
    passing, portions = passing or guard(10**6, 1000), Portions()
    blocks = [block for chunk in chunks for block in passing.feed(chunk)]
    blocks += passing.close()
    in_string = False
    for block in blocks:
        assert block.text
        assert len(block.plain) == len(block.text)
        assert block.in_string == in_string
        in_string ^= block.plain.count(b'"') % 2 == 1
        assert block.open_bytes == 0 or in_string
    assert passing.in_string == in_string
    return b"".join(portions.take(*parts(block)) for block in blocks) + portions.rest()


def parts(block: Block) -> tuple[bytes, bytes, bool, int]:
    """Give what portions are made of."""
    return block.text, block.plain, block.in_string, block.open_bytes


def cut(data: bytes, borders: Sequence[int]) -> list[bytes]:
    """Cut `data` at the borders, each taken modulo its length."""
    places = sorted({border % (len(data) + 1) for border in borders} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(places)]


def bytewise(data: bytes) -> list[bytes]:
    """Cut `data` into single bytes."""
    return [data[i : i + 1] for i in range(len(data))]


def read(data: bytes) -> tuple[bytes, int, int, int]:
    """Read byte by byte: the output, and the longest string, number and white space.

    The bytes of the quotes are no part of a string.
    """
    out = bytearray()
    longest = {"string": 0, "number": 0, "blank": 0}
    run, kind = 0, ""
    inside = False
    at = 0
    while at < len(data):
        escape = ESCAPE.match(data, at)
        token = escape[0] if escape else data[at : at + 1]
        at += len(token)
        lone = len(token) == 6
        raw = inside and len(token) == 1 and token < b" "
        out += rb"\uffff" if lone else json.dumps(token.decode())[1:-1].encode() if raw else token
        if token == b'"':
            inside = not inside
            run, kind = 0, ""
            continue
        # An escape outside of strings is no JSON; its letters count as what they look like.
        for byte in token:
            now = "string" if inside else kind_of(byte)
            run = run + 1 if now == kind else 1
            kind = now
            if kind:
                longest[kind] = max(longest[kind], run)
    return bytes(out), longest["string"], longest["number"], longest["blank"]


def has_escape_outside(data: bytes) -> bool:
    """Whether a surrogate escape stands outside of strings."""
    inside, at = False, 0
    while at < len(data):
        escape = ESCAPE.match(data, at)
        token = escape[0] if escape else data[at : at + 1]
        at += len(token)
        if len(token) > 1 and not inside:
            return True
        inside ^= token == b'"'
    return False


def kind_of(byte: int) -> str:
    """Say what run a byte outside of strings belongs to."""
    if byte in b"0123456789+-.eE":
        return "number"
    return "blank" if byte in b" \t\r\n" else ""


@given(inputs, st.lists(st.integers(0, 400), max_size=12))
@examples(600)
def test_what_passes_is_the_input_whatever_the_borders(data: bytes, borders: list[int]) -> None:
    """Only lone surrogates are changed, and no cut between chunks changes anything."""
    data = b"[[[[" + data
    assume(not has_escape_outside(data))  # no JSON, whatever becomes of it: the parser says so
    assert guarded(cut(data, borders)) == guarded(bytewise(data)) == read(data)[0]


@given(inputs, st.lists(st.integers(0, 400), max_size=12))
@examples(600)
def test_limits_hold_exactly_whatever_the_borders(data: bytes, borders: list[int]) -> None:
    """A string, number or run of white space above its limit is refused, one at it is not."""
    data = b"[[[[" + data
    _, string, number, blank = read(data)
    above = string > STRING_BYTES or number > NUMBER_CHARS or blank > STRING_BYTES
    for chunks in (cut(data, borders), bytewise(data)):
        if above:
            with pytest.raises(PageRefused, match="limits"):
                guarded(chunks, guard())
        else:
            guarded(chunks, guard())


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_bom_is_removed(size: int) -> None:
    """A byte order mark before the JSON is no part of it, however it arrives."""
    data = BOM + b'{"a": 1}'
    assert guarded([data[i : i + size] for i in range(0, len(data), size)]) == b'{"a": 1}'
    assert guarded([BOM]) == b""
    assert guarded([b"1" + BOM]) == b"1" + BOM


@pytest.mark.parametrize("text", [b"", b"1", b"[]", b"{}", b"[1]"])
def test_short_bodies_pass(text: bytes) -> None:
    """A body shorter than what tells an encoding is passed on at the end."""
    assert guarded(bytewise(text)) == text


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
def test_other_encodings_are_rejected(encoding: str) -> None:
    """UTF-16 and UTF-32 are named, with and without a byte order mark."""
    for data in ('{"a": 1}'.encode(encoding), "[]".encode(encoding)):
        with pytest.raises(NotJSON, match="UTF-16"):
            guarded(bytewise(data))


@pytest.mark.parametrize("data", [bytes(1), bytes(4), bytes(1000), bytes(4) + b"{}"])
def test_nul_bytes_are_no_encoding(data: bytes) -> None:
    """They are called what they are."""
    with pytest.raises(NotJSON, match="NUL bytes"):
        guarded(bytewise(data))


@pytest.mark.parametrize("size", [1, 7, 1000, 5000])
def test_a_number_is_refused_before_it_is_passed_on(size: int) -> None:
    """Not one chunk that completes 1,001 digits reaches the parser; in quotes 5,000 are legal."""
    data = b'{"a": ' + b"7" * 5000 + b"}"
    passing, passed = guard(10**6, 1000), b""

    def feed_all() -> None:
        nonlocal passed
        for i in range(0, len(data), size):
            passed += b"".join(block.text for block in passing.feed(data[i : i + size]))

    with pytest.raises(PageRefused, match="1,000 characters"):
        feed_all()
    assert passed.count(b"7") <= 1000
    quoted = b'{"a": "' + b"7" * 5000 + b'", "b": 1}'
    assert guarded([quoted[i : i + size] for i in range(0, len(quoted), size)]) == quoted


def test_no_configuration_lets_a_deadly_number_pass() -> None:
    """Above 4,300 digits the parser kills the process, so limits.number_chars ends there."""
    with pytest.raises(PageRefused, match="4,300 characters"):
        guarded([b"[" + b"1" * 4301 + b"]"], guard(10**6, 10**6))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"[" + b"1.5,\n" * 2000 + b"1]", id="array of numbers"),
        pytest.param(b"[" + b'"ab",  ' * 2000 + b"1]", id="array of strings"),
        pytest.param(b"[" + b"[[]],{}," * 2000 + b"1]", id="array of arrays"),
    ],
)
def test_long_stretches_without_strings_are_no_string(text: bytes) -> None:
    """What lies between strings may be longer than a string may be, in one chunk or many."""
    assert guarded([text], guard()) == text
    assert guarded(bytewise(text), guard()) == text


@pytest.mark.slow("CPU time")
@pytest.mark.parametrize("tail", [b"", b"n", b'"', b"u0041"])
def test_runs_of_backslashes(tail: bytes) -> None:
    """100 KB of backslashes in one chunk take no more time than other text, odd or even."""
    for length in (100_000, 100_001):
        escaped = tail and length % 2
        text = b'["' + b"\\" * length + tail + (b'"' if escaped or tail != b'"' else b"") + b", 1]"
        began = time.process_time()
        assert guarded([text]) == text
        assert time.process_time() - began < 0.5


def test_backslash_runs_end_strings_where_they_should() -> None:
    """After an even run of backslashes a quote ends the string, after an odd one it does not."""
    digits = b"1" * 50
    for length in range(1, 40):
        text = b'["' + b"\\" * length + b'"' + digits + b'"]'
        for size in (1, 2, 3, 5, 12, 100):
            chunks = [text[i : i + size] for i in range(0, len(text), size)]
            try:
                guarded(chunks, guard(1000, 10))
                refused = False
            except AttemptFailed:
                refused = True
            assert refused == (length % 2 == 0), (length, size)


def test_lone_surrogates_are_marked_beside_escaped_backslashes() -> None:
    r"""`\\ud83d` is a backslash and letters; a half after it is still a half."""
    assert guarded([rb'["\\ud83d"]']) == rb'["\\ud83d"]'
    assert guarded([rb'["\\ud83d\ude00"]']) == rb'["\\ud83d\uffff"]'
    assert guarded([rb'["\\\ud83d\ude00"]']) == rb'["\\\ud83d\ude00"]'
    assert guarded([rb'["\ud83d\ud83d\ude00\ude00"]']) == rb'["\uffff\ud83d\ude00\uffff"]'
