"""What every paginator must keep, run over each of them: whoever adds one adds a `Sample` here."""

import inspect
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from harvester import on_demand
from harvester.config import (
    PAGINATORS,
    Cursor,
    HeaderCursor,
    HeaderLink,
    JobFiles,
    JsonLink,
    Keyset,
    Limits,
    Offset,
    PageNumber,
    PagingOptions,
    Resource,
    SinglePage,
)
from harvester.errors import PageRefused
from harvester.model.jsonpath import parse
from harvester.page.fields import Field, FieldParser, Take
from harvester.paging.paginator import Done, Page, Paginator
from harvester.paging.paginators import all_paginators, paginator_of
from harvester.paging.request_parts import RequestParts
from harvester.store.checkpoint import Checkpoint

SIZE = 3  # the records of a full page
URL = "https://api.example.org/items"
MEMBERS = sorted(all_paginators(), key=lambda options: options.__name__)


@dataclass(frozen=True)
class Answer:
    """A page as a server gives it."""

    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Sample:
    """A paginator, and the server that it is made for: how `answer` leads from page `index` (from
    0) on; `leads` is false on the last page.
    """

    options: Mapping[str, Any]
    sends: tuple[str, ...] = ()  # the parameters in which a cursor goes, if any
    needs: Mapping[str, Any] = field(default_factory=dict)  # of the resource

    def leading(self, index: int) -> Answer:
        """What stands beside the records, or in the headers, and leads to the page behind it."""
        return Answer({})


class Token(Sample):
    """Leads by a token in the page."""

    def leading(self, index: int) -> Answer:
        """The token."""
        return Answer({"next": f"t{index + 1}"})


class Header(Sample):
    """Leads by a token in a header."""

    def leading(self, index: int) -> Answer:
        """The header."""
        return Answer({}, {"x-next": f"t{index + 1}"})


class Link(Sample):
    """Leads by a link in the page."""

    def leading(self, index: int) -> Answer:
        """The link."""
        return Answer({"next": f"{URL}?page={index + 1}"})


class Header8288(Sample):
    """Leads by the Link header."""

    def leading(self, index: int) -> Answer:
        """The header."""
        return Answer({}, {"link": f'<{URL}?page={index + 1}>; rel="next"'})


SAMPLES: dict[type[PagingOptions], Sample] = {
    SinglePage: Sample({"type": "single_page"}),
    JobFiles: Sample(
        {"type": "job_files"},
        needs={
            "path": "{job.file}",
            "job": {
                "create": {"path": "jobs"},
                "poll": {"path": "jobs/{job.id}"},
                "download": {"urls_path": "files"},
            },
        },
    ),
    PageNumber: Sample(
        {"type": "page_number", "page_size": SIZE, "page_size_param": "n"}, ("page",)
    ),
    Offset: Sample({"type": "offset", "limit": SIZE}, ("offset",)),
    Cursor: Token({"type": "cursor", "cursor_path": "next", "cursor_param": "after"}, ("after",)),
    HeaderCursor: Header(
        {"type": "header_cursor", "cursor_header_name": "X-Next", "cursor_param": "after"},
        ("after",),
    ),
    JsonLink: Link({"type": "json_link"}),
    HeaderLink: Header8288({"type": "header_link"}),
    Keyset: Sample(
        {"type": "keyset", "cursor_path": "items[*].id", "cursor_param": "since"}, ("since",)
    ),
}


def made(member: type[PagingOptions], **options: Any) -> Paginator[Any]:
    """The paginator of a member's sample, with further options."""
    return paginator_of(member(**{**SAMPLES[member].options, **options}))


def _resource(member: type[PagingOptions]) -> dict[str, Any]:
    return {"name": "items", "path": "items", **SAMPLES[member].needs}


def answer(
    member: type[PagingOptions], index: int, size: int = SIZE, *, leads: bool = True, **more: Any
) -> Answer:
    """Page `index` (from 0) of the sample's server, with so many records."""
    led = SAMPLES[member].leading(index) if leads else Answer({})
    records = [{"id": 100 * index + one} for one in range(1, size + 1)]
    return Answer({"items": records, **led.body, **more}, led.headers)


def read(paginator: Paginator[Any], index: int, given: Answer) -> Page:
    """An answer as a harvest reads it."""
    records = Field("records", parse("items"), Take.COUNT)
    parser = FieldParser([records, *paginator.fields_wanted()], Limits())
    parser.feed(json.dumps(given.body).encode())
    fields = parser.close()
    return Page(index + 1, URL, fields, fields.get("records", 0), given.headers)


