"""Detects pages that come again with the same records, which is nearly always a loop.

A server that does not know the parameter which was to lead on gives its first page for ever, each
time in a new envelope. The second of two such pages is refused before it is committed, unless
`repeated_page` says that it means the end, or nothing.
"""

from functools import partial
from typing import Final

from harvester.config import Resource
from harvester.engine.likeness import are_other_records, same_records
from harvester.engine.page_result import PageResult
from harvester.errors import DataRefused, PageRefused
from harvester.model import parse
from harvester.page import Keys, format_of, parsed_keys
from harvester.paging import MOST_ALIKE, Recognition, paginator_of
from harvester.store import Entry, Store, decoded, decoded_chunks

_REASON: Final = "page_repeated"


class Repetition:
    """What is looked for in the pages of one partition, in their order."""

    def __init__(self, resource: Resource, store: Store, folder: str) -> None:
        self.recognition = Recognition(
            str(Keys(parsed_keys(resource.key))),
            overlaps=resource.paginator.restart_after is not None,
        )
        self._resource = resource
        self._store = store
        self._folder = folder
        self._format = format_of(resource)

    def checked(self, fetched: PageResult) -> PageResult:
        """A page, with what the journal is to say of its records; or the end, where they are those
        of the page before it and `repeated_page` says so. Raises `PageRefused` where it is a loop.
        """
        mode = self._resource.paginator.repeated_page
        try:
            if mode == "keep" or self._begins_list(fetched) or not self._is_again(fetched):
                note = self.recognition.note(fetched.sight, fetched.entry.done)
                return fetched.with_entry(fetched.entry.but(identity=note))
            if mode == "fail":
                raise self._loop(fetched)
        except BaseException:
            fetched.discard()
            raise
        fetched.discard()
        return PageResult(None, line=_end(fetched.entry))

    def doubting(self, fetched: PageResult) -> Entry:
        """The line of a page, once `recognition` has it, with what speaks against a partition that
        ends with it.
        """
        entry = fetched.entry
        if not entry.done or self._resource.paginator.repeated_page == "keep":
            return entry
        doubt = self.recognition.doubt(fetched.sight)
        return entry.but(doubts=(*entry.doubts, doubt)) if doubt else entry

    def _begins_list(self, fetched: PageResult) -> bool:
        """Whether a page is the first of a list that is begun anew, which has records again."""
        entry, paginator = fetched.entry, paginator_of(self._resource.paginator)
        begun = entry.list_from is not None
        return begun and paginator.counted(entry.cursor) == paginator.first_cursor()

    def _is_again(self, fetched: PageResult) -> bool:
        """Whether a page is the one before it once more."""
        sight, known = fetched.sight, self.recognition
        if sight is None or not known.repeats(sight, fetched.entry.records):
            return False
        if sight.repeats and known.alike < MOST_ALIKE:  # alike, but not for sure the same
            return False
        guessed = bool(sight.by) and not self._resource.key
        seen_all = sight.records == fetched.entry.records
        if (seen_all and not guessed) or fetched.part is None or known.part is None:
            return True
        before = partial(decoded, self._store, self._folder, known.part, known.stored_bytes)
        page = partial(decoded_chunks, fetched.part.so_far())
        path = parse(sight.by or "$")
        try:
            if not seen_all and not same_records(before, page, self._format, Keys([path])):
                return False
            others = guessed and known.alike < MOST_ALIKE
            return not (others and are_other_records(before, page, self._format, path))
        except (OSError, DataRefused):
            return True

    def _loop(self, fetched: PageResult) -> PageRefused:
        """The loop in words: what the server seems to ignore, and what can be done."""
        records = fetched.entry.records
        same = f"the same {records:,} records" if records > 1 else "the same record"
        session = ""
        if fetched.cookies:
            session = (
                " (it sets a cookie: if it keeps the place in a session, add `cookies: session` to "
                "client)"
            )
        ignored = paginator_of(self._resource.paginator).ignored()
        loop = PageRefused(
            f"this page has {same} as the page before it: {ignored}{session}; "
            "it is not kept. Where such a page means the end, say repeated_page: end in the "
            "paginator, and where the API repeats itself, repeated_page: keep",
            status=fetched.entry.status,
        )
        asked = fetched.entry.request
        loop.asked = f"{asked['method']} {asked['url']}"
        return loop


def _end(entry: Entry) -> Entry:
    """The line that ends a partition in the place of a page that is not kept."""
    return entry.but(
        part=None, next=None, done=True, reason=_REASON, records=0, bytes=0, stored_bytes=0,
        sha256=None, fields={}, doubts=(),
    )  # fmt: skip
