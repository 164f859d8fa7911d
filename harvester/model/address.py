"""A place of a harvest as commands take it: the path of a folder, or the URL of an object store.

`pathlib` makes one slash of two, so that `s3://bucket/x` would be a folder `s3:/bucket/x` below the
current one. An `Address` keeps the URL wherever a path is shown or handed on.
"""

import os
from collections.abc import Mapping
from pathlib import Path, PosixPath
from types import MappingProxyType
from typing import Final, Self

from harvester.errors import ConfigError
from harvester.patterns import pattern

#: What a URL of a place may begin with.
SCHEMES: Final = ("s3", "s3a", "gs", "az", "abfs", "memory")
_URL: Final = pattern(rf"({'|'.join(SCHEMES)}):/{{1,2}}(?=[^/])")
#: Any other URL; one slash is what `pathlib` has left of two.
_FOREIGN: Final = pattern(r"([A-Za-z][A-Za-z0-9+.-]+):/")
#: One of ours with nothing behind it that a bucket could be.
_BARE: Final = pattern(rf"((?i:{'|'.join(SCHEMES)})):(?:/*$|///|[^/])")
#: In no key: what no store takes, and what stands for bytes that are no text.
_NO_SIGN: Final = pattern(r"[\x00-\x1f\x7f\ud800-\udfff]")
_LONGEST: Final = 1024
#: What those mean that are often written.
_MEANT: Final = {
    "gcs": "gs://BUCKET/PREFIX", "abfss": "az://CONTAINER/PREFIX", "wasb": "az://CONTAINER/PREFIX",
    "wasbs": "az://CONTAINER/PREFIX", "azure": "az://CONTAINER/PREFIX", "file": "the path alone",
}  # fmt: skip


class Address(PosixPath):
    """A URL where a path is taken. It is absolute, and no file lies there.

    `options` say how the object store is reached; no pickle or text of the address has them.
    """

    options: Mapping[str, str] = MappingProxyType({})

    def reached(self, options: Mapping[str, str]) -> Self:
        """The same, with what the YAML says of the way to it."""
        same = type(self)(super().__str__())
        same.options = options
        return same

    def __str__(self) -> str:
        scheme, _, rest = super().__str__().partition(":/")
        return f"{scheme}://{rest.lstrip('/')}"

    def __fspath__(self) -> str:
        return str(self)

    def absolute(self) -> Self:
        """The URL as it is."""
        return self


def url_of(place: str | os.PathLike[str]) -> str | None:
    """The URL that a place is; None for a folder. Raises `ConfigError` for another kind of URL, and
    for one of which no key can be made.
    """
    text = os.fspath(place)
    found = _URL.match(text)
    if found is None:
        _refuse_foreign(text)
        return None
    rest = text[found.end() :]
    _refuse_rest(found[1], rest)
    return f"{found[1]}://{rest}".rstrip("/")


def _refuse_foreign(text: str) -> None:
    if bare := _BARE.match(text):
        raise ConfigError(
            f"{_shown(text)!r} names no bucket; write {bare[1].lower()}://BUCKET/PREFIX (a folder "
            "of that name is given with its whole path)"
        )
    if (foreign := _FOREIGN.match(text)) is None:
        return
    scheme, rest = foreign[1], text[foreign.end() :].lstrip("/")
    same = scheme.lower()
    meant = f"{same}://…" if same in SCHEMES else _MEANT.get(same)
    slashes = ":///" if same == "file" else "://"
    raise ConfigError(
        f"{_shown(f'{scheme}{slashes}{rest}')}: {scheme}:// is no place for a harvest; "
        + (f"write {meant}" if meant else "give a folder, or s3://…, gs://…, az://…")
    )


def _refuse_rest(scheme: str, rest: str) -> None:
    """Raise `ConfigError` for what is no key, or may hold a secret."""
    url = f"{scheme}://{rest}"
    bucket, _, prefix = rest.partition("/")
    if "?" in rest:
        raise ConfigError(
            f"{_shown(url)}?…: a place has no options behind a question mark; they stand in the "
            "YAML (output.endpoint, …) or in the environment"
        )
    if "@" in bucket:
        raise ConfigError(
            f"{_shown(url)}: a place holds no name before an @; write {scheme}://BUCKET/PREFIX, "
            "and keys or the account in the YAML (output.…) or in the environment"
        )
    if ".." in prefix.split("/"):
        raise ConfigError(f"{url}: no key has '..' in it; write the place as it is")
    if _NO_SIGN.search(url):
        raise ConfigError(f"{url!a}: has signs in it that cannot be printed; leave them out")
    if len(prefix.encode("utf-8", "surrogateescape")) > _LONGEST:
        raise ConfigError(
            f"{url[:80]}…: is too long; a key has {_LONGEST:,} bytes at most, and those of the "
            "harvest begin with this"
        )


def _shown(url: str) -> str:
    """A URL without what may be a password or a signature."""
    head, _, rest = url.partition("?")[0].rpartition("://")
    authority, slash, path = rest.partition("/")
    return f"{head}{'://' if head else ''}{authority.rpartition('@')[2]}{slash}{path}"


def place_of_text(text: str | os.PathLike[str]) -> Path:
    """The path of a folder, or an `Address`."""
    if isinstance(text, Address):
        return text
    return Address(os.fspath(text)) if url_of(text) else Path(text)
