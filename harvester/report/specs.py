"""Builds the charts as Vega-Lite specifications: plain values, drawn elsewhere. Pure.

Colours are names of the page's CSS variables, so that one drawing serves light and dark. The
palette is Okabe and Ito's, which the colour-blind can tell apart. What a mark says on hover, and
to a screen reader, is its `tip`.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from harvester.values import dataclass

Spec = dict[str, Any]
Row = Mapping[str, Any]

SERIES: Final = tuple(f"var(--c{number})" for number in range(1, 9))
_INK: Final = "var(--c1)"
_MUTED: Final = "var(--muted)"
_GRID: Final = "var(--grid)"

#: The widths that charts are drawn at: across the page, half of it, and on a phone.
WIDE: Final = 1032
HALF: Final = 492
NARROW: Final = 330

#: Labels are laid out for text of this size, and shown by the page's style at 12: the reader's
#: font is not known here, and a wide one must not make labels overlap.
_MEASURED: Final = 14

_SHORT_S: Final = 300
_LABEL_WIDTH: Final = 130

_CONFIG: Final[Spec] = {
    "background": None,
    "font": "system-ui, sans-serif",
    "padding": {"left": 2, "top": 4, "right": 12, "bottom": 2},
    "view": {"stroke": None},
    "axis": {
        "domainColor": _GRID,
        "gridColor": _GRID,
        "tickColor": _GRID,
        "labelColor": _MUTED,
        "titleColor": _MUTED,
        "labelFontSize": _MEASURED,
        "titleFontSize": _MEASURED,
        "titleFontWeight": "normal",
        "titlePadding": 6,
        "labelPadding": 6,
        "labelOverlap": "greedy",
        "labelSeparation": 8,
        "labelLimit": 240,
    },
    "axisY": {"domain": False, "ticks": False, "tickCount": 4, "titleAnchor": "start",
              "titleAngle": 0, "titleAlign": "left", "titleX": -44, "titleY": -10,
              "titleBaseline": "bottom"},
    "axisX": {"grid": False},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Axis:
    """The horizontal axis of a chart: one of time (epoch seconds), or of numbers."""

    title: str
    low: float
    high: float
    is_time: bool = False
    is_log: bool = False
    label: str | None = None  # a Vega expression over `datum.value`
    shows: bool = True

    def channel(self, width: int) -> Spec:
        """The encoding of what begins at `x`; its end is `x2`."""
        scale: Spec = {"domain": [self._at(self.low), self._at(self.high)], "nice": False}
        if self.is_time:
            scale["type"] = "utc"
        elif self.is_log:
            scale["type"] = "log"
        ticks = max(2, width // (150 if self.is_time else 90))
        axis: Spec = {"tickCount": ticks, "title": self.title}
        if not (self.is_time or self.is_log):
            axis["tickMinStep"] = 1
        if self.is_log:
            axis["values"] = _decades(self.low, self.high)
        if self.is_time and self.high - self.low <= _SHORT_S:
            axis["values"] = _moments(self.low, self.high, width)
        label = _clock(self.high - self.low) if self.is_time else self.label
        if label:
            axis["labelExpr"] = label
        if not self.shows:
            axis |= {"labels": False, "title": None}
        kind = "temporal" if self.is_time else "quantitative"
        return {"field": "x", "type": kind, "scale": scale, "axis": axis}

    def _at(self, number: float) -> float:
        return number * 1000 if self.is_time else number

    def row(self, low: float, high: float, /, **values: Any) -> Row:
        """A datum from `low` to `high`."""
        return {"x": self._at(low), "x2": self._at(high), **values}

    def point(self, at: float, /, **values: Any) -> Row:
        """A datum at `at`."""
        return {"x": self._at(at), **values}


def _decades(low: float, high: float) -> list[float]:
    """Places for labels on a logarithmic axis: 1, 2, 5, or fewer where there are many decades."""
    steps = (1, 2, 5) if high / low < 2e3 else (1,)
    return [
        value
        for power in range(-5, 16)
        for step in steps
        if low <= (value := step * 10.0**power) <= high
    ]


def _moments(low: float, high: float, width: int) -> list[float]:
    """Places for labels on a short axis of time, in milliseconds: so many as there is room for.

    Of two labels that overlap Vega takes away neither.
    """
    least = (high - low) * _LABEL_WIDTH / (width - 60)
    step = next((step for step in (50, 100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000)
                 if step >= least * 1000), 60_000)  # fmt: skip
    return [at * step for at in range(math.ceil(low * 1000 / step), int(high * 1000 // step) + 1)]


def _clock(span_s: float) -> str | None:
    """How to label times that are close together; None: as their calendar has it."""
    for most, form in ((8, "%H:%M:%S.%L"), (_SHORT_S, "%H:%M:%S"), (100_000, "%H:%M")):
        if span_s <= most:
            return f"utcFormat(datum.value, '{form}')"
    return None


def _y(title: str, unit: str = "", *, most: float | None = None, **more: Any) -> Spec:
    label = f"datum.value == 0 ? '0' : datum.label + '{unit}'"  # else 0k, where others are 10k
    axis = {
        "title": title,
        "format": "~s",
        "labelExpr": label,
        "minExtent": 40,
        **more.pop("axis", {}),
    }
    scale: Spec = {"zero": True}
    if most is not None:
        axis["labels"] = most > 0
        scale |= {"domain": [0, most or 1], "nice": False}  # of nothing it would run from -1 to 1
    return {"field": "y", "type": "quantitative", "axis": axis, "scale": scale}


def _tip() -> Spec:
    return {"field": "tip", "type": "nominal"}


def _spec(width: int, height: int, layers: Sequence[Spec]) -> Spec:
    return {
        "config": _CONFIG,
        "width": width,
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "layer": list(layers),
    }


def _data(rows: Sequence[Row]) -> Spec:
    return {"values": list(rows)}


def _shade(axis: Axis, width: int, rows: Sequence[Row]) -> Spec:
    """Stretches of the axis in which something is missing, over the chart's full height."""
    return {
        "data": _data(rows),
        "mark": {"type": "rect", "opacity": 0.22},
        "encoding": {
            "x": axis.channel(width),
            "x2": {"field": "x2"},
            "y": {"value": 0},
            "y2": {"value": "height"},
            "color": {"field": "color", "type": "nominal", "scale": None},
            "description": _tip(),
        },
    }


