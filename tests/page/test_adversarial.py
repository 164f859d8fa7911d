"""Pages made to be slow: what is read without events is what the events say."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.config import Limits
from harvester.errors import AttemptFailed
from harvester.model import parse
from harvester.page import Field, FieldParser, Take, frames
from tests.bench.adversarial import ADVERSARIES
from tests.examples import examples

_SIZE = 40_000


def read(chunks: Iterable[bytes], fields: Iterable[Field]) -> Any:
    """The fields of a page; "failed" where there are none: of two faults either may be met."""
    parser = FieldParser(list(fields), Limits())
    try:
        for chunk in chunks:
            parser.feed(chunk)
        return parser.close()
    except AttemptFailed:
        return "failed"


def by_events(chunks: Iterable[bytes], fields: Iterable[Field]) -> Any:
    """The same, with no reader of records."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(frames, "record_reader", lambda _: None)
        return read(chunks, fields)


def cut(page: bytes, size: int) -> list[bytes]:
    """Its chunks."""
    return [page[at : at + size] for at in range(0, len(page), size)]


@pytest.mark.parametrize("name", ADVERSARIES)
def test_adversaries_are_read_as_by_events(name: str) -> None:
    """Whether they are one chunk or many."""
    page, paths = ADVERSARIES[name].page(_SIZE), ADVERSARIES[name].fields
    fields = [
        Field("records", parse("data"), Take.COUNT), Field("next", parse("meta.next_token")),
        *(Field(f"f{at}", parse(path), take) for at, (path, take) in enumerate(paths)),
        Field("last", parse("data[-1].id"), Take.LAST),
    ]  # fmt: skip
    expected = by_events([page], fields)
    for size in (len(page), 16 * 1024, 1000):
        assert read(cut(page, size), fields) == expected


_SCALARS = ["1", "-0", "1.50", "null", "true", '""', '"a,b"', r'"\"],[{"', r'"\ud83d"', '"\t"']
_ITEMS = [*_SCALARS, "{}", "[]", "[[],[1]]", '{"id":7}', '{"id":"x","l":[{"id":1},{"id":2}]}',
          '{"a":{"id":1},"id":3}', '{"id":null}', '{"l":[1,2]}', '{"id":1,"id":2}', '{"a":1,"a":2}',
          '{"id":{}}', "nul", "{]", '{"l":{"id":[]}}']  # fmt: skip
_PATHS = [
    Field("max", parse("data[*].id"), Take.MAX), Field("all", parse("data[*]"), Take.COUNT),
    Field("last", parse("data[-1].id"), Take.LAST), Field("it", parse("data[-1]"), Take.LAST),
    Field("some", parse("data[*].id"), Take.EXISTS), Field("lists", parse("data[*].l"), Take.COUNT),
    Field("deep", parse("data[*].l[*].id"), Take.LAST), Field("first", parse("data[0].id")),
]  # fmt: skip


@given(
    st.lists(st.sampled_from(_ITEMS), max_size=12),
    st.lists(st.sampled_from(_PATHS), min_size=1, max_size=3, unique_by=lambda each: each.name),
    st.integers(1, 60), st.sampled_from(["", " ", "\n  "]), st.integers(1, 40),
)  # fmt: skip
@examples(400)
def test_any_items_are_read_as_by_events(
    items: list[str], fields: list[Field], chunk: int, blank: str, times: int
) -> None:
    """In any order, cut anywhere, few or many."""
    data = f"{blank},{blank}".join(items * times)
    page = f'{{"data":[{blank}{data}{blank}],"next":[1,2]}}'.encode()
    fields = [Field("records", parse("data"), Take.COUNT), *fields]
    expected = by_events([page], fields)
    assert read([page], fields) == expected
    assert read(cut(page, chunk), fields) == expected
