"""Takes S3 credentials from the profiles of Amazon's own tools, where nothing else names any.

Keys that stand in a file are read again every few minutes, so that a run outlives those that some
tool renews there. Single sign-on, roles and programs that give keys are botocore's affair.
"""

import configparser
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from harvester.errors import ConfigError
from harvester.values import dataclass

_READ_AGAIN: Final = timedelta(minutes=5)
#: What is asked before any file is, as Amazon's tools do.
_BEFORE: Final = ("AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE")
_KEYS: Final = {
    "access_key_id": "aws_access_key_id", "secret_access_key": "aws_secret_access_key",
    "token": "aws_session_token",
}  # fmt: skip
_OF_BOTOCORE: Final = ("sso_session", "sso_start_url", "role_arn", "credential_process")


@dataclass(frozen=True, slots=True)
class Profile:
    """What the files say of one name. `credentials` is asked again when its last answer expires;
    None where the files hold none.
    """

    credentials: Callable[[], Mapping[str, Any]] | None = None
    region: str = ""
    endpoint: str = ""


def profile_of(options: Mapping[str, str], place: str) -> Profile:
    """The profile that `AWS_PROFILE` names, or that called default. Raises `ConfigError`."""
    name = os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE") or ""
    said = _said(name or "default", place)
    found = Profile(None, said.get("region", ""), said.get("endpoint_url", ""))
    if "access_key_id" in options or any(os.environ.get(each) for each in _BEFORE):
        return found
    keys: Callable[[], Mapping[str, Any]]
    if _has_keys(said):
        keys = _Keys(name or "default", place)
    elif any(each in said for each in _OF_BOTOCORE):
        keys = _by_botocore(name or "default", place)
    elif name:
        raise ConfigError(
            f"{place}: AWS_PROFILE names {name}, and neither {_file('credentials')} nor "
            f"{_file('config')} has credentials of that name"
        )
    else:
        return found
    return Profile(keys, found.region, found.endpoint)


@dataclass(frozen=True, slots=True)
class _Keys:
    """The keys in the files, as they are now."""

    name: str
    place: str

    def __call__(self) -> dict[str, Any]:
        said = _said(self.name, self.place)
        if not _has_keys(said):
            raise ConfigError(f"{self.place}: the profile {self.name} has no keys any more")
        keys: dict[str, Any] = {key: said[name] for key, name in _KEYS.items() if said.get(name)}
        return {**keys, "expires_at": datetime.now(UTC) + _READ_AGAIN}


def _has_keys(said: Mapping[str, str]) -> bool:
    return bool(said.get("aws_access_key_id") and said.get("aws_secret_access_key"))


def _said(name: str, place: str) -> dict[str, str]:
    """What both files say of a profile; the file of credentials counts more."""
    found: dict[str, str] = {}
    for kind, section in (("config", f"profile {name}"), ("credentials", name)):
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read(_file(kind), encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        except configparser.Error:  # whose words may show a key
            raise ConfigError(f"{place}: {_file(kind)} is no file of profiles") from None
        for each in (section, name) if name == "default" else (section,):
            if parser.has_section(each):
                found |= {key: value or "" for key, value in parser.items(each)}
                break
    return found


def _file(kind: str) -> Path:
    variable = {"config": "AWS_CONFIG_FILE", "credentials": "AWS_SHARED_CREDENTIALS_FILE"}[kind]
    return Path(os.environ.get(variable) or f"~/.aws/{kind}").expanduser()


def _by_botocore(name: str, place: str) -> Callable[[], Mapping[str, Any]]:
    try:
        from botocore.exceptions import BotoCoreError
        from botocore.session import Session
    except ImportError:
        raise ConfigError(
            f"{place}: the profile {name} takes its keys from a role, a sign-on or a program, "
            "which needs more: pip install 'api-harvester[aws]'"
        ) from None

    def refused(error: Exception) -> ConfigError:
        told = " ".join(str(error).split())[:200]
        return ConfigError(f"{place}: the profile {name} gives no credentials: {told}")

    try:
        found = Session(profile=name).get_credentials()
    except (BotoCoreError, OSError, ValueError, KeyError) as error:
        raise refused(error) from None
    if found is None:
        raise ConfigError(f"{place}: the profile {name} gives no credentials")

    def keys() -> Mapping[str, Any]:
        try:
            now = found.get_frozen_credentials()
        except (BotoCoreError, OSError, ValueError, KeyError) as error:
            raise refused(error) from None
        told = {"access_key_id": now.access_key, "secret_access_key": now.secret_key}
        if now.token:
            told["token"] = now.token
        return {**told, "expires_at": datetime.now(UTC) + _READ_AGAIN}

    keys()  # so that one who has to sign on anew hears of it at once
    return keys
