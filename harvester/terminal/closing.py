"""Formats the end of a run, and `status`: what came, what is missing and why."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from harvester.config import Config
from harvester.errors import Interrupted
from harvester.model import (
    DoubtGroup,
    Partition,
    Shard,
    as_text,
    duration,
    number,
    one_line,
    percent,
    size,
    table,
    wrap,
)
from harvester.patterns import pattern
from harvester.planning import shared
from harvester.results import Failure, ResourceSummary, Summary, kind_of

if TYPE_CHECKING:
    from harvester.results import Comparison, Doubles
    from harvester.terminal.progress import Progress

_MOST_FAILURES: Final = 10
_MOST_WAITING: Final = 10
_MOST_ON_SCREEN: Final = 5  # on a terminal, where the first line must not scroll away
_FEW: Final = 3  # on one so narrow that each takes two lines
_NARROW: Final = 60
_PAGE: Final = pattern(r", page [\d,]+(?: \(cursor .*?\))?(?=:)")
_MOST_REASONS: Final = 3


def last_screen(summary: Summary, progress: "Progress", columns: int | None) -> str:
    """A run in words: how it ended, the resources, its own numbers, what is missing.

    `columns` is the width of the terminal; None where lines may be as long as they like.
    """
    parts = [
        _ending(summary, columns),
        resources(summary, columns),
        crawls(summary, columns),
        _this_run(summary, progress, columns),
        missing(summary.failures, columns),
        doubted(summary.doubts, columns),
        _noted(summary, columns),
        _unfinished(summary, progress, columns),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def share_of_budgets(config: Config, shard: Shard) -> str:
    """What a share of a harvest is to keep to, so that all of them together keep the budgets."""
    told = f"share {shard} of the partitions"
    budgets = [("", each) for each in config.client.rate_limit]
    budgets += [(f" of {r.name}", each) for r in config.resources for each in r.rate_limit]
    if not budgets:
        return f"{told}; no rate_limit is declared, so that each share asks as fast as it can"
    shares = [
        f"{number(mine.requests, 'request')} per {duration(mine.per)}{whose}"
        for whose, mine in ((whose, shared(each, shard)) for whose, each in budgets)
    ]
    return f"{told}, and of each budget: {one_line('; '.join(shares))}"


def colour(summary: Summary) -> str:
    """That of the first line: all is there, something failed, or something is still to come."""
    if summary.complete and summary.ended_by is None:
        return "yellow" if summary.doubts else "green"
    return "red" if summary.failures else "yellow"


def standing(
    summary: Summary, columns: int | None, out: Path | None = None, about: str = ""
) -> str:
    """The state of a folder in words, for `status`; `out` is where it is, absolute, and `about`
    what there is to say of the run under way.
    """
    pending = sum(item.partitions.pending for item in summary.resources)
    if summary.complete:
        state = _complete(summary)
    else:
        failed = sum(item.partitions.failed for item in summary.resources)
        state = f"Not complete: {number(pending, 'partition')} pending, {failed:,} failed."
    head = f"{summary.name}: {state[0].lower()}{state[1:]}"
    parts = [
        f"{wrap(head, columns)}\nIn {out}" if out else wrap(head, columns),
        about,
        resources(summary, columns),
        ends(summary, columns),
        crawls(summary, columns),
        waiting(summary, columns),
        missing(summary.failures, columns),
        doubted(summary.doubts, columns),
        _noted(summary, columns),
    ]
    return "\n\n".join(filter(None, parts))


def ends(summary: Summary, columns: int | None) -> str:
    """What proved the ends of the partitions that are complete, the most frequent first."""
    counts: Counter[str] = Counter()
    for item in summary.resources:
        counts.update(item.ends)
    ends = ", ".join(f"{reason} {count:,}" for reason, count in counts.most_common())
    return wrap(f"Ended with {ends}.", columns) if ends else ""


def waiting(summary: Summary, columns: int | None) -> str:
    """The jobs that are not ready yet."""
    lines = []
    for each in summary.waiting[:_MOST_WAITING]:
        labels = " ".join([each.resource, *(f"{k}={v}" for k, v in each.partition.items())])
        job = as_text(each.job)
        lines.append(f"{one_line(labels)}: waiting for job {one_line(job)} since {each.since}.")
    if len(summary.waiting) > _MOST_WAITING:
        lines.append(f"{len(summary.waiting) - _MOST_WAITING:,} more wait for jobs.")
    return "\n".join(wrap(line, columns) for line in lines)


def crawls(summary: Summary, columns: int | None) -> str:
    """How far each crawl has come."""
    lines = []
    for item in summary.resources:
        if (at := item.crawl) is None:
            continue
        beyond = f", {at.beyond:,} of them deeper than maximum_depth" if at.beyond else ""
        lines.append(
            f"{one_line(item.name)}: depth {at.depth:,}, frontier {at.frontier:,}, "
            f"seen {at.seen:,}{beyond}."
        )
    return "\n".join(wrap(line, columns) for line in lines)


def resources(summary: Summary, columns: int | None) -> str:
    """The table of resources; nothing where no partition is planned."""
    items = [item for item in summary.resources if item.partitions.total]
    if not items:
        return ""
    total = [_row(item) for item in items]
    total += [(each.name, f"inside {each.inside}", "", "", "", "") for each in summary.embedded]
    header = ("resource", "partitions", "pages", "records", "JSON", "on disk")
    return table(header, total, columns)


def _row(item: ResourceSummary) -> Sequence[str]:
    counts = item.partitions
    partitions = f"{counts.complete:,} of {counts.total:,}"
    if counts.failed:
        partitions += f", {counts.failed:,} failed"
    return (
        item.name,
        partitions,
        f"{item.pages:,}",
        f"{item.records:,}",
        size(item.bytes),
        size(item.stored_bytes),
    )


def _ending(summary: Summary, columns: int | None) -> str:
    if isinstance(summary.ended_by, Interrupted):
        return "Interrupted; everything committed is kept."
    if summary.ended_by is not None:
        why = wrap(one_line(str(summary.ended_by)), columns, "  ")
        return f"Stopped; everything committed is kept.\n{why}"
    return wrap(_came_to_its_end(summary), columns)


def _came_to_its_end(summary: Summary) -> str:
    total = sum(item.partitions.total for item in summary.resources)
    failed = sum(item.partitions.failed for item in summary.resources)
    left = total - failed - sum(item.partitions.complete for item in summary.resources)
    if failed:
        rest = f", {left:,} pending" if left else ""
        of = number(total, "partition")
        return f"{failed:,} of {of} failed{rest}; every page committed is kept."
    if summary.paused:
        return f"Paused by --max-pages: {number(left, 'partition has', 'partitions have')} more."
    if summary.elsewhere:
        taken = number(summary.elsewhere, "partition was", "partitions were")
        return (
            f"Done with what was left to this run: {taken} taken over by another machine, which "
            "goes on; nothing is lost. harvester status says where it stands; the same line again "
            "takes up what it leaves."
        )
    if summary.left:
        names = ", ".join(map(one_line, summary.left))
        return (
            f"Share {summary.shard}: done with what is known of it. Parents in other shares are "
            f"not finished, or were not when this run looked; their children ({names}) may be in "
            "this share: run the same line again."
        )
    if summary.above:
        names = ", ".join(map(one_line, summary.above))
        options = " ".join(f"--resource {one_line(name)}" for name in summary.above)
        return (
            f"Done with what is known of it: it takes its values from the records of {names}, not "
            f"all of which is harvested. Say {options}, too, or leave --resource out."
        )
    if left:
        others = number(left, "other partition is", "other partitions are")
        return f"Done with what was asked for; {others} pending."
    return _complete(summary)


def _complete(summary: Summary) -> str:
    total = sum(item.partitions.total for item in summary.resources)
    if not total and summary.shard is not None:
        return (
            f"Share {summary.shard} has no partition of this plan. Other shares may not be "
            "complete: harvester status says where the whole stands."
        )
    if not total:
        return (
            "Complete, with nothing to harvest: the plan has no partitions. (A window is planned "
            "once it has closed, children once their parents are harvested.)"
        )
    pages = sum(item.pages for item in summary.resources)
    records = sum(item.records for item in summary.resources)
    came = f"{number(pages, 'page')}, {number(records, 'record')}"
    but = ", with doubts" if summary.doubts else ""
    if summary.shard is not None:
        return (
            f"Share {summary.shard} is complete{but}: {number(total, 'partition')}, {came}. Other "
            "shares may not be: harvester status says where the whole stands."
        )
    return f"Complete{but}: {number(total, 'partition')}, {came}."


def is_of_before(summary: Summary) -> bool:
    """Whether a run found everything complete, and asked for nothing."""
    return summary.complete and not any(item.requests for item in summary.resources)


def _this_run(summary: Summary, progress: "Progress", columns: int | None) -> str:
    requests = sum(item.requests for item in summary.resources)
    retries = sum(item.retries for item in summary.resources)
    failed = f" ({number(retries, 'attempt')} failed)" if retries else ""
    line = (
        f"This run: {number(progress.new_pages, 'page')}, "
        f"{number(progress.new_records, 'record')}, {number(requests, 'request')}{failed}, "
        f"{duration(progress.elapsed_s)}."
    )
    if is_of_before(summary) and summary.since is not None:
        since = f"{summary.since[:16].replace('T', ' ')} UTC"
        return wrap(f"Nothing was asked: it has been complete since {since}.", columns)
    progress.waiting_s()  # up to now
    waits = sorted(((round(s), why) for why, s in progress.waited_s.items()), reverse=True)
    waited = sum(seconds for seconds, _ in waits)
    line = wrap(line, columns)
    if not waited:
        return line
    reasons = "; ".join(
        f"{duration(seconds)} {why}" for seconds, why in waits[:_MOST_REASONS] if seconds
    )
    return f"{line}\n" + wrap(f"Of these {duration(waited)} waiting: {reasons}.", columns)


def missing(failures: Sequence[Failure], columns: int | None) -> str:
    """The failures in words: a line for each reason, with a count and an example. The reasons that
    most partitions have come first.
    """
    if not failures:
        return ""
    groups: dict[tuple[str, str], list[Failure]] = {}
    for failure in failures:
        groups.setdefault((failure.resource, _reason(failure)), []).append(failure)
    most = _MOST_FAILURES if columns is None else _MOST_ON_SCREEN
    ordered = sorted(groups.values(), key=len, reverse=True)
    lines = ["Failed:"]
    for group in ordered[:most]:
        error = one_line(group[0].error)
        alike = f"{len(group):,} partitions of {one_line(group[0].resource)} alike, such as "
        lines.append(wrap(error if len(group) == 1 else alike + error, columns, "  "))
    if rest := sum(map(len, ordered[most:])):
        lines.append(f"  … and {rest:,} more: see `harvester status --json`")
    return "\n".join(lines)


def _reason(failure: Failure) -> str:
    """What is the same about failures that differ in their partition, page and cursor only."""
    error = failure.error
    for label in sorted(failure.partition.values(), key=len, reverse=True):
        error = error.replace(label, "…") if label else error
    return kind_of(_PAGE.sub("", error))


def doubted(doubts: Sequence[DoubtGroup], columns: int | None) -> str:
    """What speaks against partitions that seem complete: a line for each kind."""
    if not doubts:
        return ""
    return "\n".join(["Doubts:", *(wrap(_doubt(group), columns, "  ") for group in doubts)])


def doubled(found: "Doubles") -> str:
    """What `verify --keys` has counted of a resource."""
    key = " and ".join(found.key)
    line = f"{found.resource}: {number(found.records, 'record')}, {found.distinct:,} different"
    line += f" by {key}"
    if found.duplicates:
        line += f"; {found.duplicates:,} come again, {found.within:,} of them in one partition"
    if found.unkeyed:
        line += f"; {found.unkeyed:,} have no {key}"
    listed = [
        f"{Partition(found.resource, item['partition']).title}: {item['duplicates']:,} again"
        for item in found.partitions[:_MOST_ON_SCREEN]
        if item["partition"]
    ]
    return "\n  ".join(map(one_line, [line, *listed]))


def compared(found: "Comparison") -> str:
    """What `diff` has counted of a resource."""
    name = one_line(found.name)
    if not found.partitions:
        return f"{name}: no partition has two such generations; harvester redo makes the next"
    told = f"{name}: {found.new:,} new, {found.gone:,} gone, {found.changed:,} changed"
    told += f", {found.same:,} the same, in {number(found.partitions, 'partition')}"
    if found.unkeyed:
        told += f"; {found.unkeyed:,} have no key"
    fields = found.fields.as_dict()
    lines = [
        f"fields {what}: {', '.join(fields[what])}" for what in ("new", "lost") if fields[what]
    ]
    lines += [
        f"field {field}: was {' or '.join(kinds['before'])}, is {' or '.join(kinds['after'])}"
        for field, kinds in fields["retyped"].items()
    ]
    return "\n  ".join(map(one_line, [told, *lines]))


def _noted(summary: Summary, columns: int | None) -> str:
    """What there is to know of pages that are kept."""
    notes = (
        f"{one_line(item.name)}: {number(item.control_characters, 'control character')} raw in "
        "strings, such as tabs and line breaks; kept as they came, and escaped wherever records "
        "are read"
        for item in summary.resources
        if item.control_characters
    )
    return "\n".join(wrap(text, columns) for text in notes)


def _doubt(group: DoubtGroup) -> str:
    where = Partition(group.resource, group.example).title
    more = group.partitions - 1
    others = f" (and of {number(more, 'other partition')})" if more > 0 and group.example else ""
    return one_line(f"{where}: {group.told}{others}")


def _unfinished(summary: Summary, progress: "Progress", columns: int | None) -> str:
    """What was being worked on when a run was ended early, and how much is behind that."""
    at_work = progress.active()
    if summary.ended_by is None or not at_work:
        return ""
    lines = ["Not finished:"]
    most = _MOST_ON_SCREEN if columns is None or columns >= _NARROW else _FEW
    for active in at_work[:most]:
        share = f", {percent(active.share)}" if active.share is not None else ""
        came = f"{number(active.pages, 'page')}, {number(active.records, 'record')}{share}"
        lines.append(wrap(f"{active.partition.title}: {came}", columns, "  "))
    pending = sum(item.partitions.pending for item in summary.resources)
    if more := pending - len(at_work[:most]):
        lines.append(f"  … and {number(more, 'more partition')}")
    return "\n".join(lines)
