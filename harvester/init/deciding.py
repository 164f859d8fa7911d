"""One request, looked at and asked again: where its records are and how its API pages.

Guesses are tried from the best down until a second page proves one; what the page itself says is
believed without, where no request is left or the first page is the last. At most
`probing.MOST_REQUESTS` requests, waits that the server asks for heeded.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from harvester.errors import AttemptFailed
from harvester.init.ask import Ask
from harvester.init.declaring import last_word, movable, tree_of
from harvester.init.dialects import known
from harvester.init.guess import SINGLE, Guess, from_the_start, page_size
from harvester.init.guessing import guesses
from harvester.init.hiding import Hidden
from harvester.init.looking import Records, Sample, first_named, identity, records_in, values_at
from harvester.init.names import COUNTING, SOUND, TOTALS, plain
from harvester.init.probing import MOST_REQUESTS, OutOfRequests, Probe, Proof
from harvester.init.writing import yaml_text
from harvester.jsonpath import find, parse
from harvester.sources import secrets_of
from harvester.terminal.phrases import fit, one_line

_LONGEST_ERROR: Final = 300


class NoFirstPage(AttemptFailed):
    """There is no page to look at; the message is free of secrets."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class Decided:
    """What is known of one resource. `sample` is None where nothing was asked."""

    ask: Ask
    guess: Guess
    proof: Proof | None = None
    records: Records | None = None
    others: tuple[Records, ...] = ()
    sample: Sample | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
    requests: int = 0

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
    found = [guess for guess in guesses(ask, sample, records) if guess.told or seen]
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
        self.sample: Sample
        self.records: Records | None = None
        self.others: tuple[Records, ...] = ()

    def config(self, guess: Guess) -> Any:
        """The guess as a configuration, by way of its YAML."""
        selector = self.records.selector if self.records else None
        tree = tree_of(self.ask, "init", "records", self.hidden.auth, selector, guess)
        return self.probe.load(yaml_text(tree, [], {}), "init")

    def decided(self) -> Decided:
        self._first_page()
        found = self._chosen()
        guess, proof = found or (SINGLE, Proof("last", SINGLE.why))
        if proof.holds and ("base_page" in guess.unsure or guess.type == "offset"):
            if not guess.told or "base_page" in guess.unsure:
                guess, proof = self._based(guess, proof)
        elif guess.type == "page_number" and self.later:
            guess = replace(guess, unsure=(*guess.unsure, "base_page"))
        used = MOST_REQUESTS - self.probe.left
        return Decided(self.ask, guess, proof, self.records, self.others, self.sample,
                       tuple(self.notes), used)  # fmt: skip

    def _first_page(self) -> None:
        config = self.config(SINGLE)
        try:
            self.sample = self.probe.first(config)
            for hint in list(known(self.ask, self.sample)):
                wanted = _adding(self.ask, hint)
                there = hint.get("unless", "$")
                if wanted != self.ask and not any(find(self.sample.page, parse(there))):
                    self.ask = wanted
                    self.notes.append(f"{hint['api']}: {hint['why']}")
                    self.sample = self.probe.first(self.config(SINGLE))
        except AttemptFailed as error:
            told = secrets_of(config).redact(str(error))
            raise _no_first_page(told, error.status) from error
        if said := _said_no(self.sample.page):
            told = secrets_of(config).redact(f"the answer, of status 200, says no: {said}")
            raise _no_first_page(told, self.sample.status)
        self._look(self.sample)

    def _look(self, sample: Sample) -> None:
        found = records_in(sample.page, last_word(self.ask.url), page_size(self.ask))
        self.records = found[0] if found else None
        self.others = tuple(found[1:3])

    @property
    def _seen(self) -> bool:
        """Whether the first page has a list of records, empty or not."""
        return bool(self.records and (self.records.path or isinstance(self.sample.page, list)))

    def _chosen(self) -> tuple[Guess, Proof] | None:
        """The first guess that a second page proves; else the best that was not disproved."""
        plausible: list[tuple[Guess, Proof]] = []
        for best in guesses(self.ask, self.sample, self.records):
            for guess in self._variants(best):
                try:
                    proof = self._proof(guess)
                except OutOfRequests as error:
                    if best.told:
                        plausible.append((guess, Proof("refused", f"not tried: {error}")))
                    break
                if proof.verdict == "proven" or (proof.holds and (best.told or guess.told)):
                    return guess, proof
                if proof.verdict == "overlap" and _by_server(guess):
                    return guess, proof
                if proof.holds:
                    plausible.append((guess, proof))
                    break
                self.notes.append(f"not {_named(guess)}: {proof.told}")
                if proof.status in (401, 429) and best.told:
                    plausible.append((guess, proof))
        return plausible[0] if plausible else None

    def _proof(self, guess: Guess) -> Proof:
        path = self.records.path if self._seen and self.records else None
        proof = self.probe.proof(self.config(guess), self.sample, path)
        if path is None and proof.second is not None:
            # Twitter's first page may be empty, and then it has no `data`.
            found = records_in(proof.second.page, last_word(self.ask.url), page_size(self.ask))
            if found and found[0].path and found[0].values:
                self.records = found[0]
                return replace(proof, verdict="proven", told="the next page has the first records")
        return proof

    def _variants(self, guess: Guess) -> Iterator[Guess]:
        """The guess, and what to make of it when it is refused or overlaps: for whoever asks on."""
        yield guess
        if _by_server(guess):
            counting = tuple(n for n, _ in self.ask.params if plain(n) in COUNTING)
            alone = movable(self.ask, guess)
            for first in dict.fromkeys((counting, alone)):
                if first:
                    yield replace(guess, first=first)
        if guess.type == "keyset" and "step" not in guess.paginator and _whole_ids(self.records):
            yield replace(guess, paginator={**guess.paginator, "step": -1})
        if guess.type == "offset" and "base_offset" not in guess.paginator:
            yield replace(guess, paginator={**guess.paginator, "base_offset": 1})

    def _based(self, guess: Guess, proof: Proof) -> tuple[Guess, Proof]:
        """Whether the guess's own first page is the page that was seen: where pages count from 0,
        page 1 is another and the harvest would lose one; where neither is so, the list moves by
        itself and proves nothing.
        """
        path = self.records.path if self.records else ()
        try:
            page = self.probe.own_first(self.config(guess), self.sample)
        except (AttemptFailed, OutOfRequests) as error:
            self.notes.append(f"its own first page could not be seen: {error}")
            return guess, proof
        first, again = (
            [identity(one) for one in values_at(each.page, path) or ()]
            for each in (self.sample, page)
        )
        if first == again:
            return replace(guess, unsure=()), proof
        if guess.type == "page_number" and not set(first) & set(again):
            guess = replace(guess, unsure=(), paginator={**guess.paginator, "base_page": 0})
            return guess, Proof("proven", "page 1 is the second page: they count from 0")
        return guess, Proof("overlap", "asked for again, the first page was another: it moves")


def _no_first_page(told: str, status: int | None) -> NoFirstPage:
    return NoFirstPage(
        f"no page could be had: {told}. Nothing was written; --offline writes what the line alone "
        "says",
        status=status,
    )


def _said_no(page: Any) -> str | None:
    """What an error in a 200 says: Slack's `ok`, GraphQL's `errors`, an `error` without records."""
    if not isinstance(page, dict):
        return None
    wrong = [page[key] for key in ("error", "errors") if page.get(key)]
    if any(page.get(key) is False for key in SOUND) or (wrong and not records_in(page)[0].path):
        return fit(one_line(json.dumps(page, ensure_ascii=False)), _LONGEST_ERROR)
    return None


def _by_server(guess: Guess) -> bool:
    """Whether the server itself said where the next page is: a list that moves while it is read
    repeats records, and is paged rightly all the same.
    """
    return guess.told and guess.type in ("cursor", "header_cursor", "json_link", "header_link")


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
