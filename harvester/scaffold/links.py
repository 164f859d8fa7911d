"""Guesses paging by next links: in the Link header, in the body, on another host. Pure."""

import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from harvester.errors import PageRefused
from harvester.paging import link_target
from harvester.scaffold import names
from harvester.scaffold.guess import Guess, View, is_link
from harvester.scaffold.looking import keys_text
from harvester.scaffold.names import plain
from harvester.security import origin_of, resolve

#: What a link counts by, where it counts; a cursor beside it means that it does not.
_COUNTED: Final = frozenset((*names.PAGE_PARAMS, *names.OFFSET_PARAMS)) - {"from", "first"}
#: What a link is called inside an object that is called the next page.
_HREFS: Final = ("uri", "url", "link")
_CURSORS: Final = frozenset(("after", "cursor", "pageinfo", "maxid", "sinceid", "idafter"))


def link_header(view: View) -> Iterator[Guess]:
    """RFC 8288."""
    try:
        target = link_target(view.sample.headers.get("link", ""), "next")
    except PageRefused:
        return
    if target and _is_ours(view, target):
        yield _linked(view, {"type": "header_link"}, target, 'the Link header has rel="next"')


def in_body(view: View) -> Iterator[Guess]:
    """Next links in the body: text, an object with `href`, or one among a list of links."""
    for path, value in view.values:
        name, text = plain(path[-1]), keys_text(path)
        if isinstance(value, list):
            yield from _listed(view, text, value)
            continue
        within = len(path) > 1 and name in _HREFS and names.NEXTISH.fullmatch(plain(path[-2]))
        if not (within and isinstance(value, str)) and not names.NEXTISH.fullmatch(name):
            continue
        href = value.get("href") if isinstance(value, dict) else value
        # STAC's object is the request as a whole; any other's `href` is the link.
        whole = isinstance(value, dict) and ("method" in value or "body" in value)
        at = text if whole or not isinstance(value, dict) else f"{text}.href"
        paginator = {"type": "json_link", "next_url_path": at}
        if isinstance(href, str) and is_link(href, name) and _is_ours(view, href):
            yield _linked(view, paginator, href, f"{at} holds the next page's URL")
        elif value is None and name.endswith(names.LINKISH):
            yield Guess(paginator, f"{at} is null: the page is the last one")


def _listed(view: View, text: str, items: list[Any]) -> Iterator[Guess]:
    """The link with rel `next` among links, as OGC and FHIR (`relation`, `url`) have them."""
    for relation in ("rel", "relation"):
        links = [one for one in items if isinstance(one, dict) and one.get(relation) == "next"]
        for one in links[:1]:
            key = next((key for key in ("href", "url", "uri") if isinstance(one.get(key), str)), "")
            if not key or not _is_ours(view, one[key]):
                continue
            whole = key == "href" and ("method" in one or "body" in one)
            at = f"{text}[?@.{relation}=='next']" + ("" if whole else f".{key}")
            paginator = {"type": "json_link", "next_url_path": at}
            yield _linked(view, paginator, one[key], f"{text} has a link with {relation} `next`")


def of_other_hosts(view: View) -> Iterator[Guess]:
    """A next link that leads elsewhere (a proxy's inner host): only its token is taken."""
    asked = {place.name: str(place.value) for place in view.places}
    for path, value in view.values:
        name = plain(path[-1])
        if not isinstance(value, str) or not names.NEXTISH.fullmatch(name):
            continue
        if not is_link(value, name):
            continue
        for parameter, token in parse_qsl(urlsplit(value).query):
            # What is encoded in the URL would be sent encoded twice.
            if asked.get(parameter) != token and re.fullmatch(r"[\w.~-]+", token):
                text = keys_text(path)
                yield Guess(
                    {
                        "type": "cursor",
                        "cursor_path": text,
                        "cursor_pattern": f"[?&]{re.escape(parameter)}=([^&#]+)",
                        "cursor_param": parameter,
                    },
                    f"{text} is a URL of another host; its {parameter} is taken out of it",
                    without=(parameter,),
                )


def _linked(view: View, paginator: dict[str, Any], href: str, why: str) -> Guess:
    """The guess of a link. CKAN links on from its last page, too: a link that counts pages or
    records ends where none come.
    """
    query = dict(parse_qsl(urlsplit(href).query))
    words = set(map(plain, query))
    counted = {plain(name) for name, value in query.items() if value.isdigit()} & _COUNTED
    if counted and not words & _CURSORS:
        paginator = {**paginator, "stop_after_empty_page": True}
    return Guess(paginator, why)


def _is_ours(view: View, href: str) -> bool:
    """Whether a link leads to the origin that was asked: no other gets a request."""
    try:
        return origin_of(resolve(view.sample.url, href)) == origin_of(view.sample.url)
    except PageRefused:
        return False
