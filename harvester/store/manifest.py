"""Manifest of OUT, the folder of a harvest: `harvest.json`, which says what was asked.

One run at a time *must* hold the lock, from before anything is read until all is written. A
harvest *must not* go on with another question than it began with: what shapes requests is
compared with `harvest.json` before a byte is sent, and a difference is refused by name, unless it
is accepted on purpose. What is compared, and what may change freely, is in `question`.
"""

import contextlib
import errno
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from harvester import __version__
from harvester.config import (
    Change,
    Config,
    changed_partitions,
    changed_shapes,
    changed_values,
    digested,
    fingerprint,
    fingerprints,
    former_fingerprints,
    parse_resolved,
    shapes,
)
from harvester.errors import ConfigError, DataRefused, DiskError
from harvester.store.inside import TOKENS, TOKENS_LOCK, is_file, reading
from harvester.store.journal import refuse_later_formats
from harvester.store.lock import NAME as LOCK
from harvester.store.lock import Held, held
from harvester.store.parts import TEMPORARY, disk_errors, make_folder, write_json

MANIFEST: Final = "harvest.json"
#: Partitions that were put aside before they were harvested again; nobody reads them.
ASIDE: Final = ".aside"
_SALT_BYTES: Final = 16
#: What the system says of a place where this user can have no folder.
_WRONG_PLACE: Final = (
    errno.EACCES, errno.ENAMETOOLONG, errno.ENOENT, errno.ENOTDIR, errno.EPERM, errno.EROFS,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """What the journals of a resource may say of the question they were asked with: today's (`now`,
    the last one, beside others that meant the same), or one from before an accepted change.
    """

    now: tuple[str, ...]
    before: tuple[str, ...] = ()

    def __contains__(self, found: object) -> bool:
        return found in self.now or found in self.before


@dataclass(frozen=True, slots=True)
class Lost:
    """What journals say of a harvest.json that is gone: when the harvest began, and the salt of its
    fingerprints ("" where they need none).
    """

    began: datetime
    salt: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What `harvest.json` says. `planned_at` is the `now` of the last plan, `planned_until` the
    latest that there was: a clock that ran ahead may have left windows behind `planned_at`.

    `variables` are keyed digests of the values of the environment that shape requests (`salt` is
    the key), `accepted` the changes that were accepted, each with its time.
    """

    name: str
    harvester: str
    fingerprint: str
    created_at: datetime
    planned_at: datetime
    planned_until: datetime
    config: Config
    fingerprints: Mapping[str, Fingerprints]
    salt: str
    variables: Mapping[str, str]
    accepted: Sequence[Mapping[str, Any]] = ()


def read_asked(out: Path) -> Asked:
    """What was asked of the harvest in `out`. Raises `DataRefused`, `DiskError`."""
    path = out / MANIFEST
    try:
        with disk_errors(path):
            text = _read(path) if os.path.lexists(path) else None
        if text is None:
            raise DataRefused(
                f"{out}: no {MANIFEST} here, so this is not the folder of a harvest; a run names "
                "its folder in its first line (data/NAME, unless --out or output.path differ)"
            )
        return _asked(json.loads(text), str(path))
    except (ConfigError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        told = f"{error} is missing" if isinstance(error, KeyError) else error
        raise DataRefused(
            f"{path}: cannot be read: {told}; restore it from a copy, or harvest into another "
            "folder with --out"
        ) from error


def _asked(value: Any, source: str) -> Asked:
    """What harvest.json says, as it was read. Raises for what it cannot say."""
    config = parse_resolved(value["config"], source)
    texts = (value["name"], value["harvester"], value["fingerprint"], value.get("salt", ""))
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("name, harvester, fingerprint and salt are text")
    said = value.get("fingerprints") or {}
    accepted = value.get("accepted") or []
    if not isinstance(accepted, list):
        raise ValueError("accepted is a list")
    return Asked(
        name=value["name"],
        harvester=value["harvester"],
        fingerprint=value["fingerprint"],
        created_at=_moment(value, "created_at"),
        planned_at=_moment(value, "planned_at"),
        planned_until=_moment({"planned_until": value["planned_at"], **value}, "planned_until"),
        config=config,
        fingerprints={
            # A folder of an earlier version has none.
            name: _read_fingerprints(said[name]) if name in said else Fingerprints((former,))
            for name, former in former_fingerprints(config).items()
        },
        salt=value.get("salt", ""),
        variables=_texts(value.get("variables") or {}),
        accepted=[dict(each) for each in accepted],
    )


def _read_fingerprints(said: Any) -> Fingerprints:
    now, before = said["now"], said.get("before", ())
    if not now or not all(isinstance(each, str) for each in (*now, *before)):
        raise ValueError("fingerprints are lists of texts, by resource")
    return Fingerprints(tuple(now), tuple(before))


def _texts(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise ValueError("variables are texts, by name")
    return value


def _moment(value: Mapping[str, Any], key: str) -> datetime:
    """A time; one without its zone, as a script may leave it, is UTC, which it is written in."""
    try:
        found = datetime.fromisoformat(value[key])
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{key} is {value[key]!r:.60}, no time") from None


@contextlib.contextmanager
def locked(out: Path, *, fsync: bool, lost: bool = False) -> Iterator[Held]:
    """Hold `out` for one run, creating it. `lost`: its harvest.json may be gone.

    Raises `FolderLocked` when another run has it, `DataRefused` when it holds something else, and
    `ConfigError` where no folder can be.
    """
    with disk_errors(out):
        _refuse_wrong_place(out)
        if os.path.lexists(out):
            _refuse_strangers(out, lost=lost)
        else:
            _make(out, fsync=fsync)
    with held(out) as mine:
        yield mine


def prepare(
    out: Path, config: Config, now: datetime, *, accept: bool = False, lost: Lost | None = None
) -> Asked:
    """Compare `config` with what was asked in `out` before, and write down what is asked now.

    Call it inside `locked`. Raises `DataRefused`, naming what changed; with `accept` only where
    what is kept would not be right any more. `lost` is what the journals say of a harvest whose
    harvest.json is gone.
    """
    refuse_later_formats(out)
    before = read_asked(out) if os.path.lexists(out / MANIFEST) else None
    salt = (before and before.salt) or (lost and lost.salt) or secrets.token_hex(_SALT_BYTES)
    digests = digested(config, salt)
    changes: list[Change] = []
    if before is not None:
        now = max(now, before.planned_at)  # a clock set back must not take windows out of the plan
        changes = _changes(before, config, digests, now)
        refused = [change for change in changes if not change.advised]
        if refused and not (accept and all(change.acceptable for change in refused)):
            raise _refusal(out, refused)
    asked = Asked(
        name=config.name,
        harvester=__version__,
        fingerprint=fingerprint(list(shapes(config).values())),
        created_at=before.created_at if before else lost.began if lost else now,
        planned_at=now,
        planned_until=max(now, before.planned_until) if before else now,
        config=config,
        fingerprints=_fingerprints(before, config, salt, changed=bool(changes)),
        salt=salt,
        variables={**(before.variables if before else {}), **digests},
        accepted=[
            *(before.accepted if before else ()),
            *([{"at": _iso(now), "changes": [each.told for each in changes]}] if changes else ()),
        ],
    )
    _write_asked(out, asked)
    return asked


def replan(out: Path, asked: Asked, now: datetime) -> Asked:
    """Note that the plan is that of `now`, where a clock ran ahead."""
    asked = replace(asked, planned_at=now)
    _write_asked(out, asked)
    return asked


def _fingerprints(
    before: Asked | None, config: Config, salt: str, *, changed: bool
) -> dict[str, Fingerprints]:
    """What journals may say from now on; those that a run wrote so far stay good."""
    found = {}
    for name, today in fingerprints(config, salt).items():
        known = before.fingerprints.get(name) if before else None
        if known is None:
            found[name] = Fingerprints((today,))
        elif changed and today not in known.now:
            found[name] = Fingerprints((today,), tuple(dict.fromkeys(known.before + known.now)))
        else:
            others = tuple(each for each in known.now if each != today)
            found[name] = Fingerprints((*others, today), known.before)
    return found


def _write_asked(out: Path, asked: Asked) -> None:
    value = {
        "name": asked.name,
        "harvester": asked.harvester,
        "fingerprint": asked.fingerprint,
        "created_at": _iso(asked.created_at),
        "planned_at": _iso(asked.planned_at),
        "planned_until": _iso(max(asked.planned_at, asked.planned_until)),
        "salt": asked.salt,
        "variables": dict(asked.variables),
        "fingerprints": {name: asdict(each) for name, each in asked.fingerprints.items()},
        **({"accepted": list(asked.accepted)} if asked.accepted else {}),
        "config": asked.config.reference_dict(),
    }
    write_json(out / MANIFEST, value, fsync=asked.config.output.fsync)


def _read(path: Path) -> bytes:
    with reading(path) as file:
        return file.read()


def beside(config: Config) -> Path | None:
    """The harvest that lies beside the YAML, where a run would go into another folder, in which
    there is none yet; None elsewhere. A relative folder is that of where the run is called.
    """
    here, there = config.folder.absolute(), config.home / config.folder
    with contextlib.suppress(OSError):
        if here != there and not (here / MANIFEST).exists() and (there / MANIFEST).exists():
            return there.resolve()
    return None


def _refuse_wrong_place(out: Path) -> None:
    there = next(place for place in (out, *out.absolute().parents) if os.path.lexists(place))
    if not there.is_dir():
        what = "is" if there == out else f"cannot be made: {there} is"
        raise ConfigError(f"{out}: {what} not a folder; give another one with --out or output.path")


def _make(out: Path, *, fsync: bool) -> None:
    try:
        make_folder(out, within=next(filter(Path.is_dir, out.parents)), fsync=fsync)
    except (DiskError, OSError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        if isinstance(cause, OSError) and cause.errno in _WRONG_PLACE:
            raise ConfigError(
                f"{out}: cannot be made: {cause.strerror}; give another folder with --out or "
                "output.path"
            ) from error
        raise


def _refuse_strangers(out: Path, *, lost: bool) -> None:
    """Refuse a folder that is no harvest's and not empty, before anything is put into it.

    A run killed in its first instant leaves the lock and a temporary file, and a look at the API
    (`check --live`) a refresh token. Partitions are looked
    at before harvest.json, which is there before they are: another run may be beginning just now.
    """
    with os.scandir(out) as listing:
        ours = {LOCK, MANIFEST + TEMPORARY, TOKENS, TOKENS + TOKENS_LOCK}
        strangers = {item.name for item in listing} - ours
    if strangers and not lost and not is_file(out / MANIFEST):
        raise DataRefused(
            f"{out}: holds {min(strangers)!r} but no {MANIFEST}, so this is not the folder of a "
            "harvest; give an empty or a new one with --out. If it was one, and that file is lost: "
            f"harvester repair CONFIG --out {out}"
        )


def _changes(
    before: Asked, config: Config, digests: Mapping[str, str], now: datetime
) -> list[Change]:
    """What `config` asks otherwise than was asked before, from what weighs most."""
    if before.name != config.name:
        return [Change(f"name was {before.name!r}, is {config.name!r}")]
    return [
        *map(Change, changed_partitions(before.config, before.planned_at, config, now)),
        *changed_shapes(before.config, config),
        *changed_values(before.variables, digests),
    ]


def _refusal(out: Path, changes: Sequence[Change]) -> DataRefused:
    told = "\n".join(f"  {change.told}" for change in changes)
    back = "YAML" if all(change.told.startswith("resource") for change in changes) else "old values"
    remedy = f"put the {back} back, or harvest into another folder with --out"
    if all(change.acceptable for change in changes):
        remedy += (
            "; or go on with --accept-change: the pages kept stay as they are, those to come are "
            "asked for in the new way, and both the folder and its journals say so"
        )
    return DataRefused(
        f"{out}: holds another harvest, so nothing was asked or changed:\n{told}\n{remedy}"
    )


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
