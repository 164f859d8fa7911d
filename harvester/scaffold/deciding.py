"""Decides where a request's records are and how its API pages, by looking and asking again.

Guesses are tried from the best down until a second page proves one; what the page itself says is
believed without, where no request is left or the first page is the last. At most
`probing.MOST_REQUESTS` requests, waits that the server asks for heeded.
"""

from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from typing import Any

from harvester.config import Config
from harvester.engine import secrets_of
from harvester.errors import AttemptFailed
from harvester.model import find, parse
from harvester.paging import Sign, is_sure, key_of, member_text, more_than
from harvester.scaffold.ask import Ask
from harvester.scaffold.candidates import guesses
from harvester.scaffold.declaring import last_word, movable, tree_of
from harvester.scaffold.dialects import known
from harvester.scaffold.guess import SINGLE, Guess, from_the_start, page_size
from harvester.scaffold.hiding import Hidden
from harvester.scaffold.looking import (
    Records,
    Sample,
    first_named,
    records_in,
    said_no,
    signs_of,
    values_at,
)
from harvester.scaffold.names import COUNTING, TOTALS, plain
from harvester.scaffold.probing import MOST_REQUESTS, OutOfRequests, Probe, Proof
from harvester.scaffold.trying import UNSORTED, Trial, by_server
from harvester.scaffold.writing import yaml_text
from harvester.values import dataclass


