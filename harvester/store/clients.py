"""Makes the client of an object store, from what the YAML and the environment say of the way to it.

Credentials that the YAML leaves out are those that the store's own tools would take.
"""

import os
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, Final

from harvester.errors import ConfigError
from harvester.store.aws_profile import profile_of
from harvester.store.store_options import refuse_bucket, s3_options

#: Of a store that nobody has reached yet, whose address may be wrong: some two seconds.
_FEW: Final = {
    "max_retries": 6,
    "retry_timeout": timedelta(seconds=60),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=10)},
}
#: Of one that has answered: it may be away for a while, or say that it is asked too much. Pauses
#: grow, since each is drawn from between the first and four times the one before.
_MANY: Final = {
    "max_retries": 1000,
    "retry_timeout": timedelta(seconds=100),
    "backoff": {
        "init_backoff": timedelta(milliseconds=100),
        "max_backoff": timedelta(seconds=5),
        "base": 4,
    },
}
_S3, _GOOGLE, _AZURE = "s3", "gs", "az"
_KINDS: Final = {
    "s3": _S3, "s3a": _S3, "gs": _GOOGLE, "az": _AZURE, "abfs": _AZURE,
}  # fmt: skip
#: Which options of the YAML go with which kind of store; the others are refused by name.
_OWN: Final[Mapping[str, tuple[str, ...]]] = {
    _S3: (
        "endpoint", "region", "access_key_id", "secret_access_key", "virtual_hosted_style_request",
    ),
    _GOOGLE: (),
    _AZURE: ("endpoint", "account_name", "account_key"),
}  # fmt: skip
_INSTEAD: Final = {
    _S3: "s3:// takes access_key_id and secret_access_key",
    _GOOGLE: "gs:// takes its credentials from GOOGLE_APPLICATION_CREDENTIALS or the machine",
    _AZURE: "az:// takes account_name and account_key",
}
#: Where Azure's own tools look, by what obstore calls it; it knows other names of these by itself.
_AZURE_NAMES: Final = {
    "account_name": ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT"),
    "account_key": ("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCESS_KEY", "AZURE_STORAGE_KEY"),
    "sas_token": ("AZURE_STORAGE_SAS_TOKEN",),
    "endpoint": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}
_CONNECTION: Final = {
    "accountname": "account_name",
    "accountkey": "account_key",
    "sharedaccesssignature": "sas_token",
    "blobendpoint": "endpoint",
}
_HALF: Final = {
    "Missing SecretAccessKey": "the secret key", "Missing AccessKeyId": "the id of the key",
}  # fmt: skip
_MEMORY: Final[dict[str, Any]] = {}
_MEMORY_LOCK: Final = threading.Lock()


def clients_of(scheme: str, name: str, options: Mapping[str, str], place: str) -> tuple[Any, Any]:
    """Two clients of obstore for a bucket: one that gives up soon, and a patient one. Raises
    `ConfigError`.
    """
    try:
        from obstore import exceptions
        from obstore import store as stores
    except ImportError as error:
        raise ConfigError(
            f"{place}: object stores need more: pip install 'api-harvester[s3]'"
        ) from error
    if scheme == "memory":
        with _MEMORY_LOCK:
            found = _MEMORY.setdefault(name, stores.MemoryStore())
            return found, found
    kind = _KINDS[scheme]
    for option in options:
        if option not in _OWN[kind]:
            shown = "path_style" if option.startswith("virtual") else option
            raise ConfigError(f"{place}: output.{shown} does not go with it: {_INSTEAD[kind]}")
    refuse_bucket(name, place)
    config, keys = _filled(kind, name, options, place)
    client_options: dict[str, Any] = {"timeout": "120s", "connect_timeout": "10s"}
    if config.get("endpoint", "").startswith("http://"):
        client_options["allow_http"] = True
    more: dict[str, Any] = {"credential_provider": keys} if keys else {}
    kinds: dict[str, Any] = {
        _S3: stores.S3Store, _GOOGLE: stores.GCSStore, _AZURE: stores.AzureStore,
    }  # fmt: skip
    make = partial(kinds[kind], name, config=config, client_options=client_options, **more)
    try:
        return make(retry_config=_FEW), make(retry_config=_MANY)
    except (exceptions.BaseError, ValueError, TypeError) as error:
        raise ConfigError(f"{place}: {_why(str(error))}") from error


def _filled(
    kind: str, name: str, options: Mapping[str, str], place: str
) -> tuple[dict[str, str], Callable[[], Mapping[str, Any]] | None]:
    """The options as the library takes them; for S3, what gives the keys that are in no option."""
    if kind == _S3:
        profile = profile_of(options, place)
        return s3_options(name, options, profile, place), profile.credentials
    if kind == _GOOGLE:
        return dict(options), None
    config = {**_by_connection(place), **_by_names(), **options}
    if "account_key" in options:
        config.pop("sas_token", None)
    return config, None


def _by_names() -> dict[str, str]:
    found = {}
    for option, names in _AZURE_NAMES.items():
        value = next((text for name in names if (text := os.environ.get(name))), None)
        if value:
            found[option] = value
    return found


def _by_connection(place: str) -> dict[str, str]:
    """What AZURE_STORAGE_CONNECTION_STRING says, as Azure's portal gives it."""
    text = os.environ.get("AZURE_STORAGE_CONNECTION_STRING", "").strip()
    found = {}
    for item in filter(None, text.split(";")):
        name, equals, value = item.partition("=")
        if not equals:
            raise ConfigError(
                f"{place}: AZURE_STORAGE_CONNECTION_STRING is not NAME=VALUE;NAME=VALUE…; copy it "
                "from the portal (Access keys) as it is"
            )
        if option := _CONNECTION.get(name.strip().lower()):
            found[option] = value.strip()
    return found


def _why(text: str) -> str:
    """What is missing, in the words of the YAML; else those of the library."""
    if "Account must be specified" in text:
        return (
            "no Azure account is named: set AZURE_STORAGE_ACCOUNT_NAME and "
            "AZURE_STORAGE_ACCOUNT_KEY, or output.account_name and output.account_key in the YAML"
        )
    if "Invalid Access Key" in text:
        return "the account key is not one of Azure (base64); copy it from the portal as it is"
    if missing := next((key for word, key in _HALF.items() if word in text), None):
        return (
            f"credentials without {missing}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
            "output.access_key_id and output.secret_access_key in the YAML"
        )
    if "service account" in text:
        return (
            "GOOGLE_APPLICATION_CREDENTIALS names no key file of a service account "
            "(JSON, as Google's console gives it)"
        )
    return " ".join(text.split("\nDebug source", 1)[0].split())[:300]
