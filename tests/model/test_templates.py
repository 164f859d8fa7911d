"""References in strings: reading, what they become, and what is left out."""

import re
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.model.reference import Reference, TemplateError
from harvester.model.templates import (
    ABSENT,
    Scope,
    Template,
    as_text,
    references,
    render,
    strings,
)
from harvester.model.window import Window

JANUARY = Window(datetime(2021, 1, 1, tzinfo=UTC), datetime(2021, 2, 1, tzinfo=UTC))
NOON = datetime(2021, 1, 1, 12, 0, 0, 1, tzinfo=UTC)
SCOPE = Scope(
    env={"TOKEN": "s3cret"},
    values={
        "query": "from:nasa",
        "id": 7,
        "flag": True,
        "ratio": 0.5,
        "window": JANUARY,
        "moment": NOON,
    },
    cursor="abc",
    page=3,
)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ()),
        ("plain", ("plain",)),
        ("{env.TOKEN}", (Reference("env", "TOKEN"),)),
        ("{env.cursor}", (Reference("env", "cursor"),)),
        ("{cursor}{page}", (Reference("cursor", "cursor"), Reference("page", "page"))),
        ("a{query}b", ("a", Reference("value", "query"), "b")),
        ("{_Key9}", (Reference("value", "_Key9"),)),
        ("{cursor_id}", (Reference("value", "cursor_id"),)),
        ("{w.end:epoch_ms}", (Reference("value", "w", "end", "epoch_ms"),)),
        ("{w.start:%H:%M:%S}", (Reference("value", "w", "start", "%H:%M:%S"),)),
        ("{day:%-d %% %B}", (Reference("value", "day", None, "%-d %% %B"),)),
        ("{{}}", ("{}",)),
        ("{{query}}", ("{query}",)),
        ("{{{query}}}", ("{", Reference("value", "query"), "}")),
        ('{{"a": 1}}', ('{"a": 1}',)),
    ],
)
def test_reads(text: str, parts: tuple[str | Reference, ...]) -> None:
    """A string is cut into literals and references; doubled braces are literal."""
    assert Template.parse(text).parts == parts


@pytest.mark.parametrize(
    ("text", "position", "says"),
    [
        ("a}", 1, "a lone '}' at character 2; a literal brace is doubled"),
        ("ab{query", 2, "'{' at character 3 is never closed; a literal brace is doubled"),
        ('x{"a": 1}', 1, "at character 2: not a reference such as {env.NAME}"),
        ("{}", 0, "doubled: '{{' or '}}'"),
        ("{ query }", 0, "not a reference"),
        ("{a.b.c}", 0, "not a reference"),
        ("{1}", 0, "not a reference"),
        ("{é}", 0, "not a reference"),
        ("{a-b}", 0, "not a reference"),
        ("{env}", 0, "written {env.NAME}"),
        ("{env.X:%Q}", 0, "written {env.NAME}"),
        ("{cursor.next}", 0, "{cursor} has no attributes"),
        ("{page:03}", 0, "{page} has no attributes and takes no format"),
        ("{window.start:unix}", 0, "epoch, epoch_ms, iso"),
        ("{window.start:}", 0, "epoch, epoch_ms, iso"),
        ("{window.start:%Y{}", 0, "a format holds no brace"),
        ("{window.start:%s}", 0, "use epoch"),
        ("{window.start:%Y%}", 0, "unknown to strftime"),
        ("{window.start:%Q}", 0, "'%Q' is unknown to strftime"),
        ("{" + "x y" * 100 + "}", 0, "x yx…}'"),
    ],
)
def test_refuses_with_place_and_advice(text: str, position: int, says: str) -> None:
    """A brace that is neither doubled nor a reference is refused, and the message says how."""
    with pytest.raises(TemplateError, match=re.escape(says)) as caught:
        Template.parse(text)
    assert caught.value.position == position


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{env.TOKEN}", "s3cret"),
        ("Token {env.TOKEN}", "Token s3cret"),
        ("{query}", "from:nasa"),
        ("{id}", 7),
        ("{id}/x", "7/x"),
        ("{flag}", True),
        ("{flag}!", "true!"),
        ("{ratio}", 0.5),
        ("{page}", 3),
        ("p{page}", "p3"),
        ("{cursor}", "abc"),
        ("{window}", "2021-01-01_2021-02-01"),
        ("w={window}", "w=2021-01-01_2021-02-01"),
        ("{window.start}", "2021-01-01T00:00:00Z"),
        ("{window.end:iso}", "2021-02-01T00:00:00Z"),
        ("{window.start:%Y-%m-%dT%H:%M:%SZ}", "2021-01-01T00:00:00Z"),
        ("{window.start:epoch}", 1609459200),
        ("since {window.start:epoch}", "since 1609459200"),
        ("{window.end:epoch_ms}", 1612137600000),
        ("{window.last:%Y-%m-%d}", "2021-01-31"),
        ("{window.last}", "2021-01-31T23:59:59Z"),
        ("{moment}", "2021-01-01T12:00:00.000001Z"),
        ("at {moment:%H.%M.%S.%f %z}", "at 12.00.00.000001 +0000"),
        ("{moment:epoch}", 1609502400.000001),
        (
            "created>={window.start:epoch},created<{window.end:epoch}",
            "created>=1609459200,created<1612137600",
        ),
    ],
)
def test_renders(text: str, value: object) -> None:
    """A lone reference keeps its type; mixed with text it is written into the text."""
    rendered = Template.parse(text).render(SCOPE)
    assert rendered == value
    assert type(rendered) is type(value)


