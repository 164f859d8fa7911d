"""Replaces characters that a stream cannot show.

Python takes UTF-8 for granted in the C locale (PEP 538 and 540), and so a terminal that was told
`LANG=C` or a log that must be ASCII would get bytes that it shows as rubbish. Where the locale
names a charset other than UTF-8, or none by the names `C` and `POSIX`, only ASCII is written.
"""

import os
from collections.abc import Mapping
from typing import Final, TextIO

#: Each takes one cell, as what it stands for does: columns stay where they are.
_ASCII: Final = str.maketrans({"…": "~", "→": ">", "·": "|", "━": "#", "╸": "+", "─": "."})


def speaks_unicode(encoding: str | None, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a stream of that encoding shows more than ASCII, as far as the locale tells."""
    if (encoding or "").lower().replace("-", "").replace("_", "") not in ("utf8", "utf8sig"):
        return False
    locale = environment.get("LC_ALL") or _unforced(environment) or environment.get("LANG", "")
    charset = locale.partition(".")[2].partition("@")[0].lower().replace("-", "")
    return charset == "utf8" if charset else locale not in ("C", "POSIX")


def _unforced(environment: Mapping[str, str]) -> str:
    """LC_CTYPE, unless it is what Python itself puts there when it finds no other locale than C."""
    ctype = environment.get("LC_CTYPE", "")
    return "" if ctype in ("C.UTF-8", "C.utf8", "UTF-8") and environment.get("LANG") else ctype


def shown(text: str, stream: TextIO) -> str:
    """`text` as the stream can show it: unchanged where that is Unicode."""
    if text.isascii() or speaks_unicode(stream.encoding):
        return text
    return as_ascii(text)


def as_ascii(text: str) -> str:
    """`text` in ASCII, cell for cell as far as that goes; what has no likeness becomes `?`."""
    return text.translate(_ASCII).encode("ascii", "replace").decode()
