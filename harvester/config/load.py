"""Loads YAML text as a `Config`, or raises every problem at once.

The order: the text is read; `--set` and `--base-url` change the tree; `resource_defaults` are
merged under every resource; then all checks look at the same tree and none waits for another to
pass: the models (`config`, put into words by `explain`), the references, the names of resources,
and the environment. Whatever any of them finds goes into one ConfigError.

Only checks that compare several parts of one section (is the body path's method POST?) wait until
the section itself is sound: on half a section they would report consequences, not causes.
"""

import os
import re
import select
import stat
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from harvester.config import references, secret_keys
from harvester.config.document import Document, Place
from harvester.config.dotenv import beside
from harvester.config.explain import explain
from harvester.config.filling import fill
from harvester.config.given import faults as given_faults
from harvester.config.given import given
from harvester.config.models import Config, validated
from harvester.config.request_options import url_problem
from harvester.config.secret_text import MASK
from harvester.config.wording import KeyPath, dotted
from harvester.descriptors import without_waiting
from harvester.errors import ConfigError, Problem
from harvester.model import Scope, TemplateError, render, strings
from harvester.patterns import pattern

_SURROGATE: Final = pattern(r"[\ud800-\udfff]")
_PATIENCE_S: Final = 5.0
_LARGEST_FILE: Final = 4 << 20

#: What lies beside the folders of resources, or in them: names that no resource may have, also
#: where case does not count.
_OWN_FILES: Final = pattern(
    r"(harvest\.json|last_run\.json|report\.html|journal\.jsonl|part-\d+\.json\.gz"
    r"|.*\.values\.jsonl)(\.tmp)?",
    re.IGNORECASE,
)

#: The keys of a resource whose defaults are merged entry by entry; others are replaced whole.
_MERGED: Final = ("params", "headers", "json", "form", "first_params", "partitions")


def load_config(
    path: str | os.PathLike[str],
    *,
    base_url: str | None = None,
    set: Sequence[str] = (),  # noqa: A002 - named after the option of the command line
    env: Mapping[str, str] | None = None,
) -> Config:
    """Read a YAML file; see `parse_config`. A file that cannot be read is a ConfigError too.

    Variables that the environment lacks may stand in a file `.env` beside it.
    """
    source = str(path)
    text = read_text(path)
    home = Path(path).absolute().parent
    if env is None:
        env = {**beside(home), **os.environ}
    return parse_config(text, source, base_url=base_url, set=set, env=env, home=home)


def read_text(path: str | os.PathLike[str]) -> str:
    """The text of a YAML file. Raises ConfigError where there is none to be had."""
    source = str(path)
    try:
        content = _content(path)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError([Problem(source, 0, "", f"cannot be read: {reason}")]) from None
    if len(content) > _LARGEST_FILE:
        raise ConfigError([Problem(source, 0, "", "over 4 MiB: not a configuration")])
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError([Problem(source, line, "", "not UTF-8 text")]) from None


def _content(path: str | os.PathLike[str]) -> bytes:
    """At most a byte more than the largest file. A pipe, as `<(…)` of a shell makes one, is read;
    one into which nobody writes is not waited for.
    """
    with open(path, "rb", buffering=0, opener=_without_waiting) as file:
        if stat.S_ISFIFO(os.fstat(file.fileno()).st_mode):
            if not select.select([file], [], [], _PATIENCE_S)[0]:
                raise TimeoutError("a pipe that nobody writes into")
            os.set_blocking(file.fileno(), True)
        pieces, left = [], _LARGEST_FILE + 1
        while left and (piece := file.read(left)):
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, without_waiting(flags))


def parse_config(
    text: str,
    source: str,
    *,
    base_url: str | None = None,
    set: Sequence[str] = (),  # noqa: A002 - as in load_config
    env: Mapping[str, str] | None = None,
    home: Path | None = None,
) -> Config:
    """Read YAML text; `source` names it in messages.

    `base_url` replaces `client.base_url`; each of `set` is a `KEY=VALUE` that replaces or adds a
    value before anything is checked (see `overrides`). `env` is the environment that
    `{env.NAME}` refers to: os.environ if None. Relative files are relative to `home`.

    Raises ConfigError with every problem found.
    """
    # PyYAML takes 15 ms to import; who reads a harvest's folder has no YAML.
    from harvester.config.yamlfile import read

    document = read(text, source)
    _change(document, base_url, set)
    _merge_defaults(document)
    return _checked(document, os.environ if env is None else env, home)


def parse_resolved(resolved: Mapping[str, Any], source: str) -> Config:
    """Read what `Config.reference_dict` gave, as harvest.json holds it; `source` names it.

    The environment is neither needed nor looked at: a reader of a harvest has no secrets, and
    the configuration it gets has an empty `env`. Raises ConfigError.
    """
    document = Document(source, dict(resolved), {(): Place(source, 0, ())})
    try:
        return validated(document.tree)
    except ValidationError as error:
        raise ConfigError(list(explain(error, document))) from None


