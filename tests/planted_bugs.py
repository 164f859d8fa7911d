"""Bugs to plant into the package, so that we know that the matrix of faults can fail.

    PLANTED_BUG=unchecked_gzip_end python -m pytest -p tests.planted_bugs tests/faults

The variable is heeded here only, outside the package: by pytest where this is its plugin, and by
the harvests that tests run in processes of their own (harvest_once.py, harvest_alone.py). Each
function of `BUGS` plants one; test_planted_bugs.py says which rows it must turn red, and runs them.
A seam that is gone is an error, not a bug that is quietly no longer planted.
"""

import fcntl
import os
import re
import shutil
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from harvester.config import secret_keys
from harvester.engine import (
    answers,
    fetching,
    look,
    sources,
    turns,
)
from harvester.engine import (
    page_reader as attempt,
)
from harvester.engine.partition_runner import Pages
from harvester.engine.second_page import Second
from harvester.errors import NotJSON, PageRejected
from harvester.export import scratch
from harvester.http import connection as wire
from harvester.http import transport
from harvester.http.connection import Watch
from harvester.http.transport import Transport
from harvester.model import moments, partitions
from harvester.model.cycle_guard import LoopGuard
from harvester.page import (
    body,
    grammar,
    identity,
    matcher,
    page_format,
    page_walk,
    small_pages,
)
from harvester.page import records as elements
from harvester.page.fields import FieldParser
from harvester.page.formats import csv_pages, csv_rows, xml_stream
from harvester.paging import comparing, paginator, totals
from harvester.paging.paginator import Done, Page
from harvester.paging.paginators import counting
from harvester.paging.recognition import Recognition
from harvester.planning import closed_windows as closed
from harvester.planning import incremental
from harvester.repair import mended
from harvester.scaffold import probing
from harvester.scaffold.trying import Trial
from harvester.security.origins import Origins
from harvester.store import inside, journal, journal_lines, journal_replay, local, parts
from harvester.store import layout as places
from harvester.store import manifest as folder
from harvester.store.checkpoint import Checkpoint
from harvester.store.entries import Entry
from harvester.store.journal import Journal
from harvester.store.lock import Held
from harvester.store.parts import DurableFile, Part
from harvester.store.recovery import Tail
from harvester.store.syncing import Kept, Syncing
from tests.planted_wire_bugs import WIRE_BUGS

VARIABLE: Final = "PLANTED_BUG"


def put(owner: object, name: str, bug: object) -> None:
    """Put a bug in the place of what must be there."""
    assert hasattr(owner, name), f"{owner} has no {name} to replace"
    setattr(owner, name, bug)


# --- The disk ------------------------------------------------------------------------------------


def journal_before_rename() -> None:
    """The line is written while the part still has its temporary name."""
    name, write = Part.rename, Journal._write
    waiting: list[Part] = []

    def line_first(self: Journal, line: bytes) -> None:
        write(self, line)
        while waiting:
            name(waiting.pop())

    put(Part, "rename", lambda self: waiting.append(self))
    put(Journal, "_write", line_first)


def no_fsync_of_the_part() -> None:
    """The part gets its name, and the name is durable; its bytes may not be."""
    sync = DurableFile.sync

    def bug(self: DurableFile) -> None:
        fsync, self.fsync = self.fsync, False
        sync(self)
        self.fsync = fsync

    put(DurableFile, "sync", bug)


def no_fsync_of_the_folder() -> None:
    """The part's bytes are durable; its name may not be."""
    put(parts, "sync_folder", lambda folder: None)
    put(Journal, "sync_names", lambda self: None)


def no_fsync_of_the_journal() -> None:
    """Pages are called safe before their lines are."""
    put(Journal, "sync_lines", lambda self: None)


def mark_written_too_early() -> None:
    """A line says that all before it is safe as soon as it is kept."""
    add = Syncing.add

    def bug(self: Syncing, kept: Kept, *, urgent: bool = False) -> None:
        add(self, kept, urgent=urgent)
        kept.lines.made_safe(kept.seq)

    put(Syncing, "add", bug)


