"""Finds parameters that bound a request in time, and makes windows of them. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from harvester.scaffold.ask import Ask
from harvester.scaffold.names import plain, table
from harvester.values import dataclass


def _names(text: str) -> frozenset[str]:
    return frozenset(map(plain, table(text)))


_STARTS: Final = _names(
    "since from start begin start_date date_start start_time start_at starts_at from_date "
    "date_from begin_date created_after created_since created_from updated_after updated_since "
    "updated_from modified_after modified_since created_at_min updated_at_min min_date after "
    "start_datetime from_time time_from published_after min_created_at oldest"
)
_ENDS: Final = _names(
    "until to end end_date date_end end_time end_at ends_at enddate to_date date_to created_before "
    "created_until created_to updated_before updated_until updated_to modified_before "
    "modified_until created_at_max updated_at_max max_date before end_datetime to_time time_to "
    "published_before max_created_at latest"
)
#: The forms that times are written in, each with its spelling in a template.
_FORMS: Final = (
    (re.compile(r"\d{4}-\d\d-\d\d"), "%Y-%m-%d"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "%Y-%m-%dT%H:%M:%SZ"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z"), "%Y-%m-%dT%H:%M:%S.000Z"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00"), "%Y-%m-%dT%H:%M:%S+00:00"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"), "%Y-%m-%dT%H:%M:%S"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"), "%Y-%m-%d %H:%M:%S"),
    (re.compile(r"\d{8}"), "%Y%m%d"),
    (re.compile(r"[12]\d{9}"), "epoch"),
    (re.compile(r"[12]\d{12}"), "epoch_ms"),
)
_LAST_SECOND: Final = 59
_MONTH: Final = timedelta(days=31)
_YEAR: Final = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Span:
    """Two parameters between whose values a request asks, and how they are written."""

    start: str
    end: str
    form: str
    begins: datetime
    ends: datetime
    attribute: str = "end"
    """Of a window, what the second one gets: its `end`, or its `last` second, where the value that
    was given is the last of a minute."""

    @property
    def step(self) -> str:
        """How long a window is: a month, a week or a day, by how long the whole is."""
        length = self.ends - self.begins
        return "1mo" if length > _YEAR else "1w" if length > _MONTH else "1d"


def span_of(ask: Ask, without: Sequence[str]) -> Span | None:
    """The span of a request; None where it has none, or its values are not of one form."""
    given = {name: value for name, value in ask.params if name not in without}
    if len(given) != len([name for name, _ in ask.params if name not in without]):
        return None  # one of them is repeated
    starts = [name for name in given if plain(name) in _STARTS]
    ends = [name for name in given if plain(name) in _ENDS]
    if len(starts) != 1 or len(ends) != 1:
        return None
    start, end = starts[0], ends[0]
    for pattern, form in _FORMS:
        if pattern.fullmatch(given[start]) and pattern.fullmatch(given[end]):
            first, last = (_moment(given[name], form) for name in (start, end))
            if first is None or last is None or not first < last:
                return None
            if last.second == _LAST_SECOND:
                return Span(start, end, form, first, last + timedelta(seconds=1), "last")
            return Span(start, end, form, first, last)
    return None


def windowed(resource: Mapping[str, Any], span: Span) -> dict[str, Any]:
    """A resource that asks for its span window by window."""
    params = {
        **resource["params"],
        span.start: f"{{window.start:{span.form}}}",
        span.end: f"{{window.{span.attribute}:{span.form}}}",
    }
    window = {"start": _written(span.begins), "end": _written(span.ends), "step": span.step}
    found = {**resource, "params": params}
    paginator = found.pop("paginator")
    return {**found, "partitions": {"window": window}, "paginator": paginator}


def told_of(span: Span) -> str:
    """What was made of a span, in words."""
    other = (
        f"Where the API includes the end, say {{window.last:{span.form}}}"
        if span.attribute == "end"
        else f"The end is taken to be included; if it is not, say {{window.end:{span.form}}}"
    )
    return (
        f"{span.start} and {span.end} bound the request in time: windows of {span.step}, each a "
        f"partition; `end: now` goes on up to today. {other}"
    )


def hints(ask: Ask, without: Sequence[str]) -> Iterator[str]:
    """What parameters that bound a request in time might be good for, where no span was found."""
    names = [*(name for name, _ in ask.params), *(ask.known or ())]
    names = [name for name in dict.fromkeys(names) if name not in without]
    starts = [name for name in names if _is_sure(name, _STARTS)]
    ends = [name for name in names if _is_sure(name, _ENDS)]
    if starts and ends:
        yield (
            f"the API has {starts[0]} and {ends[0]}: windows of time can be partitions, as in "
            f'params: {{{starts[0]}: "{{window.start:%Y-%m-%d}}", {ends[0]}: '
            '"{window.end:%Y-%m-%d}"}, partitions: {window: {start: 2021-01-01, end: now, '
            "step: 1mo}}"
        )
    elif starts:
        yield (
            f"the API has {starts[0]}: later runs can ask only for what is new, as in incremental: "
            f'{{cursor_path: "…[*].updated_at", param: {starts[0]}, initial_value: 2021-01-01}}'
        )


def _is_sure(name: str, among: Any) -> bool:
    """Whether a name speaks of time by itself: `from`, `to`, `start` may as well count records."""
    vague = ("from", "to", "start", "end", "begin", "after", "before")
    return plain(name) in among and name.lower() not in vague


def _moment(text: str, form: str) -> datetime | None:
    try:
        if form in ("epoch", "epoch_ms"):
            return datetime.fromtimestamp(int(text) / (1000 if form == "epoch_ms" else 1), UTC)
        return datetime.strptime(text, form).replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _written(moment: datetime) -> str:
    if moment == moment.replace(hour=0, minute=0, second=0, microsecond=0):
        return moment.strftime("%Y-%m-%d")
    return moment.isoformat().replace("+00:00", "Z")
