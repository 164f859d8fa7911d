"""Decides how far the pages of a partition may run ahead: of each other, and of what is kept."""

from concurrent.futures import Executor

from harvester.config import Resource
from harvester.engine.attempts import Run
from harvester.paging import paginator_of
from harvester.values import dataclass


@dataclass(frozen=True, slots=True)
class Ahead:
    """How many pages may be asked for before the first of them has come; where pages are committed
    while the next one is asked for (None: they come first); and whether each is to be safe from a
    power cut before the next is asked for.
    """

    pages: int
    meanwhile: Executor | None
    each_is_safe: bool


def ahead_of(run: Run, resource: Resource, *, compares: bool) -> Ahead:
    """What a resource allows. `compares`: each page is asked for with what is stored of the one in
    its place, which is read in order.
    """
    paginator, pages = paginator_of(resource.paginator), run.config.concurrency.pages
    # Where a page must be safe first, asking for the next may move the server on.
    each_is_safe = not resource.idempotent or run.config.output.durability == "page"
    restarts = any(rule.action == "restart" for rule in resource.response_actions)
    if each_is_safe or restarts or compares:
        return Ahead(1, None, each_is_safe)
    if paginator.foresees() and pages > 1:  # they have all the threads, and go on meanwhile anyway
        return Ahead(pages, None, each_is_safe)
    one_by_one = resource.job is None and not paginator.may_repeat
    far = run.store.is_far and pages > 1 and one_by_one
    return Ahead(1, run.executor if far else None, each_is_safe)
