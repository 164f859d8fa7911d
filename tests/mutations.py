"""Bytes changed a little, as disks, proxies and people change them."""

import random
from collections.abc import Callable

#: Bytes that mean something to one of the readers.
TOKENS = (
    b"{", b"}", b"[", b"]", b'"', b"\\", b",", b":", b"\\u", b"\\ud83d", b"null", b"NaN", b"-",
    b"1e999", b"9" * 30, b"9" * 5000, b"0", b".", b"\0", b"\n", b"\r\n", b"\xff",
    b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc3", b"\x1f\x8b\x08", b"&a ", b"*a", b"!!binary ",
    b"!!python/object:os.system ", b"? ", b"- ", b"<<: *a\n", b"|\n", b"%", b"@", b"{query}",
    b"{env.TOKEN}", b"{{", b"$", b"..", b"//", b"http://", b"#", b"?", b"true",
    "\N{RIGHT-TO-LEFT OVERRIDE}\N{LINE SEPARATOR}".encode(), b"[" * 300, b"{\"a\":" * 300,
    b"(" * 100, b"-1", b" ",
)  # fmt: skip


def _cut(data: bytes, at: int, rng: random.Random) -> bytes:
    return data[:at]


def _drop(data: bytes, at: int, rng: random.Random) -> bytes:
    return data[:at] + data[at + rng.choice((1, 1, 2, 8, 40)) :]


def _flip(data: bytes, at: int, rng: random.Random) -> bytes:
    return (
        data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
        if at < len(data)
        else data
    )


def _put(data: bytes, at: int, rng: random.Random) -> bytes:
    token = rng.choice(TOKENS) if rng.random() < 0.8 else rng.randbytes(rng.randint(1, 4))
    return data[:at] + token + data[at + rng.choice((0, 0, len(token))) :]


def _double(data: bytes, at: int, rng: random.Random) -> bytes:
    end = min(len(data), at + rng.choice((1, 10, 60, 400)))
    return data[:end] + data[at:end] * rng.choice((1, 1, 2, 5)) + data[end:]


def _swap(data: bytes, at: int, rng: random.Random) -> bytes:
    lines = data.split(b"\n")
    one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"\n".join(lines)


KINDS: tuple[Callable[[bytes, int, random.Random], bytes], ...] = (
    _cut, _drop, _flip, _put, _put, _double, _swap,
)  # fmt: skip


def mutated(seed: bytes, rng: random.Random) -> bytes:
    """`seed` after one to six changes."""
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        seed = rng.choice(KINDS)(seed, rng.randint(0, len(seed)), rng)[: 1 << 16]
    return seed
