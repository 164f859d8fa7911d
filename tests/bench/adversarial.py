"""Pages made to be slow: `python -m tests.bench.adversarial` says what doubling them costs.

Each shape is what a server could send, or send in spite, where some rule of the page reader might
look at the same bytes again and again: escapes, brackets, keys, numbers and records of unusual
sizes. A page of twice the size must take about twice as long.
"""

import gc
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
_SUSPECT: Final = 2.2


@dataclass(frozen=True, slots=True)
class Adversary:
    """A page of about so many bytes, in which these paths are looked for."""

    page: Callable[[int], bytes]
    fields: Sequence[tuple[str, Take]] = ()
    chunk: int = _CHUNK


def _records(record: Callable[[int], str], size: int) -> bytes:
    one = len(record(0)) + 1
    return _page(",".join(map(record, range(max(1, size // one)))))


def _page(data: str) -> bytes:
    return f'{{"data":[{data}],"meta":{{"next_token":"c2"}}}}'.encode()


def _of(record: Callable[[int], str]) -> Callable[[int], bytes]:
    """A page of such records, by their numbers."""
    return lambda size: _records(record, size)


def _all(record: str) -> Callable[[int], bytes]:
    """A page of equal records."""
    return lambda size: _records(lambda _: record, size)


def _texts(text: str) -> Callable[[int], bytes]:
    """A page of records with a number and such a text."""
    return _of(lambda n: f'{{"id":{n},"t":"{text}"}}')


def _one(inside: Callable[[int], str]) -> Callable[[int], bytes]:
    """One record only, as large as the page."""
    return lambda size: _page(f'{{"id":1,{inside(size)}}}')


def _text(unit: str) -> Callable[[int], bytes]:
    """One record with one text, as large as the page."""
    return _one(lambda size: f'"t":"{unit * (size // len(unit))}"')


def _members(count: int) -> str:
    return ",".join(f'"k{number}":{number}' for number in range(count))


def _list(item: str, size: int) -> str:
    return f'"l":[{",".join([item] * max(1, size // (len(item) + 1)))}]'


def _ids(size: int) -> str:
    return _list('{"id":1}', size)


def _outside(value: object, size: int) -> Callable[[int], bytes]:
    """Nothing but members beside no records."""
    return lambda whole: json.dumps(
        {**{f"k{n}": value for n in range(whole // size)}, "data": []}
    ).encode()


_MAX: Final = (("data[*].id", Take.MAX),)
_FIRST: Final = (("data[0].x", Take.FIRST),)
_LAST: Final = (("data[-1].id", Take.LAST),)
_ITSELF: Final = (("data[-1]", Take.LAST),)
_INNER: Final = (("data[*].l[*].id", Take.MAX),)
_FILTER: Final = (("data[?@.rel=='next'].href", Take.FIRST),)
_COUNT: Final = (("data[*].l", Take.COUNT),)
_BRACKETS: Final = f'{{"id":1,{_list("[]", 900)}}}'
_PAIR: Final = '{"id":1,"a":2}'
_SMALL: Final = _of(lambda n: f'{{"id":{n}}}')

ADVERSARIES: Final[dict[str, Adversary]] = {
    "small records": Adversary(_SMALL),
    "small records, [0].x": Adversary(_SMALL, _FIRST),
    "small records, [*].id": Adversary(_SMALL, _MAX),
    "small records, [-1].id": Adversary(_SMALL, _LAST),
    "numbers": Adversary(_of(str)),
    "numbers, [-1]": Adversary(_of(str), _ITSELF),
    "texts": Adversary(_of(lambda n: f'"a{n}"')),
    "empty objects": Adversary(_all("{}"), _MAX),
    "empty arrays": Adversary(_all("[]"), _MAX),
    "null": Adversary(_all("null"), _MAX),
    "escaped quotes": Adversary(_texts(r"\"" * 300), _MAX),
    "escaped backslashes": Adversary(_texts(r"\\" * 300), _MAX),
    "escaped letters": Adversary(_texts(r"\u00e9" * 100), _MAX),
    "surrogate pairs": Adversary(_texts(r"\ud83d\ude00" * 60)),
    "lone surrogates": Adversary(_texts(r"\ud83d" * 60), _MAX),
    "control characters": Adversary(_texts("\t" * 200), _MAX),
    "namesakes in texts": Adversary(_texts(r",{\"id\":,{\"id\":"), _MAX),
    "brackets in texts": Adversary(_texts("[{" * 200), _MAX),
    "one long text": Adversary(_text("x"), _MAX),
    "one long text of escapes": Adversary(_text(r"\n"), _MAX),
    "one long text of backslashes": Adversary(_text(r"\\"), _MAX, 4096),
    "one long text, small chunks": Adversary(_text("x"), _MAX, 1024),
    "white space": Adversary(_one(lambda size: f'{" " * size}"t":1'), _MAX, 4096),
    "white space between": Adversary(_of(lambda n: f'{{"id":{n}}}{" " * 500}'), _MAX),
    "one record of many members": Adversary(_one(lambda size: _members(size // 14)), _MAX),
    "one record of many objects": Adversary(_one(_ids), _MAX),
    "one record of many arrays": Adversary(_one(lambda size: _list("[1]", size)), _MAX),
    "records of thousands of members": Adversary(_all(f'{{"id":1,{_members(3000)}}}'), _MAX),
    "a key in every other record": Adversary(
        _of(lambda n: f'{{"id":{n}}}' if n % 2 else '{"other":[1,2]}'), _MAX
    ),
    "a key twice in each record": Adversary(_all('{"t":1,"t":2}'), _MAX),
    "each record begins otherwise": Adversary(_of(lambda n: f'{{"k{n}":1,"id":{n}}}'), _MAX),
    "namesakes inside": Adversary(_all(f'{{"id":7,{_ids(30)}}}'), _MAX),
    "lists that begin as records do": Adversary(
        _of(lambda n: f'{{"id":{n},"a":1,{_list(_PAIR, 40 * (n % 90))}}}'), _MAX
    ),
    "large lists that begin as records do": Adversary(
        _all(f'{{"id":1,{_list(_PAIR, 150_000)}}}'), _MAX, 16 * 1024
    ),
    "deep objects": Adversary(_all('{"a":' * 80 + "1" + "}" * 80), _MAX),
    "deep arrays": Adversary(_all("[" * 200 + "]" * 200), _MAX),
    "brackets": Adversary(_all(_BRACKETS), _MAX),
    "digits": Adversary(_of(lambda n: f'{{"id":{n},"n":{"7" * 800}}}'), _MAX),
    "long ids": Adversary(_of(lambda n: f'{{"id":"{n:0900d}"}}'), _MAX),
    "fractions": Adversary(_of(lambda n: f'{{"id":{n}.5e1}}'), _MAX),
    "nested wildcard": Adversary(_all(f"{{{_ids(270)}}}"), _INNER),
    "a filter": Adversary(_of(lambda n: f'{{"rel":"x","href":"{n}"}}'), _FILTER),
    "counted": Adversary(_of(lambda n: f'{{"l":[1,2,3],"n":{n}}}'), _COUNT),
    "counted namesakes": Adversary(_all('{"l":[{"l":[1]}]}'), _COUNT),
    "many keys outside": Adversary(_outside(1, 14)),
    "many arrays outside": Adversary(_outside([1], 16)),
    "byte by byte": Adversary(lambda size: _SMALL(size // 20), _MAX, 1),
}
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


def worst(size: int) -> dict[str, float]:
    """How much the one that grows most does, and how fast the slowest is read.

    What grows faster than the page does so more at the next doubling. What does not, there, was
    noise, or a start that costs little.
    """
    grown, slowest = 0.0, float("inf")
    for name in ADVERSARIES:
        once, twice = growth(name, size)
        grows = twice / once
        if grows > _SUSPECT:
            two, four = growth(name, 2 * size, 5)
            grows = min(grows, four / two)
        grown, slowest = max(grown, grows), min(slowest, size / once / 1e6)
    return {"growth": grown, "mb_per_s": slowest}


def main(arguments: Sequence[str]) -> None:
    """Print them, or as JSON what is worst: `--worst SIZE`."""
    gc.freeze()  # as the command line does
    if arguments[:1] == ["--worst"]:
        sys.stdout.write(json.dumps(worst(int(arguments[1]))))
        return
    for name in arguments or ADVERSARIES:
        once, twice = growth(name)
        sys.stdout.write(f"{twice / once:5.2f} x  {_SIZE / once / 1e6:8.1f} MB/s  {name}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
