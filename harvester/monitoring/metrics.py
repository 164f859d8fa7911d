"""Metrics of a run as an OpenMetrics text file, which node_exporter's textfile collector reads.

OpenMetrics 1.0: https://prometheus.io/docs/specs/om/open_metrics_spec/. Every metric carries the
name of the harvest; counters are those of the run and begin again with the next.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from harvester import __version__
from harvester.results import RunNote, Summary
from harvester.values import dataclass

_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n"}


@dataclass(frozen=True, slots=True)
class _Family:
    """A metric: its samples are labels and a value; a counter's name gets `_total`."""

    name: str
    kind: str
    told: str
    samples: tuple[tuple[Mapping[str, str], float], ...]
    unit: str = ""


def metrics_text(
    name: str, note: RunNote, *, stalled: bool = False, summary: Summary | None = None
) -> str:
    """The whole file; `summary` is there once the run has ended."""
    lines: list[str] = []
    for family in _families(note, stalled=stalled, summary=summary):
        lines.append(f"# TYPE harvester_{family.name} {family.kind}")
        if family.unit:
            lines.append(f"# UNIT harvester_{family.name} {family.unit}")
        lines.append(f"# HELP harvester_{family.name} {family.told}")
        suffix = {"counter": "_total", "info": "_info"}.get(family.kind, "")
        for labels, value in family.samples:
            told = ",".join(
                f'{key}="{_escaped(text)}"' for key, text in {"harvest": name, **labels}.items()
            )
            lines.append(f"harvester_{family.name}{suffix}{{{told}}} {value!r}")
    return "\n".join([*lines, "# EOF", ""])


def _families(note: RunNote, *, stalled: bool, summary: Summary | None) -> Iterator[_Family]:
    yield _Family("build", "info", "The version of harvester.", (({"version": __version__}, 1),))
    running = summary is None
    yield _gauge("run_under_way", "Whether a run is under way.", running)
    yield _gauge("run_stalled", "Whether the run has kept no page for too long.", stalled)
    yield _gauge("run_start_time_seconds", "When the run began.", note.started_at, "seconds")
    if note.last_commit_at is not None:
        told = "When the run last kept a page."
        yield _gauge("last_commit_time_seconds", told, note.last_commit_at, "seconds")
    for name, told, value in (
        ("pages", "Pages that the run kept.", note.pages),
        ("records", "Records that the run kept.", note.records),
        ("attempts_lost", "Tries that came to nothing.", note.attempts_lost),
    ):
        yield _Family(name, "counter", told, (({}, value),))
    yield _Family("page_bytes", "counter", "Decoded JSON.", (({}, note.bytes),), "bytes")
    told = "What was written to disk."
    yield _Family("stored_bytes", "counter", told, (({}, note.stored_bytes),), "bytes")
    yield _Family(
        "wait_seconds", "counter", "Time in which everybody waited, by reason.",
        tuple(({"reason": why}, round(seconds, 3)) for why, seconds in note.waits_s.items()),
        "seconds",
    )  # fmt: skip
    yield _Family(
        "partitions", "gauge", "Partitions by how they stand.",
        tuple(({"state": state}, count) for state, count in note.partitions.items()),
    )  # fmt: skip
    if note.left_s is not None and running:
        told = "An estimate of the time left."
        yield _gauge("run_left_seconds", told, round(note.left_s, 1), "seconds")
    if summary is not None:
        yield _gauge("run_exit_code", "The exit code of the run.", summary.exit_code)
        yield _gauge("harvest_complete", "Whether all is there.", summary.complete)
        yield _gauge("harvest_doubts", "What speaks against its ends.", len(summary.doubts))


def _gauge(name: str, told: str, value: float, unit: str = "") -> _Family:
    return _Family(name, "gauge", told, (({}, value + 0),), unit)


def _escaped(text: str) -> str:
    return "".join(_ESCAPES.get(each, each) for each in text)


def write_metrics(path: Path, text: str) -> str | None:
    """Put the file in its place, whole; what went wrong, in words, or None."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        return f"{path}: metrics cannot be written: {error.strerror or error}"
    return None