def walked(
    paginator: Paginator[Any], answers: list[Answer], begin: int = 0, cursor: Any = None
) -> Iterator[tuple[Any, Page, Checkpoint, Any]]:
    """Each page: its cursor, itself, what came before it, and what it leads to."""
    at = Checkpoint()
    cursor = paginator.first_cursor() if begin == 0 else cursor
    for index, given in enumerate(answers):
        page = read(paginator, index, given)
        if index >= begin:
            following = paginator.next_cursor(cursor, page, at)
            yield cursor, page, at, following
            if isinstance(following, Done):
                return
            cursor = following
        at = at.with_page(page.records, page.fields)


def pages(member: type[PagingOptions]) -> list[Answer]:
    """Three pages, of which the last leads no further, and behind it an empty one."""
    ends = [answer(member, 2, leads=False), answer(member, 3, 0, leads=False)]
    return [answer(member, 0), answer(member, 1), *ends]


@pytest.fixture(params=MEMBERS, ids=lambda options: options.__name__)
def member(request: pytest.FixtureRequest) -> type[PagingOptions]:
    """Each registered paginator's options."""
    found: type[PagingOptions] = request.param
    return found


def half_wired(registered: Mapping[type[PagingOptions], type[Paginator[Any]]]) -> list[str]:
    """What is missing, by name: a method, a class, a sample."""
    found = [f"{one.__name__} has no paginator" for one in PAGINATORS if one not in registered]
    for options, kind in registered.items():
        found += [f"{kind.__name__} lacks {name}" for name in sorted(kind.__abstractmethods__)]
        if options not in PAGINATORS:
            found.append(f"{options.__name__} is not in PAGINATORS")
        if options not in SAMPLES:
            found.append(f"{options.__name__} has no sample")
    return found


def test_each_is_whole() -> None:
    """Every type of the YAML has its class, every class all methods, and a sample here."""
    assert half_wired(Paginator.registered) == []


def test_a_paginator_that_forgets_a_method_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """By name, before anybody pages with it; nor can it be made."""
    monkeypatch.setattr(Paginator, "registered", dict(Paginator.registered))

    class Toy(PagingOptions):
        """A type without its paginator's `following`."""

    class Toys(Paginator[Toy], options=Toy):
        """Forgets what comes next."""

        def first_cursor(self) -> Any:
            """None."""
            return None

        def cursor_fields(self) -> list[Field]:
            """None."""
            return []

        def own_end(self) -> str | None:
            """None."""
            return None

        def ignored(self) -> str:
            """Nothing."""
            return ""

    assert half_wired(Paginator.registered) == [
        "Toys lacks following",
        "Toy is not in PAGINATORS",
        "Toy has no sample",
    ]
    with pytest.raises(TypeError, match="following"):
        paginator_of(Toy())


