"""Has each paginator in a file of its own, and finds the one that a configuration asks for."""

from typing import Any

from harvester.config import PagingOptions
from harvester.on_demand import member, members
from harvester.paging.paginator import Paginator

__all__ = ["all_paginators", "paginator_of"]


def paginator_of(options: PagingOptions) -> Paginator[Any]:
    """The paginator of a resource's `paginator` section."""
    kind = member(Paginator.registered, type(options), __name__, getattr(options, "type", ""))
    return kind(options)


def all_paginators() -> dict[type[PagingOptions], type[Paginator[Any]]]:
    """Every paginator, by the model of its configuration."""
    members(__name__)
    return Paginator.registered
