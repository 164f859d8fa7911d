"""Mends one partition in an object store, part by part, by what its lines say.

A part that is gone or damaged is asked for again with the cursor that its line has, which the part
itself or a segment says, or else the one that the part before leads to. It is put only where it
leads to where the part behind it begins.
"""

from collections.abc import Iterator, Mapping
from copy import copy
from pathlib import Path
from tempfile import TemporaryDirectory

from harvester import __version__
from harvester.engine import PageResult, Run, iso
from harvester.errors import DataRefused
from harvester.model import Partition
from harvester.planning import in_any_order
from harvester.repair.bucket_look import Lines, Looks, page_among
from harvester.repair.mended import Anew, AskedAgain, CannotMend, NotNow, Repair
from harvester.results import PartCheck, planned
from harvester.store import (
    JSON_SUFFIX,
    Asked,
    Checkpoint,
    Entry,
    FoundPart,
    Header,
    ObjectStore,
    Part,
    Span,
    folder_of,
    is_raw,
    lines_counting,
    part_name,
    span_of,
)


def mend_bucket(
    run: Run, store: ObjectStore, asked: Asked, checks: Mapping[str, PartCheck], found: Repair
) -> None:
    """Mend what is not sound in all partitions, one after the other, in the order of the plan."""
    with Looks(store, checks, run.stop) as looks:
        for resource in asked.config.resources:
            partitions = planned(store, asked, (resource.name,))
            # Where they follow from pages of each other, these are mended first.
            for one, sound in looks.sound(partitions, ahead=in_any_order(resource)):
                store.look()
                if sound is None:
                    check = checks[one.resource]
                    BucketMending(run, store, one, check, found, looks).mend()
                else:
                    found.parts += sound


