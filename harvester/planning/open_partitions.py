"""Finds the open windows of a resource: those that earlier runs began, and what is new since.

The folders are what says where earlier runs ended: a window that was begun keeps its end, also
where it is not done, and the windows of this run lie between and behind those.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from urllib.parse import unquote

from harvester.model import (
    FIRST_RUN,
    OpenWindows,
    Partition,
    Spec,
    Window,
    Windows,
    open_windows,
    window_of,
)
from harvester.store import Store, folder_of


def closed_specs(specs: Mapping[str, Spec]) -> dict[str, Spec]:
    """The specs of all keys but that of open windows, which need the folder."""
    return {key: spec for key, spec in specs.items() if not isinstance(spec, OpenWindows)}


def at_first_run(specs: Mapping[str, Spec], moment: Callable[[], datetime]) -> dict[str, Spec]:
    """The specs with the time of the first run in the place of `first_run`."""
    found = {}
    for key, spec in specs.items():
        if isinstance(spec, Windows | OpenWindows) and FIRST_RUN in (spec.start, spec.end):
            start = moment() if spec.start == FIRST_RUN else spec.start
            end = moment() if spec.end == FIRST_RUN else spec.end
            spec = replace(spec, start=start, end=end)
        found[key] = spec
    return found


def with_open_windows(
    store: Store, base: Partition, specs: Mapping[str, Spec], now: datetime
) -> Iterator[Partition]:
    """The partitions that `base` has by the key of open windows; `base` itself where none is."""
    found = next(((k, spec) for k, spec in specs.items() if isinstance(spec, OpenWindows)), None)
    if found is None:
        yield base
        return
    key, spec = found
    for window in open_windows(spec, list(_begun(store, base, key)), now):
        yield replace(base, values={**base.values, key: window})


def _begun(store: Store, base: Partition, key: str) -> Iterator[Window]:
    """The windows that have a folder."""
    for level in store.levels(folder_of(store, base)):
        name, _, text = level.partition("=")
        if name == key and (window := window_of(unquote(text))):
            yield window
