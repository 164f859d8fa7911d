"""Compiles regular expressions when they are first used, not when their module is imported.

A command imports modules most of whose patterns it never needs, and to compile one takes half a
millisecond: 200 of them were a fifth of the time in which a run starts. Below everything, as
`errors` is, since every package has patterns.
"""

import re
from typing import Any, AnyStr, Final, cast

_MEMBERS: Final = (
    "match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer", "scanner",
    "flags", "groups", "groupindex",
)  # fmt: skip


class Uncompiled:
    """Stands for a pattern, and has all its members once one of them was asked for."""

    __slots__ = ("_flags", "pattern", *_MEMBERS)

    def __init__(self, text: str | bytes, flags: int) -> None:
        self.pattern = text
        self._flags = flags

    def __repr__(self) -> str:
        return f"pattern({self.pattern!r})"

    def __getattr__(self, name: str) -> Any:
        if name not in _MEMBERS:
            raise AttributeError(f"a pattern has no {name}")
        compiled = re.compile(self.pattern, self._flags)
        for each in _MEMBERS:
            setattr(self, each, getattr(compiled, each))
        return getattr(self, name)


def pattern(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """What `re.compile` gives, compiled when it is first used: for those of a module."""
    return cast("re.Pattern[AnyStr]", Uncompiled(text, flags))
