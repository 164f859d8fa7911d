"""Lists candidates for how an API pages, from a page and its request, the best first.

A guess that the page itself suggests (a next link, a token) is `stated`; one that only the request
or custom suggests is not, and needs a second page to be believed. Pure: `probing` asks.
"""

from collections.abc import Iterator
from dataclasses import replace

from harvester.scaffold import counting, dialects, keysets, links, names, tokens
from harvester.scaffold.ask import Ask
from harvester.scaffold.guess import Guess, View
from harvester.scaffold.looking import Records, Sample, first_named


def guesses(ask: Ask, sample: Sample, records: Records | None) -> list[Guess]:
    """All guesses, the best first; those of one kind in the order in which names are tried."""
    view = View(ask, sample, records, tuple(dialects.known(ask, sample)))
    found = [*dialects.scroll(view), *dialects.search_after(view), *dialects.graphql(view)]
    found += [*dialects.list_folder(view), *dialects.changes(view)]
    found += [*links.link_header(view), *links.in_body(view)]
    found += [*tokens.objects(view), *tokens.in_body(view), *tokens.in_headers(view)]
    if not found:
        found += links.of_other_hosts(view)
    found += [*keysets.known(view), *counting.numbers(view), *counting.offsets(view)]
    found += [*dialects.startkey(view), *keysets.suggested(view), *keysets.customary(view)]
    found += [] if found else dialects.without_variable(view)
    return [_finished(view, guess) for guess in _distinct(found)]


def _distinct(found: list[Guess]) -> Iterator[Guess]:
    seen = []
    for guess in found:
        if (guess.paginator, guess.form) not in seen:
            seen.append((guess.paginator, guess.form))
            yield guess


def _finished(view: View, guess: Guess) -> Guess:
    """The guess with what the page says besides: a flag, errors in a 200, an API's own ways."""
    paginator = dict(guess.paginator)
    resource = dict(guess.resource)
    more = first_named(view.page, names.MORE, lambda value: isinstance(value, bool))
    if more and "has_more_path" not in paginator and guess.type != "single_page":
        paginator["has_more_path"] = more[0]
    rules = list(resource.get("response_actions", ()))
    for hint in view.hints:
        extra = dict(hint.get("resource", {}))
        rules += extra.pop("response_actions", [])
        resource |= extra
        if guess.type == "cursor":
            paginator |= hint.get("paginator", {})
    if isinstance(view.page, dict):
        rules += [
            {"when": {"path": key, "equals": False}, "action": "fail"}
            for key in names.SOUND
            if view.page.get(key) is True
        ]
    if rules:
        resource["response_actions"] = rules
    return replace(guess, paginator=paginator, resource=resource)