def test_a_paginator_is_looked_for_once(
    member: type[PagingOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Listing the folder of all of them with each page was an eighth of what a small one cost."""
    monkeypatch.setattr(on_demand, "iter_modules", lambda _: pytest.fail("looked for again"))
    assert type(made(member)) is Paginator.registered[member]


def test_a_type_has_one_paginator() -> None:
    """A second class for a model is refused."""
    with pytest.raises(TypeError, match="has a paginator already"):
        type("Again", (Paginator,), {}, options=SinglePage)


def test_it_ends(member: type[PagingOptions]) -> None:
    """A list is followed to its end, each page asked for with another cursor."""
    paginator = made(member)
    steps = list(walked(paginator, pages(member)))
    assert isinstance(steps[-1][3], Done)
    assert len(steps) == (1 if paginator.has_one_page else 4 if paginator.ends_on_empty_page else 3)
    cursors = [json.dumps(cursor) for cursor, *_ in steps]
    assert len(set(cursors)) == len(cursors)


def test_cursors_are_json(member: type[PagingOptions]) -> None:
    """The journal can keep each cursor."""
    for cursor, _, _, following in walked(made(member), pages(member)):
        assert json.loads(json.dumps(cursor)) == cursor
        assert isinstance(following, Done) or following is not None


def test_the_page_may_say_the_end(member: type[PagingOptions]) -> None:
    """`has_more_path` and `last_page_path` end every type, at a page that leads on."""
    for key, value, reason in (
        ("has_more_path", False, "has_more_false"),
        ("last_page_path", True, "last_page"),
    ):
        paginator = made(member, **{key: "flag"})
        page = read(paginator, 0, answer(member, 0, flag=value))
        assert paginator.next_cursor(paginator.first_cursor(), page) == Done(reason)


def test_more_without_a_cursor_is_refused(member: type[PagingOptions]) -> None:
    """A page that says that there is more, and does not lead there, is never the end."""
    paginator = made(member, has_more_path="flag")
    page = read(paginator, 0, answer(member, 0, leads=False, flag=True))
    try:
        following = paginator.next_cursor(paginator.first_cursor(), page)
    except PageRefused:
        assert paginator.may_expire
    else:
        assert paginator.has_one_page == isinstance(following, Done)


def test_maximum_pages(member: type[PagingOptions]) -> None:
    """So many pages, and no more."""
    steps = list(walked(made(member, maximum_pages=2), pages(member)))
    assert len(steps) <= 2
    assert steps[-1][3] in (Done("maximum_reached"), Done("single_page"), Done("last_file"))


def test_empty_pages(member: type[PagingOptions]) -> None:
    """An empty page that leads on is the end where the type or the YAML says so."""
    given = answer(member, 0, 0)
    for stop, ends in ((None, made(member).ends_on_empty_page), (True, True)):
        paginator = made(member, stop_after_empty_page=stop)
        page = read(paginator, 0, given)
        following = paginator.next_cursor(paginator.first_cursor(), page)
        assert isinstance(following, Done) == (ends or paginator.has_one_page)


def test_empty_pages_for_ever(member: type[PagingOptions]) -> None:
    """A list that leads on and on without a record fails, or is at its end."""
    paginator = made(member, stop_after_empty_page=False, maximum_empty_pages=5)
    answers = [answer(member, index, 0) for index in range(9)]
    if paginator.has_one_page or paginator.follows_values:
        assert isinstance(list(walked(paginator, answers))[-1][3], Done)
        return
    with pytest.raises(PageRefused, match="maximum_empty_pages"):
        list(walked(paginator, answers))


def test_short_pages(member: type[PagingOptions]) -> None:
    """`stop_after_short_page` ends at a page of fewer records than a full one has."""
    size = {} if member is Offset else {"page_size": SIZE}
    paginator = made(member, stop_after_short_page=True, **size)
    page = read(paginator, 0, answer(member, 0, SIZE - 1))
    assert paginator.next_cursor(paginator.first_cursor(), page) == Done("short_page")


def test_totals_prove_little(member: type[PagingOptions]) -> None:
    """A total that a full page has passed ends nothing; a count ends at one, on a short page."""
    paginator = made(member, total_path="total", total_unit="records")
    full = read(paginator, 0, answer(member, 0, total=1))
    following = paginator.next_cursor(paginator.first_cursor(), full)
    assert isinstance(following, Done) == paginator.has_one_page
    short = read(paginator, 0, answer(member, 0, SIZE - 1, total=SIZE - 1))
    ended = paginator.next_cursor(paginator.first_cursor(), short)
    assert (ended == Done("total_reached")) == paginator.foresees()


def test_resume_at_every_page(member: type[PagingOptions]) -> None:
    """Begun again at any page with its cursor alone, a harvest goes on as it would have."""
    answers = pages(member)
    whole = list(walked(made(member), answers))
    for begin in range(1, len(whole)):
        cursor = json.loads(json.dumps(whole[begin][0]))
        again = list(walked(made(member), answers, begin, cursor))
        assert [step[3] for step in again] == [step[3] for step in whole[begin:]]


def test_the_same_page_gives_the_same_cursor(member: type[PagingOptions]) -> None:
    """Nothing is remembered in the paginator: a page that is asked for again leads where it did."""
    paginator = made(member)
    for cursor, page, at, following in walked(paginator, pages(member)):
        assert paginator.next_cursor(cursor, page, at) == following


def test_a_page_that_comes_again_leads_nowhere_new(member: type[PagingOptions]) -> None:
    """Where the server gives a cursor, the same page gives the same one; a count goes on, and there
    the records are what is recognised.
    """
    paginator = made(member)
    page = read(paginator, 0, answer(member, 0))
    first = paginator.next_cursor(paginator.first_cursor(), page)
    if isinstance(first, Done):
        assert paginator.has_one_page
        return
    again = paginator.next_cursor(first, page, Checkpoint().with_page(page.records, page.fields))
    assert (again == first) != paginator.foresees()


def test_foresee_agrees_with_next_cursor(member: type[PagingOptions]) -> None:
    """What is foreseen is what a full page leads to."""
    paginator = made(member)
    for cursor, page, at, following in walked(paginator, pages(member)):
        seen = paginator.foresee(cursor, at)
        assert (seen is not None) == paginator.foresees()
        if seen is not None and page.records == SIZE:
            assert seen == following


def test_nothing_is_foreseen_beyond_the_maximum(member: type[PagingOptions]) -> None:
    """The last page that is wanted leads nowhere."""
    paginator = made(member, maximum_pages=1)
    assert paginator.foresee(paginator.first_cursor(), Checkpoint()) is None


def test_place_in_round_trip(member: type[PagingOptions]) -> None:
    """A cursor that is no link stands in the request, once, and everything else stays."""
    paginator, sample = made(member), SAMPLES[member]
    resource = Resource(**_resource(member), paginator=paginator.options)
    for cursor, *_ in walked(paginator, pages(member)):
        before = RequestParts([("q", "a b"), ("page", "x"), ("page", "y")], {"a": [1]}, {"X": "1"})
        parts = paginator.place_in(before, cursor)
        assert before.params == [("q", "a b"), ("page", "x"), ("page", "y")]
        assert ("q", "a b") in parts.params
        assert (parts.body, parts.headers) == ({"a": [1]}, {"X": "1"})
        link = paginator.link_in(cursor, resource)
        if cursor is None:
            assert link is None
        elif link is None:
            sent = [text for name, text in parts.params if name in sample.sends]
            assert sent == [str(cursor)]
        else:
            assert link["href"] == cursor


@pytest.mark.parametrize("place", ["body", "header"])
def test_other_places(member: type[PagingOptions], place: str) -> None:
    """A cursor goes into the body or a header instead, where the type has such an option."""
    stem = {PageNumber: "page", Offset: "offset"}.get(member, "cursor")
    key = f"{stem}_{'body_path' if place == 'body' else 'header'}"
    if key not in member.model_fields:
        return
    options: dict[str, Any] = {**SAMPLES[member].options, "cursor_param": None}
    options = {name: value for name, value in options.items() if name in member.model_fields}
    options[key] = "X-At" if place == "header" else "a.at"
    paginator = paginator_of(member(**options))
    body: dict[str, Any] = {"a": {"b": 1}}
    parts = paginator.place_in(RequestParts([], body), 7)
    assert body == {"a": {"b": 1}}
    if place == "header":
        assert parts.headers == {"X-At": "7"}
    else:
        assert parts.body == {"a": {"b": 1, "at": 7}}


def test_replay(member: type[PagingOptions]) -> None:
    """A next link leads back to the replay, and what stood in a header stands there again: a
    harvest of the replay then follows it to the same page.
    """
    paginator = made(member)
    resource = Resource(**_resource(member), paginator=paginator.options)
    for cursor, page, at, following in walked(paginator, pages(member)):
        if isinstance(following, Done):
            return
        link = paginator.link_for_replay(following, resource)
        assert (link is not None) == (paginator.link_in(following, resource) is not None)
        headers = paginator.headers_for_replay(following, link)
        assert {name.lower() for name in headers} == (
            {paginator.leading_header} if paginator.leading_header else set()
        )
        if headers:
            lower = {name.lower(): str(value) for name, value in headers.items()}
            played = Page(page.number, page.url, page.fields, page.records, lower)
            assert paginator.next_cursor(cursor, played, at) == following


def test_traits_agree(member: type[PagingOptions]) -> None:
    """What is said of a type goes together."""
    paginator = made(member)
    counts = paginator.counts_pages or paginator.counts_records
    assert counts == paginator.foresees()
    assert not (counts and paginator.may_expire)
    assert counts == (paginator.asked_before(7, Checkpoint(), SIZE) is not None)
    assert paginator.may_expire == (paginator.never_led() is not None)
    assert not paginator.may_repeat
    if paginator.leading_header:
        assert paginator.leading_header == paginator.leading_header.lower()


def test_words_name_keys_of_the_type(member: type[PagingOptions]) -> None:
    """Advice names only options that the type has, and every type says what ends it."""
    paginator = made(member)
    assert ", or ".join(paginator.ends())
    assert paginator.ignored()
    for told in (paginator.ignored(), paginator.never_led() or "", paginator.circle_advice("p")):
        for word in told.replace(":", " ").replace("(", " ").replace(")", " ").split():
            if "_" in word:
                assert word.strip(",;.'") in member.model_fields
    looked = set(paginator.looked_at())
    assert looked or not (paginator.leading_header or paginator.never_led())


def test_options_stay_data(member: type[PagingOptions]) -> None:
    """A model decides nothing about pages: what a page leads to is the paginator's."""
    names = {name for name, _ in inspect.getmembers(Paginator, inspect.isfunction)} - {"__init__"}
    assert not {name for name in names if not name.startswith("_")} & set(vars(member))
