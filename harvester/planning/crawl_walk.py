"""Hands out the values of a crawl during a run, and expands those that have been harvested."""

from collections.abc import Iterator

from harvester.config import Config, Resource
from harvester.model import Partition
from harvester.planning.crawling import Crawler, Parents, frontier_path, question_of
from harvester.planning.frontier import Frontier, Node
from harvester.store import Store


class Walk:
    """The crawl of one resource in a run that holds the folder.

    `looks_behind`: whether values of earlier runs are handed out too, since others follow them.
    """

    def __init__(
        self,
        store: Store,
        config: Config,
        resource: Resource,
        parents: Parents,
        *,
        looks_behind: bool,
    ) -> None:
        self._frontier = Frontier.open(
            frontier_path(store, resource), question_of(resource), fsync=config.output.fsync
        )
        self._crawler = Crawler(store, config, resource, self._frontier)
        self._crawler.seed(parents, files=False)
        self._crawler.mend()
        self._looks_behind = looks_behind
        self._handed = 0  # the number of the last value that was handed out, or passed
        self._ahead: set[int] = set()  # harvested, but not expanded yet
        self._left: set[int] = set()  # not harvested in this run
        self._active: dict[str, Node] = {}  # handed out and not ended, by their paths
        self.waits = False  # whether all that was ready has been handed out

    def close(self) -> None:
        """Write down what is known."""
        self._frontier.close()

    def ready(self) -> Iterator[Partition]:
        """The values that can be harvested now, in order."""
        self.waits = False
        yield from self._ready()
        self.waits = True

    def _ready(self) -> Iterator[Partition]:
        while (node := self._next()) is not None:
            self._handed = node.number
            if not self._crawler.is_asked(node):
                self._advance()
                continue
            if self._crawler.is_done(node):
                if node.number > self._frontier.expanded:
                    self._ahead.add(node.number)
                    self._advance()
                if not self._looks_behind:
                    continue
            elif node.number <= self._frontier.expanded:  # begun anew: what it leads to may differ
                self._frontier.skip(node.number)
            partition = self._crawler.partition(node)
            self._active[partition.path] = node
            yield partition

    def _next(self) -> Node | None:
        """The value behind the last one."""
        node = self._frontier.node(self._handed + 1)
        if node is None and not self._active and self._mended():
            node = self._frontier.node(self._handed + 1)
        return node

    def ended(self, partition: Partition, *, done: bool) -> None:
        """A value was harvested, or left; others may be ready by that."""
        node = self._active.pop(partition.path, None)
        if node is None:
            return
        number = node.number
        if not done:
            self._left.add(number)
        elif number > self._frontier.expanded:
            self._ahead.add(number)
        self._advance()

    def _advance(self) -> None:
        """Expand what is harvested, in order, up to the first value that is still at work."""
        frontier = self._frontier
        at_work = {node.number for node in self._active.values()}
        while (number := frontier.expanded + 1) <= self._handed and number not in at_work:
            node = frontier.node(number)
            if node is None:
                return
            if number in self._ahead:
                self._ahead.discard(number)
                self._crawler.expand(node)
                frontier.move_to(number)
            elif number in self._left:
                frontier.move_to(number, skipping=True)
            elif not self._crawler.is_asked(node):
                frontier.move_to(number)
            else:
                return

    def _mended(self) -> bool:
        """Whether values are found in another order than they were: those that had been passed are
        harvested by now.
        """
        before = self._frontier.expanded
        self._crawler.mend()
        if self._frontier.expanded >= before:
            return False
        self._handed = self._frontier.expanded
        self._ahead.clear()
        return True
