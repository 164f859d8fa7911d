"""Decides what a response means: by the rules of the YAML, then by HTTP's sense of its status.

A page is worth keeping only when no rule stands against it and its status is that of a page.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, Literal

from harvester.config import HeaderWhen, ResponseAction, When
from harvester.http import longest, wait_of
from harvester.model import Key, as_text, is_met, parse
from harvester.page import Field, Take

Verdict = Literal["keep", "retry", "ignore", "fail", "stop", "reauth", "restart"]

#: Statuses that carry a page. 204 and 205 have no body, 202 says "not yet".
_PAGES: Final = frozenset({200, 201, 203, 206})
#: Statuses that pass: RFC 9110 and 6585; 520-530 are Cloudflare's words for an origin in trouble.
_PASSING: Final = frozenset({202, 408, 425, 429, 500, 502, 503, 504, *range(520, 531)})
#: Where answers of well-known APIs say how long to wait, if the YAML does not say where.
_KNOWN_WAITS: Final = (
    "retry_after", "retry_after_ms", "retryAfter", "retryAfterMs", "parameters.retry_after",
    "error.retry_after",
)  # fmt: skip
#: What a 403 says that is a rate limit, and for how long that asks to wait: GitHub wants a minute
#: at least where it names no time; Google's asks for the usual waits.
_DISGUISED: Final = {
    "secondary rate limit": 60.0,
    "abuse detection mechanism": 60.0,
    "ratelimitexceeded": None,
}


def known_waits() -> list[Field]:
    """The fields that well-known APIs say a wait in."""
    return [Field(_wait_name(path), parse(path)) for path in _KNOWN_WAITS]


def disguised_limit(status: int, snippet: bytes) -> tuple[bool, float | None]:
    """Whether a 403 is a rate limit by what it says, and the seconds that it asks to wait."""
    said = snippet.decode("utf-8", "replace").lower() if status == 403 else ""
    for phrase, wait_s in _DISGUISED.items():
        if phrase in said:
            return True, wait_s
    return False, None


def is_page(status: int) -> bool:
    """Whether an answer of this status carries a page."""
    return status in _PAGES


def rule_fields(
    rules: Sequence[ResponseAction], retry_after_path: str | None = None
) -> list[Field]:
    """The fields that the rules' `when` conditions look at, and those that say how long to wait;
    `retry_after_path` is that of all answers.
    """
    conditions = [
        Field(
            _name(index, place),
            parse(when.path),
            Take.EXISTS if when.exists is not None else Take.FIRST,
        )
        for index, rule in enumerate(rules)
        for place, when in enumerate(rule.when or ())
    ]
    paths = dict.fromkeys(
        filter(None, (retry_after_path, *(rule.retry_after_path for rule in rules)))
    )
    return [*conditions, *(Field(_wait_name(path), parse(path)) for path in paths)]


def announced_wait(
    rule: ResponseAction | None,
    retry_after_path: str | None,
    fields: Mapping[str, Any] | None,
    now: float,
) -> float | None:
    """The seconds that an answer's body asks to wait, by the rule's path or that of all answers;
    where there is neither, by the names that are well known.
    """
    path = rule.retry_after_path if rule and rule.retry_after_path else retry_after_path
    if fields is None:
        return None
    if path is not None:
        return _wait_at(path, fields, now)
    return longest(*(_wait_at(known, fields, now) for known in _KNOWN_WAITS))


def _wait_at(path: str, fields: Mapping[str, Any], now: float) -> float | None:
    last = parse(path)[-1]
    in_ms = isinstance(last, Key) and last.name.lower().endswith(("ms", "millis", "milliseconds"))
    return wait_of(fields.get(_wait_name(path)), now, milliseconds=in_ms)


def judge(
    rules: Sequence[ResponseAction],
    status: int,
    headers: Mapping[str, str],
    fields: Mapping[str, Any] | None,
    texts: Collection[int] = (),
) -> tuple[Verdict, ResponseAction | None]:
    """The verdict on a response, and the rule that gave it (None: HTTP's own sense).

    `headers` have lower-case names; `fields` are those of `fields_wanted`, where found;
    None when the body is no JSON, and then no rule that looks into it matches: a value that was
    cut off, or a page of HTML, must not pass for one that is not there. `texts` are the rules whose
    `body_matches` was met.
    """
    for index, rule in enumerate(rules):
        if rule.body_matches is not None and index not in texts:
            continue
        if _matches(rule, index, status, headers, fields):
            return rule.action, rule
    if is_page(status):
        return "keep", None
    if status == 401:
        return "reauth", None
    if status in _PASSING or _is_rate_limit(status, headers):
        return "retry", None
    return "fail", None


def _name(index: int, place: int) -> str:
    return f"response_actions[{index}]" + (f".when[{place}]" if place else "")


def _wait_name(path: str) -> str:
    return f"retry_after {path}"


def _matches(
    rule: ResponseAction,
    index: int,
    status: int,
    headers: Mapping[str, str],
    fields: Mapping[str, Any] | None,
) -> bool:
    if not concerns(rule, status):
        return False
    if rule.header is not None and not _holds(rule.header, headers.get(rule.header.name.lower())):
        return False
    if rule.when is None:
        return True
    return fields is not None and all(
        _holds(when, fields.get(_name(index, place))) for place, when in enumerate(rule.when)
    )


def concerns(rule: ResponseAction, status: int) -> bool:
    """Whether a rule is about answers of this status."""
    return rule.status is None or any(_has_status(item, status) for item in rule.status)


def _has_status(wanted: int | str, status: int) -> bool:
    if isinstance(wanted, str):  # a class, such as "4xx"
        return status // 100 == int(wanted[0])
    return status == wanted


def _is_rate_limit(status: int, headers: Mapping[str, str]) -> bool:
    """A 403 that is a rate limit in disguise, as GitHub's secondary limits are.

    Jira's data center sends `Retry-After: 0` with every answer, which asks for no wait.
    """
    return status == 403 and (
        headers.get("retry-after", "0").strip() != "0"
        or headers.get("x-ratelimit-remaining") == "0"
    )


def _holds(condition: When | HeaderWhen, value: Any) -> bool:
    """Whether the condition holds; a header is text: `equals: 0` means the text that says 0."""
    operand = condition.operand
    if isinstance(condition, HeaderWhen) and condition.operator in ("equals", "not_equals", "in"):
        several = isinstance(operand, tuple)
        operand = tuple(map(_text, operand)) if several else _text(operand)
    return is_met(condition.operator, operand, value)


def _text(operand: Any) -> Any:
    return None if operand is None else as_text(operand)
