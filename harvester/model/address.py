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
_URL: Final = pattern(rf"({'|'.join(SCHEMES)}):/{{1,2}}(?!/)")
#: Any other URL; one slash is what `pathlib` has left of two.
_FOREIGN: Final = pattern(r"([A-Za-z][A-Za-z0-9+.-]+):/")
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
    """The URL that a place is; None for a folder. Raises `ConfigError` for another kind of URL."""
    text = os.fspath(place)
    found = _URL.match(text)
    if found is None and (foreign := _FOREIGN.match(text)):
        scheme, rest = foreign[1], text[foreign.end() :].lstrip("/")
        same = scheme.lower()
        meant = f"{same}://…" if same in SCHEMES else _MEANT.get(same)
        raise ConfigError(
            f"{scheme}://{rest}: {scheme}:// is no place for a harvest; "
            + (f"write {meant}" if meant else "give a folder, or s3://…, gs://…, az://…")
        )
    return f"{found[1]}://{text[found.end() :]}".rstrip("/") if found else None


def place_of_text(text: str | os.PathLike[str]) -> Path:
    """The path of a folder, or an `Address`."""
    if isinstance(text, Address):
        return text
    return Address(os.fspath(text)) if url_of(text) else Path(text)