@pytest.mark.parametrize("cursor", [None, 0, False, "", [1, "a"], {"continue": "-||"}, 2**70])
def test_a_cursor_is_any_json_value(cursor: object) -> None:
    """A lone cursor comes through untouched, None and the other empty values included."""
    assert render({"after": "{cursor}"}, Scope(cursor=cursor)) == {"after": cursor}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (-7, "-7"),
        (2**70, "1180591620717411303424"),
        (1.5, "1.5"),
        (Decimal("1E+2"), "100"),
        (Decimal("0.10"), "0.10"),
        ("é", "é"),
        ([1, "é", None, Decimal("1.5"), Decimal(3)], '[1,"é",null,1.5,3]'),
        (MappingProxyType({"a": MappingProxyType({"b": True})}), '{"a":{"b":true}}'),
        (JANUARY, "2021-01-01_2021-02-01"),
        (datetime(2021, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))), "2021-01-01T00:00:00Z"),
    ],
)
def test_text_of_values(value: object, text: str) -> None:
    """Values are written into strings as JSON writes them, None as nothing, times in UTC."""
    assert as_text(value) == text


def test_a_time_without_a_zone_is_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own zone changes nothing."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "America/New_York")
        time.tzset()
        texts = [as_text(datetime(2021, 1, 1)), as_text(JANUARY.start)]
    time.tzset()
    assert texts == ["2021-01-01T00:00:00Z"] * 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{env.OTHER}", "the environment variable OTHER is not set"),
        ("{quary}", "{quary}: no partition key 'quary' (known: query, id,"),
        ("{query.start}", "{query.start}: only a window has a .start"),
        ("{moment.end}", "{moment.end}: only a window has a .end"),
        ("{query:%Y}", "a format needs a time"),
        ("{window:%Y}", "say {window.start:…} or {window.end:…}"),
    ],
)
def test_a_scope_that_cannot_answer(text: str, says: str) -> None:
    """A reference that the scope has no answer for is named in the error."""
    with pytest.raises(TemplateError, match=re.escape(says)) as caught:
        render([{"a": text}], SCOPE)
    assert caught.value.position is None


def test_absent_takes_its_place_with_it() -> None:
    """While there is no cursor, what holds it is left out; containers stay, even when empty."""
    tree = {
        "next": "{cursor}",
        "mixed": "after {cursor} on page {page}",
        "list": ["{cursor}", "{page}", None],
        "variables": {"after": "{cursor}"},
        "none": None,
        "empty": "",
        "n": 5,
    }
    assert render(tree, Scope()) == {
        "list": [1, None],
        "variables": {},
        "none": None,
        "empty": "",
        "n": 5,
    }
    assert render("{cursor}", Scope()) is ABSENT
    assert render("x{cursor}", Scope()) is ABSENT


def test_rendering_leaves_the_tree_alone() -> None:
    """The tree is read only: rendering twice gives new containers and the same result."""
    tree: Mapping[str, Any] = MappingProxyType({"a": ("{page}", {"b": "{query}"}), "{k}": 1})
    first, second = render(tree, SCOPE), render(tree, SCOPE)
    assert first == second == {"a": [3, {"b": "from:nasa"}], "{k}": 1}
    assert first["a"] is not second["a"]


def test_references_know_where_they_stand() -> None:
    """Walking a tree gives every reference with the keys that lead to it; names are not walked."""
    tree = {"a": ["x", {"b": "{env.T}-{query}"}], "{c}": "{page}", "d": 1, "e": None}
    assert list(strings(tree)) == [
        (("a", 0), "x"),
        (("a", 1, "b"), "{env.T}-{query}"),
        (("{c}",), "{page}"),
    ]
    assert list(references(tree)) == [
        (("a", 1, "b"), Reference("env", "T")),
        (("a", 1, "b"), Reference("value", "query")),
        (("{c}",), Reference("page", "page")),
    ]
    assert list(references("{cursor}")) == [((), Reference("cursor", "cursor"))]


def test_the_environment_stays_out_of_the_repr() -> None:
    """A scope in a log or a traceback shows no secret."""
    assert "s3cret" not in repr(SCOPE)


