"""Guesses at page numbers and offsets. Pure."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from harvester.init import names
from harvester.init.guess import Guess, Place, View, first_number, is_count, is_whole, number
from harvester.init.looking import first_named
from harvester.init.names import plain

#: Offsets that a page repeats; `from` and `first` are other things there.
_ECHOED: Final = tuple(name for name in names.OFFSET_PARAMS if name not in ("from", "first"))


def numbers(view: View) -> Iterator[Guess]:
    """Page numbers: the request has one, or the page says which it is."""
    pages = first_named(view.page, names.TOTAL_PAGES, is_count)
    echo = first_named(view.page, names.PAGE_PARAMS, is_whole)
    asked = [place for place in view.places if place.word in names.PAGE_PARAMS]
    asked = [place for place in asked if str(place.value).isdigit()]
    documented = _documented(view, names.PAGE_PARAMS)
    if asked:
        place, why = asked[0], f"the request has a page number, {asked[0].name}"
    elif documented:
        place, why = documented[0], f"the documentation has a parameter {documented[0].name}"
    elif echo or pages:
        told = (echo or pages or ("", 0))[0]
        named = echo[0].rpartition(".")[2] if echo else "page"
        word = named if plain(named) in ("page", "pagenumber", "pageindex") else "page"
        place, why = Place(view.new_part, word, None), f"the page says {told}"
    else:
        return
    base = first_number(place.value, echo[1] if echo else None)
    guess = numbered(place, base, why, pages)
    yield replace(guess, told=True) if documented else guess


def numbered(place: Place, base: int | None, why: str, pages: tuple[str, Any] | None) -> Guess:
    """Page numbers that go to a place; `base` None: nobody knows whether they begin at 0 or 1."""
    start: dict[str, Any] = {"base_page": 1 if base is None else base}
    if pages:
        start["total_path"] = pages[0]
    unsure = () if base is not None else ("base_page",)
    told = place.value is not None or bool(pages)
    return _counted("page_number", "page", place, start, why, told, unsure)


def _documented(view: View, wanted: tuple[str, ...]) -> list[Place]:
    """Parameters of such names that the API's documentation has."""
    return [Place("params", name, None) for name in view.ask.known or () if plain(name) in wanted]


def offsets(view: View) -> Iterator[Guess]:
    """Offsets: the request has one, or the page says where it begins."""
    echo = first_named(view.page, _ECHOED, lambda value: number(value, -1) >= 0)
    asked = [place for place in view.places if place.word in names.OFFSET_PARAMS]
    asked = [place for place in asked if str(place.value).isdigit()]
    documented = _documented(view, names.OFFSET_PARAMS)
    if asked:
        place, why = asked[0], f"the request has an offset, {asked[0].name}"
    elif documented:
        place, why = documented[0], f"the documentation has a parameter {documented[0].name}"
    elif echo:
        name = echo[0].rpartition(".")[2]
        place, why = Place(view.new_part, name, None), f"the page says {echo[0]}"
    else:
        return
    first = place.value if place.value is not None else echo[1] if echo else 0
    base = 1 if str(first) == "1" and plain(place.name) in ("startindex", "start") else 0
    yield offset_guess(view, place, base, why, told=True)


def offset_guess(view: View, place: Place, base: int, why: str, *, told: bool) -> Guess:
    """An offset that goes to a place. A total that only counts the page would end it early."""
    start: dict[str, Any] = {"base_offset": base} if base else {}
    came = len(view.records.values) if view.records else 0
    total = first_named(view.page, names.TOTALS, lambda value: number(value, 0) > came)
    if total:
        start["total_path"] = total[0]
    return _counted("offset", "offset", place, start, why, told, ())


def _counted(
    kind: str,
    word: str,
    place: Place,
    options: dict[str, Any],
    why: str,
    told: bool,
    unsure: tuple[str, ...],
) -> Guess:
    if place.part == "form":
        paginator = {"type": kind, f"{word}_param": None, **options}
        return Guess(paginator, why, form={place.name: "{cursor}"}, told=told, unsure=unsure)
    key = f"{word}_param" if place.part == "params" else f"{word}_body_path"
    paginator = {"type": kind, key: place.name, **options}
    return Guess(paginator, why, (place.name,), told=told, unsure=unsure)
