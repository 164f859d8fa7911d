"""Pages made to be slow: `python -m tests.bench.adversarial [NAMES…]` prints what doubling them costs.

Each shape is what a server could send, or send in spite, where some rule of the page reader might
look at the same bytes again and again: escapes, brackets, keys, numbers and records of unusual
sizes. A page of twice the size must take about twice as long.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from harvester.config import Limits
from harvester.errors import AttemptFailed
from harvester.model import parse
from harvester.page import Field, FieldParser, Take

_CHUNK: Final = 128 * 1024
_SIZE: Final = 1_000_000
_LONG: Final = 15 * 1024 * 1024  # within limits.string_bytes


@dataclass(frozen=True, slots=True)
class Adversary:
    """A page of about so many bytes, in which these paths are looked for."""

    page: Callable[[int], bytes]
    fields: Sequence[tuple[str, Take]] = ()
    chunk: int = _CHUNK


def _records(record: Callable[[int], str], size: int, *, after: str = "") -> bytes:
    one = len(record(0)) + 1
    data = ",".join(record(number) for number in range(max(1, size // one)))
    return f'{{"data":[{data}]{after},"meta":{{"next_token":"c2"}}}}'.encode()


def _of(record: Callable[[int], str]) -> Callable[[int], bytes]:
    return lambda size: _records(record, size)


def _one(inside: Callable[[int], str]) -> Callable[[int], bytes]:
    """One record only, as large as the page."""
    return lambda size: f'{{"data":[{inside(size)}],"meta":{{"next_token":"c2"}}}}'.encode()


def _members(count: int) -> str:
    return ",".join(f'"k{number}":{number}' for number in range(count))


def _deep(levels: int, opening: str, closing: str) -> str:
    return opening * levels + "1" + closing * levels


_ID: Final = ("data[*].id", Take.MAX)
_PLAIN: Final = '{"id":%d,"t":"x"}'

ADVERSARIES: Final[dict[str, Adversary]] = {
    "small records": Adversary(_of(lambda n: f'{{"id":{n}}}')),
    "small records, [0].x": Adversary(_of(lambda n: f'{{"id":{n}}}'), [("data[0].x", Take.FIRST)]),
    "small records, [*].id": Adversary(_of(lambda n: f'{{"id":{n}}}'), [_ID]),
    "small records, [-1].id": Adversary(_of(lambda n: f'{{"id":{n}}}'), [("data[-1].id", Take.LAST)]),
    "numbers": Adversary(_of(str)),
    "numbers, [-1]": Adversary(_of(str), [("data[-1]", Take.LAST)]),
    "texts": Adversary(_of(lambda n: f'"a{n}"')),
    "empty objects": Adversary(_of(lambda n: "{}"), [_ID]),
    "empty arrays": Adversary(_of(lambda n: "[]"), [_ID]),
    "null": Adversary(_of(lambda n: "null"), [_ID]),
    "escaped quotes": Adversary(_of(lambda n: r'{"id":%d,"t":"%s"}' % (n, r"\"" * 300)), [_ID]),
    "escaped backslashes": Adversary(_of(lambda n: r'{"id":%d,"t":"%s"}' % (n, r"\\" * 300)), [_ID]),
    "escaped letters": Adversary(_of(lambda n: r'{"id":%d,"t":"%s"}' % (n, r"\u00e9" * 100)), [_ID]),
    "surrogate pairs": Adversary(_of(lambda n: r'{"id":%d,"t":"%s"}' % (n, r"\ud83d\ude00" * 60))),
    "lone surrogates": Adversary(_of(lambda n: r'{"id":%d,"t":"%s"}' % (n, r"\ud83d" * 60)), [_ID]),
    "control characters": Adversary(_of(lambda n: '{"id":%d,"t":"%s"}' % (n, "\t" * 200)), [_ID]),
    "one long text": Adversary(_one(lambda size: f'{{"id":1,"t":"{"x" * size}"}}'), [_ID]),
    "one long escaped text": Adversary(_one(lambda s: r'{"id":1,"t":"%s"}' % (r"\n" * (s // 2))), [_ID]),
    "one long text of backslashes": Adversary(_one(lambda s: r'{"id":1,"t":"%s"}' % (r"\\" * (s // 2))), [_ID], 4096),
    "one long text, small chunks": Adversary(_one(lambda s: f'{{"id":1,"t":"{"x" * s}"}}'), [_ID], 1024),
    "white space": Adversary(_one(lambda size: " " * size), [_ID], 4096),
    "white space between": Adversary(_of(lambda n: _PLAIN % n + " " * 500), [_ID]),
    "one record of many members": Adversary(_one(lambda size: f"{{{_members(size // 14)}}}"), [_ID]),
    "one record of many objects": Adversary(
        _one(lambda size: '{"id":1,"list":[%s]}' % ",".join('{"id":1}' for _ in range(size // 9))), [_ID]),
    "one record of many arrays": Adversary(
        _one(lambda size: '{"id":1,"list":[%s]}' % ",".join("[1]" for _ in range(size // 4))), [_ID]),
    "records of thousands of members": Adversary(
        _of(lambda n: f'{{"id":{n},{_members(3000)}}}'), [_ID]),
    "a key in every other record": Adversary(
        _of(lambda n: f'{{"id":{n}}}' if n % 2 else '{"other":[1,2]}'), [_ID]),
    "a key twice in each record": Adversary(_of(lambda n: f'{{"t":{n},"t":{n}}}'), [_ID]),
    "each record begins otherwise": Adversary(_of(lambda n: f'{{"k{n}":1,"id":{n}}}'), [_ID]),
    "namesakes inside": Adversary(
        _of(lambda n: f'{{"id":{n},"l":[{{"id":1}},{{"id":2}},{{"id":3}}]}}'), [_ID]),
    "namesakes in texts": Adversary(
        _of(lambda n: r'{"id":%d,"t":",{\"id\":,{\"id\":"}' % n), [_ID]),
    "deep objects": Adversary(_of(lambda n: _deep(80, '{"a":', "}")), [_ID]),
    "deep arrays": Adversary(_of(lambda n: _deep(200, "[", "]")), [_ID]),
    "brackets": Adversary(_of(lambda n: '{"id":%d,"l":[%s]}' % (n, "[]," * 300 + "[]")), [_ID]),
    "brackets in texts": Adversary(_of(lambda n: '{"id":%d,"t":"%s"}' % (n, "[{" * 200)), [_ID]),
    "digits": Adversary(_of(lambda n: f'{{"id":{n},"n":{"7" * 800}}}'), [_ID]),
    "long ids": Adversary(_of(lambda n: f'{{"id":"{n:0900d}"}}'), [_ID]),
    "fractions": Adversary(_of(lambda n: f'{{"id":{n}.5e1}}'), [_ID]),
    "nested wildcard": Adversary(
        _of(lambda n: '{"l":[%s]}' % ",".join('{"id":%d}' % i for i in range(30))), [("data[*].l[*].id", Take.MAX)]),
    "a filter": Adversary(_of(lambda n: f'{{"rel":"x","href":"{n}"}}'), [("data[?@.rel=='next'].href", Take.FIRST)]),
    "counted": Adversary(_of(lambda n: f'{{"l":[1,2,3],"n":{n}}}'), [("data[*].l", Take.COUNT)]),
    "counted namesakes": Adversary(_of(lambda n: f'{{"l":[{{"l":[1]}}],"n":{n}}}'), [("data[*].l", Take.COUNT)]),
    "many keys outside": Adversary(
        lambda size: json.dumps({**{f"k{n}": n for n in range(size // 14)}, "data": []}).encode()),
    "many arrays outside": Adversary(
        lambda size: json.dumps({**{f"k{n}": [n] for n in range(size // 16)}, "data": []}).encode()),
    "bytes one by one": Adversary(lambda size: _records(lambda n: _PLAIN % n, size // 20), [_ID], 1),
}  # fmt: skip
"""By name."""


def cpu_s(adversary: Adversary, size: int) -> float:
    """CPU of reading its fields once."""
    page = adversary.page(size)
    fields = [Field("records", parse("data"), Take.COUNT), Field("next", parse("meta.next_token"))]
    fields += [
        Field(f"f{at}", parse(path), take) for at, (path, take) in enumerate(adversary.fields)
    ]
    chunks = [page[at : at + adversary.chunk] for at in range(0, len(page), adversary.chunk)]
    began = time.process_time()
    parser = FieldParser(fields, Limits())
    try:
        for chunk in chunks:
            parser.feed(chunk)
        parser.close()
    except AttemptFailed:
        pass  # as fast as that is
    return time.process_time() - began


def growth(name: str, size: int = _SIZE, rounds: int = 3) -> tuple[float, float]:
    """The CPU of a page, and of one twice as large: the least of several rounds."""
    adversary = ADVERSARIES[name]
    once = min(cpu_s(adversary, size) for _ in range(rounds))
    return once, min(cpu_s(adversary, 2 * size) for _ in range(rounds))


def main(names: Sequence[str]) -> None:
    """Print them."""
    for name in names or ADVERSARIES:
        once, twice = growth(name)
        sys.stdout.write(f"{name:32} {_SIZE / once / 1e6:8.1f} MB/s  {twice / once:5.2f} x\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
