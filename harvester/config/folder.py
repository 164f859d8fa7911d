"""The folder of a harvest as its YAML names it, for commands that only read the folder.

They need no secret, so no variable has to be set but those that `output.path` itself refers to.
"""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harvester.config.dotenv import beside
from harvester.config.given import given
from harvester.config.load import load_config, read_text
from harvester.config.output import STORE_OPTIONS
from harvester.config.references import references_in
from harvester.errors import ConfigError
from harvester.model import Address, Scope, TemplateError, place_of_text, render


def folder_named_in(path: str | os.PathLike[str], *, env: Mapping[str, str] | None = None) -> Path:
    """The folder, relative to the current one unless absolute.

    Raises ConfigError where the YAML names none, with all that is wrong with it.
    """
    from harvester.config.yamlfile import read

    if env is None:
        env = {**beside(Path(path).absolute().parent), **os.environ}
    tree = read(read_text(path), str(path)).tree
    match tree:
        case {"output": {"path": str(named)}} if named:
            wanted = [found.name for _, found in references_in(named) if found.kind == "env"]
            try:
                place = place_of_text(str(render(named, Scope(env=given(wanted, env)))))
            except (TemplateError, KeyError):
                pass
            else:
                if not isinstance(place, Address):
                    return place
                return place.reached(_options(tree["output"], env))
        case {"name": str(name)} if name and "/" not in name:
            return Path("data", name)
    return load_config(path, env=env).folder


def _options(output: Mapping[str, Any], env: Mapping[str, str]) -> dict[str, str]:
    """What the YAML says of the way to an object store, as far as the environment has it."""
    options: dict[str, str] = {}
    for name in STORE_OPTIONS:
        text = str(output.get(name) or "")
        wanted = [found.name for _, found in references_in(text) if found.kind == "env"]
        with contextlib.suppress(TemplateError, KeyError, ConfigError):
            options |= {name: str(render(text, Scope(env=given(wanted, env))))} if text else {}
    if output.get("path_style") is False:
        options["virtual_hosted_style_request"] = "true"
    return options
