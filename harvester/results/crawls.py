"""Says how far the crawls of a harvest have come, and what speaks against them."""

import json
from collections.abc import Iterator
from typing import Final

from harvester.config import Resource
from harvester.errors import DataRefused
from harvester.model import Doubt, Every, find, parse
from harvester.model import Path as PagePath
from harvester.page import format_of
from harvester.planning import Crawler, Plan, crawl_key, crawled
from harvester.results.summary import CrawlState, ResourceSummary
from harvester.store import decoded, pages_of

_MOST_BYTES: Final = 4 << 20


def tell_crawls(plan: Plan, numbers: dict[str, ResourceSummary]) -> Iterator[tuple[str, Doubt]]:
    """Add to each crawl's numbers how far it has come; what speaks against it, by resource."""
    for resource in plan.config.resources:
        found = crawl_key(resource.partitions)
        if found is None:
            continue
        own = numbers[resource.name]
        with crawled(plan.store, plan.config, resource, plan.seed_parents(resource)) as crawler:
            most, frontier = found[1].maximum_depth, crawler.frontier
            seen, within = len(frontier), frontier.within(most)
            waiting = own.partitions.total - own.partitions.complete
            own.crawl = CrawlState(frontier.deepest(most), waiting, seen, seen - within)
            if own.pages and seen == sum(1 for _ in frontier.seeds()):
                yield from ((resource.name, doubt) for doubt in _leads_nowhere(crawler, resource))


def _leads_nowhere(crawler: Crawler, resource: Resource) -> Iterator[Doubt]:
    """That no seed led to anything, and their first page has nothing at the path: not even an
    empty list.
    """
    pages = format_of(resource)
    for node in crawler.frontier.seeds():
        folder = crawler.folder(node)
        entry = next(pages_of(crawler.store, folder), None)
        if entry is None or entry.part is None or entry.bytes > _MOST_BYTES:
            continue
        try:
            text = b"".join(
                pages.text(decoded(crawler.store, folder, entry.part, entry.stored_bytes))
            )
            page = json.loads(text)
        except (DataRefused, ValueError, RecursionError, OSError):
            return
        for path in crawler.spec.paths:
            if not any(True for _ in find(page, _to_list(parse(path)))):
                yield Doubt(
                    "crawl_path",
                    f"the first page has nothing at {path} (partitions.{crawler.key}.crawl), not "
                    "even an empty list, and no value led to another one: is it spelled so?",
                )
        return


def _to_list(path: PagePath) -> PagePath:
    """The way to the last list of a path, or to where one may be."""
    lists = [at for at, segment in enumerate(path) if isinstance(segment, Every)]
    return path[: lists[-1]] if lists else path
