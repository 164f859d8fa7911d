"""States what every place that keeps a harvest must do: `Store`, and the `Writer` of a partition.

A name is relative, with '/' between its levels; `LocalStore` makes a path of it, another a key.

A `Store`:
- `claim` *must* let one run at a time in, raise `FolderLocked` for any other, and let go when the
  process dies. While it is held, `look` *must* raise `FolderLost` once the place is not the run's.
- Between `share`, in the run that has claimed the place, and the end of that run, processes that
  `join` with its name *must* be able to write as it does; with another name they *must not*. While
  one is joined, a `claim` *must* wait for it or raise `FolderLocked`, unless commits are fenced.
- One made for a shard *must* claim its share beside other shares, and refuse the same share, a
  whole run, and shares of another number; `alone` *must* let one of them at a time in.
- A put that takes long *must* end within a piece of it once what it is `ended_by` is set, and
  nothing of it *must* be committed then.
- `write` *must* put a small document in the place of what was there whole or not at all, durably
  (unless the store was told not to wait for the disk). `read` *must* give it whole, or None.
- `levels` *must* give the names one level below, of what has something in it; in no order.
- `reach` *must* raise `DataRefused` where the way to a folder leads out of the store.
- `journal` *must* give the one writer of a partition, which has replayed all committed pages, in
  order, to `on_entry`; it *must* refuse, and change nothing, where the header is another one's,
  a line is damaged, or a committed part is gone. With `is_new` it *may* take for granted that
  there is none; where there is, it *must* raise `Overtaken` or `Fenced` instead of committing.
- `lines` *must* give the header, then every committed entry in order, beside a writer too; nothing
  where there is no journal. What is damaged *must* raise `DataRefused`, not be skipped.
  While the place is claimed, or a survey is open, a partition that is finished, or not begun, *may*
  be given as it stood at some moment since then, unless it was `lent` later.
- `finished` *may* give the `lines` of a partition that has its last page, and *must* give None
  wherever its `journal` would change or refuse anything, or be new.
- `survey` *must* give of any partition, as it stood at some moment since the survey was begun, what
  `finished` may give, or with `whole` what `lines` gives, or None; asked ahead or not.
- `last` *must* be the last of the `lines` that is an entry, without reading all of them.
  `begins_again` *must* be true where one restarts the chain of cursors, and may be elsewhere.
- `chunks` *must* give exactly the bytes of a committed part that its `sha256` is of, as a stream.
- `beyond` *must* name the parts that no line names and no writer may just be committing.

A `Writer`:
- Nothing of a `part` *must* be seen by a reader before `commit`, nor outlive its `discard`.
- `commit` *must* make a page part of the harvest, in order: once a reader sees a line, its part
  *must* be there, whole, and so *must* all lines before it.
- When it returns, no death of the process *must* lose the page, and with `at_once` nothing else
  *must*, nor any page before it. Otherwise a power cut may, but no more than `Bounds` allow of a
  whole run, and only from the end. When it raises, the page *must* not be half there.
- `close` *must* return only when no power cut loses anything, or raise.
- `lost` *must* say how many committed pages a power cut had taken when it was opened.
- A death at any moment *must* leave what the next `journal` opens, without pages that were not
  committed.
"""

from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import BinaryIO, Protocol, Self

from harvester.store.checkpoint import Checkpoint
from harvester.store.entries import Entry, Header
from harvester.store.parts import JSON_SUFFIX, Part

OnEntry = Callable[[Entry], None]


class Writer(Protocol):
    """Adds pages to one partition. Leaving its `with` block closes it."""

    def __enter__(self) -> Self:
        """The writer itself."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it."""

    checkpoint: Checkpoint
    """Where the partition stands; moves on with each commit."""
    fingerprint: str
    """Of the question that its last pages were asked with."""

    def part(self, number: int, suffix: str = JSON_SUFFIX) -> Part:
        """A file to write page `number` into; `suffix` is that of its format."""

    lost: int
    """Pages that were committed, and that a power cut took."""

    def commit(self, entry: Entry, part: Part | None, *, at_once: bool = False) -> None:
        """Commit a page with its part (None: no page), safe before this returns if `at_once`."""

    def look(self) -> None:
        """Raise `FolderLost` where the partition's place is no longer what it was."""

    def close(self) -> None:
        """Let the partition go."""


