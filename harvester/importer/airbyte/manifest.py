"""Reads a low-code manifest: its streams one by one, their parents, and who shares a client."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from harvester.errors import ConfigError
from harvester.importer.airbyte.auth import SELECTIVE
from harvester.importer.airbyte.budgets import budgets
from harvester.importer.airbyte.changes import changes_of
from harvester.importer.airbyte.dynamic import expanded, streams_of
from harvester.importer.airbyte.references import resolved
from harvester.importer.airbyte.rules import chosen
from harvester.importer.airbyte.streams import Translated, translated
from harvester.importer.airbyte.texts import Texts
from harvester.importer.outcome import Group, Stream, UnsaidError

#: What a part raises that is not of the shape that manifests have.
_ODD: Final = (
    TypeError, ValueError, AttributeError, KeyError, IndexError, RecursionError,
)  # fmt: skip


def is_manifest(tree: Any) -> bool:
    """Whether a document is a manifest."""
    return (
        isinstance(tree, Mapping)
        and bool({"streams", "dynamic_streams"} & tree.keys())
        and ("definitions" in tree or tree.get("type") == "DeclarativeSource" or "check" in tree)
    )


def read_manifest(tree: Mapping[str, Any]) -> tuple[list[Stream], list[Group]]:
    """The streams with what is missing, and the resources of those that are whole."""
    for key in ("streams", "dynamic_streams"):
        if not isinstance(tree.get(key) or [], list):
            raise ConfigError(f"{key}: not a list, as a manifest has it")
    reading = _Reading(tree)
    for at, (node, condition) in enumerate(streams_of(tree)):
        reading.stream(node, f"stream_{at + 1}", condition)
    unknown = [*reading.templates()]
    outcomes = [Stream(one.name, tuple(one.missing)) for one in reading.listed]
    return [*outcomes, *unknown], reading.groups()


class _Reading:
    """The streams of one manifest, each translated once; parents are found by what they hold."""

    def __init__(self, tree: Mapping[str, Any]) -> None:
        self._tree = tree
        spec = tree.get("spec")
        asked = spec.get("connection_specification") if isinstance(spec, Mapping) else None
        self._spec = asked if isinstance(asked, Mapping) else {}
        self.listed: list[Translated] = []
        self._all: list[tuple[Mapping[str, Any], Translated]] = []

    def stream(self, node: Any, fallback: str, condition: str | None = None) -> None:
        """Translate a stream of the list; one that is no stream is named as missing."""
        try:
            found = self._translated(node, fallback, ())
        except (
            TypeError,
            ValueError,
            AttributeError,
            KeyError,
            IndexError,
            RecursionError,
        ) as error:
            found = Translated(fallback, missing=[f"not of the usual shape ({error})"])
            if isinstance(node, Mapping) and isinstance(node.get("name"), str):
                found.name = node["name"]
        if condition is not None:
            found.notes.append(f"the source has this stream only where {condition}")
        self.listed.append(found)

    def templates(self) -> Iterator[Stream]:
        """Translate the streams that templates are filled in to; gives those that cannot be."""
        for at, node in enumerate(self._tree.get("dynamic_streams") or ()):
            name = node.get("name") if isinstance(node, Mapping) else None
            fallback = name if isinstance(name, str) and name else "dynamic_streams"
            try:
                streams = expanded(node, self._tree, self._spec)
            except UnsaidError as error:
                yield Stream(fallback, (str(error),))
            except _ODD as error:
                yield Stream(fallback, (f"not of the usual shape ({error})",))
            else:
                before = len(self.listed)
                for number, stream in enumerate(streams, start=1):
                    self.stream(stream, f"{fallback}_{at + 1}_{number}")
                made = self.listed[before:]
                if all(one.missing for one in made):  # what stands against one does against all
                    del self.listed[before:]
                    why = "; ".join(made[0].missing) if made else "a template for none"
                    yield Stream(fallback, (f"a template for {len(made):,} streams: {why}",))

    def _translated(
        self, node: Any, fallback: str, above: tuple[Mapping[str, Any], ...]
    ) -> Translated:
        try:
            whole = resolved(node, self._tree)
        except UnsaidError as error:
            return Translated(fallback, missing=[str(error)])
        for known, found in self._all:
            if known == whole:
                return found
        if not isinstance(whole, Mapping):
            return Translated(fallback, missing=["no stream: not a mapping"])
        name = self._name(whole, fallback)
        if whole.get("type") == "StateDelegatingStream":
            return self._delegating(whole, name, above)
        found = translated(whole, name, self._spec)
        found.notes += changes_of(node, self._tree)
        self._all.append((whole, found))
        for key, parent in found.parents.items():
            self._parent(found, key, parent, (*above, whole))
        return found

    def _delegating(
        self, whole: Mapping[str, Any], name: str, above: tuple[Mapping[str, Any], ...]
    ) -> Translated:
        """A first run of all there is, and later ones that ask another endpoint for changes."""
        full = translated(whole.get("full_refresh_stream") or {}, name, self._spec)
        later = _from_first_run(whole.get("incremental_stream") or {})
        changes = translated(later, f"{name}_changes", self._spec)
        self._all += [(whole, full), ({"changes of": whole}, changes)]
        full.later = changes
        for one in (full, changes):
            for key, parent in one.parents.items():
                self._parent(one, key, parent, (*above, whole))
        full.missing += [f"later runs: {why}" for why in changes.missing]
        changes.missing = []
        until_then, from_then = (
            (one.resource.get("partitions") or {}).get("window") for one in (full, changes)
        )
        if until_then:
            until_then["end"] = "first_run"
        if from_then is None:
            full.missing.append("later runs that ask for changes by no time")
        else:
            from_then["start"] = "first_run"
            full.notes.append(f"the first run's; what changes later is in {changes.name}")
        return full

    def _parent(
        self, found: Translated, key: str, node: Any, above: tuple[Mapping[str, Any], ...]
    ) -> None:
        if len(above) > 8:
            found.missing.append("parents that lead back to themselves")
            return
        parent = self._translated(node, f"{found.name}_parent", above)
        found.resource["partitions"][key]["resource"] = parent.name
        found.missing += [f"its parent {parent.name}: {why}" for why in parent.missing]
        if parent.later is not None and found.later is None:
            found.missing.append("a parent whose later runs ask another endpoint")
        if parent.condition is not None:
            self._only(found, key, parent.condition)
        if (parent.auth, parent.base_url) != (found.auth, found.base_url):
            found.missing += _apart(found, parent)

    def _only(self, found: Translated, key: str, condition: str) -> None:
        """Leave out the parents that the source leaves out."""
        try:
            only = chosen(condition, Texts(self._spec, {}, {}))
        except UnsaidError as error:
            found.missing.append(f"a filter on the parents' records: {error}")
        else:
            found.resource["partitions"][key]["only"] = only[0] if len(only) == 1 else only

    def _name(self, whole: Mapping[str, Any], fallback: str) -> str:
        name = str(whole.get("name") or (whole.get("$parameters") or {}).get("name") or fallback)
        name = re.sub(r"[^A-Za-z0-9_.-]+", "_", name).strip("_.-")[:120] or fallback
        taken = {found.name.lower() for _, found in self._all}
        names = [name, *(f"{name}_{number}" for number in range(2, 1000))]
        return next(one for one in names if one.lower() not in taken)

    def groups(self) -> list[Group]:
        """The resources of whole streams and their parents, by the client that they share."""
        wanted: list[Translated] = []
        for one in self.listed:
            if not one.missing:
                self._with_parents(one, wanted)
                if one.later is not None:
                    self._with_parents(one.later, wanted)
        clients: list[tuple[Any, list[Translated]]] = []
        for one in wanted:
            client = (one.base_url, one.auth)
            among = next((found for known, found in clients if known == client), None)
            if among is None:
                clients.append((client, [one]))
            else:
                among.append(one)
        limits, untold = budgets(self._tree)
        limited = {"rate_limit": limits} if limits else {}
        return [
            Group(
                {"base_url": base_url, **({"auth": scheme} if scheme else {}), **limited},
                tuple(_ordered(one.resource) for one in found),
                {one.name: (*one.notes, *untold) for one in found},
                way,
            )
            for (base_url, auth), found in clients
            for way, scheme in _ways(auth)
        ]

    def _with_parents(self, one: Translated, wanted: list[Translated]) -> None:
        names = {
            spec["resource"]
            for spec in (one.resource.get("partitions") or {}).values()
            if isinstance(spec, Mapping) and spec.get("resource")
        }
        for _, parent in self._all:
            if parent.name in names:
                self._with_parents(parent, wanted)
        if one not in wanted:
            wanted.append(one)


def _from_first_run(stream: Mapping[str, Any]) -> dict[str, Any]:
    """A stream whose start does not count, since it begins where the first run was."""
    sync = stream.get("incremental_sync")
    if not isinstance(sync, Mapping):
        return dict(stream)
    return {**stream, "incremental_sync": {**sync, "start_datetime": "1970-01-01"}}


def _ways(auth: Mapping[str, Any] | None) -> list[tuple[str, Any]]:
    """The schemes by the names of the ways to log in; one without a name where there is one."""
    if auth and auth["type"] == SELECTIVE:
        return [(re.sub(r"[^A-Za-z0-9]+", "-", name), way) for name, way in auth["ways"].items()]
    return [("", auth)]


def _apart(found: Translated, parent: Translated) -> Iterator[str]:
    """Why a child cannot be asked for with its parent's client, unless only the URL differs."""
    if found.auth != parent.auth:
        yield "other credentials than its parent's"
        return
    if found.base_url.startswith("http") and "job" in found.resource:
        for step in found.resource["job"].values():
            if "path" in step and not step["path"].startswith(("http", "{")):
                step["path"] = f"{found.base_url.rstrip('/')}/{step['path']}"
        found.base_url = parent.base_url
        return
    if found.base_url.startswith("http"):
        found.resource["path"] = f"{found.base_url.rstrip('/')}/{found.resource['path']}"
        found.base_url = parent.base_url
        return
    yield "another host than its parent's"


_ORDER = (
    "name", "path", "method", "params", "headers", "json", "form", "body", "job", "partitions",
    "incremental", "format", "data_selector", "allow_missing", "key", "paginator",
    "response_actions",
)  # fmt: skip


def _ordered(resource: Mapping[str, Any]) -> dict[str, Any]:
    return {key: resource[key] for key in _ORDER if key in resource}
