"""Guesses paging by the records' own ids, and for pages that say nothing at all. Pure."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Final

from harvester.scaffold import counting, names
from harvester.scaffold.guess import Guess, Place, View
from harvester.scaffold.names import plain

_SNOWFLAKE: Final = 2**53  # a larger id holds its time


def known(view: View) -> Iterator[Guess]:
    """What is known of the API."""
    at = view.id_path()
    for hint in view.hints:
        if at and "keyset" in hint:
            yield from _keyset(view, at, *hint["keyset"], why=f"{hint['api']}: {hint['why']}")


def suggested(view: View) -> Iterator[Guess]:
    """The request has a parameter of the kind, or the page says that there is more, no more."""
    at = view.id_path()
    if at is None or view.query is not None or not view.may_have_more():
        return
    asked = {place.word: place.name for place in view.places}
    for name, take, step in names.KEYSETS:
        if plain(name) in asked:
            given = asked[plain(name)]
            yield from _keyset(view, at, given, take, step, why=f"the request has {given}")
    if view.more_flag():
        ids = view.ids()
        rising = len(ids) > 1 and all(a < b for a, b in pairwise(ids))
        falling = len(ids) > 1 and all(a > b for a, b in pairwise(ids))
        further: list[tuple[str, str, int | None]] = [("since_id", "max", None)] if rising else []
        further += [("before", "last", None), ("max_id", "min", -1)] if falling else []
        for name, take, step in (*names.KEYSETS[:2], *further):
            yield from _keyset(view, at, name, take, step, why="there is more, and no cursor")


def customary(view: View) -> Iterator[Guess]:
    """A full page that says nothing: what such APIs mostly take."""
    if view.query is not None or not view.may_have_more() or view.more_flag() is False:
        return
    at, ids = view.id_path(), view.ids()
    falling = len(ids) > 1 and all(a > b for a, b in pairwise(ids))
    if at and falling and ids[0] > _SNOWFLAKE:
        why = "the ids are times, and fall"
        yield from _keyset(view, at, "before", "last", None, why=why)
        yield from _keyset(view, at, "max_id", "min", -1, why=why)
    yield from counting.customary(view)
    if at:
        yield from _keyset(view, at, "after", "last", None, why="the page is full")


def _keyset(
    view: View, at: str, name: str, take: str, step: int | None, *, why: str
) -> Iterator[Guess]:
    if view.ask.known is not None and name not in view.ask.known:
        return
    into = view.into(Place(view.new_part, name, None))
    adding = {"step": step} if step is not None else {}
    paginator = {"type": "keyset", "cursor_path": at, "take": take, **adding, **into.paginator}
    why = f"{why}; the {take} id of a page is sent as {name}"
    yield replace(into, paginator=paginator, why=why, without=(name,), stated=False)
