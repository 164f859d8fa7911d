"""The file of a refresh token that the server has replaced (RFC 6749 section 6).

A server that rotates refresh tokens takes each of them once: the new one *must* be durable here
before the access token that came with it is used. Nobody but the owner *may* read the file, from
its first byte on.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harvester.errors import DataRefused
from harvester.inside import reading
from harvester.parts import DurableFile, make_folder, remove_temporary

#: Its name in the folder of a harvest.
NAME: Final = ".tokens.json"
_PRIVATE: Final = 0o600


@dataclass(frozen=True, slots=True)
class TokenFile:
    """The refresh token in use, together with the digest of the configured one that it began as:
    once another one is configured, that one counts.
    """

    path: Path

    def current(self, configured: str) -> str:
        """The refresh token to use: the stored one if it descends from `configured`.

        Raises `DataRefused` where the file cannot be read.
        """
        try:
            with reading(self.path) as file:
                value = json.loads(file.read())
            began_as, stored = value["began_as"], value["refresh_token"]
        except FileNotFoundError:
            return configured
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise DataRefused(
                f"{self.path}: cannot be read ({type(error).__name__}); it held the refresh token "
                "in use: restore it, or remove it and configure a new refresh token"
            ) from None
        return str(stored) if began_as == _digest(configured) else configured

    def write(self, configured: str, token: str) -> None:
        """Keep `token`, which descends from `configured`, durably; raises `DiskError`."""
        folder = self.path.parent
        if not folder.exists():
            make_folder(folder, within=next(filter(Path.is_dir, folder.parents)))
        value = {"began_as": _digest(configured), "refresh_token": token}
        remove_temporary(self.path)
        with DurableFile(self.path, mode=_PRIVATE) as file:
            file.write(json.dumps(value).encode() + b"\n")
            file.commit()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
