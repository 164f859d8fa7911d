"""Remembers how this program was called, for what a person is to type next."""

import shlex
import shutil
import sys
from pathlib import Path


def program() -> str:
    """How this process was called, for a person to call it again: `harvester`, or its path."""
    script = sys.argv[0]
    if Path(script).name == "__main__.py":
        return f"{shlex.quote(sys.orig_argv[0])} -m harvester"
    name = Path(script).name
    return name if shutil.which(name) == script else shlex.quote(script)
