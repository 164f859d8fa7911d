"""Reads the variables of a file `.env`, as python-dotenv does, without putting them anywhere."""

import io
from pathlib import Path
from typing import Final

from harvester.errors import ConfigError, Problem

NAME: Final = ".env"
_MOST_BYTES: Final = 1 << 20


def beside(folder: Path) -> dict[str, str]:
    """The variables of the file in a folder; none where there is no such file. Raises ConfigError
    where it cannot be read.
    """
    path = folder / NAME
    if not path.is_file():
        return {}
    from dotenv.main import DotEnv  # only where there is one

    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise ConfigError([Problem(str(path), 0, "", "over 1 MiB: no file of variables")])
        text = content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8 text"
        raise ConfigError([Problem(str(path), 0, "", f"cannot be read: {why}")]) from None
    found = DotEnv(None, stream=io.StringIO(text), interpolate=False, verbose=False).dict()
    return {name: value for name, value in found.items() if value is not None}
