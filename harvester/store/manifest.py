"""Reads and writes `harvest.json`, which says what was asked of a harvest.

A harvest *must not* go on with another question than it began with: what shapes requests is
compared with `harvest.json` before a byte is sent, and a difference is refused by name, unless it
is accepted on purpose. What is compared, and what may change freely, is in `question`.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
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
from harvester.errors import ConfigError, DataRefused
from harvester.store.claiming import MANIFEST, beside, locked
from harvester.store.contract import Store
from harvester.store.journal_lines import refuse_later_formats
from harvester.store.local import ASIDE, LocalStore
from harvester.store.opening import Place, store_at
from harvester.store.parts import json_document
from harvester.values import dataclass

__all__ = [
    "ASIDE",
    "MANIFEST",
    "Asked",
    "Fingerprints",
    "Lost",
    "beside",
    "locked",
    "prepare",
    "read_asked",
    "replan",
]

_SALT_BYTES: Final = 16


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


def read_asked(out: Place) -> Asked:
    """What was asked of the harvest in `out`. Raises `DataRefused`, `DiskError`."""
    store = store_at(out)
    path = f"{store.place}/{MANIFEST}"
    text = store.read(MANIFEST)
    if text is None:
        raise DataRefused(
            f"{store.place}: no {MANIFEST} here, so this is not the folder of a harvest; a run "
            "names its folder in its first line (data/NAME, unless --out or output.path differ)"
        )
    try:
        return _asked(json.loads(text), path)
    except (ConfigError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        message = f"{error} is missing" if isinstance(error, KeyError) else error
        raise DataRefused(
            f"{path}: cannot be read: {message}; restore it from a copy, or harvest into another "
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


def prepare(
    out: Place,
    config: Config,
    now: datetime,
    *,
    accept: bool = False,
    lost: Lost | None = None,
    looks: bool = True,
) -> Asked:
    """Compare `config` with what was asked in `out` before, and write down what is asked now.

    Call it inside `locked`. Raises `DataRefused`, naming what changed; with `accept` only where
    what is kept would not be right any more. `lost` is what the journals say of a harvest whose
    harvest.json is gone. `looks`: through all journals, for one of a later version; else the caller
    does by `refuse_later` before it writes to any partition.
    """
    store = store_at(out)
    if looks:
        refuse_later(store)
    before = read_asked(store) if store.read(MANIFEST) is not None else None
    if not looks and before is not None and before.harvester != __version__:
        refuse_later(store)
    salt = (before and before.salt) or (lost and lost.salt) or secrets.token_hex(_SALT_BYTES)
    digests = digested(config, salt)
    changes: list[Change] = []
    if before is not None:
        now = max(now, before.planned_at)  # a clock set back must not take windows out of the plan
        changes = _changes(before, config, digests, now)
        refused = [change for change in changes if not change.advised]
        if refused and not (accept and all(change.acceptable for change in refused)):
            raise _refusal(store.place, refused)
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
            *(
                [{"at": _iso(now), "changes": [each.message for each in changes]}]
                if changes
                else ()
            ),
        ],
    )
    _write_asked(store, asked)
    return asked


def refuse_later(store: Store) -> None:
    """Raise `DataRefused` where any journal is of a later version, and in another format."""
    if isinstance(store, LocalStore):
        refuse_later_formats(store.root)


def replan(out: Place, asked: Asked, now: datetime) -> Asked:
    """Note that the plan is that of `now`, where a clock ran ahead."""
    asked = replace(asked, planned_at=now)
    _write_asked(store_at(out), asked)
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


def _write_asked(store: Store, asked: Asked) -> None:
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
    store.write(MANIFEST, json_document(value))


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


def _refusal(out: str, changes: Sequence[Change]) -> DataRefused:
    message = "\n".join(f"  {change.message}" for change in changes)
    back = (
        "YAML" if all(change.message.startswith("resource") for change in changes) else "old values"
    )
    remedy = f"put the {back} back, or harvest into another folder with --out"
    if all(change.acceptable for change in changes):
        remedy += (
            "; or go on with --accept-change: the pages kept stay as they are, those to come are "
            "asked for in the new way, and both the folder and its journals say so"
        )
    return DataRefused(
        f"{out}: holds another harvest, so nothing was asked or changed:\n{message}\n{remedy}"
    )


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