@pytest.mark.parametrize(
    ("start", "end", "label"),
    [
        (
            datetime(2021, 1, 1, tzinfo=UTC),
            datetime(2022, 1, 1, tzinfo=UTC),
            "2021-01-01_2022-01-01",
        ),
        (
            datetime(2021, 1, 1, 12, tzinfo=UTC),
            datetime(2021, 1, 2, tzinfo=UTC),
            "2021-01-01T120000Z_2021-01-02",
        ),
        (
            datetime(2021, 1, 1, tzinfo=UTC),
            datetime(2021, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
            "2021-01-01_2021-01-01T000000.000001Z",
        ),
        (
            datetime(2021, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))),
            datetime(2021, 1, 1, 3, 30, tzinfo=timezone(timedelta(hours=1))),
            "2021-01-01_2021-01-01T023000Z",
        ),
        (datetime(1, 1, 1, tzinfo=UTC), datetime(900, 1, 1, tzinfo=UTC), "0001-01-01_0900-01-01"),
    ],
)
def test_window_labels(start: datetime, end: datetime, label: str) -> None:
    """A label is in UTC and names the time of day only where it is not midnight."""
    assert Window(start, end).label == label


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (JANUARY.end, JANUARY.start),
        (JANUARY.start, JANUARY.start),
        (JANUARY.start.replace(tzinfo=None), JANUARY.end),
        (JANUARY.start, JANUARY.end.replace(tzinfo=None)),
    ],
)
def test_a_window_that_is_none(start: datetime, end: datetime) -> None:
    """Times without a zone, and an end that is not after the start, are refused."""
    with pytest.raises(ValueError, match="a window"):
        Window(start, end)


REFERENCES = st.one_of(
    st.sampled_from([Reference("cursor", "cursor"), Reference("page", "page")]),
    st.builds(Reference, st.just("env"), st.from_regex(r"[A-Za-z_][A-Za-z0-9_]*", fullmatch=True)),
    st.builds(
        Reference,
        st.just("value"),
        st.from_regex(r"[A-Za-z_][A-Za-z0-9_]*", fullmatch=True).filter(
            lambda name: name not in ("env", "cursor", "page")
        ),
        st.sampled_from([None, "start", "end"]),
        st.sampled_from([None, "epoch", "epoch_ms", "iso", "%Y:%m", "%d\n%H"]),
    ),
)


def written(parts: Iterable[str | Reference]) -> str:
    """Write a template: literals with their braces doubled, references as they are."""
    return "".join(
        part.replace("{", "{{").replace("}", "}}") if isinstance(part, str) else str(part)
        for part in parts
    )


@given(st.lists(st.one_of(st.text(st.sampled_from("{}ab:.\n"), max_size=5), REFERENCES)))
def test_written_templates_read_back(pieces: list[str | Reference]) -> None:
    """Literals with doubled braces and references, in any order, come back as they were."""
    template = Template.parse(written(pieces))
    assert template.references == tuple(p for p in pieces if isinstance(p, Reference))
    assert "".join(map(str, template.parts)) == "".join(map(str, pieces))


@given(st.text(st.sampled_from('{}aenv.:%Y cursorpage\n"1'), max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    """What is read loses nothing; what is not fails with TemplateError, which points at a brace."""
    try:
        parts = Template.parse(text).parts
    except TemplateError as error:
        refused_at = error.position
    else:
        assert written(parts) == text
        return
    assert refused_at is not None
    assert text[refused_at] in "{}"


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)))
def test_epoch_is_utc(moment: datetime) -> None:
    """Epoch seconds and milliseconds give the moment back, whatever the machine's zone is."""
    scope = Scope(values={"t": moment.replace(tzinfo=UTC)})
    seconds, millis = render(["{t:epoch}", "{t:epoch_ms}"], scope)
    start = datetime(1970, 1, 1)
    assert abs(start + timedelta(seconds=seconds) - moment) <= timedelta(microseconds=1)
    assert abs(start + timedelta(milliseconds=millis) - moment) <= timedelta(microseconds=1)
    assert isinstance(seconds, int) == (moment.microsecond == 0)
    assert isinstance(millis, int) == (moment.microsecond % 1000 == 0)


@pytest.mark.parametrize(
    ("cursor", "text"),
    [
        ("a \"b\" é", '"a \\"b\\" é"'), (5, "5"), (True, "true"), (None, "null"),
        (["x", 1], '["x",1]'), ({"k": "v"}, '{"k":"v"}'), (Decimal(12), "12"),
    ],
)  # fmt: skip
def test_a_cursor_as_json_inside_a_text(cursor: object, text: str) -> None:
    """CouchDB's `startkey`, GraphQL's `variables` of a GET: text keeps its quotes there."""
    assert Template.parse("{cursor:json}").render(Scope(cursor=cursor)) == text
    inside = Template.parse('{{"after": {cursor:json}}}').render(Scope(cursor=cursor))
    assert inside == f'{{"after": {text}}}'


def test_a_cursor_as_json_is_left_out_where_there_is_none() -> None:
    """As any other: the first page's parameter is not sent empty."""
    assert render({"startkey": "{cursor:json}", "limit": 5}, Scope()) == {"limit": 5}
    with pytest.raises(TemplateError, match=r"but for \{cursor:json\}"):
        Template.parse("{cursor:jsn}")
