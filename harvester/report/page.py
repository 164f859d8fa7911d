"""Renders facts and figures as one HTML page: the only module that imports jinja2.

Everything that a server, a file or a YAML says passes the template's escaping. The page *must*
load nothing: style, script and charts are in it, and its Content-Security-Policy has the browser
forbid everything else, scripts that are not ours by their hash included.
"""

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from harvester import __version__
from harvester.errors import ConfigError
from harvester.model import number, one_line, size
from harvester.patterns import pattern
from harvester.report import drawing, figures, timeline
from harvester.report.coverage import State
from harvester.report.facts import Facts
from harvester.report.figures import SHAPES, Figure
from harvester.results import FieldChange, FieldDrift, kind_of
from harvester.values import dataclass

#: How a file of ours begins: `report` overwrites no other.
MARK: Final = "<!doctype html>\n<!-- harvester report -->"
_FOLDER: Final = Path(__file__).parent
_MOST_FAILURES: Final = 50
_MOST_WHYS: Final = 10
_MOST_CHANGES: Final = 100  # of fields, in one resource
#: How the page loop begins what it says of a failure.
_WHERE: Final = pattern(r"^.*?, page \d+( \(cursor .*?\))?: ", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A chart of the page: its words, and its SVG for a screen and for a phone."""

    figure: Figure
    label: str
    wide: str
    narrow: str


@dataclass(frozen=True, slots=True)
class Tile:
    """One of the large numbers at the top."""

    name: str
    value: str
    note: str = ""


def render(facts: Facts) -> Iterator[str]:
    """The page, piece by piece. Raises `ConfigError` where the extra is not installed."""
    try:
        import jinja2
    except ModuleNotFoundError as error:
        raise ConfigError(drawing.missing(error.name or "jinja2")) from error
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FileSystemLoader(_FOLDER),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"size": size, "brief": figures.brief, "one_line": one_line}
    template = environment.get_template("page.html.jinja")
    script = (_FOLDER / "page.js").read_text()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return template.generate(
        mark=MARK,
        version=__version__,
        style=(_FOLDER / "page.css").read_text(),
        script=script,
        digest=digest,
        facts=facts,
        asked=facts.asked,
        source=facts.asked.config.reference_dict()["client"]["base_url"],
        standing=standing(facts),
        missing=facts.missing,
        empty=facts.empty,
        seen=facts.states,
        tiles=tiles(facts),
        coverage=drawn(
            chart
            for each in facts.coverage.values()
            for chart in figures.coverage_figures(each, several=len(facts.coverage) > 1)
        ),
        progress=drawn(timeline.progress_figures(facts)),
        trouble=drawn(figures.trouble_figures(facts)),
        sizes=drawn(figures.size_figures(facts)),
        tries=figures.attempts_in_words(facts),
        known=known(facts),
        whys=whys(facts),
        doubts=list(facts.doubts),
        drifts=[drifted(each) for each in facts.drifts],
        failures=facts.failures[:_MOST_FAILURES],
        more_failures=len(facts.failures[_MOST_FAILURES:]) + facts.unlisted_failures,
        shapes=SHAPES,
        states=State,
        now=facts.generated_at.strftime("%Y-%m-%d %H:%M UTC"),
    )


@dataclass(frozen=True, slots=True)
class Drifted:
    """How the fields of a resource have changed: what was looked into, and the first changes."""

    name: str
    looked_into: str
    changes: list[FieldChange]
    more: int


def drifted(drift: FieldDrift) -> Drifted:
    """The drift of one resource in words."""
    changes = [*drift.fields.changes()]
    told = (
        f"{number(drift.partitions, 'partition')} harvested again: "
        f"{number(drift.before, 'record')} before, {drift.after:,} now"
    )
    if drift.left_out:
        told += (
            f"; of {number(drift.left_out, 'partition')} not all records were looked into, since "
            "there are too many"
        )
    if drift.unread:
        told += f"; {drift.unread:,} cannot be read, see harvester verify"
    shown = changes[:_MOST_CHANGES]
    return Drifted(drift.name, told, shown, len(changes) - len(shown))


def drawn(charts: Iterable[Figure]) -> list[Drawn]:
    """The charts as SVG, which the template takes as it is: Vega has escaped its text."""
    return [_drawn(figure) for figure in charts]


def _drawn(figure: Figure) -> Drawn:
    from markupsafe import Markup

    label = " · ".join(filter(None, (figure.heading, figure.title, figure.note)))
    wide, narrow = (
        Markup(drawing.svg(figure.draw(width), label))  # noqa: S704 - see `drawn`
        for width in figure.widths
    )
    return Drawn(figure, label, wide, narrow)


def whys(facts: Facts) -> list[tuple[str, int]]:
    """The failures by what is the same about them, the most frequent first."""
    kinds = Counter(kind_of(_WHERE.sub("", failure.error)) for failure in facts.failures)
    listed = kinds.most_common(_MOST_WHYS)
    rest = kinds.total() - sum(count for _, count in listed) + facts.unlisted_failures
    return [*listed, *([("others", rest)] if rest else [])]


def standing(facts: Facts) -> tuple[str, str]:
    """How the harvest stands: a word for the style, and a sentence."""
    counts = [item.partitions for item in facts.resources.values()]
    total = sum(count.total for count in counts)
    complete = sum(count.complete for count in counts)
    failed = sum(count.failed for count in counts) + facts.unlisted_failures
    if not total:
        return "open", "Nothing is planned yet"
    if complete == total:
        but = ", with doubts" if facts.doubts.groups else ""
        return "complete", f"Complete{but}: {_all_of(total)}"
    text = f"Incomplete: {complete:,} of {number(total, 'partition')} complete"
    if failed:
        return "failed", f"{text}, {failed:,} failed"
    return "open", text


def _all_of(total: int) -> str:
    return "1 partition" if total == 1 else f"all {total:,} partitions"


def tiles(facts: Facts) -> list[Tile]:
    """The totals."""
    every = facts.resources.values()
    stored, decoded = (sum(getattr(item, name) for item in every)
                       for name in ("stored_bytes", "bytes"))  # fmt: skip
    counts = [item.partitions for item in every]
    complete, total = sum(c.complete for c in counts), sum(c.total for c in counts)
    retries = sum(item.retries for item in every)
    requests = sum(item.requests for item in every)
    pages = f"{number(facts.superseded, 'page')} superseded" if facts.superseded else ""
    ratio = f"{stored / decoded:.0%} of the JSON" if decoded else ""
    took = facts.last_at - facts.first_at
    return [
        Tile("records", f"{sum(item.records for item in every):,}"),
        Tile("pages", f"{facts.pages:,}", pages),
        Tile("partitions complete", f"{complete:,}", f"of {total:,}"),
        Tile("JSON", size(decoded)),
        Tile("on disk", size(stored), ratio),
        Tile("tries", f"{requests:,}", f"{retries:,} lost" if retries else "none lost"),
        Tile(
            "first page to last",
            figures.brief(took) if facts.last_at else "none yet",
            f"since {_moment(facts.first_at)}" if facts.last_at else "",
        ),
    ]


def _moment(epoch_s: float) -> str:
    return f"{datetime.fromtimestamp(epoch_s, UTC):%Y-%m-%d %H:%M} UTC"


def known(facts: Facts) -> str:
    """What the notes on waits and lost tries cover, and what they do not."""
    statistics = facts.statistics
    if not statistics.runs:
        return (
            "No run has noted what it waited for or lost: each was killed, is not over, or was "
            "made by a version that took no notes. What else is told here is from the journals."
        )
    since = datetime.fromisoformat(statistics.since)
    text = (
        f"Noted by {number(statistics.runs, 'run')} since {since:%Y-%m-%d %H:%M} UTC, "
        f"{figures.brief(statistics.run_s)} in all. A run that is killed, or not over yet, notes "
        "nothing."
    )
    if facts.first_at and facts.first_at < since.timestamp() - 1:
        text += f" The first page came before that, {_moment(facts.first_at)}."
    noted, kept = sum(statistics.errors.values()), sum(i.retries for i in facts.resources.values())
    if noted != kept:
        text += (
            f" Noted were {number(noted, 'lost try', 'lost tries')}; the journals, which know only "
            f"those of pages that came in the end, count {kept:,}."
        )
    return text
