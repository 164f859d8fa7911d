"""Opens a harvest for mending: with its YAML, or with what harvest.json kept of it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from harvester.config import Config, load_config, reopen
from harvester.errors import ConfigError, DataRefused
from harvester.model import url_of
from harvester.store import MANIFEST, read_asked, store_at


def reopened(
    source: Path,
    out: Path | None = None,
    *,
    env: Mapping[str, str] | None = None,
    base_url: str | None = None,
    set: Sequence[str] = (),  # noqa: A002 - as in load_config
) -> tuple[Config, Path]:
    """The configuration and the folder of a harvest, from its YAML or from its folder.

    With the YAML, the folder is `out`, or the one that the YAML names. Raises `ConfigError`,
    and `DataRefused` where the folder's harvest.json is lost: then the YAML is needed.
    """
    if not source.is_dir() and not url_of(source):
        config = load_config(source, env=env, base_url=base_url, set=set)
        return config, _absolute(out or config.folder)
    try:
        read_asked(source)
    except DataRefused as error:
        raise DataRefused(
            f"{error}\nwith the YAML that the harvest was made with it can be written anew: "
            f"harvester repair CONFIG --out {source}"
        ) from error
    value = json.loads(store_at(source).read(MANIFEST) or b"")
    try:
        config = reopen(value["config"], str(source / MANIFEST), env, base_url=base_url, set=set)
        return config, _absolute(out or source)
    except ConfigError as error:
        if "give the YAML" in str(error):
            raise ConfigError(f"{error}: CONFIG --out {source} instead of {source}") from error
        raise


def _absolute(folder: Path) -> Path:
    """The whole path; as it is where the working folder is gone: whoever goes there says so."""
    try:
        return folder.absolute()
    except FileNotFoundError:
        return folder
