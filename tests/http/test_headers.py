"""Header lines as servers send them: one that cannot be read costs itself only."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.errors import PageRejected
from harvester.http.headers import fields, merged

AFTER = ("Link", '</items?page=2>; rel="next"')
LINE = b'Link: </items?page=2>; rel="next"\r\n'


@pytest.mark.parametrize(
    ("line", "read"),
    [
        (b"Content-Security-Policy\r\n", []),
        (b"no colon here, but blanks\r\n", []),
        (b": a value without a name\r\n", []),
        (b"HTTP/1.1 200 OK\r\n", []),
        (b"X-Served-By : cache-7\r\n", [("X-Served-By", "cache-7")]),
        (b"X-Served-By\t:cache-7\n", [("X-Served-By", "cache-7")]),
        (b"\xef\xbb\xbfX-First: 1\r\n", [("X-First", "1")]),
        (b"X(odd): 1\r\n", []),
        (b"X-Nul: a\0b\r\n", [("X-Nul", "a b")]),
        (b"X-Bare: a\rX-Other: b\r\n", [("X-Bare", "a"), ("X-Other", "b")]),
        (b"X-Twice-Ended: a\r\r\n", [("X-Twice-Ended", "a")]),
        (b"X-Long: a\r\n  b\r\n\tc\r\n", [("X-Long", "a b c")]),
        (b"broken\r\n  and its fold\r\n", []),
        (b"X-Any: a\r\n X-Indented: b\r\n",
         [("X-Any", "a X-Indented: b"), ("X-Indented", "b")]),
        (b"X-Url:\r\n https://api.example/a\r\n", [("X-Url", "https://api.example/a")]),
    ],
)  # fmt: skip
def test_a_line_costs_itself_only(line: bytes, read: list[tuple[str, str]]) -> None:
    """What stands before and after it is read."""
    lines = [b"A: 1\r\n", *line.splitlines(keepends=True), LINE]
    if b"\r" in line.rstrip(b"\r\n").replace(b"\r\n", b"") or b"\r\r" in line:
        lines = [b"A: 1\r\n", line, LINE]
    assert fields(lines) == [("A", "1"), *read, AFTER]


@pytest.mark.parametrize(
    "line",
    [
        b"Content-Length 5\r\n",
        b"Content-Length : 5\r\n",
        b" Content-Length: 5\r\n",
        b"Content-Length: 5\0\r\n",
        b"Con\0tent-Length: 5\r\n",
        b"\xa0Content-Length: 5\r\n",
        b"X: a\rContent-Length: 5\r\n",
        b"transfer-encoding\t: chunked\r\n",
        b"Transfer-Encoding\r\n",
        b"Content-Length: 5\r\n 6\r\n",
        b"Transfer-Encoding:\r\n chunked\r\n",
    ],
)
def test_what_says_the_length_stays_strict(line: bytes) -> None:
    """Two readers of such a line may see two different bodies."""
    first, end, rest = line.partition(b"\r\n")
    lines = [b"A: 1\r\n", first + end, *([rest] if rest else []), LINE]
    with pytest.raises(PageRejected, match="how long the body is"):
        fields(lines)


@settings(deadline=None)
@given(st.lists(st.binary(max_size=30).map(lambda text: text.replace(b"\n", b"") + b"\r\n")))
def test_any_lines(lines: list[bytes]) -> None:
    """Nothing but a refusal comes of any bytes, and a good line before is kept."""
    try:
        found = fields([LINE, *lines])
    except PageRejected:
        return
    assert found[0][0] == "Link"


def test_text_and_urls() -> None:
    """Text is UTF-8 or else Latin-1; a URL keeps the bytes that came."""
    utf8, latin = "é".encode().decode("latin-1"), "é"
    pairs = [
        ("Link", f"</a?q={utf8}>"), ("LOCATION", f"/{latin}"), ("X-Text", utf8), ("X-Old", latin),
        ("X-Next", f"https://api.example/?q={latin}"),
    ]  # fmt: skip
    values, several = merged(pairs)
    assert values == {
        "link": "</a?q=%C3%A9>", "location": "/%E9", "x-text": "é", "x-old": "é",
        "x-next": "https://api.example/?q=%E9",
    }  # fmt: skip
    assert not several


def test_twice() -> None:
    """What came twice alike came once; what differs is a list, and is known to be one."""
    values, several = merged([("A", "1"), ("b", "x"), ("a", "1"), ("B", "y"), ("B", "x")])
    assert values == {"a": "1", "b": "x, y"}
    assert several == {"b"}
