"""Charts how the records came over the time of the harvest: facts to specifications. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from harvester.model import duration, fit_ends, number, one_line, size
from harvester.report import specs
from harvester.report.coverage import OTHERS
from harvester.report.facts import Facts, Moment, Series
from harvester.report.figures import Figure, bars, brief, histogram
from harvester.report.specs import Axis, Row

_MOST_SERIES: Final = 8
_QUIET_BINS: Final = 4
_NAME_CHARS: Final = 44

Moments = Sequence[tuple[float, float, Moment]]


def progress_figures(facts: Facts) -> Iterator[Figure]:
    """Records, throughput and latency over the time in which they came."""
    if not len(facts.moments):
        return
    moments = list(facts.moments)
    axis = _clock(moments[0][0], moments[-1][1])
    yield _records(facts, moments, axis)
    yield _throughput(facts.moments.width, moments, axis)
    yield from _latency(facts, moments, axis)
    if sum(moment.retries for _, _, moment in moments):
        yield _lost_tries(moments, axis)


def _records(facts: Facts, moments: Moments, axis: Axis) -> Figure:
    quiet = list(_quiet(moments, axis))
    lines = _cumulated(facts, moments, axis)
    several = tuple(zip(lines, specs.SERIES, strict=False)) if len(lines) > 1 else ()
    note = "What a restart undid is taken off again. " if facts.restarts else ""
    note += "Shaded: nothing came." if quiet else ""
    return Figure(
        "Records as they came",
        note,
        lambda width: specs.steps(axis, lines, width, title="records so far", shades=quiet),
        series=several,
    )


def _throughput(width: float, moments: Moments, axis: Axis) -> Figure:
    span = duration(width) if width >= 1 else f"{width:g} s"
    return Figure(
        "Throughput",
        f"JSON received a second, in steps of {span}",
        bars(axis, [
            axis.row(low, high, y=moment.bytes / (high - low),
                     tip=f"{_at(low)}: {size(moment.bytes / (high - low))}/s, "
                         f"{number(moment.pages, 'page')}, {number(moment.came, 'record')}")
            for low, high, moment in moments if moment.pages
        ], title="JSON a second", unit="B"),
        half=True,
    )  # fmt: skip


def _latency(facts: Facts, moments: Moments, axis: Axis) -> Iterator[Figure]:
    latency = facts.latency
    yield Figure(
        "Latency",
        "Seconds a page, from the request to the page on disk: the line is the median, the band "
        "holds 8 of 10 pages",
        lambda width: specs.band(axis, [
            axis.row(low, high, y=moment.latency.quantile(0.5), low=moment.latency.quantile(0.1),
                     high=moment.latency.quantile(0.9),
                     tip=f"{_at(low)}: median {brief(moment.latency.quantile(0.5))}, slowest "
                         f"{brief(moment.latency.largest)}, {number(moment.pages, 'page')}")
            for low, high, moment in moments if moment.pages
        ], width, title="a page", unit="s"),
        half=True,
    )  # fmt: skip
    yield Figure(
        "How long pages took",
        f"Half took no more than {brief(latency.quantile(0.5))}, 95 % no more than "
        f"{brief(latency.quantile(0.95))}, the slowest {brief(latency.largest)}",
        histogram(latency, "seconds a page", "format(datum.value, '~s') + 's'", brief),
        half=True,
    )


def _lost_tries(moments: Moments, axis: Axis) -> Figure:
    return Figure(
        "Lost tries",
        "Tries that came to nothing, of pages that came in the end",
        bars(axis, [
            axis.row(low, high, y=moment.retries,
                     tip=f"{_at(low)}: {number(moment.retries, 'lost try', 'lost tries')}")
            for low, high, moment in moments if moment.retries
        ], title="tries", color="var(--bad)"),
        half=True,
    )  # fmt: skip


def _clock(low: float, high: float) -> Axis:
    first, last = (datetime.fromtimestamp(at, UTC) for at in (low, high))
    days = f"{first:%Y-%m-%d}" + (f" to {last:%Y-%m-%d}" if last.date() != first.date() else "")
    return Axis(f"when it came, UTC, {days}", low, high, is_time=True)


def _quiet(moments: Moments, axis: Axis) -> Iterator[Row]:
    """Stretches in which no page came, where they are long enough to be seen."""
    since: float | None = None
    for low, high, moment in moments:
        busy = moment.pages or moment.restarts
        if not busy:
            since = low if since is None else since
        elif since is not None:
            if low - since >= _QUIET_BINS * (high - low):
                tip = f"{_at(since)}: nothing came for {brief(low - since)}"
                yield axis.row(since, low, color="var(--pending)", tip=tip)
            since = None


def _cumulated(facts: Facts, moments: Moments, axis: Axis) -> dict[str, list[Row]]:
    names = line_names(facts)
    totals = dict.fromkeys(names.values(), 0)
    lines = {name: [axis.point(moments[0][0], y=0)] for name in totals}
    for _, high, moment in moments:
        for series, count in moment.records.items():
            totals[names[series]] += count
        if moment.records or high == moments[-1][1]:
            for name, total in totals.items():
                lines[name].append(axis.point(high, y=total))
    return lines


def line_names(facts: Facts) -> dict[Series, str]:
    """Which line of the chart each series is counted in, the line with most records first; what
    there are too many of is in one line with all others.
    """
    of_resource = Counter(resource for resource, _ in facts.series)
    lines = {series: _line(facts, series, of_resource[series[0]]) for series in facts.series}
    place = _places(facts, lines)
    if 2 * sum(facts.series[s] for s in lines if lines[s] in place) < sum(facts.series.values()):
        # The lines would tell of a small part only: one for each resource tells more.
        lines = {series: fit_ends(one_line(series[0]), _NAME_CHARS) for series in facts.series}
        place = _places(facts, lines)
    named = ((series, line if line in place else OTHERS) for series, line in lines.items())
    return dict(sorted(named, key=lambda item: place.get(item[1], _MOST_SERIES)))


def _places(facts: Facts, lines: dict[Series, str]) -> dict[str, int]:
    """The lines that there is room for, by how many records they have."""
    records: Counter[str] = Counter()
    for series, line in lines.items():
        records[line] += facts.series[series]
    records.pop(OTHERS, None)
    room = _MOST_SERIES - (OTHERS in lines.values() or len(records) > _MOST_SERIES)
    return {line: place for place, (line, _) in enumerate(records.most_common(room))}


def _line(facts: Facts, series: Series, count: int) -> str:
    """What the line of a series is called. Of too many plain partitions a resource has one."""
    resource, row = series
    if count > _MOST_SERIES and not facts.coverage[resource].axis:
        row = ""
    if row == OTHERS:
        return OTHERS
    named = row and len(facts.resources) == 1
    return fit_ends(one_line(row if named else f"{resource} {row}"), _NAME_CHARS)


def _at(epoch_s: float) -> str:
    return f"{datetime.fromtimestamp(epoch_s, UTC):%Y-%m-%d %H:%M:%S}"
