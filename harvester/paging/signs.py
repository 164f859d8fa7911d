"""Finds signs of more: what a page says of how many records or pages there are. Pure.

APIs say it in the envelope around the records (`total_count: 130`, `has_more: true`,
`@odata.nextLink`) or in a header (X-Total-Count, X-Pagination, Link, Content-Range). Nothing is
paged by these signs: they are held against what came, where a harvest, `init` or `check --live`
takes a page for the last one. The names are those of the APIs in configs/ and of some 500
published connectors; how they are written (`totalCount`, `total_count`) does not count.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from typing import Any, Final, Literal

from harvester.model import Key, parse
from harvester.patterns import pattern
from harvester.values import dataclass

Unit = Literal["records", "pages"]

#: How many records there are in all. Some count the page only: a total below what came is none.
TOTALS: Final = (
    "total", "totalcount", "totalresults", "totalrecords", "totalitems", "totalhits", "totalsize",
    "totalelements", "numfound", "nummatched", "numbermatched", "hitcount", "nbhits", "count",
    "recordcount", "matches", "resulttotal", "filteredtablerowscount", "totalrows", "odatacount",
    "opensearchtotalresults", "totalentries", "totalmatches", "totalresultscount", "fullcount",
    "recordstotal", "itotalrecords", "nbresults", "numresults", "resultcount", "totaldocs",
    "totalnumber", "totalnum", "totalresultcount", "totalrecordcount", "totalitemcount", "hits",
    "records", "rowcount", "itemcount", "itemscount", "numberofresults", "numberofrecords",
    "totalamount", "grandtotal", "found",
)  # fmt: skip
#: How many pages there are in all.
TOTAL_PAGES: Final = (
    "totalpages", "nbpages", "pagecount", "pages", "lastpage", "numpages", "numberofpages",
    "pagestotal", "totalpagecount", "maxpage", "maxpages", "pagetotal", "pagescount", "lastpageno",
)  # fmt: skip
#: Flags that say there is more, and flags that say there is not.
MORE: Final = (
    "hasmore", "hasnextpage", "hasnext", "more", "moreresults", "moreitems", "hasmoreresults",
    "hasmoreitems", "morepages", "hasmorepages", "moreavailable", "istruncated",
    "hasadditionalresults", "nextpageavailable", "hasmoredata",
    "hasmorerecords", "morerecords",
)  # fmt: skip
#: A page that was cut says so; one that was not may have a successor all the same.
_CUT: Final = ("truncated", "exceededtransferlimit")
NO_MORE: Final = (
    "islast", "last", "lastpage", "endofrecords", "done", "islastpage", "finished", "complete",
    "end", "isend", "endofresults", "nomore", "exhausted", "eof",
)  # fmt: skip
#: What looks like a next link or token, among the names of a page's values.
NEXTISH: Final = pattern(
    r"next(?!review|run|billing|payment|update|release|episode|due|step|action|event|date|time).*"
    r"|odatanextlink|.*nextlink|.*nexturl|more.*(?:url|link|href)"
)
#: Objects whose counts are of something else.
_OF_OTHERS: Final = frozenset(
    ("facets", "facetcounts", "facet", "aggregations", "aggs", "filters", "filter", "stats",
     "query", "params", "parameters", "request", "included", "includes", "buckets", "ratelimit",
     "rate", "shards")
)  # fmt: skip
_YES: Final = frozenset(("true", "yes", "y", "t", "on"))
_NO: Final = frozenset(("false", "no", "n", "f", "off"))
_CONTINUED: Final = ("continue", "continuation", "continuationtoken")
_TOTAL_HEADER: Final = pattern(
    r"(?:x-)?(?:[a-z]+-)?(?:pagination-)?total(?:-?(?:count|records|items|results|hits|elements"
    r"|entries|rows|objects))?|(?:x-)?(?:[a-z]+-)?(?:count|result-count|record-count|item-count)"
)
_PAGES_HEADER: Final = pattern(
    r"(?:x-)?(?:[a-z]+-)?(?:pagination-)?(?:total-?pages?|page-?count|pages|last-page|num-pages"
    r"|total-page-count)"
)
_RANGE: Final = pattern(r"\s*(?!bytes\b)[\w-]+\s+(?:[0-9]+-([0-9]+)|\*)/([0-9]{1,15})\s*")
_NEXT_LINK: Final = pattern(r'<[^<>]*>((?:\s*;\s*[^;,"]+(?:"[^"]*")?)*)')
_REL_NEXT: Final = pattern(r'rel\s*=\s*(?:"[^"]*\bnext\b[^"]*"|next\b)', re.IGNORECASE)
_DEEPEST: Final = 4
_MOST_VALUES: Final = 300

Values = Iterable[tuple[tuple[str, ...], Any]]


@dataclass(frozen=True, slots=True)
class Sign:
    """One thing that an answer says: so many `records` or `pages` in all, that there is `more`,
    or where the `next` page is. `where` is a path of the page or the name of a header.
    """

    kind: Literal["records", "pages", "more", "next"]
    where: str
    value: Any = field(repr=False)

    def says(self, came: int) -> str:
        """The sign and what came, in words."""
        if self.kind == "records":
            return f"{self.where} says {self.value:,} records, {came:,} came"
        if self.kind == "pages":
            return f"{self.where} says {self.value:,} pages, one came ({came:,} records)"
        if self.kind == "more":
            return f"{self.where} says that there are more records than the {came:,} that came"
        return f"{self.where} leads to more records than the {came:,} that came"


def written(path: str) -> str:
    """A path of the YAML as signs write where they are."""
    return ".".join(segment.name for segment in parse(path) if isinstance(segment, Key))


def plain(name: str) -> str:
    """A name without case and punctuation: `page[size]`, `pageSize` and `page_size` are one."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def envelope(
    page: Any, selected: tuple[str, ...] | None = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The values around the records, nearest to the root first, with the keys that lead to each:
    nothing inside of arrays, nor at `selected` and below (empty: nothing is left out).
    """
    level: list[tuple[tuple[str, ...], Any]] = [((), page)]
    count = 0
    for _ in range(_DEEPEST):
        following = []
        for at, value in level:
            if not isinstance(value, dict) or (selected and at == selected):
                continue
            for key, below in value.items():
                count += 1
                if count > _MOST_VALUES:
                    return
                following.append(((*at, key), below))
                yield following[-1]
        level = following


def of_body(values: Values) -> Iterator[Sign]:
    """The signs among the values of an envelope; see `envelope`."""
    for path, value in values:
        name, where = plain(path[-1]), ".".join(path)
        above = plain(path[-2]) if len(path) > 1 else ""
        number = whole(value)
        if any(plain(key) in _OF_OTHERS for key in path[:-1]):
            continue
        up = flag(value) if isinstance(value, bool | str) else None
        if up is not None and name in ((*MORE, *_CUT) if up else NO_MORE):
            yield Sign("more", where, value)
        elif number is not None and name in TOTAL_PAGES:
            yield Sign("pages", where, number)
        elif number is not None and (name in TOTALS or (name == "value" and above in TOTALS)):
            yield Sign("records", where, number)
        if _leads_on(name, value):
            yield Sign("next", where, value)


def of_headers(headers: Mapping[str, str]) -> Iterator[Sign]:
    """The signs among an answer's headers, whose names are in lower case."""
    for name, text in headers.items():
        number = total_in(text)
        if name == "link":
            if any(_follows(link) for link in _NEXT_LINK.findall(text)):
                yield Sign("next", "the Link header", text)
        elif name == "content-range":
            if (found := _RANGE.fullmatch(text)) and found[2]:
                yield Sign("records", "Content-Range", int(found[2]))
        elif name in ("x-pagination", "pagination"):
            for sign in of_body(envelope(_json(text))):
                yield Sign(sign.kind, f"{name}: {sign.where}", sign.value)
        elif number is not None and _PAGES_HEADER.fullmatch(name):
            yield Sign("pages", name, number)
        elif number is not None and _TOTAL_HEADER.fullmatch(name):
            yield Sign("records", name, number)


