"""Bugs to plant into the writer of an object store; test_object_writer.py must see each."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from harvester.errors import DiskError
from harvester.store import (
    Entry,
    Fenced,
    Overtaken,
    Part,
    object_files,
    object_lines,
    object_store,
)
from harvester.store import object_writer as writing
from harvester.store.bucket import Bucket, Found
from harvester.store.entries import encode, packed
from harvester.store.object_files import StagedFile
from harvester.store.object_lines import Committed
from harvester.store.object_writer import ObjectWriter
from harvester.store.parts import part_name, part_number
from harvester.store.trailer import text_at_end

Patch = pytest.MonkeyPatch


def not_create_only(patch: Patch) -> None:
    """A part takes the place of the one that is there."""
    patch.setattr(Bucket, "create", Bucket.replace)


def refused_is_done(patch: Patch) -> None:
    """A put that was refused counts as mine, whoever's it was."""
    patch.setattr(ObjectWriter, "_is_mine", lambda self, name: True)


def never_mine(patch: Patch) -> None:
    """A lost answer of a put that took effect is taken for another writer's page."""

    def bug(self: ObjectWriter, name: str) -> bool:
        raise Fenced(name)

    patch.setattr(ObjectWriter, "_is_mine", bug)


def epoch_not_raised(patch: Patch) -> None:
    """A writer's epoch is the clock's, whatever epochs it has met."""
    lines = object_lines.committed

    def bug(bucket: Bucket, folder: str) -> Any:
        for found in lines(bucket, folder):
            yield Committed(found.number, found.lines, None if found.epoch is None else "")

    patch.setattr(writing, "committed", bug)
    patch.setattr(ObjectWriter, "_last_epoch", lambda self: "")


def failed_put_goes_on(patch: Patch) -> None:
    """A put of which nobody knows what came of it is tried once more without its page."""
    create = ObjectWriter._create

    def bug(self: ObjectWriter, name: str, part: Part | None, end: bytes) -> None:
        try:
            create(self, name, part, end)
        except DiskError:
            self._is_over = False
            self._bucket.create(name, packed(b"") + end)
            raise

    patch.setattr(ObjectWriter, "_create", bug)


def goes_on_with_its_own(patch: Patch) -> None:
    """Whoever is overtaken goes on behind the other's page as if it were its own."""
    create = ObjectWriter._create

    def bug(self: ObjectWriter, name: str, part: Part | None, end: bytes) -> None:
        try:
            create(self, name, part, end)
        except (Overtaken, Fenced):
            return

    patch.setattr(ObjectWriter, "_create", bug)


def parts_removed_behind_a_segment(patch: Patch) -> None:
    """A segment has the lines, so the parts go: their names no longer fence."""
    segment = ObjectWriter._segment

    def bug(self: ObjectWriter, first: int, last: int, text: bytes) -> None:
        segment(self, first, last, text)
        for number in range(first, last + 1):
            self._bucket.delete(f"{self._folder}/{part_name(number)}")

    patch.setattr(ObjectWriter, "_segment", bug)


def segment_too_early(patch: Patch) -> None:
    """A segment speaks of a part before that is put."""
    put = ObjectWriter._put

    def bug(self: ObjectWriter, part: Part | None) -> None:
        if (self._number + 1) % 2 == 0:
            lines = b"".join([*self._recent, *(encode(each) for each in self._held)])
            self._segment(self._segmented + 1, self._number + 1, lines)
        put(self, part)

    patch.setattr(ObjectWriter, "_put", bug)


def line_without_its_page(patch: Patch) -> None:
    """The lines are put as an object of their own, behind the part."""
    create = ObjectWriter._create

    def bug(self: ObjectWriter, name: str, part: Part | None, end: bytes) -> None:
        create(self, name, part, b"")
        self._bucket.create(name.replace("part-", "line-"), end)

    def read(bucket: Bucket, found: Found) -> Committed:
        data = bucket.get(found.key.replace("part-", "line-")) or b""
        epoch, *lines = (text_at_end(data) or b"\n").splitlines(keepends=True)
        number = part_number(found.key.rsplit("/", 1)[-1])
        return Committed(number or 0, tuple(lines), epoch.decode().strip())

    patch.setattr(ObjectWriter, "_create", bug)
    for module in (object_lines, writing):
        patch.setattr(module, "part_lines", read)


def gap_overlooked(patch: Patch) -> None:
    """Parts behind one that is missing are read as if it had never been."""

    def bug(bucket: Bucket, folder: str, parts: list[Found], at: int) -> list[Found]:
        return [found for found in parts if (object_lines.own_number(found.key, folder) or 0) > at]

    patch.setattr(object_lines, "in_order", bug)


def copied_over(patch: Patch) -> None:
    """A large part is copied to its name, whatever is there."""

    def bug(self: Bucket, name: str, target: str) -> None:
        self.replace(target, self.get(name) or b"")

    patch.setattr(Bucket, "copy_anew", bug)


def staged_never_swept(patch: Patch) -> None:
    """What a killed run has staged stays for ever."""
    patch.setattr(object_store.ObjectStore, "_sweep", lambda self: None)


