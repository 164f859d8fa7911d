"""Tests a guess: its second page, and a control of what that page proves.

Where the server itself says where the next page is, other records there are proof enough. A
number that is only a guess proves nothing by other records alone: a list that moves by itself has
those whatever is asked. So the first page is asked for once more, by its number: it must be the
page that was seen.
"""

from collections.abc import Callable
from dataclasses import field, replace
from typing import Any, Final

from harvester.config import Config
from harvester.errors import AttemptFailed, PageRefused
from harvester.paging import shared
from harvester.scaffold.ask import Ask
from harvester.scaffold.counting import spread
from harvester.scaffold.declaring import last_word
from harvester.scaffold.guess import Guess, page_size, places
from harvester.scaffold.looking import Records, Sample, records_in, said_no, values_at
from harvester.scaffold.probing import OutOfRequests, Probe, Proof
from harvester.values import dataclass

UNSORTED: Final = (
    "the list is not sorted, or moves while it is read; add the API's parameter for a fixed order "
    "to the line, such as sort=id, and run init again"
)
#: The first page of a harvest that begins behind all ends.
_FAR: Final = {"page_number": {"base_page": 1_000_000}, "offset": {"base_offset": 1_000_000_000}}
_PAGE_ZERO: Final = "page 0 has further records: the harvest begins there"


def by_server(guess: Guess) -> bool:
    """Whether the server itself said where the next page is: a list that moves while it is read
    repeats records, and is paged rightly all the same.
    """
    return guess.stated and guess.type in ("cursor", "header_cursor", "json_link", "header_link")


@dataclass(slots=True)
class Trial:
    """What guesses are tried on. `config` makes a guess a configuration; `records` are those of
    the first page, or of a later one where the first has none.
    """

    ask: Ask
    probe: Probe
    config: Callable[[Guess], Config]
    sample: Sample
    records: Records | None
    notes: list[str] = field(default_factory=list)

    @property
    def seen(self) -> bool:
        """Whether the first page has a list of records, empty or not."""
        return bool(self.records and (self.records.path or isinstance(self.sample.page, list)))

    @property
    def first(self) -> list[Any]:
        """The records of the first page."""
        return self.records.values if self.records else []

    def tried(self, guess: Guess) -> tuple[Guess, Proof]:
        """The guess, corrected where the control shows how, and what came of it; OutOfRequests."""
        proof = self._proof(guess)
        if guess.spread:
            if proof.verdict != "proven":
                return guess, replace(proof, verdict="refused")
            guess, proof = self._narrowed(guess)
        if proof.verdict != "proven" or by_server(guess):
            return guess, proof
        return self._controlled(guess, proof)

    def ends(self, guess: Guess) -> bool:
        """Whether far behind the end nothing comes: then the number is heeded, and ends."""
        if guess.type not in _FAR:
            return False
        try:
            beyond = {**guess.paginator, **_FAR[guess.type]}
            return not self._read(replace(guess, paginator=beyond))
        except PageRefused as error:
            return _is_no(error.status)
        except (AttemptFailed, OutOfRequests):
            return False

    def _proof(self, guess: Guess) -> Proof:
        path = self.records.path if self.seen and self.records else None
        proof = self.probe.proof(self.config(guess), self.sample, path)
        if path is None and proof.second is not None:
            # Twitter's first page may be empty, and then it has no `data`.
            found = records_in(proof.second.page, last_word(self.ask.url), page_size(self.ask))
            if found and found[0].path and found[0].values:
                self.records = found[0]
                return replace(
                    proof, verdict="proven", message="the next page has the first records"
                )
        return proof

    def _narrowed(self, guess: Guess) -> tuple[Guess, Proof]:
        """Of many names that the number was sent under, the one that is heeded."""
        wanted = guess.spread
        while True:
            half = wanted[: (len(wanted) + 1) // 2]
            tried = spread(guess, half)
            proof = self._proof(tried)
            if proof.verdict != "proven":
                half = wanted[len(half) :]
                if len(half) < 2:
                    tried = spread(guess, half or wanted)
                    return tried, self._proof(tried) if half else proof
            elif len(half) == 1:
                return tried, proof
            wanted = half

    def _controlled(self, guess: Guess, proof: Proof) -> tuple[Guess, Proof]:
        """Whether the guess's own first page is the page that was seen. Where pages count from 0,
        page 1 is another, and the harvest would lose one.
        """
        try:
            again = self._read(guess)
        except PageRefused as error:
            if not _is_no(error.status):
                self.notes.append(f"its own first page could not be seen: {error}")
                return guess, proof
            again = []
        if self._is_first(guess, again):
            return self._from_zero(guess, proof)
        if guess.type == "page_number" and guess.paginator.get("base_page") == 1:
            zero = _from(guess, 0)
            if self._is_first(zero, self._read_or_none(zero)):
                return zero, replace(proof, message=f"{proof.message}; page 0 is the first")
        if not again:
            return guess, Proof("refused", "its own first page has no records")
        return guess, Proof("moves", f"asked for again, the first page was another: {UNSORTED}")

    def _is_first(self, guess: Guess, again: list[Any]) -> bool:
        """Whether records are those of the first page; a list may have moved a little."""
        if not again or not shared(self.first, again).mostly:
            return False
        # An offset that is too large by one leaves out the first record only.
        exact = guess.type != "offset" or not guess.paginator.get("base_offset")
        return exact or shared(self.first[:1], again[:1]).count == 1

    def _from_zero(self, guess: Guess, proof: Proof) -> tuple[Guess, Proof]:
        """Whether there is a page before the one that the line asked for as the first."""
        asked = {place.name for place in places(self.ask)} & {*map(str, guess.paginator.values())}
        if guess.type == "page_number" and guess.paginator.get("base_page") == 1 and asked:
            zero = _from(guess, 0)
            known = [*self.first, *(self._records(proof.second) if proof.second else [])]
            before = self._read_or_none(zero)
            if before and shared(known, before).count == 0:
                self.notes.append(_PAGE_ZERO)
                return zero, replace(proof, message=f"{proof.message}; {_PAGE_ZERO}")
        return replace(guess, unsure=()), proof

    def _read(self, guess: Guess) -> list[Any]:
        """The records of the guess's own first page."""
        sample = self.probe.own_first(self.config(guess))
        return [] if said_no(sample.page) else self._records(sample)

    def _read_or_none(self, guess: Guess) -> list[Any]:
        try:
            return self._read(guess)
        except (AttemptFailed, OutOfRequests):
            return []

    def _records(self, sample: Sample) -> list[Any]:
        return values_at(sample.page, self.records.path if self.records else ()) or []


def _is_no(status: int | None) -> bool:
    """Whether a status says no to this request, rather than to this moment or to whoever asks."""
    return status is not None and 400 <= status < 500 and status not in (401, 403, 408, 429)


def _from(guess: Guess, base: int) -> Guess:
    return replace(guess, unsure=(), paginator={**guess.paginator, "base_page": base})
