"""UTF-8: what Python would not decode is refused, wherever chunks and pieces end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.errors import NotJSON
from harvester.page.utf8 import UTF8Check
from tests.examples import examples

#: Each as RFC 3629 forbids it: a stray byte, over-long forms, surrogates, beyond U+10FFFF, cut.
FAULTS = [
    b"\x80", b"\xff", b"\xfe", b"\xc0\x80", b"\xc1\xbf", b"\xe0\x80\x80", b"\xe0\x9f\xbf",
    b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf0\x80\x80\x80", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80",
    b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"\xe2(\xa1", b"\xf0\x9f\xc3\xa9",
]  # fmt: skip
LONG = "ß日本語😀 and ASCII " * 2_000


def check(*chunks: bytes) -> None:
    """All of a page."""
    checking = UTF8Check()
    for chunk in chunks:
        checking.feed(chunk)
    checking.close()


@pytest.mark.parametrize("size", [0, 100, 20_000])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_refused(fault: bytes, size: int) -> None:
    """In small and in large pieces, before text, after it and at the very end."""
    text = LONG[:size].encode()
    for chunks in ([text, fault], [fault + text], [text + fault + text], [text + fault]):
        with pytest.raises(NotJSON, match="not in UTF-8"):
            check(*chunks)


@given(st.integers(0, len(LONG.encode())), st.integers(0, 3))
@examples(50)
def test_chunks_end_anywhere(at: int, more: int) -> None:
    """Inside of characters too."""
    text = LONG.encode()
    check(text[:at], text[at : at + more], text[at + more :])


@given(st.binary(max_size=12), st.integers(0, 30_000))
@examples(200)
def test_it_agrees_with_python(some: bytes, size: int) -> None:
    """Of any bytes behind text."""
    text = LONG[:size].encode() + some + LONG.encode()
    try:
        text.decode()
    except UnicodeDecodeError:
        with pytest.raises(NotJSON, match="not in UTF-8"):
            check(text)
    else:
        check(text)
