"""Chooses which charts a report has, and what each says: facts to specifications. Pure.

A chart is drawn twice, across the page and for a phone, since its words must not shrink with it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any, Final

from harvester.model import duration, fit_ends, number, one_line, size
from harvester.report import specs
from harvester.report.bins import Histogram
from harvester.report.coverage import HOLES, OTHERS, Bar, Coverage, Covered, State
from harvester.report.facts import MOST_TRIES, Facts
from harvester.report.specs import HALF, NARROW, WIDE, Axis, Row, Spec
from harvester.values import dataclass

Draw = Callable[[int], Spec]

_COLORS: Final[Mapping[State, str]] = {
    State.FAILED: "var(--bad)",
    State.STARTED: "var(--open)",
    State.PENDING: "var(--pending)",
    State.EMPTY: "var(--muted)",
}
#: As SVG paths in a square from -1 to 1: a state is told by its shape, too.
SHAPES: Final[Mapping[State, str]] = {
    State.FAILED: "M-1,-1L1,1M1,-1L-1,1",
    State.STARTED: "M-1,0L0,-1L1,0L0,1Z",
    State.PENDING: "M-0.9,-0.9H0.9V0.9H-0.9Z",
    State.EMPTY: "M-1,0H1",
}
_MOST_REASONS: Final = 10
_LEAST_RATIO: Final = 30
_LEAST_RECORDS: Final = 12


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart: its heading, what it says in words, and how to draw it at a width."""

    title: str
    note: str
    draw: Draw
    half: bool = False
    heading: str = ""  # of the group that it begins
    series: tuple[tuple[str, str], ...] = ()  # name and colour, where a legend is needed

    @property
    def widths(self) -> tuple[int, int]:
        """The widths to draw it at: for a screen, and for a phone."""
        return (HALF if self.half else WIDE, NARROW)


# --- What came -----------------------------------------------------------------------------------


def coverage_figures(coverage: Coverage, *, several: bool) -> Iterator[Figure]:
    """The records along the axis of one resource, a chart for each row."""
    if coverage.partitions < 2:
        return
    heading = f"Records of {coverage.name} by {coverage.axis or 'partition'}"
    if coverage.is_named:
        yield replace(_by_name(coverage), heading=heading)
        return
    rows = {row: list(coverage.bars(row)) for row in (coverage.rows if coverage.axis else [""])}
    title = coverage.axis or "partitions in the order of the plan"
    axis = Axis(
        f"{title}, UTC" if coverage.is_time else title,
        min(bar.low for found in rows.values() for bar in found),
        max(bar.high for found in rows.values() for bar in found),
        is_time=coverage.is_time,
    )
    for place, (row, found) in enumerate(rows.items()):
        name = row or ("" if several else coverage.name)
        if row == OTHERS:
            name = f"{OTHERS} ({number(coverage.unnamed_rows, 'row')})"
        yield Figure(
            one_line(name),
            _row_note(found),
            _row(found, replace(axis, shows=place == len(rows) - 1), alone=len(rows) == 1),
            heading="" if place else heading,
        )


def _row(found: Sequence[Bar], axis: Axis, *, alone: bool) -> Draw:
    """One row's bars, with its gaps."""
    data = [
        axis.row(bar.low, bar.high, y=bar.covered.records, tip=_bar_tip(bar))
        for bar in found
        if bar.covered.records
    ]
    marks = {state: list(_marks(found, state, axis)) for state in (*HOLES, State.EMPTY)}
    return bars(
        axis,
        data,
        title="records",
        shades=[shade for state in HOLES for shade, _ in marks[state]],
        signs=[sign for state in HOLES for _, sign in marks[state]],
        low_signs=[sign for _, sign in marks[State.EMPTY]],
        height=170 if alone else 84,
        ticks=4 if alone else 2,
    )


def _bar_tip(bar: Bar) -> str:
    return f"{bar.label}: {_standing(bar.covered.records, bar.covered.states)}"


def _marks(bars: Sequence[Bar], state: State, axis: Axis) -> Iterator[tuple[Row, Row]]:
    """A shade and a sign for each run of neighbours in one state."""
    runs = [
        list(run)
        for worst, run in groupby(bars, key=lambda bar: bar.covered.worst)
        if worst is state
    ]
    for run in runs:
        held = Covered()
        for bar in run:
            held.add(bar.covered)
        low = min(bar.low for bar in run)
        high = max(bar.high for bar in run)
        label = run[0].label if len(run) == 1 else f"{run[0].label} … {run[-1].label}"
        look = {"color": _COLORS[state], "tip": f"{label}: {_standing(held.records, held.states)}"}
        yield (
            axis.row(low, high, **look),
            axis.point((low + high) / 2, shape=SHAPES[state], **look),
        )


def bars(axis: Axis, rows: Sequence[Row], **options: Any) -> Draw:
    """How to draw bars at a width; `options` are those of `specs.bars`."""
    return lambda width: specs.bars(axis, rows, width, **options)


def _row_note(found: Iterable[Bar]) -> str:
    held = Covered(states=dict.fromkeys(State, 0))
    for bar in found:
        held.add(bar.covered)
    return _standing(held.records, held.states)