def checksum_not_looked_at() -> None:
    """Of a page that may not be safe only the size is compared."""

    def bug(path: Path, entry: Entry) -> bool:
        return path.exists() and path.stat().st_size == entry.stored_bytes

    put(journal_replay, "is_whole", bug)


def cut_one_line_too_late() -> None:
    """The first page that a power cut took still counts."""
    cut_at = Tail.cut_at

    def bug(self: Tail, place: int) -> int:
        return cut_at(self, min(place + 1, len(self.waiting) - 1))

    put(Tail, "cut_at", bug)


def tail_not_written_again() -> None:
    """What a failed sync left in memory only is synced once more, and called safe."""
    put(journal, "write_again", lambda path, start=0: None)


def no_end_to_the_tail() -> None:
    """Any number of pages may be kept and not safe."""
    put(Syncing, "_fits", lambda self, size: True)
    put(Syncing, "_is_due", lambda self: bool(self._waiting) and self._urgent)


def torn_line_kept() -> None:
    """Recovery does not cut the torn line off: the next one is appended to it."""
    put(os, "ftruncate", lambda descriptor, length: None)


def temporary_files_kept() -> None:
    """What an attempt or a killed run leaves is not removed."""
    put(Path, "unlink", lambda self, missing_ok=False: None)
    put(DurableFile, "discard", lambda self: self.close())


def failed_fsync_tried_again() -> None:
    """A second fsync says that all is well, of pages that the kernel has dropped."""
    fsync = os.fsync

    def bug(descriptor: int) -> None:
        try:
            fsync(descriptor)
        except OSError:
            fsync(descriptor)

    put(os, "fsync", bug)


def lock_not_taken() -> None:
    """Two runs may write into one folder."""
    put(fcntl, "flock", lambda descriptor, operation: None)


# --- The wire ------------------------------------------------------------------------------------


def link_followed_on_disk() -> None:
    """What lies inside a harvest's folder is opened wherever it leads."""
    put(os, "O_NOFOLLOW", 0)


def detours_taken() -> None:
    """A link on the way to a partition is walked through."""
    for module in (inside, local, places):
        put(module, "refuse_detours", lambda out, folder: None)
    put(local, "refuse_detour", lambda place, levels: None)


def folder_not_looked_at() -> None:
    """A run writes on, whatever became of its folder and its lock."""
    put(Held, "look", lambda self, folder=None, was=None: None)


def part_named_over_another() -> None:
    """A part takes the place of what has its name."""
    put(Part, "rename", DurableFile.rename)


def journal_believed() -> None:
    """Readers open what a journal names."""
    for module in (journal_replay, journal_lines):
        put(module, "check_name", lambda path, number, name, page: None)


def cases_not_told_apart() -> None:
    """Values that differ in case only have folders that do."""
    put(partitions, "_alike", lambda spec: None)


def short_body_taken() -> None:
    """The end of the connection is taken for the end of the body."""
    exactly = wire._exactly

    def bug(stream: Any, length: int) -> Iterator[bytes]:
        try:
            yield from exactly(stream, length)
        except PageRejected:
            return

    put(wire, "_exactly", bug)


def announced_size_believed() -> None:
    """A chunk of an exabyte is received until it is cut."""
    put(wire, "_allowed", lambda announced, left, limit: announced)


def late_page_kept() -> None:
    """The deadline of a page is not heeded."""

    def bug(clock: Any, deadline: float, read_timeout_s: float, stopping: Any) -> Watch:
        return Watch(clock, float("inf"), read_timeout_s, stopping)

    put(fetching, "Watch", bug)