class NoFirstPage(AttemptFailed):
    """There is no page to look at; the message is free of secrets."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class Decided:
    """What is known of one resource. `sample` is None where nothing was asked; `more` is what
    says that there is more, where no second page was proven.
    """

    ask: Ask
    guess: Guess
    proof: Proof | None = None
    records: Records | None = None
    others: tuple[Records, ...] = ()
    sample: Sample | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
    requests: int = 0
    more: Sign | None = None

    @property
    def key(self) -> str | None:
        """What makes a record the same record, where the pages that were seen show it."""
        first = self.records.values if self.records else []
        second = self.proof.second if self.proof else None
        path = self.records.path if self.records else ()
        further = (values_at(second.page, path) or []) if second else []
        member = key_of(first, further) if len(first) > 1 and self.sample else None
        return member_text(member) if member and is_sure(member) else None

    @property
    def selector(self) -> str | None:
        """Where the records are, as the YAML says it."""
        return self.records.selector if self.records else None

    @property
    def proven(self) -> bool:
        """Whether a second page came as was foretold."""
        return self.proof is not None and self.proof.verdict == "proven"


def decide_offline(ask: Ask, page: Any = None) -> Decided:
    """What the request alone suggests, or a page that was made up from documentation."""
    sample = Sample(ask.url, 0, {}, b"", page)
    seen = page is not None
    candidates = records_in(page, last_word(ask.url), page_size(ask)) if seen else []
    records = candidates[0] if candidates else None
    found = [guess for guess in guesses(ask, sample, records) if guess.stated or seen]
    for hint in known(ask, None):
        ask = _adding(ask, hint)
    return Decided(ask, found[0] if found else SINGLE, None, records)


def decide(hidden: Hidden, probe: Probe) -> Decided:
    """Look at the first page, guess, and prove. Raises NoFirstPage."""
    return _Deciding(hidden, probe).decided()


class _Deciding:
    def __init__(self, hidden: Hidden, probe: Probe) -> None:
        self.hidden = hidden
        self.ask, self.later = from_the_start(hidden.ask)
        self.probe = probe
        self.notes = [
            f"the line begins behind the first page, by its {name}; the harvest begins at the first"
            for name in self.later
        ]
        self.records: Records | None = None

    def config(self, guess: Guess) -> Config:
        """The guess as a configuration, by way of its YAML."""
        selector = self.records.selector if self.records else None
        tree = tree_of(self.ask, "init", "records", self.hidden.auth, selector, guess)
        return self.probe.load(yaml_text(tree, [], {}), "init")

    def decided(self) -> Decided:
        sample = self._first_page()
        self.ask = replace(self.ask, format=sample.format)
        found = records_in(sample.page, last_word(self.ask.url), page_size(self.ask))
        self.records = found[0] if found else None
        trial = Trial(self.ask, self.probe, self.config, sample, self.records, self.notes)
        came = len(trial.first)
        more = more_than(signs_of(sample, self.records), came) if trial.seen else None
        guess, proof = self._chosen(trial, more) or (SINGLE, Proof("last", SINGLE.why))
        if guess.type == "single_page" and more:
            proof = Proof("refused", f"{more.says(came)}; nothing that was tried leads there")
        used = MOST_REQUESTS - self.probe.left
        return Decided(
            self.ask, guess, proof, trial.records, tuple(found[1:3]), sample, tuple(self.notes),
            used, None if proof.verdict == "proven" else more,
        )  # fmt: skip

    def _first_page(self) -> Sample:
        config = self.config(SINGLE)
        try:
            sample = self.probe.first(config)
            for hint in list(known(self.ask, sample)):
                wanted = _adding(self.ask, hint)
                there = hint.get("unless", "$")
                if wanted != self.ask and not any(find(sample.page, parse(there))):
                    self.ask = wanted
                    self.notes.append(f"{hint['api']}: {hint['why']}")
                    sample = self.probe.first(self.config(SINGLE))
        except AttemptFailed as error:
            message = secrets_of(config).redact(str(error))
            raise _no_first_page(message, error.status) from error
        if said := said_no(sample.page):
            message = secrets_of(config).redact(f"the answer, of status 200, says no: {said}")
            raise _no_first_page(message, sample.status)
        return sample

    def _chosen(self, trial: Trial, more: Sign | None) -> tuple[Guess, Proof] | None:
        """The first guess that a second page proves; else the best that was not disproved."""
        plausible: list[tuple[Guess, Proof]] = []
        overlapping: list[tuple[Guess, Proof]] = []
        failed = False
        for best in guesses(self.ask, trial.sample, self.records):
            for guess in self._variants(best):
                try:
                    tried, proof = self._tried(trial, guess)
                except OutOfRequests as error:
                    if best.stated and not failed:
                        plausible.append((guess, Proof("refused", f"not tried: {error}")))
                    break
                match _standing(guess, proof, best.stated or guess.stated, more):
                    case "taken":
                        return tried, proof
                    case "unsorted":
                        return tried, _unsorted(proof)
                    case "plausible":
                        plausible.append((tried, proof))
                        break
                    case "overlapping":
                        overlapping.append((tried, proof))
                failed = True
                self.notes.append(f"not {_named(guess)}: {proof.message}")
                if proof.status in (401, 429) and best.stated:
                    plausible.append((guess, proof))
                if proof.verdict == "same" and not by_server(guess):
                    break  # the parameter is ignored, whatever stands in it
        for guess, proof in overlapping[:1]:
            if trial.ends(guess):
                return guess, _unsorted(proof)
        return plausible[0] if plausible else None

    def _tried(self, trial: Trial, guess: Guess) -> tuple[Guess, Proof]:
        tried = trial.tried(guess)
        self.records = trial.records  # a later page may be the first that has some
        return tried

    def _variants(self, guess: Guess) -> Iterator[Guess]:
        """The guess, and what to make of it when it is refused or overlaps: for whoever asks on."""
        yield guess
        if by_server(guess):
            counting = tuple(n for n, _ in self.ask.params if plain(n) in COUNTING)
            alone = movable(self.ask, guess)
            for first in dict.fromkeys((counting, alone)):
                if first:
                    yield replace(guess, first=first)
        if guess.type == "keyset" and "step" not in guess.paginator and _whole_ids(self.records):
            yield replace(guess, paginator={**guess.paginator, "step": -1})
        if guess.type == "offset" and not guess.spread and "base_offset" not in guess.paginator:
            yield replace(guess, paginator={**guess.paginator, "base_offset": 1})


def _standing(guess: Guess, proof: Proof, stated: bool, more: Sign | None) -> str:
    """What a proof makes of a guess: `taken`, `unsorted` (taken, though pages overlap),
    `plausible`, `overlapping`, or `disproved`. `more` is a sign that more records exist.
    """
    if proof.verdict == "proven" or (proof.holds and stated and not more):
        return "taken"
    if proof.verdict == "overlap":
        return "unsorted" if by_server(guess) else "overlapping"
    if proof.verdict == "last" or (proof.holds and not more):
        return "plausible"
    return "disproved"


def _unsorted(proof: Proof) -> Proof:
    return replace(proof, message=f"{proof.message}; {UNSORTED}")


def _no_first_page(message: str, status: int | None) -> NoFirstPage:
    return NoFirstPage(
        f"no page could be had: {message}. Nothing was written; --offline writes what the line "
        "alone says",
        status=status,
    )


def _adding(ask: Ask, hint: Mapping[str, Any]) -> Ask:
    """The request with the parameters that a hint adds, where it lacks them."""
    more = [(k, v) for k, v in hint.get("adds", {}).items() if k not in dict(ask.params)]
    return replace(ask, params=(*ask.params, *more)) if more else ask


def _whole_ids(records: Records | None) -> bool:
    values = records.values[:1] if records else []
    return any(isinstance(one, dict) and str(one.get("id", "")).isdigit() for one in values)


def _named(guess: Guess) -> str:
    """A guess in a few words."""
    options = {k: v for k, v in guess.paginator.items() if k != "type" and isinstance(v, str)}
    inner = ", ".join(f"{key}: {value}" for key, value in options.items())
    first = " with the first page's own parameters" if guess.first else ""
    return f"{guess.type} ({inner}){first}" if inner else f"{guess.type}{first}"


def total_claimed(sample: Sample | None) -> tuple[str, Any] | None:
    """What the page says there is in all."""
    if sample is None or not isinstance(sample.page, dict):
        return None
    return first_named(
        sample.page, TOTALS, lambda one: isinstance(one, int) and not isinstance(one, bool)
    )
