"""Guesses paging by page numbers and offsets. Pure."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

from harvester.paging import of_headers
from harvester.scaffold import names
from harvester.scaffold.guess import Guess, Place, View, first_number, number
from harvester.scaffold.looking import first_named
from harvester.scaffold.names import plain

#: Offsets that a page repeats; `from` and `first` are other things there.
_ECHOED: Final = tuple(name for name in names.OFFSET_PARAMS if name not in ("from", "first"))


def numbers(view: View) -> Iterator[Guess]:
    """Page numbers: the request has one, or the page says which it is."""
    pages = first_named(view.page, names.TOTAL_PAGES, lambda value: number(value, 0) > 0)
    echo = first_named(view.page, names.PAGE_PARAMS, lambda value: number(value, -1) >= 0)
    asked = [place for place in view.places if place.word in names.PAGE_PARAMS]
    asked = [place for place in asked if str(place.value).isdigit()]
    documented = _documented(view, names.PAGE_PARAMS)
    if asked:
        found, why = asked[:1], f"the request has a page number, {asked[0].name}"
    elif documented:
        found, why = documented[:1], f"the documentation has a parameter {documented[0].name}"
    elif echo or pages:
        found = _new(view, _page_names(echo[0] if echo else ""), names.PAGE_PARAMS)
        why = f"the page says {(echo or pages or ('', 0))[0]}"
    else:
        return
    for place in found:
        base = first_number(place.value, echo[1] if echo else None)
        guess = numbered(view, place, base, why, pages)
        yield replace(guess, stated=True) if documented else guess


def _page_names(echo: str) -> list[str]:
    """What a page number that the page tells of may be called in the request."""
    echoed = echo.rpartition(".")[2]
    word = plain(echoed)
    if word in ("page", "pagenumber", "pageindex", "pageno", "pagenum"):
        return [echoed, "page"]
    spelled = [echoed, word] if word in names.PAGE_PARAMS else []
    return ["page", *spelled]


def _new(view: View, wanted: Iterable[str], arguments: Collection[str]) -> list[Place]:
    """Places for names that the request lacks; in GraphQL, the variables of such arguments."""
    if view.query is not None:
        return [Place("json", f"variables.{one}", None) for one in view.variables(arguments)]
    return [Place(view.new_part, name, None) for name in dict.fromkeys(wanted)]


def numbered(
    view: View, place: Place, base: int | None, why: str, pages: tuple[str, Any] | None
) -> Guess:
    """Page numbers that go to a place; `base` None: nobody knows whether they begin at 0 or 1.

    A total of records serves where pages are not counted: Django answers 404 beyond the last page,
    which is an end only where the total says so.
    """
    start: dict[str, Any] = {"base_page": 1 if base is None else base}
    if pages:
        start["total_path"] = pages[0]
    elif total := _total(view):
        start |= {"total_path": total, "total_unit": "records"}
    else:
        start |= _total_in_header(view, "records", "pages")
    unsure = () if base is not None else ("base_page",)
    stated = place.value is not None or bool(pages)
    return _counted("page_number", "page", place, start, why, stated, unsure)


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
        found, why = asked[:1], f"the request has an offset, {asked[0].name}"
    elif documented:
        found, why = documented[:1], f"the documentation has a parameter {documented[0].name}"
    elif is_odata(view) and view.may_have_more():
        found, why = [Place("params", "$skip", None)], "OData skips records by $skip"
    elif echo:
        echoed = echo[0].rpartition(".")[2]
        # CouchDB says `offset`, and takes `skip`.
        couch = isinstance(view.page, dict) and "total_rows" in view.page
        wanted = ["skip"] if couch else [echoed]
        found, why = _new(view, wanted, names.OFFSET_PARAMS), f"the page says {echo[0]}"
    else:
        return
    for place in found:
        first = place.value if place.value is not None else echo[1] if echo else 0
        base = 1 if str(first) == "1" and plain(place.name) in ("startindex", "start") else 0
        yield offset_guess(view, place, base, why, stated=True)


def is_odata(view: View) -> bool:
    """Whether an API is OData's, by its page or by what is asked of it."""
    stated = isinstance(view.page, dict) and any(
        key.startswith(("@odata.", "odata.")) for key in view.page
    )
    return stated or any(place.name in ("$top", "$count", "$inlinecount") for place in view.places)


def customary(view: View) -> Iterator[Guess]:
    """A full page that says nothing: what goes with the page size that the request names, what
    most such APIs take, and what few do, all at once.
    """
    if view.query is not None:
        return
    tried: list[str] = []
    beside = [pair for place in view.places for pair in names.PARTNERS.get(place.name, ())]
    for kind, name in (*beside, ("page", "page"), ("offset", "offset")):
        if name not in tried and (view.ask.known is None or name in view.ask.known):
            tried.append(name)
            why = f"the page is full, and {name} is what such an API mostly takes"
            yield _either(view, kind, name, why)
    if view.new_part != "params" or view.ask.known is not None:
        return
    for kind, further in (("page", names.MORE_PAGES), ("offset", names.MORE_OFFSETS)):
        wanted = tuple(name for name in further if name not in tried)
        guess = _either(view, kind, wanted[0], "one of the names that such parameters have")
        yield spread(guess, wanted)


def spread(guess: Guess, wanted: tuple[str, ...]) -> Guess:
    """The guess with its number under each of these names; under one, as any other."""
    key = "page_param" if guess.type == "page_number" else "offset_param"
    alone = wanted[0] if len(wanted) == 1 else None
    return replace(
        guess,
        paginator={**guess.paginator, key: alone},
        without=wanted,
        spread=() if alone else wanted,
    )


def _either(view: View, kind: str, name: str, why: str) -> Guess:
    place = Place(view.new_part, name, None)
    if kind == "page":
        return replace(numbered(view, place, None, why, None), stated=False)
    return offset_guess(view, place, 0, why, stated=False)


def offset_guess(view: View, place: Place, base: int, why: str, *, stated: bool) -> Guess:
    """An offset that goes to a place. A total that only counts the page would end it early."""
    start: dict[str, Any] = {"base_offset": base} if base else {}
    if total := _total(view):
        start["total_path"] = total
    else:
        start |= _total_in_header(view, "records")
    return _counted("offset", "offset", place, start, why, stated, ())


def _total(view: View) -> str | None:
    """Where a total of records stands. One that is no more than what came counts the page only."""
    came = len(view.records.values) if view.records else 0
    found = first_named(view.page, names.TOTALS, lambda value: number(value, 0) > came)
    return found[0] if found else None


def _total_in_header(view: View, *units: str) -> dict[str, Any]:
    """The header with a total, and its unit: of records, if there is one, that are more than came.
    WordPress has both, and answers 400 beyond the last page.
    """
    came = len(view.records.values) if view.records else 0
    signs = [one for one in of_headers(view.sample.headers) if ": " not in one.where]
    for unit in units:
        for sign in signs:
            if sign.kind == unit and sign.value > (came if unit == "records" else 1):
                return {"total_header": sign.where, "total_unit": unit}
    return {}


def _counted(
    kind: str,
    word: str,
    place: Place,
    options: dict[str, Any],
    why: str,
    stated: bool,
    unsure: tuple[str, ...],
) -> Guess:
    if place.part == "form":
        paginator = {"type": kind, f"{word}_param": None, **options}
        return Guess(paginator, why, form={place.name: "{cursor}"}, stated=stated, unsure=unsure)
    key = f"{word}_param" if place.part == "params" else f"{word}_body_path"
    paginator = {"type": kind, key: place.name, **options}
    return Guess(paginator, why, (place.name,), stated=stated, unsure=unsure)