def unchecked_gzip_end() -> None:
    """A gzip body that ends early is taken as it is."""
    inflated = body.inflated

    def bug(chunks: Any) -> Iterator[tuple[bytes, bytes]]:
        try:
            yield from inflated(chunks)
        except PageRejected as error:
            if "cut before its end" not in str(error):
                raise

    put(body, "inflated", bug)


class _Unchecked:
    """Inflates one member with a plain header, whatever its CRC and size are."""

    def __init__(self, window_bits: int) -> None:
        self._raw = zlib.decompressobj(-15)
        self._header, self._trailer = 10, 8  # bytes still to come
        self.eof = False
        self.unused_data = self.unconsumed_tail = b""

    def decompress(self, data: bytes, most: int) -> bytes:
        """Give the next bytes."""
        header = data[: self._header]
        self._header -= len(header)
        rest, piece = data[len(header) :], b""
        if not self._raw.eof:
            piece = self._raw.decompress(rest, most)
            rest = self._raw.unused_data
            self.unconsumed_tail = self._raw.unconsumed_tail
        if self._raw.eof:
            self._trailer -= len(rest[: self._trailer])
            self.eof = self._trailer == 0
            self.unused_data = rest[8:]
        return piece


def unchecked_gzip_crc() -> None:
    """A gzip body whose CRC or size is wrong is taken as it is."""
    put(vars(body)["isal_zlib"], "decompressobj", _Unchecked)


def bomb_unchecked() -> None:
    """A gzip body may expand as far as it likes."""
    put(body, "_plausible", lambda pairs, ratio: pairs)


def unchecked_json_end() -> None:
    """A JSON that ends early is taken as it is."""
    close = FieldParser.close

    def bug(self: FieldParser) -> dict[str, Any]:
        try:
            return close(self)
        except NotJSON:
            return self._matcher.results()

    put(FieldParser, "close", bug)


# --- Paging --------------------------------------------------------------------------------------


def guard_on_consecutive_cursors() -> None:
    """Only the cursor that was asked with last is remembered."""
    add = LoopGuard.add
    last: dict[int, Any] = {}

    def remember(self: LoopGuard, cursor: Any) -> bool:
        last[id(self)] = cursor
        return add(self, cursor)

    put(LoopGuard, "add", remember)
    put(LoopGuard, "__contains__", lambda self, cursor: last.get(id(self)) == cursor)


def cursor_as_float() -> None:
    """A large integer loses its last digits."""
    usable: Callable[..., Any] = vars(matcher)["usable"]

    def bug(value: Any, path: Any, limit: int) -> Any:
        value = usable(value, path, limit)
        return float(value) if isinstance(value, int) and abs(value) > 2**53 else value

    put(matcher, "usable", bug)
    put(small_pages, "usable", bug)


def empty_page_ends() -> None:
    """A page without records is taken for the last one, whatever cursor it has."""
    following: Callable[..., Any] = paginator.Paginator.next_cursor

    def bug(self: Any, cursor: Any, page: Page, *past: Checkpoint) -> Any:
        return following(self, cursor, page, *past) if page.records else Done("empty_page")

    put(paginator.Paginator, "next_cursor", bug)


def total_believed() -> None:
    """A total that is reached ends a partition, though the page is a full one."""
    put(totals, "page_size", lambda paginator, at: at.last_page + 1)


def more_not_heeded() -> None:
    """An empty page ends, whatever says that more follow."""
    put(counting, "below", lambda paginator, cursor, at: False)
    put(paginator, "_says_more", lambda value: None)


def empty_pages_for_ever() -> None:
    """Nobody counts the pages without records."""
    see = Checkpoint.see

    def bug(self: Checkpoint, records: int, fields: Mapping[str, Any]) -> None:
        see(self, records, fields)
        self.empty_pages = min(self.empty_pages, 1)

    put(Checkpoint, "see", bug)


def nothing_is_a_record() -> None:
    """`false` in the place of a list is a record."""
    put(page_format, "lone", lambda chunks, selector, after_records: 1)
    put(elements, "_says_nothing", lambda value, words: bytes(value) == b"null")