class Survey(Protocol):
    """Looks at many partitions. For the thread that has opened it."""

    ahead: int
    """How many it should be asked for before the turn of the first."""

    def ask(self, folder: str, *, parts: bool = False) -> bool:
        """Begin to look at a partition; False where it is known that nothing is there. `parts`: if
        it is finished its pages are read, too, before the next one is looked at.
        """

    def has(self, folder: str) -> bool:
        """The same without looking at it; True where that is not known."""

    def lines(self, folder: str) -> list[Header | Entry] | None:
        """What is found, once; None where it is not known."""


class Store(Protocol):
    """Keeps one harvest."""

    is_far: bool
    """Whether each request is a trip through a network, so that many at a time take no longer."""

    @property
    def place(self) -> str:
        """Where it is, for people."""

    @property
    def own(self) -> Path:
        """A local folder for what never leaves this machine: refresh tokens, spent budgets."""

    def claim(self, *, lost: bool = False) -> AbstractContextManager[None]:
        """Hold the place for one run, making it. `lost`: its harvest.json may be gone."""

    def share(self, run: str) -> None:
        """Let other processes `join` this run, whose claim is held. Raises `ConfigError`."""

    def join(self, run: str, workers: int) -> AbstractContextManager[None]:
        """Write as one of so many workers of a run that another process has claimed the place for;
        raises `FolderLost` where that run is over.
        """

    def alone(self) -> AbstractContextManager[None]:
        """Keep other shares of the same harvest from writing documents meanwhile."""

    def ended_by(self, stop: Event) -> AbstractContextManager[None]:
        """Let what is put for long in the block end in `Interrupted` once `stop` is set."""

    def look(self) -> None:
        """Raise `FolderLost` where the place is no longer the run's that claimed it."""

    def read(self, name: str, most: int = -1) -> bytes | None:
        """A small document, or its first `most` bytes; None where there is none."""

    def document(self, name: str) -> BinaryIO | None:
        """The same as a file to read, which may be large; the caller closes it."""

    def write(self, name: str, data: bytes | Iterable[bytes]) -> None:
        """Put a document, or what makes it, in the place of what was there."""

    def levels(self, name: str) -> Iterator[str]:
        """The names one level below `name`."""

    def reach(self, folder: str) -> None:
        """Refuse a way that leads elsewhere."""

    def journal(
        self,
        folder: str,
        header: Header,
        on_entry: OnEntry = ...,
        accepted: Container[str] = ...,
        any_parts: bool = ...,
        is_new: bool = ...,
    ) -> Writer:
        """The writer of a partition; `accepted` are fingerprints that it may have, too.

        `any_parts`: parts may be missing or damaged, since they are about to be superseded.
        `is_new`: nobody is known to have begun it, as a `survey` of this run found.
        """

    def lent(self, folder: str, *, back: bool = False) -> None:
        """Take note that a worker, maybe in another process, writes to a partition from now on; no
        longer, if it is `back`.
        """

    def lines(self, folder: str) -> Iterator[Header | Entry]:
        """The header and the entries of what is committed."""

    def finished(self, folder: str) -> list[Header | Entry] | None:
        """The lines of a partition that nothing is left to do for, if that is known at once."""

    def survey(self, *, whole: bool = False) -> AbstractContextManager[Survey]:
        """A look at many partitions, of those that are not finished only if `whole`."""

    def is_begun(self, folder: str) -> bool:
        """Whether anything of a partition lies in a folder, whatever its state."""

    def last(self, folder: str) -> Entry | None:
        """The last committed entry; None where there is none."""

    def begins_again(self, folder: str) -> bool:
        """Whether the chain of cursors may have begun again."""

    def chunks(self, folder: str, part: str, stored_bytes: int) -> Iterator[bytes]:
        """The stored bytes of a page, by what its line says. Raises OSError, `DataRefused`."""

    def beyond(self, folder: str) -> list[str]:
        """The parts that no line names, in order."""
