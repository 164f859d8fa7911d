"""The folder of a harvest as its YAML names it, for commands that only read the folder.

They need no secret, so no variable has to be set but those that `output.path` itself refers to.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from harvester.config.given import given
from harvester.config.load import load_config, read_text
from harvester.config.references import references_in
from harvester.model import Scope, TemplateError, render


def folder_named_in(path: str | os.PathLike[str], *, env: Mapping[str, str] | None = None) -> Path:
    """The folder, relative to the current one unless absolute.

    Raises ConfigError where the YAML names none, with all that is wrong with it.
    """
    from harvester.config.yamlfile import read

    env = os.environ if env is None else env
    tree = read(read_text(path), str(path)).tree
    match tree:
        case {"output": {"path": str(named)}} if named:
            wanted = [found.name for _, found in references_in(named) if found.kind == "env"]
            try:
                return Path(str(render(named, Scope(env=given(wanted, env)))))
            except (TemplateError, KeyError):
                pass
        case {"name": str(name)} if name and "/" not in name:
            return Path("data", name)
    return load_config(path, env=env).folder
