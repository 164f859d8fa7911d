"""OUT: the folder of a harvest, its lock, and `harvest.json`, which says what was asked.

One run at a time *must* hold the lock, from before anything is read until all is written. A
harvest *must not* go on with another question than it began with: what shapes requests is
compared with `harvest.json` before a byte is sent, and a difference is refused by name. Secrets,
rates, timeouts and concurrency may change freely.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from harvester import __version__
from harvester.auth.token_file import NAME as TOKENS
from harvester.config import Config, Resource
from harvester.config.load import parse_resolved
from harvester.errors import ConfigError, DataRefused, FolderLocked
from harvester.partitions import FromFile, FromResource, Range, Spec, Step, Values, Windows, count
from harvester.parts import TEMPORARY, DurableFile, disk_errors, make_folder
from harvester.secrets import is_secret_name
from harvester.summary import Failure, Failures
from harvester.tally import Tally
from harvester.templates import as_text

NAME: Final = "harvest.json"
LAST_RUN: Final = "last_run.json"
_LOCK: Final = ".lock"
_SHAPING: Final = (
    "path", "method", "params", "json", "form", "first_params", "next_request", "data_selector",
    "paginator", "incremental",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """What `harvest.json` says. `planned_at` is the `now` of the last plan."""

    name: str
    harvester: str
    fingerprint: str
    created_at: datetime
    planned_at: datetime
    config: Config


def shape(config: Config, resource: Resource) -> dict[str, Any]:
    """What shapes the requests of a resource, without secrets; what it is compared by.

    base_url counts by its path only: an API may move to another host in the middle of a harvest.
    """
    tree = config.reference_dict()
    written = next(item for item in tree["resources"] if item["name"] == resource.name)
    headers = {**tree["client"].get("headers", {}), **written.get("headers", {})}
    return {
        "base_url": urlsplit(config.client.base_url).path,
        "headers": {
            name.lower(): value
            for name, value in sorted(headers.items())
            if not is_secret_name(name) and name.lower() != "user-agent"
        },
        **{key: _without_secrets(written[key]) for key in _SHAPING if key in written},
    }


def _without_secrets(tree: Any) -> Any:
    """`tree` with its secrets alike, whether they are masked or references to the environment."""
    if isinstance(tree, Mapping):
        return {
            key: "***"
            if is_secret_name(key) and isinstance(branch, str) and "{env." in branch
            else _without_secrets(branch)
            for key, branch in tree.items()
        }
    return [_without_secrets(branch) for branch in tree] if isinstance(tree, list) else tree


def fingerprint(value: Any) -> str:
    """A short digest of a JSON value, the same on every machine."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_asked(out: Path) -> Asked:
    """What was asked of the harvest in `out`. Raises `DataRefused`, `DiskError`."""
    path = out / NAME
    try:
        with disk_errors(path):
            text = path.read_bytes() if path.exists() else None
        if text is None:
            raise DataRefused(
                f"{out}: no {NAME} here, so this is not the folder of a harvest; a run names its "
                "folder in its first line (data/NAME, unless --out or output.path says otherwise)"
            )
        value = json.loads(text)
        return Asked(
            value["name"],
            value["harvester"],
            value["fingerprint"],
            datetime.fromisoformat(value["created_at"]),
            datetime.fromisoformat(value["planned_at"]),
            parse_resolved(value["config"], str(path)),
        )
    except (ConfigError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataRefused(
            f"{path}: cannot be read: {error}; restore it from a copy, or harvest into another "
            "folder with --out"
        ) from error


@contextlib.contextmanager
def locked(out: Path, *, fsync: bool) -> Iterator[None]:
    """Hold `out` for one run, creating it.

    Raises `FolderLocked` when another run has it, `DataRefused` when it holds something else.
    """
    with disk_errors(out):
        if out.exists():
            _refuse_strangers(out)
        else:
            make_folder(out, within=next(filter(Path.is_dir, out.parents)), fsync=fsync)
        lock = os.open(out / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o666)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            holder = os.pread(lock, 20, 0).decode(errors="replace").strip()
            by = f" (process {holder})" if holder.isdecimal() else ""
            raise FolderLocked(
                f"{out}: another run{by} is harvesting into this folder; wait for it to end, or "
                "use another --out"
            ) from None
        with disk_errors(out):
            os.ftruncate(lock, 0)
            os.pwrite(lock, b"%d\n" % os.getpid(), 0)
        yield
    finally:
        with contextlib.suppress(OSError):  # all is said and done
            os.close(lock)  # releases the lock, as the death of the process does


def prepare(out: Path, config: Config, now: datetime) -> Asked:
    """Compare `config` with what was asked in `out` before, and write down what is asked now.

    Call it inside `locked`. Raises `DataRefused`, naming what changed.
    """
    before = read_asked(out) if (out / NAME).exists() else None
    if before is not None:
        now = max(now, before.planned_at)  # a clock set back must not take windows out of the plan
        _refuse_changes(out, before, config, now)
    asked = Asked(
        config.name,
        __version__,
        fingerprint([shape(config, resource) for resource in config.resources]),
        before.created_at if before else now,
        now,
        config,
    )
    value = {
        "name": asked.name,
        "harvester": asked.harvester,
        "fingerprint": asked.fingerprint,
        "created_at": _iso(asked.created_at),
        "planned_at": _iso(asked.planned_at),
        "config": config.reference_dict(),
    }
    _write_json(out / NAME, value, fsync=config.output.fsync)
    return asked


def write_last_run(out: Path, failures: Failures, run: Tally | None = None, *, fsync: bool) -> None:
    """Note which partitions failed, for `status`, and what the run waited for and lost, added to
    what the runs before noted, for `report`. The journals remain the only truth.
    """
    tally = read_tally(out)
    if run is not None:
        tally.add(run)
    value = {
        "failed": failures.count,
        "failures": [asdict(failure) for failure in failures.listed],
        "tally": tally.as_dict(),
    }
    _write_json(out / LAST_RUN, value, fsync=fsync)


def read_last_run(out: Path) -> Failures:
    """The failures that the last run noted; none where it noted nothing readable."""
    try:
        value = json.loads((out / LAST_RUN).read_bytes())
        listed = [Failure(**failure) for failure in value["failures"]]
        return Failures(Counter(value["failed"]), listed)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Failures()


def read_tally(out: Path) -> Tally:
    """What the runs so far noted of waits and lost tries; an empty tally where nothing is."""
    try:
        return Tally.read(json.loads((out / LAST_RUN).read_bytes())["tally"])
    except (OSError, ValueError, KeyError, TypeError):
        return Tally()


def _write_json(path: Path, value: Mapping[str, Any], *, fsync: bool) -> None:
    with disk_errors(path):  # a killed run may have left one behind
        path.with_name(path.name + TEMPORARY).unlink(missing_ok=True)
    with DurableFile(path, fsync=fsync) as file:
        file.write(json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\n")
        file.commit()


def _refuse_strangers(out: Path) -> None:
    """Refuse a folder that is no harvest's and not empty, before anything is put into it.

    A run killed in its first instant leaves the lock and a temporary file, and a look at the API
    (`check --live`) a refresh token. Partitions are looked
    at before harvest.json, which is there before they are: another run may be beginning just now.
    """
    if not out.is_dir():
        raise DataRefused(f"{out}: is not a folder")
    with os.scandir(out) as listing:
        strangers = {item.name for item in listing} - {_LOCK, NAME + TEMPORARY, TOKENS}
    if strangers and not (out / NAME).exists():
        raise DataRefused(
            f"{out}: holds {min(strangers)!r} but no {NAME}, so this is not the folder of a "
            "harvest; give an empty or a new one with --out"
        )


def _refuse_changes(out: Path, before: Asked, config: Config, now: datetime) -> None:
    changes = list(_changes(before, config, now))
    if before.name != config.name:
        changes = [f"name was {before.name!r}, is {config.name!r}"]
    if changes:
        raise DataRefused(
            f"{out}: holds another harvest, so nothing was asked or changed:\n"
            + "\n".join(f"  {change}" for change in changes)
            + "\nput the YAML back, or harvest into another folder with --out"
        )


def _changes(before: Asked, config: Config, now: datetime) -> Iterator[str]:
    resources = {resource.name: resource for resource in config.resources}
    for old in before.config.resources:
        new = resources.get(old.name)
        if new is None:
            yield f"resource {old.name!r} is gone"
            continue
        place = f"resources.{old.name}"
        yield from _differences(place, shape(before.config, old), shape(config, new))
        if list(old.partitions) != list(new.partitions):
            were, are = ", ".join(old.partitions) or "none", ", ".join(new.partitions) or "none"
            yield f"{place}.partitions had the keys {were}; has {are}"
            continue
        for key, spec in old.partitions.items():
            if problem := _not_grown(spec, before.planned_at, new.partitions[key], now):
                yield f"{place}.partitions.{key}: {problem}"


def _differences(place: str, old: Any, new: Any) -> Iterator[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in {**old, **new}:
            yield from _differences(f"{place}.{key}", old.get(key), new.get(key))
    elif old != new:
        yield f"{place} was {json.dumps(old)}, is {json.dumps(new)}"


def _not_grown(old: Spec, planned_at: datetime, new: Spec, now: datetime) -> str | None:
    """Why `new` is not `old` with more at its end; None when it is. Partitions may be added, but
    those harvested must stay, and no record may come to lie in two of them.
    """
    match old, new:
        case Values(), Values():
            labels = {as_text(value) for value in new.values}
            gone = [value for value in old.values if as_text(value) not in labels]
            return f"{gone[0]!r} is gone" if gone else None
        case Range(), Range():
            if (old.start, old.step) == (new.start, new.step) and (
                (new.stop - old.stop) * old.step >= 0
            ):
                return None
            return f"was {_range(old)}, is {_range(new)}"
        case Windows(), Windows():
            return _windows_not_grown(old, planned_at, new, now)
        case FromFile(), FromFile():  # its values so far have been taken over, wherever they were
            return None
        case FromResource(), FromResource():
            if (old.resource, old.field) == (new.resource, new.field):
                return "include has changed" if dict(old.include) != dict(new.include) else None
            return f"came from {old.resource} {old.field}, come from {new.resource} {new.field}"
    return f"were {type(old).__name__.lower()}, are {type(new).__name__.lower()}"


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
