"""The tee of bytes: what is stored is whole gzip, what is parsed is what the server meant."""

import gzip
import itertools
import random
import subprocess
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from harvester.config import Limits
from harvester.errors import PageRefused, PageRejected
from harvester.page.body import (
    PIECE_BYTES,
    STORED_PIECE_BYTES,
    Came,
    inflated,
    is_supported,
    refuse_bomb,
    tee,
)
from harvester.store.stored_pages import decoded_chunks
from tests.examples import examples
from tests.fault_server import compressed

LIMITS = Limits()
JSON = b'{"items": [' + b", ".join(b'{"id": %d}' % n for n in range(200)) + b"]}"
GZIP = compressed(JSON)


def teed(
    chunks: Iterable[bytes], encoding: str = "gzip", limits: Limits = LIMITS
) -> tuple[bytes, bytes]:
    """Give all stored and all decoded bytes."""
    pairs = [*tee(chunks, [encoding] if encoding else [], limits)]
    return b"".join(stored for stored, _ in pairs), b"".join(decoded for _, decoded in pairs)


def sliced(data: bytes, size: int) -> list[bytes]:
    """Cut `data` into chunks of `size` bytes."""
    return [data[i : i + size] for i in range(0, len(data), size)]


def passes_gzip_t(path: Path, stored: bytes) -> bool:
    """Ask the gzip of this machine, which warns of trailing garbage by a status above zero."""
    path.write_bytes(stored)
    return subprocess.run(["gzip", "-t", path], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip"])
@pytest.mark.parametrize("size", [1, 2, 3, 17, 10**6])
def test_gzip_is_stored_as_it_came(encoding: str, size: int) -> None:
    """The server's bytes are the part's, and their content is what is parsed."""
    assert teed(sliced(GZIP, size), encoding) == (GZIP, JSON)


@pytest.mark.parametrize("encoding", ["", "identity"])
@pytest.mark.parametrize("size", [1, 2, 3, 17, 10**6])
def test_identity_is_compressed_by_us(encoding: str, size: int, tmp_path: Path) -> None:
    """A plain body becomes one whole gzip member."""
    stored, decoded = teed(sliced(JSON, size), encoding)
    assert decoded == JSON
    assert gzip.decompress(stored) == JSON
    assert passes_gzip_t(tmp_path / "part.gz", stored)


def test_two_members_cut_at_every_byte(tmp_path: Path) -> None:
    """Members may follow each other, whatever the borders of chunks; both are stored."""
    both = compressed(JSON[:900]) + compressed(JSON[900:])
    for border in range(len(both) + 1):
        assert teed([both[:border], both[border:]]) == (both, JSON)
    assert passes_gzip_t(tmp_path / "part.gz", both)


@pytest.mark.parametrize("zeros", [1, 2, 511, 300_000])
def test_zero_padding_is_not_stored(zeros: int, tmp_path: Path) -> None:
    """Padding to a block's size is no part of the gzip; what is stored passes gzip -t."""
    padded = GZIP + bytes(zeros)
    for chunks in ([padded], [GZIP, bytes(zeros)], sliced(padded, 1 + zeros // 100)):
        assert teed(chunks) == (GZIP, JSON)
    assert passes_gzip_t(tmp_path / "part.gz", teed([padded])[0])


@pytest.mark.parametrize("size", [1, 2, 10**6])
@pytest.mark.parametrize(
    "tail",
    [b"x", b"\0x", b"\0\0\x1f\x8b", b"<html>", b"\x1f", b"\x1f\x8b", GZIP[:-1], b"\0" + GZIP],
    ids=repr,
)
def test_garbage_behind_gzip_is_rejected(tail: bytes, size: int) -> None:
    """Only members and zeros may follow, and no member may follow zeros."""
    with pytest.raises(PageRejected):
        teed(sliced(GZIP + tail, size))


@pytest.mark.parametrize("size", [1, 5, 10**6])
def test_gzip_cut_anywhere_is_rejected(size: int) -> None:
    """Of one member and of two, every proper beginning is a cut; but not the first member's end."""
    for whole in (GZIP, compressed(b"[1]") + compressed(b"\n")):
        for end in range(len(whole)):
            if whole[:end] == compressed(b"[1]"):
                continue
            with pytest.raises(PageRejected):
                teed(sliced(whole[:end], size))


def test_every_damaged_byte_is_noticed_or_harmless() -> None:
    """A flipped bit is rejected, unless it is in the header's details or the deflate's padding."""
    for at in range(len(GZIP)):
        flipped = GZIP[:at] + bytes([GZIP[at] ^ 0x10]) + GZIP[at + 1 :]
        try:
            _, decoded = teed([flipped])
        except (PageRejected, PageRefused):
            continue
        assert decoded == JSON
        assert at in (*range(3, 10), len(GZIP) - 9)


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "compress", "foo", "gzip2"])
def test_other_codings_are_refused(encoding: str) -> None:
    """What was not asked for is named and refused, not guessed at."""
    with pytest.raises(PageRefused, match=f"'{encoding}' is unsupported"):
        teed([JSON], encoding)
    assert not is_supported([encoding])


def test_combined_codings_are_refused() -> None:
    """Twice compressed is not what was asked for; identity counts for nothing."""
    for encodings in (["gzip", "foo"], ["gzip", "gzip"], ["br", "gzip"]):
        with pytest.raises(PageRefused, match="unsupported"):
            list(tee([GZIP], encodings, LIMITS))
    assert b"".join(stored for stored, _ in tee([GZIP], ["identity", "gzip"], LIMITS)) == GZIP
    assert is_supported(["identity", "gzip"])


@pytest.mark.parametrize("body", [JSON, b"[]", b"\x1f[", b"{"])
@pytest.mark.parametrize("size", [1, 10**6])
def test_plain_body_that_says_gzip_is_refused(body: bytes, size: int) -> None:
    """The header lies the same way every time, so no other try is made."""
    with pytest.raises(PageRefused, match="not gzip"):
        teed(sliced(body, size))


@pytest.mark.parametrize("body", [b"", b"\x1f", b"\x1f\x8b"])
def test_gzip_too_short_to_be_any_is_rejected(body: bytes) -> None:
    """Nothing, or the first bytes of a member, is a cut."""
    with pytest.raises(PageRejected, match="cut"):
        teed([body])


@given(
    st.lists(st.binary(max_size=300), min_size=1, max_size=5),
    st.integers(0, 40),
    st.lists(st.integers(0, 3000), max_size=20),
)
@examples(200)
def test_any_members_and_borders(contents: list[bytes], zeros: int, borders: list[int]) -> None:
    """However many members, and however they are cut into chunks, all comes out once."""
    assume(not b"".join(contents).startswith(b"PK"))  # which would be opened, too
    members = b"".join(map(compressed, contents))
    body = members + bytes(zeros)
    places = sorted({min(border, len(body)) for border in borders} | {0, len(body)})
    chunks = [body[start:end] for start, end in itertools.pairwise(places)]
    assert teed(chunks) == (members, b"".join(contents))


@pytest.mark.parametrize("size", [PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES])
def test_pieces_are_small_and_complete(size: int) -> None:
    """Nothing stays inside the inflater, and no piece is larger than it may be."""
    for data in (b"0" * size, random.Random(size).randbytes(size)):
        pairs = [*tee([compressed(data)], ["gzip"], LIMITS)]
        assert max(len(decoded) for _, decoded in pairs) <= PIECE_BYTES
        assert b"".join(decoded for _, decoded in pairs) == data


# --- Limits --------------------------------------------------------------------------------------


def zeros(count: int) -> Iterator[bytes]:
    """Give `count` blocks of 64 KiB of zeros."""
    for _ in range(count):
        yield bytes(65536)


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_wire_limit(encoding: str) -> None:
    """A body at limits.wire_bytes passes, one byte above it does not."""
    body = GZIP if encoding else JSON
    assert teed(sliced(body, 7), encoding, Limits(wire_bytes=len(body)))[1] == JSON
    with pytest.raises(PageRefused, match=r"limits\.wire_bytes"):
        teed(sliced(body, 7), encoding, Limits(wire_bytes=len(body) - 1))


def test_wire_limit_holds_for_padding() -> None:
    """Zeros behind the gzip are not stored, but an endless row of them is not read either."""
    with pytest.raises(PageRefused, match=r"limits\.wire_bytes"):
        teed(itertools.chain([GZIP], zeros(10**9)), limits=Limits(wire_bytes=10**6))


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_decoded_limit(encoding: str) -> None:
    """A page at limits.decoded_bytes passes, one byte above it does not."""
    body = GZIP if encoding else JSON
    assert teed([body], encoding, Limits(decoded_bytes=len(JSON)))[1] == JSON
    with pytest.raises(PageRefused, match=r"limits\.decoded_bytes"):
        teed([body], encoding, Limits(decoded_bytes=len(JSON) - 1))


def test_expansion_limit_meets_a_bomb_early() -> None:
    """A bomb is refused after 64 MiB, below which any ratio is harmless."""
    block = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(block.compress(bytes(1 << 20)) for _ in range(100)) + block.flush()
    assert len(bomb) < 120_000
    came = 0

    def inflate() -> None:
        nonlocal came
        for _, decoded in tee(sliced(bomb, 65536), ["gzip"], LIMITS):
            came += len(decoded)

    with pytest.raises(PageRefused, match=r"limits\.expansion_ratio"):
        inflate()
    assert 64 << 20 <= came <= (64 << 20) + PIECE_BYTES


def test_repetitive_pages_are_no_bombs() -> None:
    """A small page may expand as much as it likes, and so may a plain one."""
    data = b"0" * (8 << 20)
    assert teed([compressed(data)])[1] == data
    assert teed([data], "", Limits(expansion_ratio=1))[1] == data


# --- Reading parts back --------------------------------------------------------------------------


def test_parts_are_read_back(tmp_path: Path) -> None:
    """All members of a part, in pieces however much one byte becomes."""
    path = tmp_path / "part.json.gz"
    large = JSON * 2000
    path.write_bytes(compressed(JSON) + compressed(large))
    chunks = [*decoded_chunks(path)]
    assert b"".join(chunks) == JSON + large
    assert STORED_PIECE_BYTES / 2 < max(map(len, chunks)) <= STORED_PIECE_BYTES


@pytest.mark.parametrize("end", [-1, -4, -8, 100, 5])
def test_damaged_parts_are_told_of(end: int, tmp_path: Path) -> None:
    """A part that was cut or damaged on disk raises, whatever was read before."""
    path = tmp_path / "part.json.gz"
    damaged = bytearray(GZIP)
    damaged[-6] ^= 1
    for content in (GZIP[:end], bytes(damaged)):
        path.write_bytes(content)
        with pytest.raises(gzip.BadGzipFile, match=r"part\.json\.gz"):
            list(decoded_chunks(path))


def expanding(decoded: int, stored: int = 10, pairs: int = 10**6) -> Iterator[tuple[bytes, bytes]]:
    """What `tee` gives of a body that expands so far, at each step; it never refuses it."""
    for _ in range(pairs):
        yield bytes(stored), bytes(decoded)


def test_what_is_no_json_is_read_on_while_it_expands() -> None:
    """A bomb is met by its limit, whatever the parser said of its beginning."""
    bomb = compressed(bytes(100 << 20))
    pairs = tee(sliced(bomb, 1000), ["gzip"], LIMITS)
    stored, decoded = next(pairs)
    with pytest.raises(PageRefused, match=r"limits\.expansion_ratio"):
        refuse_bomb(pairs, ["gzip"], Came(len(stored), len(decoded)), LIMITS)


def test_what_is_no_json_and_no_bomb_is_left_alone() -> None:
    """Not a byte more is read than shows that it is none; of a plain body none at all."""
    for encodings, came in ((["gzip"], (10, 4000)), ([], (10, 10**9)), (["identity"], (0, 10**9))):
        pairs = expanding(5000)
        refuse_bomb(pairs, encodings, Came(*came), LIMITS)
        assert next(pairs)
    pairs = expanding(3000)
    refuse_bomb(pairs, ["gzip"], Came(10, 40_000), LIMITS)
    assert sum(1 for _ in pairs) == 10**6 - 36  # 4,000 + 3,000 n <= 400 (10 + 10 n) at n = 36


def test_a_bomb_that_is_cut_is_none() -> None:
    """It ends before it has done harm."""
    cut = tee([compressed(bytes(10 << 20))[:-20]], ["gzip"], LIMITS)
    refuse_bomb(cut, ["gzip"], Came(1, 1000), LIMITS)


def member(data: bytes, level: int, strategy: int = 0, flags: int = 0, more: bytes = b"") -> bytes:
    """A gzip member of that kind of blocks, with those flags, and what they announce."""
    deflate = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS, 8, strategy)
    head = b"\x1f\x8b\x08" + bytes([flags]) + bytes(5) + b"\xff" + more
    end = zlib.crc32(data).to_bytes(4, "little") + len(data).to_bytes(4, "little")
    return head + deflate.compress(data) + deflate.flush() + end


