"""Compares the partitions that two YAMLs ask for: the same, with more at their end?

Partitions may be added to a harvest. Those that have been harvested must stay, and no record may
come to lie in two of them.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from harvester.config.models import Config
from harvester.config.wording import dotted
from harvester.model import (
    Crawl,
    FromFile,
    FromResource,
    OpenWindows,
    Prefixes,
    Range,
    Seeds,
    Spec,
    Step,
    Stretches,
    Values,
    Windows,
    as_text,
    count,
)


def changed_partitions(
    before: Config, planned_at: datetime, now: Config, moment: datetime
) -> Iterator[str]:
    """What differs in the partitions of two configurations, in words; growth is no difference.

    `planned_at` is when the partitions of `before` were planned, `moment` when those of `now` are.
    """
    resources = {resource.name: resource for resource in now.resources}
    for old in before.resources:
        new = resources.get(old.name)
        if new is None:
            yield f"resource {old.name!r} is gone"
            continue
        place = f"resources.{old.name}.partitions"
        if list(old.partitions) != list(new.partitions):
            were, are = ", ".join(old.partitions) or "none", ", ".join(new.partitions) or "none"
            yield f"{place} had the keys {were}; has {are}"
            continue
        for key, spec in old.partitions.items():
            if problem := _not_grown(spec, planned_at, new.partitions[key], moment):
                yield f"{place}.{key}: {problem}"
        for at, parents in old.records_named:
            if parents.pages_of and (problem := _moved(parents.resource, before, now)):
                yield f"resources.{old.name}.{dotted(at)}: {problem}"


def _moved(name: str, before: Config, now: Config) -> str | None:
    """Why the records of an embedded resource, which have children, are others than before."""
    if name not in {each.name for each in now.declared}:
        return None  # the children take theirs from another one, which their own key says
    old, new = (
        [each.inside.written() for each in found.chain]
        for found in (before.named(name), now.named(name))
    )
    return None if old == new else f"the records of {name!r} stand elsewhere: inside was {old[-1]}"


def _not_grown(
    old: Spec | Seeds, planned_at: datetime, new: Spec | Seeds, now: datetime
) -> str | None:
    """Why `new` is not `old` with more at its end; None when it is. Partitions may be added, but
    those harvested must stay, and no record may come to lie in two of them.
    """
    match old, new:
        case Values(), Values():
            labels = {as_text(value) for value in new.values}
            return _first_gone(value for value in old.values if as_text(value) not in labels)
        case Prefixes(), Prefixes():
            return _first_gone(sign for sign in old.signs if sign not in new.signs)
        case Range(), Range():
            return _range_not_grown(old, new)
        case Stretches(), Stretches():
            return _stretches_not_grown(old, new)
        case Windows(), Windows():
            return _windows_not_grown(old, planned_at, new, now)
        case OpenWindows(), OpenWindows():
            same = old.start == new.start
            return None if same else f"start was {_iso(old.start)}, is {_iso(new.start)}"
        case FromFile(), FromFile():  # its values so far have been taken over, wherever they were
            return None
        case FromResource(), FromResource():
            return _parents_differ(old, new)
        case Crawl(), Crawl():
            return _crawl_is_less(old, new) or _not_grown(old.seeds, planned_at, new.seeds, now)
        case Seeds(), Seeds():
            if len(new.places) < len(old.places):
                return f"seeds came from {len(old.places)} places, come from {len(new.places)}"
            pairs = zip(old.places, new.places, strict=False)
            told = (_not_grown(one, planned_at, other, now) for one, other in pairs)
            return next(filter(None, told), None)
    return f"were {type(old).__name__.lower()}, are {type(new).__name__.lower()}"


def _first_gone(gone: Iterable[object]) -> str | None:
    return next((f"{each!r} is gone" for each in gone), None)


def _range_not_grown(old: Range, new: Range) -> str | None:
    same = (old.start, old.step) == (new.start, new.step)
    if same and (new.stop - old.stop) * old.step >= 0:
        return None
    return f"was {_range(old)}, is {_range(new)}"


def _parents_differ(old: FromResource, new: FromResource) -> str | None:
    if (old.resource, old.field) != (new.resource, new.field):
        return f"came from {old.resource} {old.field}, come from {new.resource} {new.field}"
    if old.only != new.only:
        return "only has changed"
    if old.batch != new.batch:
        return "batch has changed"
    return "include has changed" if dict(old.include) != dict(new.include) else None


def _crawl_is_less(old: Crawl, new: Crawl) -> str | None:
    gone = [path for path in old.paths if path not in new.paths]
    if gone:
        return f"crawl {gone[0]!r} is gone: what it led to would be left out"
    if _is_less(new.maximum_depth, old.maximum_depth):
        return f"maximum_depth was {old.maximum_depth}, is {new.maximum_depth}"
    return None


def _is_less(new: int | None, old: int | None) -> bool:
    return new is not None and (old is None or new < old)


def _stretches_not_grown(old: Stretches, new: Stretches) -> str | None:
    if (old.start, old.step) != (new.start, new.step):
        return f"was from {old.start} by {old.step}, is from {new.start} by {new.step}"
    if new.end == old.end or (
        old.step and new.end > old.end and (old.end - old.start) % old.step == 0
    ):
        return None
    return f"end was {old.end}, is {new.end}: numbers would be harvested twice or left out"


def _windows_not_grown(
    old: Windows, planned_at: datetime, new: Windows, now: datetime
) -> str | None:
    if old.start != new.start:
        return f"start was {_iso(old.start)}, is {_iso(new.start)}"
    if old.step != new.step:
        return f"step was {_step(old.step)}, is {_step(new.step)}"
    if (old.end, old.settle) == (new.end, new.settle):
        return None
    ends = f"end was {_end(old)}, is {_end(new)}"
    planned = count({"": old}, planned_at)
    if count({"": new}, now) < planned:
        return f"{ends}: windows that were planned before are left out"
    # A longer end may only add windows: a last one cut short by the old end would be asked again
    # as part of a longer one, and its records stored twice. A shorter one would cut it short.
    whole = Windows(old.start, None, old.step)
    for end, other in ((old.end, new.end), (new.end, old.end)):
        if end is not None and end != other and count({"": whole}, end) < planned:
            return f"{ends}, within a step: a window would be harvested twice"
    return None


def _range(spec: Range) -> str:
    return f"{spec.start} to {spec.stop}" + (f" by {spec.step}" if spec.step != 1 else "")


def _step(step: Step) -> str:
    return f"{step.months} months" if step.months else f"{step.seconds:g} s"


def _end(spec: Windows) -> str:
    end = _iso(spec.end) if spec.end else "now"
    return f"{end} (settle {spec.settle})" if spec.settle else end


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
