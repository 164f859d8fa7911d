"""Hands out what a package has, each from a module that is imported when first asked for.

A command that needs one function of a package does not wait for all of its modules, which are 300.
Below everything, as `patterns` is, since nearly every package is used in part.
"""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, TypeVar

Options = TypeVar("Options")
Member = TypeVar("Member")


def names_of(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a package; `homes` gives the names that lie in each of its modules."""
    where = {name: home for home, names in homes.items() for name in names.split()}

    def find(name: str) -> Any:
        if name not in where:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{where[name]}"), name)
        setattr(sys.modules[package], name, value)  # found at once from now on
        return value

    return find


def member(
    registered: Mapping[Options, Member], options: Options, package: str, named: str
) -> Member:
    """What is registered for `options` by a module of `package`: by that which is `named` so, or
    else by any. It is asked for with each page: a folder is listed the first time only.
    """
    if options not in registered:
        for name in sorted(_modules(package), key=lambda name: (name != named, named not in name)):
            import_module(f"{package}.{name}")
            if options in registered:
                break
    return registered[options]


def members(package: str) -> None:
    """Import every module of a package, so that its class registers itself."""
    for name in _modules(package):
        import_module(f"{package}.{name}")


def _modules(package: str) -> list[str]:
    return [module.name for module in iter_modules(sys.modules[package].__path__)]