def _signs(axis: Axis, width: int, rows: Sequence[Row], y: int) -> Spec:
    """What a shade means, also without its colour: a shape within it."""
    return {
        "data": _data(rows),
        "mark": {"type": "point", "size": 55, "strokeWidth": 2, "opacity": 1},
        "encoding": {
            "x": axis.channel(width),
            "y": {"value": y},
            "shape": {"field": "shape", "type": "nominal", "scale": None},
            "stroke": {"field": "color", "type": "nominal", "scale": None},
            "description": _tip(),
        },
    }


def bars(
    axis: Axis,
    rows: Sequence[Row],
    width: int,
    *,
    title: str,
    height: int = 170,
    color: str = _INK,
    shades: Sequence[Row] = (),
    signs: Sequence[Row] = (),
    low_signs: Sequence[Row] = (),
    ticks: int = 4,
    unit: str = "",
) -> Spec:
    """Bars of height `y` from `x` to `x2`, over shaded stretches."""
    most = max((row["y"] for row in rows), default=0)
    room = 1.3 * most if signs else None  # above the bars, for the signs
    gap = -1 if len(rows) * 4 < width else 0
    drawn: Spec = {
        "data": _data(rows),
        "mark": {"type": "rect", "color": color, "x2Offset": gap},
        "encoding": {
            "x": axis.channel(width),
            "x2": {"field": "x2"},
            "y": _y(title, unit, most=room if rows else 0, axis={"tickCount": ticks}),
            "y2": {"datum": 0},
            "description": _tip(),
        },
    }
    layers = [drawn]
    if shades:
        layers.insert(0, _shade(axis, width, shades))
    layers += [_signs(axis, width, rows, y) for rows, y in
               ((signs, 12), (low_signs, height - 10)) if rows]  # fmt: skip
    return _spec(width, height, layers)


def steps(
    axis: Axis,
    series: Mapping[str, Sequence[Row]],
    width: int,
    *,
    title: str,
    shades: Sequence[Row] = (),
    height: int = 240,
) -> Spec:
    """One stepped line a series, in the colours of `SERIES`, in order."""
    names = list(series)
    rows = [{**row, "series": name} for name, points in series.items() for row in points]
    color = {
        "field": "series",
        "type": "nominal",
        "sort": names,
        "scale": {"domain": names, "range": list(SERIES[: len(names)])},
        "legend": None,
    }
    line: Spec = {
        "data": _data(rows),
        "mark": {"type": "line", "interpolate": "step-after", "strokeWidth": 2},
        "encoding": {
            "x": axis.channel(width),
            "y": _y(title),
            "color": color,
            "description": {"field": "series", "type": "nominal"},
        },
    }
    return _spec(width, height, [*([_shade(axis, width, shades)] if shades else []), line])


def band(axis: Axis, rows: Sequence[Row], width: int, *, title: str, unit: str) -> Spec:
    """A line `y` in a band from `low` to `high`; `tip` on a point for each."""
    x = axis.channel(width)
    y = _y(title, unit)
    return _spec(width, 170, [
        {
            "data": _data(rows),
            "mark": {"type": "rect", "opacity": 0.28, "color": _INK},
            "encoding": {"x": x, "x2": {"field": "x2"}, "y": {**y, "field": "low"},
                         "y2": {"field": "high"}, "description": _tip()},
        },
        {
            "data": _data(rows),
            "mark": {"type": "rule", "strokeWidth": 2, "color": _INK},
            "encoding": {"x": x, "x2": {"field": "x2"}, "y": y, "description": _tip()},
        },
    ])  # fmt: skip


def ranking(rows: Sequence[Row], width: int, *, title: str, color: str = _INK) -> Spec:
    """Horizontal bars of length `y`, each under its `name`, which may be long."""
    room = width - 130
    y: Spec = {"field": "place", "type": "ordinal", "axis": None, "scale": {"padding": 0}}
    height = 40 * len(rows)
    base = {"data": _data(rows)}
    most = max((row["y"] for row in rows), default=1) or 1
    x: Spec = {"field": "y", "type": "quantitative", "axis": None,
               "scale": {"domain": [0, most], "range": [0, room], "nice": False}}  # fmt: skip
    text: Spec = {"type": "text", "align": "left", "baseline": "middle", "fontSize": _MEASURED}
    return {
        "config": _CONFIG,
        "width": width - 16,
        "height": height,
        "title": {"text": title, "anchor": "start", "color": _MUTED, "fontSize": _MEASURED,
                  "fontWeight": "normal", "offset": 6, "frame": "group"},
        "layer": [
            {**base, "mark": {"type": "bar", "height": 12, "color": color, "yOffset": 9},
             "encoding": {"y": y, "x": x, "description": _tip()}},
            {**base, "mark": {**text, "yOffset": -7, "limit": width - 20, "color": "var(--ink)"},
             "encoding": {"y": y, "x": {"value": 0}, "text": {"field": "name"}}},
            {**base, "mark": {**text, "yOffset": 9, "xOffset": 6, "color": _MUTED},
             "encoding": {"y": y, "x": x, "text": {"field": "shown"}}},
        ],
    }  # fmt: skip
