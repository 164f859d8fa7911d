"""Hands a configuration over to another process, its secrets apart from it.

A configuration pickles without a secret. What it needs is named by variables, which a worker takes
from its own environment; or it is written out in the YAML, and then it goes over a private socket
to a process of this machine, and nowhere else.
"""

import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel

from harvester.config import references
from harvester.config.auth_options import RenewableOptions
from harvester.config.dotenv import beside
from harvester.config.given import faults as given_faults
from harvester.config.given import given
from harvester.config.models import Config, validated
from harvester.config.secret_text import MASK
from harvester.config.wording import KeyPath, dotted
from harvester.errors import ConfigError, Problem
from harvester.model import strings

#: With these a token is renewed, which workers of another machine are lent.
_OF_THE_DRIVER: Final = {("client", "auth", key) for key in ("refresh_token", "client_secret")}

#: A secret that stands in the YAML, by its place there.
Written = Sequence[tuple[Sequence[str | int], str]]


def written_out(config: Config) -> Iterator[tuple[KeyPath, str]]:
    """The secrets that stand in the YAML itself, each with its place."""
    for path, text in strings(config.reference_dict()):
        if MASK in text and (value := _at(config, path)) != text:
            yield path, value


def with_secrets(config: Config, written: Written, variables: Mapping[str, str]) -> Config:
    """The configuration that `config` was before it was pickled."""
    if not written:
        return config.with_env(variables)
    tree = config.reference_dict()
    for path, value in written:
        *way, last = path
        branch: Any = tree
        for key in way:
            branch = branch[key]
        branch[last] = value
    return validated(tree).with_env(variables, config.home)


def with_environment(config: Config, who: str) -> Config:
    """The configuration with the variables of this process, as `load_config` finds them; `who` is
    this process in messages. What the driver alone renews tokens with need not be here. Raises
    `ConfigError` where another one is missing.
    """
    tree = config.reference_dict()
    needed = list(references.variables(tree))
    env = {**beside(config.home), **os.environ}
    if isinstance(config.client.auth, RenewableOptions):
        here = {reference.name for path, reference in needed if tuple(path) not in _OF_THE_DRIVER}
        driver = {reference.name for _, reference in needed} - here
        env = {**dict.fromkeys(driver, secrets.token_hex(16)), **env}
    values = given((reference.name for _, reference in needed), env)
    problems = [
        Problem(who, 0, dotted(path), message) for path, message in given_faults(needed, values)
    ]
    if problems:
        raise ConfigError(problems)
    return config.with_env(values)


def _at(config: Config, path: KeyPath) -> str:
    """The text at a place of the YAML."""
    found: Any = config
    for key in path:
        if isinstance(found, BaseModel):
            fields = type(found).model_fields
            found = getattr(
                found, next(name for name, field in fields.items() if (field.alias or name) == key)
            )
        else:
            found = found[key]
    return str(found)
