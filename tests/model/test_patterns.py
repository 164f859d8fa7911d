"""Patterns that are compiled when they are first used: as good as those of `re.compile`."""

import importlib
import pkgutil
import re
import subprocess
import sys

import pytest

import harvester
from harvester.patterns import Uncompiled, pattern


def test_a_pattern_does_what_a_compiled_one_does() -> None:
    """Each member is that of the compiled pattern; the text is known without compiling."""
    for text, flags in (("(?P<a>b)c", 0), ("B", re.IGNORECASE)):
        made, compiled = pattern(text, flags), re.compile(text, flags)
        assert made.pattern == text
        for member in ("flags", "groups", "groupindex"):
            assert getattr(made, member) == getattr(compiled, member)
        assert made.sub("-", "abcb") == compiled.sub("-", "abcb")
        assert bool(made.search("xbc")) == bool(compiled.search("xbc"))
        assert made.split("abcab") == compiled.split("abcab")
    assert pattern(rb"\d").findall(b"a1b2") == [b"1", b"2"]
    with pytest.raises(AttributeError, match="nothing"):
        _ = pattern("a").nothing  # type: ignore[attr-defined]


def test_every_pattern_compiles() -> None:
    """What is compiled late must not fail late: each pattern of the package is one."""
    found = 0
    for module in pkgutil.walk_packages(harvester.__path__, "harvester."):
        if module.name == "harvester.__main__":
            continue
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, Uncompiled):
                assert value.groups >= 0
                found += 1
    assert found > 150


def test_imports_compile_few() -> None:
    """A module's own patterns are made by `pattern`: what a run imports compiles next to none."""
    code = (
        "import re._compiler as c, sys\n"
        "made, compile = [], c.compile\n"
        "def counting(text, flags=0):\n"
        "    frame = sys._getframe(1)\n"
        "    while frame.f_code.co_filename.endswith(('re/__init__.py', 'patterns.py')):\n"
        "        frame = frame.f_back\n"
        "    made.append(frame.f_globals['__name__'])\n"
        "    return compile(text, flags)\n"
        "c.compile = counting\n"
        "import harvester.cli, harvester.engine\n"
        "print(*[name for name in made if name.startswith('harvester.')])\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert len(run.stdout.split()) < 25, run.stdout
