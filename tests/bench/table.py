"""Rounds to tables: Markdown, which reads well on a terminal too."""

import re
import statistics
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.cases import Case, Rounds, peak_mb, ratio
from tests.bench.measure import Sample, floor_bytes

BEGIN: Final = "<!-- speed -->"
END: Final = "<!-- /speed -->"
_FEW: Final = 4
_MARKS: Final = re.compile(f"{BEGIN}\n.*?{END}\n", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Result:
    """A case that was run; `missing` is why a contender could not take part."""

    key: str
    case: Case
    rounds: Rounds
    missing: Mapping[str, str]


def contenders(result: Result) -> str:
    """The table of a case: who took how long, how steadily, with how much memory."""
    case = result.case
    against = f"× {case.baseline}" if case.baseline else "ratio"
    header = (
        "contender",
        "rounds",
        "wall (median)",
        "fastest to slowest",
        "CPU",
        "peak RSS",
        against,
    )
    rows = []
    for contender in case.contenders:
        name = contender.name
        samples = result.rounds[name].values()
        if not samples:
            rows.append((name, "0", result.missing.get(name, "not run"), "", "", "", ""))
            continue
        walls = [sample.wall_s for sample in samples]
        compared = ratio(name, case.baseline)(result.rounds) if case.baseline else None
        rows.append(
            (
                name,
                str(len(walls)),
                _seconds(statistics.median(walls)),
                f"{_seconds(min(walls))} to {_seconds(max(walls))}",
                _seconds(statistics.median(sample.cpu_s for sample in samples)),
                _memory(samples),
                f"{compared:.2f}" if compared is not None else "",
            )
        )
    return markdown(header, rows)


def targets(results: Sequence[Result]) -> str:
    """The table of all targets: what was asked, what was measured, whether it holds."""
    rows = []
    for result in results:
        for target in result.case.targets:
            value = target.value(result.rounds)
            measured = (
                "not measured" if value is None else f"{value:.2f}{target.unit}".replace("×", " ×")
            )
            held = (
                "—"
                if value is None or target.limit is None
                else "yes"
                if target.holds(value)
                else "**no**"
            )
            rows.append((result.key, target.text, measured, held))
    return markdown(("case", "target", "measured", "holds"), rows)


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose columns line up in a terminal."""
    lines = [[cell.replace("|", "\\|") for cell in row] for row in (header, *rows)]
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    rule = ["-" * width for width in widths]
    return "\n".join(
        "| "
        + " | ".join(
            cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)
        )
        + " |"
        for row in (lines[0], rule, *lines[1:])
    )


def report(results: Sequence[Result], conditions: str) -> str:
    """Everything, as it is printed."""
    parts = [conditions, targets(results)]
    for result in results:
        parts += [f"**{result.key}**: {result.case.title}", contenders(result)]
    return "\n\n".join(parts)


def brief(results: Sequence[Result], conditions: str) -> str:
    """The targets, and the cases in which everybody takes part: for docs/speed.md."""
    wide = [result for result in results if len(result.case.contenders) > _FEW]
    parts = [conditions, targets(results)]
    for result in wide:
        title = result.case.title
        parts += [f"{title[0].upper()}{title[1:]}:", contenders(result)]
    return "\n\n".join(parts)


def write_tables(path: Path, text: str) -> None:
    """Put `text` between the marks of a page. Raises ValueError where they are not."""
    before = path.read_text()
    if len(_MARKS.findall(before)) != 1:
        raise ValueError(f"{path} has no {BEGIN} … {END}")
    path.write_text(_MARKS.sub(lambda _: f"{BEGIN}\n{text}\n{END}\n", before))


def _width(text: str) -> int:
    return sum(1 + (unicodedata.east_asian_width(char) in "WF") for char in text)


def _memory(samples: Iterable[Sample]) -> str:
    """The median peak; that of this process stands for any that is lower (see `measure`)."""
    peak, floor = statistics.median(map(peak_mb, samples)), floor_bytes() / 1e6
    return f"{peak:.0f} MB" if peak > 1.02 * floor else f"< {floor:.0f} MB"


def _seconds(value: float) -> str:
    return (
        f"{value:.0f} s" if value >= 100 else f"{value:.1f} s" if value >= 10 else f"{value:.2f} s"
    )
