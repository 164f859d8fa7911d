"""Walks a crawl, breadth first: which values are asked for, and what their pages led to.

A value is expanded once its partition has its last page: what its pages have at the paths of the
crawl is added behind all values known so far. Values are expanded in their order, whichever is
harvested first, so that the order is the same however often a run is killed. One that fails is
passed; when a later run gets it, what had been found behind it is put in order again.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from harvester.config import Config, Resource
from harvester.errors import DataRefused, Malformed
from harvester.model import Crawl, Partition, Spec, find, parse
from harvester.page import JsonPages, format_of
from harvester.planning.partition_values import names_in, seed_values
from harvester.store import Entry, Store, decoded, folder_of, is_done, is_usable, pages_of

if TYPE_CHECKING:
    from harvester.planning.frontier import Frontier, Node

#: Gives the partitions of the resource that seeds come from, where they come from one.
Parents = Callable[[], Iterable[Partition]]
#: A page of so many bytes of JSON is read at once, which takes a fifth of the time; larger ones are
#: read as they stream by.
_AT_ONCE_BYTES: Final = 256 * 1024


def crawl_key(specs: Mapping[str, Spec]) -> tuple[str, Crawl] | None:
    """The key whose values are a crawl's; None where there is none."""
    return next(((key, spec) for key, spec in specs.items() if isinstance(spec, Crawl)), None)


class Crawler:
    """The crawl of one resource, over the values of a frontier."""

    def __init__(
        self, store: Store, config: Config, resource: Resource, frontier: "Frontier"
    ) -> None:
        found = crawl_key(resource.partitions)
        if found is None:
            raise ValueError(resource.name)
        self.key, self.spec = found
        self.frontier = frontier
        self.store = store
        self._config = config
        self._resource = resource
        self._formats = [
            replace(format_of(resource), selector=parse(path)) for path in self.spec.paths
        ]

    def partition(self, node: "Node") -> Partition:
        """The partition of a value."""
        cased = (self.key,) if node.cased else ()
        return Partition(self._resource.name, {self.key: node.value}, {}, cased)

    def folder(self, node: "Node") -> str:
        """Where the partition of a value lies."""
        return folder_of(self.store, self.partition(node))

    def is_asked(self, node: "Node") -> bool:
        """Whether a value lies no deeper than is gone."""
        most = self.spec.maximum_depth
        return most is None or node.depth <= most

    def seed(self, parents: Parents, *, files: bool) -> None:
        """Begin with the seeds; anew, where they are not those that it was begun with."""
        known = self.frontier.seeds()
        from harvester.planning.frontier import Frontier

        fresh = Frontier.copied(Path(), "")  # each seed once
        with fresh:
            values = seed_values(
                self.store, self._config, self._resource, self.key, parents, files=files
            )
            fresh.add(values, 0, 0)
            same = all(
                (old and old.value) == (new and new.value)
                for old, new in _side_by_side(known, iter(fresh))
            )
            if not same:
                self.frontier.empty()
                self.frontier.add((node.value for node in fresh), 0, 0)

    def expand(self, node: "Node") -> None:
        """Add what the pages of a value led to."""
        self.frontier.add(self._found(self.partition(node)), node.number, node.depth + 1)

    def mend(self) -> None:
        """Put in order what was found behind values that were passed and have been harvested."""
        for number in self.frontier.skipped():
            node = self.frontier.node(number)
            if node is not None and self._has_pages(node):
                self.frontier.cut(number)
                return

    def read_on(self) -> None:
        """Expand all that is harvested and not expanded yet, and pass the rest."""
        self.mend()
        while (node := self.frontier.node(self.frontier.expanded + 1)) is not None:
            harvested = self.is_asked(node) and self._has_pages(node)
            if harvested:
                self.expand(node)
            self.frontier.move_to(node.number, skipping=self.is_asked(node) and not harvested)

    def is_done(self, node: "Node") -> bool:
        """Whether a value has been harvested."""
        return is_done(self.store, self.folder(node))

    def _has_pages(self, node: "Node") -> bool:
        return is_usable(self.store, self.folder(node))

    def _found(self, partition: Partition) -> Iterator[Any]:
        """The values that the pages of a partition lead to, in order."""
        store, folder = self.store, folder_of(self.store, partition)
        for entry in pages_of(store, folder):
            part = f"{store.place}/{folder}/{entry.part}"
            try:
                for value, path in self._values(folder, entry):
                    yield from names_in(value, f"{part}:", f"{path} (crawl)")
            except (Malformed, OSError, ValueError, RecursionError) as error:
                raise DataRefused(f"{part}: {error}; see `harvester verify`") from error

    def _values(self, folder: str, entry: Entry) -> Iterator[tuple[Any, str]]:
        """What a page has at the paths, each with its path; an array gives its items."""
        is_json = isinstance(self._formats[0], JsonPages) and not entry.control_characters
        if is_json and entry.bytes <= _AT_ONCE_BYTES and (entry.part or "").endswith(".json.gz"):
            page = json.loads(b"".join(self._chunks(folder, entry)))
            for path in self.spec.paths:
                for found in find(page, parse(path)):
                    for value in found if isinstance(found, list) else (found,):
                        yield value, path
            return
        for pages, path in zip(self._formats, self.spec.paths, strict=True):
            for text in pages.records(self._chunks(folder, entry)):
                yield json.loads(text), path

    def _chunks(self, folder: str, entry: Entry) -> Iterator[bytes]:
        return decoded(self.store, folder, entry.part or "", entry.stored_bytes)


@contextmanager
def crawled(
    store: Store, config: Config, resource: Resource, parents: Parents, *, files: bool = False
) -> Iterator[Crawler]:
    """The crawl of a resource as far as the folder tells; for readers, which change nothing."""
    from harvester.planning.frontier import Frontier  # few harvests have a crawl

    with Frontier.copied(frontier_path(store, resource), question_of(resource)) as frontier:
        crawler = Crawler(store, config, resource, frontier)
        crawler.seed(parents, files=files)
        crawler.read_on()
        yield crawler


def frontier_path(store: Store, resource: Resource) -> Path:
    """Where the frontier of a resource is kept."""
    found = crawl_key(resource.partitions)
    return store.own / f"{resource.name}.{found[0] if found else ''}.frontier.sqlite"


def question_of(resource: Resource) -> str:
    """What a frontier is of: another one's values are not gone on with."""
    found = crawl_key(resource.partitions)
    return json.dumps(found and [found[0], found[1].paths, found[1].maximum_depth])


def _side_by_side(
    first: Iterator["Node"], second: Iterator["Node"]
) -> Iterator[tuple["Node | None", "Node | None"]]:
    while True:
        pair = next(first, None), next(second, None)
        if pair == (None, None):
            return
        yield pair
