"""Words for what was decided: the comments of the YAML, and the lines on stderr."""

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final
from urllib.parse import urlsplit

from harvester.http import window_reset
from harvester.model import duration, fit, number, one_line
from harvester.patterns import pattern
from harvester.scaffold.deciding import Decided, total_claimed
from harvester.scaffold.hiding import Hidden
from harvester.scaffold.spans import hints, span_of, told_of
from harvester.scaffold.variables import shown
from harvester.scaffold.writing import Key, wrapped
from harvester.security import Secrets
from harvester.values import dataclass

_MOST_KEYS: Final = 12
_LONGEST_KEY: Final = 40
_POLICY: Final = pattern(r"(?:\"[^\"]*\"\s*;\s*q=)?([0-9]{1,9})\s*;\s*(?:window|w)=([0-9]{1,9})")
_SLACK_S: Final = 5  # a clock's
_WINDOWS: Final = (1, 10, 60, 300, 600, 900, 3600, 86_400)


@dataclass(frozen=True, slots=True)
class Rate:
    """What the headers say of a rate limit: an exact budget, or words."""

    budgets: list[dict[str, Any]] = field(default_factory=list)
    message: str = ""


def rate_of(headers: Mapping[str, str]) -> Rate:
    """The budget where limit and period are both sent; otherwise what is known, for a comment."""
    if found := _POLICY.search(headers.get("ratelimit-policy", headers.get("ratelimit-limit", ""))):
        return _exact(int(found[1]), int(found[2]), "RateLimit-Policy")
    limit = _whole(headers, "x-rate-limit-limit", "x-ratelimit-limit", "ratelimit-limit",
                   "x-rate-limit", "x-hubspot-ratelimit-max")  # fmt: skip
    if limit is None:
        return Rate()
    interval = headers.get("x-rate-limit-interval", "").removesuffix("s")
    milliseconds = _whole(headers, "x-hubspot-ratelimit-interval-milliseconds")
    if interval.isdigit():
        return _exact(limit, int(interval), "x-rate-limit-interval")
    if milliseconds:
        return _exact(limit, milliseconds // 1000, "x-hubspot-ratelimit-interval-milliseconds")
    left = _whole(headers, "x-rate-limit-remaining", "x-ratelimit-remaining",
                  "ratelimit-remaining", "x-ratelimit-remaining")  # fmt: skip
    reset = window_reset(headers, 0.0) if "date" in headers else None
    text = f"the server says: {limit:,} requests a window"
    text += f", {left:,} left" if left is not None else ""
    if reset is not None and 0 < reset < 90_000:
        window = next((one for one in _WINDOWS if reset <= one + _SLACK_S), 86_400)
        text += f", which ends in {duration(reset)}; a budget might be "
        text += f"{{requests: {limit}, per: {_period(window)}}}"
    return Rate(message=f"{text}. It is obeyed as it comes.")


def _exact(requests: int, seconds: int, header: str) -> Rate:
    if not requests or not seconds:
        return Rate()
    budget = {"requests": requests, "per": _period(seconds)}
    return Rate([budget], f"{requests:,} requests in {duration(seconds)}, by {header}")


def _period(seconds: int) -> str:
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def _whole(headers: Mapping[str, str], *named: str) -> int | None:
    for name in named:
        text = headers.get(name, "").strip()
        if text.isdigit() and len(text) < 10:
            return int(text)
    return None


def keys_in_words(decided: Decided) -> str:
    """The first record's keys, not its values: those belong in no file."""
    records = decided.records
    if records is None or not records.values:
        return "none"
    if not records.keys:
        return f"no object but {'a list' if isinstance(records.values[0], list) else 'a value'}"
    few = [fit(one_line(key), _LONGEST_KEY) for key in records.keys[:_MOST_KEYS]]
    return ", ".join(few) + (", …" if len(records.keys) > _MOST_KEYS else "")


def findings_of(decided: Decided) -> list[str]:
    """What was decided and why, a line each."""
    lines = []
    if decided.sample is not None:
        count = len(decided.records.values) if decided.records else 0
        where = decided.selector or "$"
        lines.append(f"records: {number(count, 'record')} at {where} ({keys_in_words(decided)})")
        others = [f"{one.selector} ({len(one.values)})" for one in decided.others if one.values]
        if others:
            lines.append(f"also there: {', '.join(others)}")
        if total := total_claimed(decided.sample):
            lines.append(f"total: {total[0]} says {number(total[1], 'record')}")
    options = ", ".join(
        f"{key}: {value}" for key, value in decided.guess.paginator.items() if key != "type"
    )
    guess = decided.guess
    if span := span_of(decided.ask, (*guess.without, *guess.first, *guess.spread)):
        lines.append(f"windows: {told_of(span)}")
    lines.append(f"paging: {decided.guess.type}{f' ({options})' if options else ''}")
    if decided.proof is None and decided.guess.type == "single_page":
        return [*lines, "because: nothing was asked, and the line says nothing of pages"]
    lines.append(f"because: {decided.guess.why}")
    if decided.proof is not None:
        lines.append(f"{'proven' if decided.proven else 'not proven'}: {decided.proof.message}")
    return lines


def open_questions(decided: Decided) -> list[str]:
    """What a person should look at."""
    found = [*decided.guess.unsure]
    found = [one for one in found if one != "base_page"]
    proof = decided.proof
    if proof is None:
        found.append("nothing was asked (--offline): all of it is a guess from the line alone")
    elif decided.guess.type == "single_page" and decided.more:
        found.append(
            f"not proven to be the only page: {decided.more.says(_came(decided))}. Look in the "
            "vendor's page for the parameter that pages, add it to the line, and run init again"
        )
    elif decided.guess.type == "single_page":
        found.append(
            "nothing was found that leads to a second page (not proven); if there is one, name a "
            "paginator"
        )
        if there := re.search(r"/([0-9]{1,9})(?=/|$|\.)", urlsplit(decided.ask.url).path):
            found.append(
                f"the path holds a number, {there[1]}: several of them are partitions, as in "
                'path: "{n}/…" with partitions: {n: {range: [1, 100]}}'
            )
    elif proof.verdict == "last":
        found.append(f"no second page proved the paging: {proof.message}")
    elif proof.verdict != "proven":
        found.append(f"the paging is not proven: {proof.message}")
    if proof is not None and decided.more and decided.guess.type != "single_page":
        found.append(decided.more.says(_came(decided)))
    if "base_page" in decided.guess.unsure:
        found.append("whether the API counts pages from 0 or from 1 (base_page)")
    without = (*decided.guess.without, *decided.guess.spread)
    if span_of(decided.ask, (*without, *decided.guess.first)) is None:
        found += hints(decided.ask, without)
    if decided.guess.first:
        names = ", ".join(decided.guess.first)
        found.append(f"only the first page is asked with {names}: the next was refused with it")
    return found


def _came(decided: Decided) -> int:
    return len(decided.records.values) if decided.records else 0


def comments_of(hidden: Hidden, decided: Decided, index: int, rate: Rate) -> dict[Key, list[str]]:
    """The comments of one resource, by the key that they stand above."""
    place: Key = ("resources", index)
    found: dict[Key, list[str]] = {}
    if decided.sample is not None and decided.selector is not None:
        count = len(decided.records.values) if decided.records else 0
        text = (
            f"{number(count, 'record')} on the first page; the first has: {keys_in_words(decided)}"
        )
        found[(*place, "data_selector")] = wrapped(text, 4)
    text = f"{decided.guess.why}"
    if decided.proof is None:
        single = decided.guess.type == "single_page"
        text = "nothing was asked, and the line says nothing of pages" if single else text
    elif decided.proof.message != text:
        text += f" ({'proven' if decided.proven else 'not proven'}: {decided.proof.message})"
    else:
        text += " (not proven)"
    found[(*place, "paginator")] = wrapped(text, 4)
    if "response_actions" in decided.guess.resource:
        found[(*place, "response_actions")] = ["The first rule that matches counts."]
    if hidden.auth:
        found[("client", "auth")] = ["The values are in the environment, never in this file."]
    if rate.budgets:
        found[("client", "rate_limit")] = wrapped(rate.message, 2)
    return found


def head_of(
    hidden: Hidden, decided: list[Decided], rate: Rate, source: str, exports: list[str]
) -> list[str]:
    """The comment at the head of the file."""
    ask = hidden.ask
    lines = [f"Made by `harvester init` from {source}:", f"  {ask.method} {shown(ask.url)}"]
    notes = [*ask.notes, *hidden.notes]
    if exports:
        lines += ["", "Needs in the environment:", *(f"  export {one}" for one in exports)]
    if rate.message and not rate.budgets:
        notes.append(f"Rate limit: {rate.message}")
    unsure = list(dict.fromkeys(one for each in decided for one in open_questions(each)))
    for title, items in (("Notes:", notes), ("Not sure:", unsure)):
        if items:
            lines += ["", title]
        for item in items:
            first, *rest = wrapped(item, 4) or [""]
            lines += [f"  - {first}", *(f"    {line}" for line in rest)]
    return lines


def safe_lines(lines: list[str], secrets: Secrets) -> list[str]:
    """Comment lines: one line each, printable, and free of secrets."""
    return [one_line_kept(secrets.redact(line)) for line in lines]


def one_line_kept(line: str) -> str:
    """`line` printable, its indentation kept."""
    indent = line[: len(line) - len(line.lstrip(" "))]
    return f"{indent}{one_line(line)}"