def contradictions_overlooked() -> None:
    """What the API says against an end is not looked at."""
    put(turns, "at_the_end", lambda *given, **named: iter(()))
    put(turns, "unread", lambda *given: iter(()))


def judged_when_fetched() -> None:
    """A page is judged by what was known when it was asked for, not in its turn."""
    fetch = Pages.fetch
    known: dict[int, Checkpoint] = {}

    def remember(self: Pages, at: Checkpoint, dropped: Any) -> Any:
        came = fetch(self, at, dropped)
        known[id(came)] = at
        return came

    judged = Pages.judged
    put(Pages, "fetch", remember)
    put(Pages, "judged", lambda self, came, at: judged(self, came, known.pop(id(came), at)))


# --- Where requests go, and when -----------------------------------------------------------------


def redirect_followed_anywhere() -> None:
    """A redirect to another origin takes the credentials there."""
    put(transport, "origin_of", lambda url: None)


def link_followed_anywhere() -> None:
    """A next link may lead to any host."""
    put(Origins, "check", lambda self, url: True)


def environment_trusted() -> None:
    """Netrc and the proxy variables are heeded, though nobody asked for it."""
    begin = Transport.__init__

    def bug(self: Transport, client: Any) -> None:
        begin(self, client.model_copy(update={"trust_env": True}))

    put(Transport, "__init__", bug)


def server_wait_ignored() -> None:
    """The page is asked for again whenever the backoff says."""
    put(answers, "server_wait", lambda headers, now: None)


# --- What is no page -----------------------------------------------------------------------------


def grammar_unproven() -> None:
    """What the parser is spared is only looked at for its strings and brackets."""
    put(grammar, "check", lambda text: None)


def controls_dropped() -> None:
    """Line breaks are white space to who reads records, in strings too."""
    put(page_walk, "one_line", lambda text: text.translate(None, b"\r\n"))


def odd_gzip_header_kept() -> None:
    """The part begins as the server's gzip does, whoever can read that."""
    put(body, "_NAMED", 0xFF)


def broken_body_tried_on() -> None:
    """A body that is no JSON is asked for as often as one that was cut."""
    put(attempt, "mark_of", lambda pairs, came, most: None)


def other_type_tried_on() -> None:
    """So is a page of HTML."""
    put(answers.Answers, "refuse_other_type", lambda self, response, snippet: None)


def open_quotes_closed() -> None:
    """A quote that nobody closes ends with the page."""
    begin = csv_rows.Rows.__init__

    def bug(self: csv_rows.Rows, *options: Any) -> None:
        begin(self, *options)
        self._settings["strict"] = False

    put(csv_rows.Rows, "__init__", bug)


def any_text_is_a_table() -> None:
    """An error that is called CSV is its header, and nothing follows."""
    put(csv_pages, "_OTHER_TEXT", re.compile("(?!)"))


def entities_declared() -> None:
    """A document may declare what it likes."""
    put(xml_stream, "_refuse_declarations", lambda *declared: None)


# --- The question --------------------------------------------------------------------------------


def variables_not_compared() -> None:
    """A harvest goes on with another value of a variable."""
    put(folder, "changed_values", lambda before, now: iter(()))


def every_variable_concealed() -> None:
    """Whatever a variable holds is taken for a secret wherever it stands in a cursor."""
    put(sources, "hidden", lambda config: frozenset(config.env))


def clock_of_this_machine_believed() -> None:
    """A window is done when it has closed by this machine's clock, whatever the server's says."""
    put(closed, "server_time", lambda date: None)


def future_gone_on_from() -> None:
    """The largest value is gone on from, however far it lies in the future."""
    put(moments.Horizon, "is_beyond", lambda self, value: False)
    put(moments.Horizon, "none_beyond", lambda self, values, least, greatest: True)
    put(incremental, "is_beyond", lambda value, moment: False)


# --- What proves a way to page -------------------------------------------------------------------


