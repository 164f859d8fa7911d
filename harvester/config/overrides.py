"""Applies `--set KEY=VALUE`: one value replaced or added before anything is checked.

KEY is written as messages write places, `client.timeout.read` or `resources[0].params['odd.key']`;
an item of a list may also be named: `resources.tweets.params.query`. VALUE is YAML, in which
`{query}` needs no quotes. The option's name takes the file's place in whatever is said of the
value later; the value itself, which may be a secret, is not part of that name.
"""

from typing import Any

from harvester.config.document import Document, Place
from harvester.config.wording import KeyPath, dotted, kind, unknown
from harvester.config.yamlfile import read
from harvester.errors import ConfigError, Problem
from harvester.model import Index, JSONPathError, Key, Last, Path, Segment, parse


def override(document: Document, assignment: str) -> None:
    """Apply one assignment; one that cannot be applied becomes a problem of the document."""
    key, equals, text = assignment.partition("=")
    option = f"--set {key}"
    faults: list[str] = []
    try:
        if not equals:
            raise ValueError("expected KEY=VALUE, as in --set concurrency.partitions=8")
        path = _resolve(parse(key), document.tree)
        value = read(text, option, lone=True)
    except JSONPathError as error:
        faults = [f"not a key: {error.message}"]
    except ValueError as error:
        faults = [str(error)]
    except ConfigError as error:
        faults = [problem.message for problem in error.problems]
    else:
        faults = [problem.message for problem in value.problems]
        document.put(path, value.tree, Place(option, 0, path))
    document.problems += [Problem(option, 0, "", fault) for fault in faults]


def _resolve(keys: Path, tree: Any) -> KeyPath:
    """Turn a KEY into a path of the tree; ValueError where there is no way.

    Below what is missing or empty, names lead on: the mappings will be made.
    """
    path: KeyPath = ()
    for step in keys:
        match tree, step:
            case ((None | dict()), Key(name)):
                path, tree = (*path, name), tree and tree.get(name)
            case list(), (Key() | Index() | Last()):
                index = _item(step, tree)
                path, tree = (*path, index), tree[index]
            case _, (Key() | Index() | Last()):
                wanted = "list" if isinstance(tree, dict) else "mapping or list"
                raise ValueError(f"{dotted(path) or 'the file'} is {kind(tree)}, no {wanted}")
            case _:
                path = ()
                break
    if not path:
        raise ValueError("a KEY names one value, as in client.timeout.read")
    return path


def _item(step: Segment, items: list[Any]) -> int:
    """Find an item of a list by its index or its `name`."""
    if isinstance(step, Key) and step.name.isascii() and step.name.isdigit():
        step = Index(int(step.name[:18]))
    if isinstance(step, Key):
        names = [item.get("name") if isinstance(item, dict) else None for item in items]
        if step.name not in names:
            known = [name for name in names if isinstance(name, str)]
            raise ValueError(unknown("item", step.name, known))
        return names.index(step.name)
    index = step.index if isinstance(step, Index) else len(items) - 1
    if not 0 <= index < len(items):
        raise ValueError(f"there is no item {index}: the list has {len(items)}")
    return index
