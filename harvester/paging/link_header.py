"""Parses the Link header (RFC 8288), as far as a next page is found in it. Pure."""

from typing import Final

from harvester.errors import PageRefused
from harvester.patterns import pattern
from harvester.values import dataclass

# Neither ever gives back what it has matched: the time grows with the header's length only.
_LINK: Final = pattern(r"[\s,]*<([^<>]*)>")
_LINK_PARAMETER: Final = pattern(
    r'(?:\s*;)+\s*([^;,="\s]*)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^;,"]*)))?'
)


@dataclass(frozen=True, slots=True)
class Link:
    """A link with a relation. `results` is Sentry's parameter: "false" where nothing is there."""

    target: str
    results: str | None = None


def link_with(header: str, rel: str) -> Link | None:
    """The first link that has the relation `rel`.

    `PageRefused` for a header that cannot be read to such a link or to its end: to take that
    for the last page would lose the rest.
    """
    position = 0
    while link := _LINK.match(header, position):
        position = link.end()
        relations = results = None
        while parameter := _LINK_PARAMETER.match(header, position):
            position = parameter.end()
            name, quoted, bare = parameter.groups()
            if name.lower() == "rel" and relations is None:  # the first counts (section 3.3)
                relations = (quoted or bare or "").lower().split()
            elif name.lower() == "results":
                results = quoted or bare
        if relations and rel.lower() in relations:
            return Link(link[1].strip(), results)
    if header[position:].strip(" \t,"):
        raise PageRefused(f"the Link header cannot be read from character {position + 1} on")
    return None


def link_target(header: str, rel: str) -> str | None:
    """Where that link leads."""
    link = link_with(header, rel)
    return link.target if link else None