class BucketMending:
    """One partition."""

    def __init__(
        self, run: Run, store: ObjectStore, partition: Partition, check: PartCheck, found: Repair,
        looks: Looks,
    ) -> None:  # fmt: skip
        self._run, self._store, self._partition = run, store, partition
        self._looks = looks
        self._check, self._found = check, found
        self._folder = folder_of(store, partition)
        self._parts = store.mending(self._folder)
        self._again = AskedAgain(run, partition, found)
        self._scratch = store.own
        self._number = 0

    def mend(self) -> None:
        """Mend what can be; note what cannot."""
        if not self._parts.last:
            return
        try:
            with TemporaryDirectory(dir=self._store.own) as scratch:
                self._scratch = Path(scratch)
                self._again.pages.new_part = self._new_part
                try:
                    self._each()
                finally:
                    self._parts.close()
        except NotNow:
            pass  # noted as failed; nothing more was changed
        except (CannotMend, DataRefused) as error:
            self._found.note(self._found.anew, Anew(self._partition, str(error)))

    def _new_part(self, number: int, suffix: str = JSON_SUFFIX) -> Part:
        """A file of this machine, whichever number the chain has for it."""
        return Part(self._scratch, self._number, suffix, fsync=False)

    def _each(self) -> None:
        counts = self._counting()
        at = Checkpoint()
        looked = self._looks.parts(self._folder, self._check, self._parts, counts)
        for number, (there, problem) in looked:
            self._number = number
            lines = there.lines if there and there.lines is not None else self._repeated(at)
            if lines is None:
                self._lost(at, there)
                self._parts.passed(number, there)
                continue
            self._followed(at, lines)
            paged = page_among(lines)
            is_read = paged is not None and counts.counts(paged.seq)
            self._found.parts += is_read
            if paged is None or not is_read:
                if there is None or there.lines is None:
                    self._put(there, lines, None, "its lines were lost")
            else:
                self._page(at, paged, lines, there, problem)
            self._parts.passed(number, there)
            for line in lines:
                if isinstance(line, Entry):
                    at.add(line)

    def _counting(self) -> Span:
        """Which lines count, as far as they can be read, wherever they stand."""
        try:
            return lines_counting(self._store, self._folder)
        except DataRefused:
            return span_of(self._known())

    def _known(self) -> Iterator[Entry]:
        known = dict(self._parts.repeated())
        for number in range(1, self._parts.last + 1):
            there = self._parts.part(number)
            known |= {
                line.seq: line for line in (there and there.lines) or () if isinstance(line, Entry)
            }
        return iter(known[seq] for seq in sorted(known))

    def _repeated(self, at: Checkpoint) -> Lines | None:
        """The lines of a part, from the segments; None where none has them."""
        repeated, lines = self._parts.repeated(), list[Header | Entry]()
        seq = at.seq + 1
        while (line := repeated.get(seq)) is not None:
            lines.append(line)
            if line.part or line.done or line.redoes or line.is_of_job:
                return tuple(self._with_header(lines))
            seq += 1
        return None

    def _with_header(self, lines: list[Header | Entry]) -> list[Header | Entry]:
        """With the header of the partition, where it is the first part."""
        if self._number > 1:
            return lines
        partition = self._partition
        fingerprint = self._run.sources[partition.resource].fingerprint
        wanted = Header(
            partition.resource, partition.labels, fingerprint, __version__, iso(self._run.now())
        )
        return [self._parts.header or wanted, *lines]

    def _followed(self, at: Checkpoint, lines: Lines) -> None:
        """Refuse lines that do not follow from those before."""
        before = at.seq
        for line in lines:
            if isinstance(line, Entry):
                if line.seq != before + 1:
                    raise CannotMend(f"line {line.seq} stands where {before + 1} belongs")
                before = line.seq
            elif (line.resource, dict(line.partition)) != (
                self._partition.resource, dict(self._partition.labels),
            ):  # fmt: skip
                raise CannotMend(f"its lines are those of {line.resource} {dict(line.partition)}")

    def _page(
        self, at: Checkpoint, paged: Entry, lines: Lines, there: FoundPart | None,
        problem: str | None,
    ) -> None:  # fmt: skip
        """A part that should be there, and be what its line says; `problem`: of the page in it."""
        if there is None:
            problem = "is gone"
        elif there.lines is None:
            problem = "its lines were damaged"
        if problem is None:
            return
        if self._only_lines_are_lost(paged, there):
            self._put(there, lines, None, "its lines were lost")
            return
        before = copy(at)
        for line in lines[: lines.index(paged)]:
            if isinstance(line, Entry):
                before.add(line)
        found = self._again.in_place_of(paged, before, problem)
        if found is None:
            raise NotNow
        fetched, problem = found
        new, entry = fetched.entry, paged
        if (new.sha256, new.bytes) != (paged.sha256, paged.bytes):
            entry = new.in_place_of(paged)
        self._put(there, tuple(entry if one is paged else one for one in lines), fetched, problem)

    def _only_lines_are_lost(self, paged: Entry, there: FoundPart | None) -> bool:
        """Whether it is a file that is sound, beside a part that is not."""
        if not is_raw(paged.part or "") or (there is not None and there.lines is not None):
            return False
        return not any(self._check.problems(self._store, self._folder, paged))

    def _lost(self, at: Checkpoint, there: FoundPart | None) -> None:
        """A part whose line nothing says: the page that the one before leads to."""
        if at.done:
            raise CannotMend(f"part {self._number} is lost, and stands behind the last page")
        following = self._parts.part(self._number + 1)
        first = next((one for one in (following and following.lines) or ()), None)
        if following is not None and not (isinstance(first, Entry) and first.seq == at.seq + 2):
            raise CannotMend(f"part {self._number} is lost, and more than its page was in it")
        fetched = self._again.page(at)
        if fetched is None:
            if self._again.is_lost:
                raise CannotMend(f"part {self._number} is lost, and so is its page")
            raise NotNow
        entry = fetched.entry
        leads_on = isinstance(first, Entry) and not entry.done and entry.next == first.cursor
        if fetched.part is None or not (leads_on or following is None):
            fetched.discard()
            raise CannotMend(f"part {self._number} is lost, and its page now leads elsewhere")
        self._put(there, tuple(self._with_header([entry])), fetched, "is gone, with its line")
        self._found.parts += 1
        at.add(entry)

    def _put(
        self, there: FoundPart | None, lines: Lines, fetched: PageResult | None, problem: str
    ) -> None:
        paged = page_among(lines)
        name = (paged.part if paged else None) or (there.name if there else part_name(self._number))
        part = fetched.part if fetched else None
        self._store.look()
        try:
            kept = self._parts.put(self._number, name, lines, part)
        finally:
            if fetched:
                fetched.discard()
        if kept:
            self._found.note(self._found.aside, kept)
        self._found.pages += part is not None
        self._found.note(self._found.again, f"{self._partition.title}, {name}: {problem}")
