"""Turns a stream's `incremental_sync` into windows of time, and says which references name them."""

import re
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Any, Final

from harvester.importer.airbyte.expressions import NO_DEFAULT, Term
from harvester.importer.airbyte.texts import Texts, env_name, form_of
from harvester.importer.outcome import UnsaidError
from harvester.patterns import pattern
from harvester.values import dataclass

_DURATION: Final = pattern(
    r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?)?"
)
_UNITS: Final = ("y", "mo", "w", "d", "h", "m", "s")
_SORTS: Final = ".RechargeDateTimeBasedCursor"  # of Recharge
_USUAL: Final = "%Y-%m-%dT%H:%M:%S.%f%z"


@dataclass(slots=True)
class Intervals:
    """The windows, the references for a slice's start and end, and where both are sent."""

    window: dict[str, Any] | None = None
    references: dict[str, str] = field(default_factory=dict)
    options: list[tuple[Mapping[str, Any], str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    feed: dict[str, Any] | None = None  # `incremental` of a list that is newest first
    feed_field: str = ""  # a record's own time, by which that list is left


def intervals(sync: Mapping[str, Any] | None, texts: Texts) -> Intervals:
    """What a stream's slices are. Raises `UnsaidError`."""
    if not sync:
        return Intervals()
    sorts = str(sync.get("class_name")).endswith(_SORTS)  # and else is the usual one
    if sync.get("type") != "DatetimeBasedCursor" and not sorts:
        name = sync.get("class_name", "")
        raise UnsaidError(f"the incremental sync {sync.get('type')} {name}".rstrip())
    texts = texts.below(sync)
    if sync.get("is_data_feed"):
        return _feed(sync, texts)
    form = form_of(texts.constant(sync.get("datetime_format") or _USUAL))
    edge = _edge(sync.get("cursor_granularity"))
    found = Intervals()
    start = texts.constant(sync.get("partition_field_start") or "start_time")
    end = texts.constant(sync.get("partition_field_end") or "end_time")
    found.references = {start: f"window.start:{form}", end: f"window.{edge}:{form}"}
    for key, name in (("start_time_option", start), ("end_time_option", end)):
        if option := sync.get(key):
            found.options.append((option, f"{{{found.references[name]}}}"))
    if sorts:
        option = {"inject_into": "request_parameter", "field_name": "sort_by"}
        found.options.append((option, "updated_at-asc"))
    if sync.get("is_client_side_incremental"):
        found.notes.append("the source keeps of these records those since its start")
    found.window = {"start": _start(sync.get("start_datetime"), texts, found.notes)}
    found.window["end"] = _end(sync.get("end_datetime"), texts)
    found.window["open"] = True
    for given, key in (("step", "step"), ("lookback_window", "overlap")):
        duration = _step(sync.get(given), texts)
        if duration:
            found.window[key] = duration
        if "{{" in str(sync.get(given)):
            usual = f"its default, {duration}" if duration else "without a default: left out"
            found.notes.append(f"{given} is of the source's configuration; here {usual} ({key})")
    return found


def _feed(sync: Mapping[str, Any], texts: Texts) -> Intervals:
    """A list without a filter, newest first, that is left at what is older than the run before."""
    found = Intervals()
    for form in (sync.get("datetime_format"), *(sync.get("cursor_datetime_formats") or ())):
        written = str(texts.constant(form) or _USUAL)
        if not written.startswith(("%Y-%m-%d", "%s", "%ms", "%a, %d %b %Y")):
            raise UnsaidError(f"a feed whose times are written as {written}")
    start = texts.constant(sync.get("partition_field_start") or "start_time")
    end = texts.constant(sync.get("partition_field_end") or "end_time")
    form = form_of(texts.constant(sync.get("datetime_format") or _USUAL))
    found.references = {start: f"since:{form}", end: f"until:{form}"}
    for key, name in (("start_time_option", start), ("end_time_option", end)):
        if option := sync.get(key):
            found.options.append((option, f"{{{found.references[name]}}}"))
    found.feed_field = str(texts.constant(sync.get("cursor_field")))
    found.feed = {"initial_value": _start(sync.get("start_datetime"), texts, found.notes)}
    if lookback := _step(sync.get("lookback_window"), texts):
        found.feed["lookback"] = lookback
    return found


def _edge(granularity: Any) -> str:
    """Which end of a window is sent: the next one's start, or the last moment before it."""
    found = _DURATION.fullmatch(str(granularity or ""))
    return "last" if found and any(found.groups()) and "PT0." not in str(granularity) else "end"


def _moment(given: Any, texts: Texts) -> tuple[Term, str | None]:
    """A date's term, and its format where that is said."""
    if isinstance(given, Mapping):
        if given.get("min_datetime") or given.get("max_datetime"):
            raise UnsaidError("a start with a lower or upper bound")
        return texts.below(given).term(given.get("datetime")), given.get("datetime_format")
    return texts.term(given), None


def _start(given: Any, texts: Texts, notes: list[str]) -> str:
    of, form = _moment(given, texts)
    match of.kind:
        case "const":
            return _iso(of.value, form)
        case "config":
            if of.default is not NO_DEFAULT:
                default = of.default
                usual = "a time relative to now" if isinstance(default, Term) else str(default)
                notes.append(f"{env_name(of.path)}: where to begin; the source's own is {usual}")
            return f"{{env.{env_name(of.path)}}}"
    raise UnsaidError("a start that is relative to now")


def _end(given: Any, texts: Texts) -> str:
    if given is None:
        return "now"
    of, form = _moment(given, texts)
    match of.kind:
        case "now":
            if of.value:
                raise UnsaidError("an end that is relative to now")
            return "now"
        case "const":
            return _iso(of.value, form)
        case "config":
            if isinstance(of.default, Term) and of.default.value:
                raise UnsaidError("an end that is relative to now")
            return f"{{env.{env_name(of.path)}?now}}"
    raise UnsaidError("an end of time that is neither now nor a date")


def _iso(value: Any, form: Any) -> str:
    """A date as the YAML writes it; read by its format where it has one of its own."""
    text = str(value)
    try:
        if isinstance(form, str) and "%" in form and "%s" not in form:
            moment = datetime.strptime(text, form)
        elif text.isdecimal() and (len(text) > 8 or text == "0"):
            moment = datetime.fromtimestamp(int(text)).astimezone()
        else:
            moment = datetime.fromisoformat(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise UnsaidError(f"the date {text[:60]}") from None
    if (moment.hour, moment.minute, moment.second) == (0, 0, 0):
        return moment.date().isoformat()
    return moment.replace(tzinfo=None).isoformat() + "Z"


def _step(given: Any, texts: Texts) -> str | None:
    """An ISO 8601 duration as the YAML writes it; of a variable one its default, or none."""
    if given is None:
        return None
    return duration(re.sub(r"\{\{(.*?)\}\}", lambda found: _usual(found[0], texts), str(given)))


def duration(text: str) -> str | None:
    """An ISO 8601 duration as the YAML writes it; None for none. Raises `UnsaidError`."""
    found = _DURATION.fullmatch(text)
    if found is None:
        return None
    parts = [(int(n), unit) for n, unit in zip(found.groups(), _UNITS, strict=True) if n]
    parts = [part for part in parts if part[0]]
    if len(parts) > 1:
        raise UnsaidError(f"a duration of several units, {text}")
    return f"{parts[0][0]}{parts[0][1]}" if parts else None


def _usual(template: str, texts: Texts) -> str:
    of = texts.term(template)
    value = of.value if of.kind == "const" else of.default
    return str(value) if isinstance(value, int | str) else ""
