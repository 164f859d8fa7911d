"""Guesses paging by tokens: where one stands in the answer, where it is sent back. Pure."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from harvester.scaffold import names
from harvester.scaffold.dialects import after_variables
from harvester.scaffold.guess import Guess, Place, View, is_link
from harvester.scaffold.looking import keys_text
from harvester.scaffold.names import plain

_MOST_PLACES: Final = 4
_OBJECTS: Final = ("continue", "nextparams", "nextquery", "querycontinue")
_NESTED_IN: Final = ("next", "paging", "cursors", "pagination", "pageinfo", "meta", "metadata")
_NESTED: Final = ("after", "token", "cursor", "key", "marker", "start")


def objects(view: View) -> Iterator[Guess]:
    """A cursor that is an object of parameters: MediaWiki's `continue`."""
    for path, value in view.values:
        flat = (
            isinstance(value, dict)
            and value
            and not any(isinstance(item, dict | list) for item in value.values())
        )
        if flat and plain(path[-1]) in _OBJECTS:
            text = keys_text(path)
            yield Guess(
                {"type": "cursor", "cursor_path": text, "cursor_param": "*"},
                f"{text} is an object of parameters for the next page",
            )


def in_body(view: View) -> Iterator[Guess]:
    """Tokens in the body, each with the places where it may go."""
    found = [(path, value) for path, value in view.values if _is_token(view, path, value)]
    found.sort(key=lambda one: (one[1] in (None, ""), _rank(one[0])))
    for path, value in found:
        name, text = plain(path[-1]), keys_text(path)
        there = value not in (None, "")
        why = f"{text} holds a token" if there else f"{text} is empty: the page is the last one"
        counted = _counts(view, value) if isinstance(value, int) else []
        for guess in _places_for(view, name, path[-1], counted):
            paginator = {"type": "cursor", "cursor_path": text, **guess.paginator}
            if name == "nextcursormark":  # Solr says the end by the mark that was sent
                paginator["cursor_may_repeat"] = True
            yield replace(guess, paginator=paginator, why=f"{why}; {guess.why}", stated=True)


def in_headers(view: View) -> Iterator[Guess]:
    """Tokens, or URLs, in a response header."""
    for header, value in view.sample.headers.items():
        if not names.CURSOR_HEADERS.fullmatch(header) or not value.strip():
            continue
        base = {"type": "header_cursor", "cursor_header_name": header}
        short = re.sub("^(x-)?(ms-)?", "", header)  # Azure's begin with x-ms-
        name = plain(short)
        if is_link(value, name):
            yield Guess(base, f"the header {header} holds the next page's URL")
            continue
        for guess in _places_for(view, name, short.replace("-", "_")):
            why = f"the header {header} holds a token; {guess.why}"
            yield replace(guess, paginator={**base, **guess.paginator}, why=why)


def _is_token(view: View, path: tuple[str, ...], value: Any) -> bool:
    name = plain(path[-1])
    if isinstance(value, bool | dict | list | float) or "prev" in name or name == "before":
        return False
    if isinstance(value, str) and is_link(value, name):
        return False
    if isinstance(value, int) and name in ("offset", "start", "marker"):
        return False
    asked = {place.word for place in view.places}
    looks = (
        name in names.TOKENS
        or names.NEXTISH.fullmatch(name) is not None
        or (len(path) > 1 and plain(path[-2]) in _NESTED_IN and name.endswith(_NESTED))
        or name in asked & names.CURSOR_PARAMS
    )
    # A `cursor` that only repeats what was asked for is no next one.
    return looks and not any(
        place.word == name and str(place.value) == str(value) for place in view.places
    )


def _counts(view: View, value: int) -> list[str]:
    """Where a number goes, by what it can only be: the next page's, or the next record's."""
    came = len(view.records.values) if view.records else 0
    if came <= 1 or value < came:
        return ["page"]
    echoed = [path[-1] for path, _ in view.values if plain(path[-1]) in names.OFFSET_PARAMS]
    return list(dict.fromkeys([*echoed[:1], "offset", "start"]))


def _places_for(
    view: View, name: str, spelled: str, counted: list[str] | None = None
) -> Iterator[Guess]:
    """The places for a token called `name` in the page, as guesses without its path."""
    hinted = [hint["token"] for hint in view.hints if "token" in hint]
    found = re.fullmatch(r"_?next[-_]?(.+)", spelled, re.IGNORECASE)
    short = [found[1][:1].lower() + found[1][1:]] if found else []
    # `next_page_token` is sent back as `page_token`, but Twitter's and AWS's `next_token` as it is.
    own = [spelled, *short] if name == "nexttoken" else short
    customary = names.TOKENS.get(name, ())
    wanted = list(dict.fromkeys([*hinted, *(counted or ()), *own, *customary, spelled, "cursor"]))
    words = set(map(plain, wanted)) | names.CURSOR_PARAMS
    for place in view.places:
        if place.word in words or str(place.value) == "*":
            yield view.into(place)
    variables = [f"variables.{one}" for one in after_variables(view)]
    if view.query is not None and not variables:
        return  # a GraphQL body has no place of its own for a cursor
    for one in (variables or wanted)[:_MOST_PLACES]:
        if view.ask.known is None or one in view.ask.known:
            yield view.into(Place(view.new_part, one, None))


def _rank(path: tuple[str, ...]) -> tuple[int, int]:
    order = list(names.TOKENS)
    name = plain(path[-1])
    return (order.index(name) if name in order else len(order), len(path))
