"""Checks what is said of the way to an object store, before the library is given it.

The library ends in a panic, or asks another host, where an endpoint, a region or the name of a
bucket is none.
"""

import ipaddress
import os
from collections.abc import Mapping
from typing import Final
from urllib.parse import SplitResult, urlsplit

from harvester.errors import ConfigError
from harvester.patterns import pattern
from harvester.store.aws_profile import Profile

_REGION: Final = pattern(r"[A-Za-z0-9][A-Za-z0-9-]*")
#: Wider than what any store takes, and narrower than what a request cannot be made of.
_BUCKET: Final = pattern(r"\$?\w(?:[\w.-]*\w)?")
_ENDPOINT_NAMES: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_REGION_NAMES: Final = ("AWS_REGION", "AWS_DEFAULT_REGION")


def s3_options(
    bucket: str, options: Mapping[str, str], profile: Profile, place: str
) -> dict[str, str]:
    """What the YAML, the environment and the profile say, in this order. Raises `ConfigError`."""
    config = dict(options)
    config.setdefault("copy_if_not_exists", "multipart")
    config.setdefault("disable_bulk_delete", "true")  # which not all that is like S3 has
    of_region = _put_in(config, "region", _REGION_NAMES, profile.region)
    region = config.setdefault("region", "us-east-1")
    if not _REGION.fullmatch(region):
        raise ConfigError(f"{place}: {of_region} {region!r} is no region; write one as us-east-1")
    named = _put_in(config, "endpoint", _ENDPOINT_NAMES, profile.endpoint)
    if not config.get("endpoint"):
        if any(name in os.environ for name in _ENDPOINT_NAMES):  # empty, which is no address
            config["endpoint"] = f"https://s3.{region}.amazonaws.com"
        return config
    is_virtual = config.get("virtual_hosted_style_request") == "true"
    config["endpoint"] = _s3_endpoint(config["endpoint"], bucket, is_virtual, place, named)
    return config


def refuse_bucket(bucket: str, place: str) -> None:
    """Raise `ConfigError` for what no bucket or container is called."""
    if not _BUCKET.fullmatch(bucket):
        raise ConfigError(
            f"{place}: {bucket!r} is no name of a bucket (letters, digits, dots, - and _)"
        )


def refuse_endpoint(endpoint: str, place: str, named: str) -> SplitResult:
    """The parts of an address. Raises `ConfigError` without its text, which may hold a password."""
    try:
        parts = urlsplit(endpoint)
        is_one = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        is_one = None
    if not is_one or not endpoint.isprintable() or " " in endpoint:
        raise ConfigError(f"{place}: {named} is no address; write https://HOST or http://HOST:PORT")
    if parts.username is not None or parts.query or parts.fragment:
        raise ConfigError(
            f"{place}: {named} holds more than an address; write https://HOST alone, and keys as "
            "output.access_key_id and output.secret_access_key or in the environment"
        )
    return parts


def _put_in(config: dict[str, str], option: str, names: tuple[str, ...], last: str) -> str:
    """Take an option from the environment, else from the profile, where the YAML has none. Where
    it was said.
    """
    if config.get(option):
        return f"output.{option}"
    for name, value in [*((name, os.environ.get(name)) for name in names), ("the profile", last)]:
        if value:
            config[option] = value
            return name
    config.pop(option, None)
    return option


def _s3_endpoint(endpoint: str, bucket: str, is_virtual: bool, place: str, named: str) -> str:
    parts = refuse_endpoint(endpoint, place, named)
    if not is_virtual:
        if parts.path.strip("/") == bucket:
            raise ConfigError(
                f"{place}: {named} ends in the bucket, which output.path names already; leave "
                f"/{bucket} out"
            )
        return endpoint
    host = str(parts.hostname)
    if host.startswith(f"{bucket}."):
        return endpoint
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return parts._replace(netloc=f"{bucket}.{parts.netloc}").geturl()
    raise ConfigError(
        f"{place}: path_style: false puts the bucket before the name of the host, and {named} has "
        "a number there; leave path_style out"
    )