def reopen(
    resolved: Mapping[str, Any],
    source: str,
    env: Mapping[str, str] | None = None,
    *,
    base_url: str | None = None,
    set: Sequence[str] = (),  # noqa: A002 - as in load_config
) -> Config:
    """The same with the environment, for whoever asks the server again without the YAML.

    Raises ConfigError where a variable is missing, or a secret stood in the YAML itself: it is
    masked in harvest.json.
    """
    document = Document(source, deepcopy(dict(resolved)), {(): Place(source, 0, ())})
    _change(document, base_url, set)
    if document.problems:
        raise ConfigError(document.problems)
    config = parse_resolved(document.tree, source)
    problems = [
        document.problem(path, "the secret stood in the YAML and is not kept here; give the YAML")
        for path, text in strings(document.tree)
        if MASK in text and path[:1] in (("client",), ("resources",))
    ]
    needed = list(references.variables(document.tree))
    names = (reference.name for _, reference in needed)
    values = given(names, os.environ if env is None else env, runs=False)
    problems += [document.problem(*fault) for fault in given_faults(needed, values)]
    if problems:
        raise ConfigError(problems)
    return config.with_env(values)


def _checked(document: Document, env: Mapping[str, str], home: Path | None) -> Config:
    problems = document.problems
    fill(document, env)
    config: Config | None = None
    try:
        config = validated(document.tree)
    except ValidationError as error:
        problems += explain(error, document)
    needed = list(references.variables(document.tree))
    values = given((reference.name for _, reference in needed), env)
    for faults in (
        references.faults(document.tree),
        references.unread(document.tree) if config else (),
        _name_faults(document.tree),
        secret_keys.faults(document.tree),
        given_faults(needed, values),
        _url_faults(document.tree, values),
    ):
        problems += [document.problem(path, message) for path, message in faults]
    if config is None or problems:
        # One mistake in resource_defaults is met in every resource.
        raise ConfigError(list(dict.fromkeys(problems)))
    return config.with_env(values, home)


# --- Before the checks ---------------------------------------------------------------------------


def _change(document: Document, base_url: str | None, assignments: Sequence[str]) -> None:
    """Apply what the command line says otherwise."""
    if assignments:
        from harvester.config.overrides import override

        for assignment in assignments:
            override(document, assignment)
    if base_url is not None:
        _put_base_url(document, base_url)


def _put_base_url(document: Document, url: str) -> None:
    tree = document.tree
    if isinstance(tree, dict) and isinstance(tree.setdefault("client", {}), dict):
        path = ("client", "base_url")
        document.put(path, url, Place("--base-url", 0, path))


def _merge_defaults(document: Document) -> None:
    """Take `resource_defaults` out of the tree and put them under every resource."""
    tree = document.tree
    if not isinstance(tree, dict) or "resource_defaults" not in tree:
        return
    defaults = tree.pop("resource_defaults")
    root: KeyPath = ("resource_defaults",)
    if not isinstance(defaults, dict):
        document.problems.append(document.problem(root, "expected a mapping (key: value)"))
        return
    if "name" in defaults:
        document.problems.append(
            document.problem((*root, "name"), "each resource has a name of its own")
        )
    places = [
        (path[1:], place) for path, place in document.places.items() if path[:1] == root
    ]  # looked for once: there may be a thousand resources
    resources = tree.get("resources")
    for index, resource in enumerate(resources if isinstance(resources, list) else ()):
        if isinstance(resource, dict) and "inside" not in resource:
            for below in _merge(defaults, resource):
                for path, place in places:
                    if path[: len(below)] == below:
                        document.places["resources", index, *path] = place


def _merge(defaults: dict[str, Any], resource: dict[str, Any]) -> Iterator[KeyPath]:
    """Put defaults under one resource; give the paths of what was put."""
    for key, default in defaults.items():
        own = resource.get(key)
        if key == "name":
            continue
        if key not in resource:
            # A copy of the first level: another --set or merge must not reach the others.
            resource[key] = dict(default) if isinstance(default, dict) else default
            yield (key,)
        elif key in _MERGED and isinstance(own, dict) and isinstance(default, dict):
            for name in [name for name in default if name not in own]:
                own[name] = default[name]
                yield (key, name)


# --- Checks of the whole tree --------------------------------------------------------------------


def _name_faults(tree: Any) -> Iterator[tuple[KeyPath, str]]:
    """Find resources whose folders would be the same, also where case does not count."""
    resources = tree.get("resources") if isinstance(tree, dict) else None
    first: dict[str, KeyPath] = {}
    for index, resource in enumerate(resources if isinstance(resources, list) else ()):
        name = resource.get("name") if isinstance(resource, dict) else None
        if not isinstance(name, str):
            continue
        path: KeyPath = ("resources", index, "name")
        if _OWN_FILES.fullmatch(name):
            yield path, f"the name {name!r} is taken by a file of the harvest's own; choose another"
        elif name.endswith("."):
            yield path, f"the name {name!r} ends in a dot, which some systems drop from a folder's"
        if (taken := first.setdefault(name.lower(), path)) != path:
            yield path, f"the name {name!r} is taken by {dotted(taken[:-1])}"


def _url_faults(tree: Any, env: Mapping[str, str]) -> Iterator[tuple[KeyPath, str]]:
    """Check URLs whose references must be filled in first. No message holds their values."""
    client = tree.get("client") if isinstance(tree, dict) else None
    if not isinstance(client, dict):
        return
    for key in ("base_url", "proxy"):
        path: KeyPath = ("client", key)
        text = client.get(key)
        if not isinstance(text, str) or not text:
            continue
        if any(reference.kind != "env" for _, reference in references.references_in(text)):
            continue  # reported already, as is what cannot be rendered
        try:
            url = str(render(text, Scope(env=env)))
        except TemplateError:
            continue
        if key == "proxy":
            url = re.sub(r"//[^/@]*@", "//", url)  # a proxy may want a user name
        if problem := url_problem(url):
            yield path, problem
        elif "?" in url or "#" in url:
            yield path, "holds a '?' or '#'; parameters go into params"
