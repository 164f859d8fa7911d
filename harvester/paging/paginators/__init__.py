"""Has each paginator in a file of its own, and finds the one that a configuration asks for."""

import pkgutil
from importlib import import_module
from typing import Any

from harvester.config import PagingOptions
from harvester.paging.paginator import Paginator

for _module in pkgutil.iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")  # its class registers itself

__all__ = ["paginator_of"]


def paginator_of(options: PagingOptions) -> Paginator[Any]:
    """The paginator of a resource's `paginator` section."""
    return Paginator.registered[type(options)](options)
