"""Proposes a configuration from requests: names, secrets, decisions and text put together."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any, Final

from harvester.config import parse_config
from harvester.errors import ConfigError
from harvester.patterns import pattern
from harvester.scaffold import telling
from harvester.scaffold.ask import Ask
from harvester.scaffold.deciding import Decided, decide, decide_offline
from harvester.scaffold.declaring import api_word, client_of, last_word, resource_of, whole
from harvester.scaffold.hiding import Hidden, hide
from harvester.scaffold.probing import Probe
from harvester.scaffold.spans import Span, span_of, told_of, windowed
from harvester.scaffold.variables import names
from harvester.scaffold.writing import Key, wrapped, yaml_text
from harvester.security import Secrets
from harvester.values import dataclass

_NAME: Final = pattern(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_LONGEST_NAME: Final = 60


@dataclass(frozen=True, slots=True)
class Wanted:
    """One request to make a resource of, and a page made up from documentation, if any."""

    ask: Ask
    page: Any = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A configuration as text, and what to tell. `values` are those of the variables that it
    names and that the line held; `findings` says what was decided, resource by resource; `exports`
    what the environment needs, and `missing` which of its variables are not there.
    """

    name: str
    text: str
    findings: Mapping[str, list[str]]
    notes: tuple[str, ...]
    unsure: tuple[str, ...]
    exports: tuple[str, ...]
    missing: tuple[str, ...]
    proven: bool
    requests: int
    decided: tuple[Decided, ...]
    values: Mapping[str, str] = field(default_factory=dict, repr=False)


def named(asks: Sequence[Ask], name: str | None) -> str:
    """The name of the harvest: as given, or after the API and its records; ConfigError."""
    if name is not None:
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"--name {name!r}: a name has letters, digits, '_', '.' and '-' (it becomes the "
                "name of a folder)"
            )
        return name
    asks = [hide(ask, "A", {}).ask for ask in asks]  # a token of the path names nothing
    ask = asks[0]
    words = (
        [api_word(ask.url), last_word(ask.url).lower()]
        if len(asks) == 1
        else ([api_word(ask.url) or "api"])
    )
    joined = "-".join(dict.fromkeys(filter(None, words)))
    return re.sub(r"[^A-Za-z0-9_.-]", "-", joined).strip("-._")[:_LONGEST_NAME] or "harvest"


def propose(
    wanted: Sequence[Wanted],
    *,
    name: str,
    source: str,
    env: Mapping[str, str],
    offline: bool = False,
    sleep: Callable[[float], None] = time.sleep,
    asking: Callable[[int], None] = lambda left: None,
) -> Proposal:
    """Make a configuration of requests to one API.

    `source` says in words where they are from; `asking` is called before each request with how
    many may still be made for its resource. Raises ConfigError, and NoFirstPage where the API gave
    no page to look at.
    """
    prefix = re.sub(r"[^A-Z0-9]+", "_", (api_word(wanted[0].ask.url) or name).upper()).strip("_")
    prefix = f"API_{prefix}" if not prefix or prefix[0].isdigit() else prefix
    hidden = [hide(one.ask, prefix, env) for one in wanted]
    values = {key: value for each in hidden for key, value in each.values.items()}
    known = {**env, **values}
    if not offline and not needs_login(hidden[0]):
        _refuse_unset(hidden, known)
    if login := needs_login(hidden[0]):
        offline = True
        hidden[0].notes.append(login)
    decided = [
        decide_offline(each.ask, one.page)
        if offline
        else decide(each, Probe(known, sleep, asking=asking))
        for each, one in zip(hidden, wanted, strict=True)
    ]
    return _put_together(name, source, hidden, decided, known, values)


