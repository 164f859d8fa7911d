"""Names the runs that begin with what the last page of the run before gave: a delta link or token.

Their folders are `run=0001_all`, and from the second on the number and a digest of the value, which
may be long and is a key to the server's memory. The value itself is in the journal of the run
before.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from typing import Any, Final

from harvester.model import Partition, as_text
from harvester.paging import DELTA, RUN_START
from harvester.store import Place, Store, folder_of, is_done, pages_of, store_at

KEY: Final = "run"
_FIRST: Final = "0001_all"


def delta_runs(
    out: Place, base: Partition, reveal: Callable[[Any], Any], *, following: bool
) -> Iterator[Partition]:
    """The runs that there have been of `base`, and the first one where there are none; `following`:
    with the one that a run begun now would add behind a finished last one.
    """
    store = store_at(out)
    run, number = _partition(base, _FIRST, None), 1
    while True:
        finished = is_done(store, folder_of(store, run))
        started = _start_after(store, run, reveal) if finished else None
        yield run
        if started is None:
            return
        number += 1
        digest = sha256(as_text(started).encode()).hexdigest()[:16]
        run = _partition(base, f"{number:04d}_{digest}", started)
        if not following and not store.is_begun(folder_of(store, run)):
            return


def _partition(base: Partition, label: str, start: Any) -> Partition:
    return replace(
        base,
        values={**base.values, KEY: label},
        included={**base.included, RUN_START: start},
    )


def _start_after(store: Store, run: Partition, reveal: Callable[[Any], Any]) -> Any:
    """What the run after a finished one begins with: what its last page gave, or, where a rule
    ended it without a page, what it began with itself.
    """
    found = run.included[RUN_START]
    for entry in pages_of(store, folder_of(store, run)):
        found = entry.fields.get(DELTA, found)
    return reveal(found)