def by_zlib(data: bytes) -> bytes | None:
    """What zlib reads in a gzip body, members and zero padding; None where it is not whole."""
    found, met = b"", False
    while data and not (met and not data.strip(b"\0")):
        inflater = zlib.decompressobj(zlib.MAX_WBITS + 16)
        try:
            found += inflater.decompress(data)
        except zlib.error:
            return None
        if not inflater.eof:
            return None
        data, met = inflater.unused_data, True
    return found if met else None


@pytest.mark.parametrize("most", [5, PIECE_BYTES])
@pytest.mark.parametrize(
    "body",
    [
        member(JSON[:300], 6),
        member(JSON[:300], 6, zlib.Z_FIXED),
        member(JSON[:60], 0),
        member(JSON[:100], 9, flags=8, more=b"name\0") + member(JSON[100:200], 1),
        member(JSON[:50], 6) + member(b"", 6, flags=4, more=b"\6\0BC\2\0\x1b\0") + bytes(3),
    ],
    ids=["dynamic", "fixed", "stored", "two", "empty with an extra field, padded"],
)
def test_whatever_is_damaged_is_judged_as_by_zlib(body: bytes, most: int) -> None:
    """Every bit flipped, every cut: the same verdict, the same bytes, in pieces of any size. But
    reserved flags, which zlib refuses, say nothing about what the server meant.
    """

    def read(data: bytes) -> bytes | None:
        try:
            pieces = [decoded for _, decoded in inflated([data], most)]
        except PageRejected:
            return None
        assert max(map(len, pieces)) <= most
        return b"".join(pieces)

    flags = [at + 3 for at in range(len(body)) if body.startswith(b"\x1f\x8b\x08", at)]
    assert read(body) == by_zlib(body) is not None
    for at, bit in itertools.product(range(len(body)), range(8)):
        flipped = body[:at] + bytes([body[at] ^ 1 << bit]) + body[at + 1 :]
        reserved = at in flags and bit >= 5
        assert read(flipped) == by_zlib(body if reserved else flipped), (at, bit)
        assert read(body[:at]) == by_zlib(body[:at]), at