def _put_together(
    name: str,
    source: str,
    hidden: list[Hidden],
    decided: list[Decided],
    env: Mapping[str, str],
    values: Mapping[str, str],
) -> Proposal:
    first = hidden[0]
    sample = decided[0].sample
    rate = telling.rate_of(sample.headers) if sample else telling.Rate()
    client = client_of(decided[0].ask, first.auth, rate.budgets)
    titles = _titles(decided)
    findings = {t: telling.findings_of(each) for t, each in zip(titles, decided, strict=True)}
    resources = [_resource(each, title) for title, each in zip(titles, decided, strict=True)]
    comments = _comments(first, decided, rate)
    tree = whole(name, client, resources)
    exports = _exports(hidden)
    needed = {key: env[key] for key in names_needed(hidden) if env.get(key)}
    secrets = Secrets(
        {f"env.{key}": value for key, value in needed.items()},
        [text for each in hidden for text in each.derived],
    )
    head = telling.head_of(first, decided, rate, source, [*exports.values()])
    text = yaml_text(
        tree,
        telling.safe_lines(head, secrets),
        {place: telling.safe_lines(lines, secrets) for place, lines in comments.items()},
    )
    _must_load(text, name, needed)
    notes = [*first.ask.notes, *first.notes, *(n for each in decided for n in each.notes)]
    return Proposal(
        name,
        text,
        {title: telling.safe_lines(lines, secrets) for title, lines in findings.items()},
        tuple(telling.safe_lines(notes, secrets)),
        tuple(dict.fromkeys(
            line for each in decided
            for line in telling.safe_lines(telling.open_questions(each), secrets))),
        tuple(exports.values()),
        tuple(name for name in exports if name in values or not env.get(name)),
        all(each.proven for each in decided),
        sum(each.requests for each in decided),
        tuple(decided),
        values,
    )  # fmt: skip


def needs_login(hidden: Hidden) -> str | None:
    """What a person has to do first, where a login is what lets a run in; None elsewhere."""
    kind = (hidden.auth or {}).get("type")
    if kind not in ("oauth2_authorization_code", "oauth2_device_code"):
        return None
    return (
        "log in once with `harvester login FILE`; until then nothing could be asked, so that all "
        "of it is a guess from the document: then see `harvester check FILE --live`"
    )


def _resource(decided: Decided, title: str) -> dict[str, Any]:
    """A resource of the YAML, in windows where its parameters bound it in time."""
    written = resource_of(decided.ask, title, decided.selector, decided.guess, decided.key)
    span = _span(decided)
    return windowed(written, span) if span else written


def _comments(
    first: Hidden, decided: Sequence[Decided], rate: telling.Rate
) -> dict[Key, list[str]]:
    """The comments of the YAML, by their places in it."""
    comments: dict[Key, list[str]] = {}
    for index, each in enumerate(decided):
        comments |= telling.comments_of(first, each, index, rate)
        if span := _span(each):
            comments["resources", index, "partitions"] = wrapped(told_of(span), 4)
    return comments


def _span(decided: Decided) -> Span | None:
    guess = decided.guess
    return span_of(decided.ask, (*guess.without, *guess.first, *guess.spread))


def names_needed(hidden: Sequence[Hidden]) -> list[str]:
    """The variables that the requests name."""
    parts = [[each.ask.url, each.ask.params, each.ask.headers, each.ask.json, each.ask.form,
              each.auth or {}, each.ask.client] for each in hidden]  # fmt: skip
    return names(parts)


def _refuse_unset(hidden: Sequence[Hidden], env: Mapping[str, str]) -> None:
    unset = [name for name in names_needed(hidden) if not env.get(name)]
    if unset:
        shell = " ".join(f"export {name}=…;" for name in unset).rstrip(";")
        raise ConfigError(
            f"the line names {', '.join(f'${name}' for name in unset)}, which the environment "
            f"does not have: {shell}, or --offline, which asks nothing"
        )


def _exports(hidden: Sequence[Hidden]) -> dict[str, str]:
    """What a person has to export, by the variable, and what it is; never the value."""
    where_from = {name: where for each in hidden for name, where in each.explanations.items()}
    return {
        name: f"{name}=…" + (f"    # {where_from[name]}" if name in where_from else "")
        for name in names_needed(hidden)
    }


def _titles(decided: Sequence[Decided]) -> list[str]:
    """A name for each resource that no other has, also where case does not count."""
    titles: list[str] = []
    taken = {"harvest.json"}
    for each in decided:
        title = each.ask.title or last_word(each.ask.url)
        cleaned = re.sub(r"[^A-Za-z0-9_.-]+", "_", title).strip("_.-") or "records"
        found, number = cleaned, 2
        while found.lower() in taken:
            found, number = f"{cleaned}_{number}", number + 1
        taken.add(found.lower())
        titles.append(found)
    return titles


def _must_load(text: str, name: str, env: Mapping[str, str]) -> None:
    """What is written must pass `check`: a request that no YAML can hold is refused here."""
    missing = re.findall(r"\{env\.([A-Za-z_][A-Za-z0-9_]*)\}", text)
    filled = {**dict.fromkeys(missing, "unset"), **env}
    try:
        parse_config(text, f"{name}.yaml", env=filled)
    except ConfigError as error:
        problems = "; ".join(f"{one.path}: {one.message}" for one in error.problems)
        raise ConfigError(f"this request cannot be harvested: {problems or error}") from None