def records_compared_whole() -> None:
    """A record is another one as soon as one of its members is."""
    put(comparing, "key_of", lambda *pages: None)
    put(comparing, "_telling", lambda first, second: None)


def first_page_not_asked_again() -> None:
    """Other records on a second page prove a number, whatever the list does."""
    put(Trial, "_controlled", lambda self, guess, proof: (guess, proof))


def error_page_believed() -> None:
    """A second page is one, though it says that something is wrong."""
    put(probing, "said_no", lambda page: None)


def second_page_believed() -> None:
    """`check --live` looks at what came, and does not compare it."""
    put(look, "compared", lambda resource, first, second, records: Second("other records"))


def same_page_kept() -> None:
    """A page with the records of the one before it is a page like any other."""
    put(Recognition, "repeats", lambda self, sight, records: False)


def records_told_apart_by_all() -> None:
    """A record whose views have changed is another record."""
    put(identity, "guess", lambda records: ())


def doubles_not_counted() -> None:
    """Nobody is told of records that come twice."""
    put(Recognition, "doubt", lambda self, sight: None)


def start_not_compared() -> None:
    """What an incremental run gets is not held against what it asked for."""
    put(incremental, "is_before", lambda value, start: False)


# --- What belongs to the user, and ways back -----------------------------------------------------


def export_clears_by_name() -> None:
    """A folder that looks like one of an export is emptied, whatever lies in it."""

    def clear(home: Path, target: Path) -> None:
        for other in target.parent.glob("*.exporting"):
            if other != home:
                shutil.rmtree(other)

    put(scratch, "_clear", clear)


def secret_partitions_taken() -> None:
    """A partition may be called as secrets are, and lies open in names of folders."""
    put(secret_keys, "_says_secret", lambda name: False)


def mended_by_any_page() -> None:
    """`repair` takes what the API gives now, though it leads elsewhere."""
    put(mended, "_same_place", lambda before, after: True)


BUGS: Mapping[str, Callable[[], None]] = {
    bug.__name__: bug
    for bug in (
        journal_before_rename, no_fsync_of_the_part, no_fsync_of_the_folder,
        no_fsync_of_the_journal, mark_written_too_early, checksum_not_looked_at,
        cut_one_line_too_late, tail_not_written_again, no_end_to_the_tail,
        torn_line_kept, temporary_files_kept, failed_fsync_tried_again,
        lock_not_taken, link_followed_on_disk, detours_taken, folder_not_looked_at,
        part_named_over_another, journal_believed, cases_not_told_apart, short_body_taken,
        announced_size_believed, late_page_kept,
        unchecked_gzip_end, unchecked_gzip_crc, bomb_unchecked, unchecked_json_end,
        guard_on_consecutive_cursors, total_believed, more_not_heeded, empty_pages_for_ever,
        nothing_is_a_record, contradictions_overlooked, judged_when_fetched, cursor_as_float,
        empty_page_ends,
        redirect_followed_anywhere, link_followed_anywhere, environment_trusted,
        server_wait_ignored, odd_gzip_header_kept, broken_body_tried_on, other_type_tried_on,
        variables_not_compared, every_variable_concealed, clock_of_this_machine_believed,
        future_gone_on_from,
        grammar_unproven, controls_dropped, open_quotes_closed, any_text_is_a_table,
        entities_declared,
        *WIRE_BUGS,
        records_compared_whole, first_page_not_asked_again, error_page_believed,
        second_page_believed,
        same_page_kept, records_told_apart_by_all, doubles_not_counted, start_not_compared,
        export_clears_by_name, secret_partitions_taken, mended_by_any_page,
    )
}  # fmt: skip


def plant() -> None:
    """Plant the bug that the environment names; none if it names none."""
    if name := os.environ.get(VARIABLE):
        BUGS[name]()


def pytest_configure() -> None:
    """As a plugin: plant it before the first test."""
    plant()