def _standing(records: int, states: Mapping[State, int]) -> str:
    total = sum(states.values())
    in_words = [number(records, "record")]
    if total > 1:
        in_words.append(number(total, "partition"))
    in_words += [
        f"{count:,} {state}" if total > 1 else str(state)
        for state, count in states.items()
        if count and state is not State.COMPLETE
    ]
    return ", ".join(in_words)


def _by_name(coverage: Coverage) -> Figure:
    rows = []
    for place, bar in enumerate(coverage.bars()):
        standing = _standing(bar.covered.records, bar.covered.states)
        state = bar.covered.worst or State.PENDING
        shown = f"{bar.covered.records:,}"
        if state is not State.COMPLETE:
            shown = f"{shown}, {state}" if bar.covered.records else str(state)
        name = one_line(bar.label)
        rows.append({"place": place, "name": name, "y": bar.covered.records, "shown": shown,
                     "tip": f"{name}: {standing}"})  # fmt: skip
    return Figure("", "", _ranking(rows, "records", "var(--c1)"))


def _ranking(rows: Sequence[Row], title: str, color: str) -> Draw:
    def draw(width: int) -> Spec:
        cells = (width - 30) // 7
        fitted = [{**row, "name": fit_ends(str(row["name"]), cells)} for row in rows]
        return specs.ranking(fitted, width, title=title, color=color)

    return draw


def histogram(found: Histogram, title: str, label: str, in_words: Callable[[float], str]) -> Draw:
    """How to draw the pages by a size; `label` is a Vega expression, `in_words` says one."""
    buckets = list(found)
    low, high = buckets[0][0], buckets[-1][1]
    while high / low < _LEAST_RATIO:  # one bar across the chart would say little
        low, high = low / 1.2, high * 1.2
    axis = Axis(title, low, high, is_log=True, label=label)
    rows = [
        axis.row(
            low, high, y=count, tip=f"{in_words(low)} to {in_words(high)}: {number(count, 'page')}"
        )
        for low, high, count in buckets
        if count
    ]
    return bars(axis, rows, title="pages")


# --- What held it up -----------------------------------------------------------------------------


def trouble_figures(facts: Facts) -> Iterator[Figure]:
    """Waits and lost tries by reason, as the runs noted them, and the tries that pages took."""
    statistics = facts.statistics
    if statistics.waits_s:
        rows = _ranked(statistics.waits_s, brief)
        yield Figure("Waits by reason", "Time of all who waited, added up: four that wait for a "
                     "minute are four minutes",
                     _ranking(rows, "time", "var(--c2)"), half=True)  # fmt: skip
    if statistics.errors:
        rows = _ranked(statistics.errors, lambda count: f"{count:,}")
        yield Figure("Lost tries by reason", "Each was tried again, or ended its partition",
                     _ranking(rows, "tries", "var(--bad)"), half=True)  # fmt: skip


def _ranked(counts: Mapping[str, float], in_words: Callable[[float], str]) -> list[Row]:
    ranked = sorted(counts.items(), key=lambda item: -item[1])
    rest = sum(count for _, count in ranked[_MOST_REASONS:])
    shown = ranked[:_MOST_REASONS] + ([("all other reasons", rest)] if rest else [])
    return [
        {"place": place, "name": one_line(name), "y": count, "shown": in_words(count),
         "tip": f"{one_line(name)}: {in_words(count)}"}
        for place, (name, count) in enumerate(shown)
    ]  # fmt: skip


# --- Sizes ---------------------------------------------------------------------------------------


def size_figures(facts: Facts) -> Iterator[Figure]:
    """How large pages are, in bytes and in records, and how many tries they took."""
    if not facts.page_bytes.count:
        return
    sizes = facts.page_bytes
    yield Figure(
        "Bytes a page",
        f"JSON; half have no more than {size(sizes.quantile(0.5))}, the largest "
        f"{size(sizes.largest)}",
        histogram(sizes, "JSON a page", "format(datum.value, '~s') + 'B'", size),
        half=True,
    )
    bins = list(facts.page_records)
    low, high = bins[0][0], bins[-1][1]
    room = max(0.0, _LEAST_RECORDS - (high - low))
    axis = Axis("records a page", max(0.0, low - room // 2), high + room // 2)
    yield Figure(
        "Records a page",
        "",
        bars(axis, [
            axis.row(low, high, y=cell.value,
                     tip=f"{_span(low, high)}: {number(cell.value, 'page')}")
            for low, high, cell in bins if cell.value
        ], title="pages", color="var(--c3)"),
        half=True,
    )  # fmt: skip


def _span(low: float, high: float) -> str:
    last = int(high) - 1
    return f"{int(low):,} to {last:,} records" if last > low else number(int(low), "record")


def attempts_in_words(facts: Facts) -> str:
    """How many tries the pages took, in words."""
    pages = sum(facts.tries.values())
    if not pages:
        return ""
    again = pages - facts.tries[1]
    most = max(facts.tries)
    many = f"{most} or more" if most == MOST_TRIES else f"{most}"
    if not again:
        return "Every page came with the first try."
    return (
        f"{pages - again:,} of {number(pages, 'page')} came with the first try, {again:,} took "
        f"more, {many} at most."
    )


def brief(seconds: float) -> str:
    """A length of time that may be a short one."""
    if seconds >= 60:
        return duration(seconds)
    return f"{seconds:.1f} s" if seconds >= 10 else f"{seconds:.2g} s" if seconds else "0 s"