def swept_with_parts(patch: Patch) -> None:
    """The sweep takes all that is below the store, parts too."""
    patch.setattr(object_store, "INCOMING", "items")


def line_kept_for_later(patch: Patch) -> None:
    """The last line waits for a next page, which never comes."""
    commit = ObjectWriter.commit

    def bug(self: ObjectWriter, entry: Entry, part: Part | None, *, at_once: bool = False) -> None:
        if part is None and entry.done:
            self._take(entry)
            return
        commit(self, entry, part, at_once=at_once)

    patch.setattr(ObjectWriter, "commit", bug)


def named_before_its_part(patch: Patch) -> None:
    """A file has its name before the part that commits it."""
    put = StagedFile.put

    def bug(self: StagedFile, part: Part) -> None:
        put(self, part)
        self.name(part.described().stored_bytes)

    patch.setattr(StagedFile, "put", bug)


def swept_though_committed(patch: Patch) -> None:
    """The sweep removes all that is staged."""

    def bug(bucket: Bucket) -> bool:
        for answer in bucket.listing(object_files.STAGED):
            for found in answer:
                bucket.delete(found.key)
        return False

    patch.setattr(object_files, "sweep_staged", bug)


def swept_though_it_may_be_committed(patch: Patch) -> None:
    """The sweep removes what no part commits yet, while its writer is just about to put that."""
    swept = object_files._swept

    def bug(bucket: Bucket, found: Found) -> bool:
        if not swept(bucket, found):
            bucket.delete(found.key)
        return True

    patch.setattr(object_files, "_swept", bug)


def staged_files_are_not_read(patch: Patch) -> None:
    """Who reads looks for a file under its name only."""

    def bug(bucket: Bucket, folder: str, part: str, stored_bytes: int) -> Any:
        return bucket.chunks(f"{folder}/{part}")

    patch.setattr(object_store, "file_chunks", bug)


def last_file_not_named(patch: Patch) -> None:
    """Who opens a partition, and each run, leave the last file where a killed writer left it."""
    patch.setattr(object_files.FilesOfLines, "find", lambda *_, **__: None)
    patch.setattr(object_files, "sweep_staged", lambda bucket: False)


def staged_under_one_name(patch: Patch) -> None:
    """Two writers of one page stage it under one name."""
    place = property(lambda self: f".staged/all/{self.folder}/{self.part}")
    patch.setattr(StagedFile, "_staged", place)


def removed_where_nobody_knows(patch: Patch) -> None:
    """What is staged is removed where the answer of the commit was lost."""
    create = ObjectWriter._create

    def bug(self: ObjectWriter, name: str, part: Part | None, end: bytes) -> Any:
        try:
            return create(self, name, part, end)
        except DiskError:
            for answer in self._bucket.listing(f"{object_files.STAGED}/{self._epoch}"):
                for found in answer:
                    self._bucket.delete(found.key)
            raise

    patch.setattr(ObjectWriter, "_create", bug)


def guess_believed(patch: Patch) -> None:
    """Who took a partition for new goes on so, though its first part was refused."""
    is_mine = ObjectWriter._is_mine
    patch.setattr(
        ObjectWriter, "_is_mine", lambda self, name: self._is_guess or is_mine(self, name)
    )


def guess_put_over(patch: Patch) -> None:
    """The first part of a partition that is taken for new is put over whatever is there."""
    create = ObjectWriter._create

    def bug(self: ObjectWriter, name: str, part: Part | None, end: bytes) -> Found | None:
        if self._is_guess:
            self._bucket.delete(name)
        return create(self, name, part, end)

    patch.setattr(ObjectWriter, "_create", bug)


def guess_of_a_name(patch: Patch) -> None:
    """A part without a page is looked for by the name that it would have."""
    patch.setattr(ObjectWriter, "_look_for_first", lambda self: None)


#: Each with the check that must fail.
BUGS: Mapping[Callable[[Patch], None], str] = {
    not_create_only: "two_at_once",
    refused_is_done: "two_at_once",
    never_mine: "every_single_fault",
    epoch_not_raised: "a_clock_that_goes_back",
    failed_put_goes_on: "every_single_fault",
    goes_on_with_its_own: "two_at_once",
    parts_removed_behind_a_segment: "every_single_fault",
    segment_too_early: "every_single_fault",
    line_without_its_page: "every_single_fault",
    gap_overlooked: "a_part_that_is_gone",
    copied_over: "two_at_once",
    staged_never_swept: "every_single_fault_of_large_parts",
    swept_with_parts: "every_single_fault",
    line_kept_for_later: "every_single_fault",
    named_before_its_part: "every_single_fault_of_files",
    swept_though_committed: "every_single_fault_of_files",
    swept_though_it_may_be_committed: "two_with_files",
    staged_files_are_not_read: "every_single_fault_of_files",
    last_file_not_named: "every_single_fault_of_files",
    staged_under_one_name: "two_with_files",
    removed_where_nobody_knows: "every_single_fault_of_files",
    guess_believed: "two_at_once_on_a_guess",
    guess_put_over: "two_at_once_on_a_guess",
    guess_of_a_name: "a_page_of_another_name",
}
