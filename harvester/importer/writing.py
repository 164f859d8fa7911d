"""Writes groups of resources as the texts of YAML files, and proves that each can be loaded."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from harvester.config import parse_config
from harvester.errors import ConfigError
from harvester.importer.outcome import Group, Stream
from harvester.patterns import pattern
from harvester.scaffold import yaml_text

_AT_THE_START: Final = pattern(r'base_url: "\{env\.(\w+)')
_AN_END: Final = pattern(r'end: "\{env\.(\w+)')
_OF_A_TYPE: Final = pattern(r"\{env\.(\w+):(int|float|bool|list)\b")
_TYPED: Final = {"int": "1", "float": "1.5", "bool": "true", "list": "a,b"}
_VARIABLE: Final = pattern(r"\{env\.([A-Za-z_][A-Za-z0-9_]*)")


def written(
    name: str, source: str, outcomes: list[Stream], groups: Iterable[Group]
) -> tuple[list[Stream], dict[str, str]]:
    """The texts by the names of their files, and the streams: a resource that the loader refuses
    is taken out, and its stream says why.
    """
    faults: dict[str, str] = {}
    files: list[tuple[str, Group]] = []
    for number, group in enumerate(groups, start=1):
        sound = _sound(name, group, faults)
        title = f"{name}-{group.way}" if group.way else name
        if title in {known for known, _ in files}:
            title = f"{title}-{number}"
        if sound.resources:
            files.append((title, sound))
    streams = [
        Stream(one.name, (*one.missing, faults[one.name])) if one.name in faults else one
        for one in outcomes
    ]
    missing = [one for one in streams if not one.imported]
    texts = {
        f"{title}.yaml": _text(title, source, group, missing if at == 0 else [])
        for at, (title, group) in enumerate(files)
    }
    return streams, texts


def _tree(name: str, group: Group) -> dict[str, Any]:
    return {
        "version": 1,
        "name": name,
        "client": dict(group.client),
        "resources": [dict(resource) for resource in group.resources],
    }


def _text(name: str, source: str, group: Group, missing: list[Stream]) -> str:
    head = [f"{name}: made from {source} by `harvester import`."]
    if group.way:
        head += [f"Logs in by {group.way}, one of several ways; each has a file."]
    variables = sorted(set(_VARIABLE.findall(str(_tree(name, group)))))
    if variables:
        head += ["", "Variables of the environment:", *(f"  {one}" for one in variables)]
    if missing:
        head += ["", "Not imported, and what stands against it:"]
        head += [f"  {one.name}: {'; '.join(one.missing)}" for one in missing]
    comments: dict[tuple[str | int, ...], list[str]] = {}
    for at, resource in enumerate(group.resources):
        if notes := group.notes.get(resource["name"]):
            above = "job" if "job" in resource else "path"
            comments["resources", at, above] = [_one_line(note) for note in notes]
    return yaml_text(_tree(name, group), [_one_line(line) for line in head], comments)


def _one_line(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text)


def _sound(name: str, group: Group, faults: dict[str, str]) -> Group:
    """The group without the resources that the loader refuses, and those that need them."""
    resources = list(group.resources)
    while resources:
        left = Group(group.client, tuple(resources), group.notes, group.way)
        refused = _refused(_text(name, "it", left, []), resources)
        if not refused:
            return left
        faults |= refused
        gone = set(refused)
        while children := {r["name"] for r in resources if _parents(r) & gone} - gone:
            faults |= dict.fromkeys(children, "its parent is not imported")
            gone |= children
        resources = [resource for resource in resources if resource["name"] not in gone]
    return Group(group.client, (), {})


def _parents(resource: Mapping[str, Any]) -> set[str]:
    specs = (resource.get("partitions") or {}).values()
    return {str(spec["resource"]) for spec in specs if isinstance(spec, Mapping)
            and "resource" in spec}  # fmt: skip


def _refused(text: str, resources: list[Mapping[str, Any]]) -> dict[str, str]:
    """What the loader says against each resource; against all, where it is about the client."""
    env = dict.fromkeys(_VARIABLE.findall(text), "2021-01-01")
    env |= {name: _TYPED[kind] for name, kind in _OF_A_TYPE.findall(text)}
    env |= dict.fromkeys(_AT_THE_START.findall(text), "https://api.example.org")
    env |= dict.fromkeys(_AN_END.findall(text), "2021-02-01")
    try:
        parse_config(text, "it", env=env)
    except ConfigError as error:
        found: dict[str, str] = {}
        for problem in error.problems:
            at = re.match(r"resources\[(\d+)\]", problem.path)
            why = f"{problem.path.partition('].')[2] or problem.path}: {problem.message}"
            if at:
                found.setdefault(str(resources[int(at[1])]["name"]), why)
        if not found:
            why = str(error.problems[0].message) if error.problems else str(error)
            found = {str(resource["name"]): why for resource in resources}
        return found
    return {}
