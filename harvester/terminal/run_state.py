"""Says in words how the run under way stands, for `status`."""

from harvester.model import duration, one_line, per_second, roughly, size, wrap
from harvester.results import RunNote, UnderWay


def running(run: UnderWay, stalled_after_s: float, columns: int | None) -> str:
    """What there is to say of it; nothing where no run is under way, and none was killed."""
    if not run.running:
        told = "The last run ended without a word: it was killed, or the machine went down."
        return wrap(told, columns) if run.killed else ""
    process = f"process {run.pid}" if run.pid else "a process"
    if run.stalled(stalled_after_s):
        told = f"Stalled: {process} has kept no page for {duration(run.idle_s)}."
    else:
        told = f"Under way: {process}"
        if run.started_at is not None:
            told += f", for {duration(max(0.0, run.now - run.started_at))}"
        if run.last_commit_at is not None:
            told += f"; last page {duration(max(0.0, run.now - run.last_commit_at))} ago"
        told += _pace(run.note) + "."
    if run.note and run.note.waiting_until and run.note.waiting_until > run.now:
        wait = duration(run.note.waiting_until - run.now)
        told += f" Waiting {wait}: {one_line(run.note.waiting_for)}."
    for name, per_s in (run.note.paces if run.note else {}).items():
        told += f" The server bears {per_second(per_s)} for {one_line(name)}."
    return wrap(told, columns)


def _pace(note: RunNote | None) -> str:
    if note is None:
        return ""
    left = f", about {roughly(note.left_s)} left" if note.left_s is not None else ""
    return f", {note.records_per_s:,.1f} records/s, {size(note.bytes_per_s)}/s{left}"