def more_than(signs: Iterable[Sign], came: int) -> Sign | None:
    """The sign that speaks most clearly of more than the `came` records of one page."""
    order = ("records", "pages", "next", "more")
    found = [sign for sign in signs if _says_more(sign, came)]
    return min(found, key=lambda sign: order.index(sign.kind), default=None)


def flag(value: Any) -> bool | None:
    """A flag as it is spelled in the wild: `false`, 0, "no", "N"; None where it says neither."""
    if isinstance(value, bool | int | float):
        return value > 0
    if isinstance(value, str):
        word = value.strip().lower()
        if word in _NO or (word.isdecimal() and not word.strip("0")):
            return False
        return True if word in _YES or word.isdecimal() else None
    return None


def unit_of(path: str) -> Unit | None:
    """What a total counts, by the name at the end of its path; None where that does not tell."""
    keys = [plain(segment.name) for segment in parse(path) if isinstance(segment, Key)]
    last, above = ["", "", *keys][:-3:-1]
    if last in TOTAL_PAGES or (last in ("total", "count") and above == "pages"):
        return "pages"
    return "records" if last in TOTALS or (last == "value" and above in TOTALS) else None


def unit_of_header(name: str) -> Unit | None:
    """What a total in a header counts, by the header's name; None where that does not tell."""
    name = name.lower()
    if _PAGES_HEADER.fullmatch(name):
        return "pages"
    return "records" if name == "content-range" or _TOTAL_HEADER.fullmatch(name) else None


def total_in(text: str) -> int | None:
    """The total in the text of a header: a number, or what follows the slash of a range. One that
    a proxy has doubled ("57, 57") counts if both agree.
    """
    said = {part.strip() for part in text.split(",")}
    if len(said) > 1:
        return None
    one = said.pop()
    ranged = _RANGE.fullmatch(one)
    return int(ranged[2]) if ranged else whole(one)


def whole(value: Any) -> int | None:
    """A JSON value as a whole number from 0 up, where it is one or is text that is one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if 0 <= value < 10**15 else None
    if isinstance(value, str) and len(value) < 16 and value.isascii() and value.isdigit():
        return int(value)
    return None


def _says_more(sign: Sign, came: int) -> bool:
    if sign.kind == "records":
        return bool(sign.value > came)
    return sign.kind != "pages" or bool(sign.value > 1)


def _leads_on(name: str, value: Any) -> bool:
    """Whether a value is a next link or token. Null and empty ones say the opposite."""
    if name not in _CONTINUED and NEXTISH.fullmatch(name) is None:
        return False
    if isinstance(value, bool) or value in (None, "", 0, "0", "null", "None", "none", "-1", -1):
        return False
    if isinstance(value, dict):
        return bool(value.get("href") or value.get("url") or (name in _CONTINUED and value))
    return isinstance(value, str | int)


def _follows(parameters: str) -> bool:
    return bool(_REL_NEXT.search(parameters)) and 'results="false"' not in parameters


def _json(text: str) -> Any:
    try:
        return json.loads(text) if len(text) < 10_000 else None
    except (ValueError, RecursionError):
        return None
