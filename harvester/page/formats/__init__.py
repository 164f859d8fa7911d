"""Has each page format in a file of its own, and finds the one that a resource declares."""

import pkgutil
from importlib import import_module
from typing import Any

from harvester.config import Resource
from harvester.model import parse
from harvester.page.formats.undeclared import JSON, UndeclaredPages
from harvester.page.page_format import PageFormat

for _module in pkgutil.iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")  # its class registers itself

__all__ = ["format_of"]


def format_of(resource: Resource) -> PageFormat[Any]:
    """The format of a resource's pages."""
    named_at = getattr(resource.format, "records_at", None)
    selector = parse(resource.data_selector or named_at or "$")
    if "format" not in resource.model_fields_set:
        return UndeclaredPages(JSON, selector)
    return PageFormat.registered[type(resource.format)](resource.format, selector)
